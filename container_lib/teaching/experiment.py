"""What surrounds an experiment in a notebook: a failure that is meant, a missing ability, two views compared.

    with intended(KernelError): ...          the failure that the text announces; without it the cell fails
    if can("memory"): ...                    try it where this kernel can, and say clearly why not where it cannot
    compare_facts({"outside": {...}, "inside": {...}})     a table: which facts differ
    in_subprocess(program, *arguments)       Python in a process of its own, for what threads would not survive

A skipped experiment is never silent: `can` shows the doctor's words. See container_lib.engine.doctor.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

from container_lib.cgroups import hierarchy
from container_lib.engine import doctor
from container_lib.teaching.notebook import display, in_notebook
from container_lib.teaching.picture import GREEN, ORANGE, Cell, Picture, table, tint, titled

_MONO = "font-family:monospace;white-space:pre-wrap"


@contextmanager
def intended(*kinds: type[BaseException]) -> Iterator[None]:
    """Expect the body to fail with one of these exceptions, and show its message. Raises where it does not."""
    try:
        yield
    except kinds as error:
        note("this failure is intended", _shorten(f"{type(error).__name__}: {error}"), GREEN)
    else:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise AssertionError(f"this was to fail with {names}, and did not")


def can(*controllers: str) -> bool:
    """Return whether a group here can have these cgroup controllers; where not, say why and where it works."""
    wanted = {"cgroup v2", *(f"{name} controller" for name in controllers)}
    abilities = doctor.probe_cgroups(hierarchy.find())
    missing = [ability for ability in abilities if ability.name in wanted and not ability.found]
    if missing:
        lines = [f"{ability.name}: {ability.detail}" for ability in missing]
        lines += dict.fromkeys(f"hint: {ability.remedy}" for ability in missing)
        note("skipped: this kernel cannot do this experiment", "\n".join(lines), ORANGE)
    return not missing


_said: set[str] = set()


def warn_once(text: str) -> None:
    """Print a warning of the engine, the first time that it comes: `Engine(warn=warn_once)`."""
    if text not in _said:
        _said.add(text)
        print("WARNING:", text)


def compare_facts(columns: Mapping[str, Mapping[str, Any]]) -> Picture:
    """Return a table of the facts, a column for each view; the last column says whether all views agree.

    >>> print(repr(compare_facts({"outside": {"pid": 812}, "inside": {"pid": 1}})))
         outside  inside
    pid  812      1       different
    """
    views = list(columns.values())
    names = list(dict.fromkeys(name for view in views for name in view))
    rows: list[list[str | Cell]] = []
    for name in names:
        found = [str(view.get(name, "")) for view in views]
        same = len(set(found)) == 1
        mark = Cell("same", "opacity:.7") if same else Cell("different", tint(GREEN))
        rows.append([name, *(Cell(text, _MONO) for text in found), mark])
    return table("", ["", *columns, ""], rows)


def in_subprocess(program: str, *arguments: str, through: Sequence[str] = ()) -> str:
    """Run Python code in a fresh interpreter and return what it printed, errors included (no last newline).

    `through` is a command that starts it, such as ("unshare", "--mount").
    """
    argv = [*through, sys.executable, "-c", program, *arguments]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.rstrip()


def _shorten(text: str, most: int = 600) -> str:
    """Leave out the middle of lines that nobody would read, such as five hundred paths given to one call."""
    half = most // 2
    lines = (line if len(line) <= most else f"{line[:half]} … {line[-half:]}" for line in text.split("\n"))
    return "\n".join(lines)


def note(title: str, text: str, colour: str) -> None:
    """Show a box with a title, such as why a cell did nothing."""
    if in_notebook():
        style = f"{tint(colour)};{_MONO};padding:6px 12px;border-radius:3px;font-size:13px"
        html = titled("", f'<div style="{style}"><b>{escape(title)}</b>\n{escape(text)}</div>')
        display({"text/html": html, "text/plain": f"{title}\n{text}"})
    else:
        print(f"{title}\n{text}")
