"""A bar for whatever takes more than a second, on a terminal only.

    with bar("loading", total=path.stat().st_size) as advance:
        engine.load(file, progress=advance)            advance(bytes) is called as the work goes on

    loading ━━━━━━━━━━━━━━━━━━━━━━  61.3/227.4 MB  158.2 MB/s 0:00:01

It is drawn on stderr, by rich, which is imported in the second in which it is first needed: what is quick never
pays for it. On a pipe, and with -q, nothing is drawn and no escape code is written. Without a total the bar moves
to and fro and the bytes are counted.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

PATIENCE = 1.0
"""Seconds after which one wants to know"""


@contextmanager
def bar(label: str, total: int | None = None, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """Give a function that takes the number of bytes done since its last call; draw what they add up to."""
    shown = Bar(label, total, enabled=not quiet and sys.stderr.isatty())
    try:
        yield shown.advance
    finally:
        shown.stop()


class Bar:
    """The bar: silent for a second, then drawn; it is gone from the screen when it stops."""

    def __init__(self, label: str, total: int | None, enabled: bool) -> None:
        self.label = label
        self.total = total
        self.enabled = enabled
        self.began = monotonic()
        self.done = 0
        self._progress: Any = None
        self._task: Any = None

    def advance(self, count: int) -> None:
        """Count `count` more bytes as done."""
        self.done += count
        if self._progress is not None:
            self._progress.update(self._task, completed=self.done)
        elif self.enabled and monotonic() - self.began >= PATIENCE:
            self._draw()

    def stop(self) -> None:
        """Take the bar off the screen, if there is one."""
        if self._progress is not None:
            self._progress.stop()

    def _draw(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(self.label, total=self.total, completed=self.done)
        self._progress.start()
