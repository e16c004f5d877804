"""Ctrl-C at a bad moment: held back while something must be whole, and delivered right after.

A notebook's cell can be interrupted between any two bytecodes. Half a message to the launcher, or a cleanup that
stops in its middle, would leave something behind; these take milliseconds, and the interrupt waits for them.
Only the main thread gets KeyboardInterrupt, so only there is anything to do. See Python's `signal` module.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_back() -> Iterator[None]:
    """In the body no KeyboardInterrupt is raised; one that came is raised at the end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, object]] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if came and callable(handler):
        handler(signal.SIGINT, None)
