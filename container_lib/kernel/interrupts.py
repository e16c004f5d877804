"""Ctrl-C at a bad moment: held back while something must be whole, and delivered right after.

    with held_back() as interrupts:
        for entry in many:
            interrupts.deliver()      here it may come: what is open is closed on the way out
            …                         here it waits

A notebook's cell can be interrupted between any two bytecodes: half a message to the launcher, a file that was
opened and that nobody has a name for yet. Nobody notices milliseconds; what takes longer delivers in between.
Only the main thread gets KeyboardInterrupt, so only there is anything to do. See Python's `signal` module.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Interrupts:
    """The interrupts that have come since they are held back."""

    def __init__(self) -> None:
        self.came = 0
        self.handler: Any = None

    def note(self, _number: int, _frame: object) -> None:
        """Take note of one; this is the handler meanwhile."""
        self.came += 1

    def deliver(self) -> None:
        """Hand on what has come to whoever is to have it: by default KeyboardInterrupt is raised."""
        if self.came:
            self.came = 0
            if callable(self.handler):
                self.handler(signal.SIGINT, None)


@contextmanager
def held_back() -> Iterator[Interrupts]:
    """In the body no KeyboardInterrupt is raised, but by `deliver`; one that came is raised at the end."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    interrupts.handler = signal.signal(signal.SIGINT, interrupts.note)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, interrupts.handler)
    interrupts.deliver()
