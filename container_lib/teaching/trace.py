"""Which kernel calls a piece of the library made: like strace(1), but only our own calls, and by their
author.

    with trace() as calls:
        run(spec)
    calls                    a table: who, call, result, µs
    calls.of("init")         only those of the container's init
    calls.named("mount")     only those of one name
    calls.totals()           how many, how long, by process and by call

The notation is strace's: `mount("proc", "/proc", "proc", MS_NOSUID, "") = 0`, and for a failure
`= -1 EPERM (Operation not permitted)`. An exception in the body ends the trace too, and `calls` holds what
led to it. Left out: calls of the Python interpreter itself, and of the program in the container: strace(1)
shows those.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from errno import errorcode
from typing import Any

from container_lib.errors import ContainerError
from container_lib.kernel import trace as recorder
from container_lib.teaching.picture import BLUE, COLOURS, VERMILION, Cell, Picture, table, tint

_CONSTANT = re.compile(r"0x[0-9a-f]+|0o[0-7]+|[A-Z]+_[A-Z0-9_|x]+")


class Calls:
    """The calls of a trace, in the order in which they were reported; shows itself as a table."""

    def __init__(self, calls: list[recorder.Call] | None = None) -> None:
        self._calls = calls or []

    def __iter__(self) -> Iterator[recorder.Call]:
        return iter(self._calls)

    def __len__(self) -> int:
        return len(self._calls)

    def who(self) -> list[str]:
        """Return the processes that made calls, in the order of their first one."""
        return list(dict.fromkeys(call[0] for call in self))

    def names(self) -> list[str]:
        """Return the names of the calls, the most frequent first."""
        return [name for name, _ in Counter(call[1] for call in self).most_common()]

    def microseconds(self) -> float:
        """Return how long the calls took together, each measured in the process that made it."""
        return sum(call[4] for call in self)

    def of(self, *who: str) -> "Calls":
        """Return only the calls of these processes. Raises `ContainerError` for one that made none."""
        return self._select(0, who, "process")

    def named(self, *names: str) -> "Calls":
        """Return only the calls of these names ("mount"). Raises `ContainerError` for others."""
        return self._select(1, names, "call")

    def failed(self) -> "Calls":
        """Return only the calls that the kernel refused."""
        return Calls([call for call in self if call[3] < 0])

    def totals(self) -> Picture:
        """Return a table: for each process and each call, how many, how long, how many failed."""
        rows = [
            *(_total_row(who, "all", self.of(who)) for who in self.who()),
            *(
                _total_row(who, name, self.of(who).named(name))
                for who in self.who()
                for name in self.of(who).names()
            ),
        ]
        return table("", ["who", "call", "calls", "µs", "failed"], rows)

    def _select(self, field: int, wanted: tuple[str, ...], kind: str) -> "Calls":
        present = {call[field] for call in self}
        for name in wanted:
            if name not in present:
                has = ", ".join(sorted(map(str, present))) or "nothing"
                raise ContainerError(f"no {kind} {name!r} in this trace", f"it has: {has}")
        return Calls([call for call in self if call[field] in wanted])

    def _picture(self) -> Picture:
        colours = {who: COLOURS[number % len(COLOURS)] for number, who in enumerate(self.who())}
        rows = [_row(call, colours[call[0]]) for call in self]
        note = f"{len(self)} calls, {self.microseconds():.0f} µs, {len(self.failed())} failed"
        return table("", ["who", "call", "result", "µs"], rows, note)

    def _repr_html_(self) -> str:
        return self._picture().html

    def __repr__(self) -> str:
        return self._picture().text


@contextmanager
def trace(who: str = "notebook") -> Iterator[Calls]:
    """Write down each kernel call of the library in the body. Raises `ContainerError` if one is on."""
    if recorder.active():
        raise ContainerError("a trace is on already", "end the outer `with trace()` before the next begins")
    calls = Calls()
    recorder.start(who)
    try:
        yield calls
    finally:
        calls._calls = recorder.stop()


def spell(name: str, arguments: tuple[Any, ...]) -> str:
    """Return a call as strace writes it.

    >>> spell("mount", ("proc", "/proc", "proc", "MS_NOSUID", ""))
    'mount("proc", "/proc", "proc", MS_NOSUID, "")'
    """
    return f"{name}({', '.join(_argument(name, value) for value in arguments)})"


def spell_result(result: int) -> str:
    """Return a result as strace writes it.

    >>> spell_result(-1)
    '-1 EPERM (Operation not permitted)'
    """
    return str(result) if result >= 0 else f"-1 {errorcode.get(-result, -result)} ({os.strerror(-result)})"


def _argument(name: str, value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_argument(name, part) for part in value)}]"
    if not isinstance(value, str):
        return str(value)
    # what is written to a file is text, even if it reads "0"; elsewhere "0" is a set of flags that is empty
    if name != "write" and (_CONSTANT.fullmatch(value) or value == "0"):
        return value.replace("0o", "0")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _row(call: recorder.Call, colour: str) -> list[str | Cell]:
    who, name, arguments, result, microseconds = call
    code = "font-family:monospace;white-space:pre-wrap;overflow-wrap:anywhere"
    line = "font-family:monospace;white-space:nowrap"
    bad = f";{tint(VERMILION)};font-weight:600" if result < 0 else ""
    return [
        Cell(who, tint(colour)), Cell(spell(name, arguments), code),
        Cell(f"= {spell_result(result)}", line + bad), Cell(f"{microseconds:.0f}", "text-align:right"),
    ]  # fmt: skip


def _total_row(who: str, name: str, calls: Calls) -> list[str | Cell]:
    style = f"font-weight:600;{tint(BLUE)}" if name == "all" else ""
    numbers = (len(calls), f"{calls.microseconds():.0f}", len(calls.failed()))
    return [
        Cell(who, style),
        Cell(name, style),
        *(Cell(str(number), f"{style};text-align:right") for number in numbers),
    ]
