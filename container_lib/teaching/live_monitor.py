"""The thread behind a live graph: read, draw, hand over; five times a second, until something ends it.

    Monitor(…, deliver).start()
       thread "byhand-live-NAME"          absolute schedule: update k is due at start + k / hz, however long
       drawing took;
         read ── draw ── deliver(png)     an update that could not be made in time is counted as missed,
         never made up for
       .stop(reason)                      from any thread

It ends by itself when the time is up and when the last of its groups is gone. The registry holds the
monitors that run: one started by the same cell, or under the same name, replaces the one before. Widgets are
not known here.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter, thread_time

from container_lib.errors import NotFound
from container_lib.teaching.live_figure import LiveFigure
from container_lib.teaching.live_history import History
from container_lib.teaching.live_reading import Reader
from container_lib.teaching.picture import Still

THREAD_PREFIX = "byhand-live-"
WINDOW = 30.0
"""The seconds that a graph shows."""

Deliver = Callable[[bytes, "Monitor"], None]


@dataclass
class Statistics:
    """What the updates have cost so far: times in seconds, `cpu` is the thread's processor time."""

    updates: int = 0
    missed: int = 0
    drawing: float = 0.0
    cpu: float = 0.0
    elapsed: float = 0.0

    def __str__(self) -> str:
        frame = self.drawing / max(self.updates, 1) * 1000
        share = self.cpu / self.elapsed if self.elapsed else 0.0
        cost = f"{frame:.0f} ms per frame, {share:.0%} of a core"
        return f"updates {self.updates}, missed {self.missed}, {cost}"


class Monitor:
    """A graph's thread and its state. `groups` are the groups' directories by the name above their column."""

    def __init__(
        self,
        groups: dict[str, Path],
        show: Sequence[str],
        hz: float,
        seconds: float,
        name: str,
        limits: bool = True,
    ) -> None:
        self.name = name
        self.groups = groups
        self.hz = hz
        self.seconds = seconds
        self.statistics = Statistics()
        self.ended = ""
        self.run: tuple[str, str] = ("", "")  # which cell started it, and in which run of that cell
        self._stop = threading.Event()
        self._files = ExitStack()
        self._readers: list[Reader | None] = []
        for group in groups.values():
            reader = Reader(group)
            self._files.callback(reader.close)
            self._readers.append(reader)
        self.present = [reader.present for reader in self._readers if reader]
        self.histories = [History(min(WINDOW, seconds), hz) for _ in groups]
        self.figure = LiveFigure(list(groups), show, self.present, min(WINDOW, seconds), limits)
        self.picture = self.figure.draw(self.histories)
        self._thread = threading.Thread(target=self._work, name=THREAD_PREFIX + name, daemon=True)
        self._deliver: Deliver = lambda _png, _monitor: None

    def __repr__(self) -> str:
        return f"<live graph {self.name}: {self.ended or 'running'}, {self.statistics}>"

    def start(self, deliver: Deliver) -> None:
        """Begin; `deliver(png, monitor)` is called in the monitor's thread, a last time after it ended."""
        self._deliver = deliver
        self._thread.start()

    def stop(self, reason: str = "stopped") -> None:
        """End the thread, and return when it has ended."""
        self.ended = self.ended or reason
        self._stop.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(5)

    def wait(self, seconds: float | None = None) -> None:
        """Return when the monitor has ended, or after `seconds`."""
        self._thread.join(seconds)

    def still(self) -> Still:
        """Return the latest frame, as a picture that stays."""
        return Still(self.picture, self._captions())

    @property
    def running(self) -> bool:
        """Whether the thread is at work."""
        return self._thread.is_alive()

    def _work(self) -> None:
        reason = "failed: the message is in the log of the notebook's server"
        try:
            with self._files:
                reason = self._loop()
        finally:
            self.ended = self.ended or reason
            _forget(self)
            self._deliver(self.picture, self)

    def _loop(self) -> str:
        self._update()  # the slowest one: nothing is in place yet. The schedule begins after it
        begin, tick = monotonic(), 1
        while not self._stop.wait(max(begin + tick / self.hz - monotonic(), 0)):
            self._update()
            self.statistics.elapsed = monotonic() - begin
            if not any(self._readers):
                return "the container is gone" if len(self.groups) == 1 else "the containers are gone"
            if self.statistics.elapsed >= self.seconds:
                return f"ended after {self.seconds:g} s"
            due = int((monotonic() - begin) * self.hz) + 1
            self.statistics.missed += due - tick - 1
            tick = due
        return "stopped"

    def _update(self) -> None:
        begin = perf_counter()
        for number, reader in enumerate(self._readers):
            if reader is not None:
                try:
                    self.histories[number].add(reader.read())
                except NotFound:
                    self._readers[number] = None  # its graph stays as it is, the others go on
        self.picture = self.figure.draw(self.histories)
        self._deliver(self.picture, self)
        self.statistics.updates += 1
        self.statistics.drawing += perf_counter() - begin
        self.statistics.cpu = thread_time()

    def _captions(self) -> str:
        lines = [
            f"{name}: "
            + "; ".join(filter(None, (history.caption(quantity) for quantity in ("cpu", "memory", "pids"))))
            for name, history in zip(self.groups, self.histories, strict=True)
        ]
        return "\n".join(lines)


# ---- the registry

_running: list[Monitor] = []
_lock = threading.Lock()


def register(monitor: Monitor) -> None:
    """Enter a monitor that is about to start, and stop those that it replaces."""
    cell, run = monitor.run
    with _lock:
        old = [
            other for other in _running
            if other.name == monitor.name or (cell and other.run[0] == cell and other.run[1] != run)
        ]  # fmt: skip
        _running.append(monitor)
    for other in old:
        other.stop("replaced by a new run")


def live_monitors() -> list[Monitor]:
    """Return the live graphs that are being updated now."""
    with _lock:
        return [monitor for monitor in _running if monitor.running]


def _forget(monitor: Monitor) -> None:
    with _lock:
        if monitor in _running:
            _running.remove(monitor)
