"""What this process asked of the kernel, written down as it happens.

    start("notebook") … stop() -> [(who, call, arguments, result, µs), …]

`syscalls` and `pseudofiles` tell `record` about each call while a trace is on; when none is on they pay for one
comparison. The launcher and a container's init are processes of their own: they trace for themselves, and send
their lists over the handshake (see runtime.handshake). Plain tuples, since they travel between processes.
"""

from __future__ import annotations

Call = tuple[str, str, tuple[object, ...], int, float]
"""(who called, the man page's name, arguments, result or negative errno, microseconds)"""

_calls: list[Call] | None = None
_who = ""


def start(who: str) -> None:
    """From now on write down each call of this process, under the name `who`."""
    global _calls, _who
    _calls, _who = [], who


def active() -> bool:
    """Tell whether a trace is on."""
    return _calls is not None


def record(call: str, arguments: tuple[object, ...], result: int, microseconds: float) -> None:
    """Write one call down."""
    if _calls is not None:
        _calls.append((_who, call, arguments, result, microseconds))


def extend(calls: list[Call]) -> None:
    """Add what another process wrote down."""
    if _calls is not None:
        _calls.extend(calls)


def stop() -> list[Call]:
    """End the trace and return what was written down since `start`."""
    global _calls
    calls, _calls = _calls or [], None
    return calls
