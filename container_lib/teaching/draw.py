"""Pictures of what the kernel says at this moment: namespaces, processes, cgroups. And of a plan of mounts.

    draw_namespaces(pids)     which processes share which namespace: equal colours are equal inodes of /proc/PID/ns
    draw_processes(pid)       the tree below a process; each number as seen from outside and from inside
    draw_cgroups(path)        the tree below a group: limits, usage, processes
    draw_steps(steps)         a plan, numbered: anything that has `.describe()`

Nothing is invented or remembered: each picture is read when it is asked for, and shows itself (see `picture`).
See namespaces(7), pid_namespaces(7), cgroups(7).
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Protocol

from container_lib.cgroups import cpu, memory, pids
from container_lib.cgroups.group import processes
from container_lib.errors import AbilityMissing, KernelError, NotFound
from container_lib.kernel import procfs
from container_lib.teaching.live_reading import MIB
from container_lib.teaching.picture import BLUE, COLOURS, GREEN, GREY, Cell, Picture, table, tint, titled

_IDENTITY = re.compile("[0-9a-f]{64}")
_BOX = "display:inline-block;padding:3px 10px;margin:2px 0;border-radius:3px;font-size:13px"
_BRANCH = "margin:0 0 0 14px;padding:0 0 0 14px;border-left:1px solid #8888;list-style:none"


class Describes(Protocol):
    """A step of a plan."""

    def describe(self) -> str:
        """Return what the step does, in a line."""


@dataclass(frozen=True)
class Node:
    """One box of a tree: a name, what stands after it, and the boxes below."""

    name: str
    detail: str = ""
    colour: str = BLUE
    children: list["Node"] = field(default_factory=list)


def draw_namespaces(pids: Iterable[int] | Mapping[str, int]) -> Picture:
    """Return a grid of process × namespace; in a column, cells of one colour are the same namespace.

    `pids` may be a dictionary with the name to show for each. Raises `NotFound` for a process that is not there.
    """
    named = pids if isinstance(pids, Mapping) else {_name_of(pid): pid for pid in pids}
    seen = {name: _namespaces(pid) for name, pid in named.items()}
    rows: list[list[str | Cell]] = [[f"{name} ({pid})"] for name, pid in named.items()]
    for kind in procfs.NAMESPACE_FILES:
        inodes = [namespaces.get(kind, 0) for namespaces in seen.values()]
        order = [inode for inode in dict.fromkeys(inodes) if inode]
        for row, inode in zip(rows, inodes, strict=True):
            colour = COLOURS[order.index(inode) % len(COLOURS)] if inode else GREY
            row.append(Cell(str(inode or "hidden"), f"{tint(colour)};font-family:monospace"))
    note = "equal numbers (and colours, within a column) are the same namespace"
    return table("", ["process", *procfs.NAMESPACE_FILES], rows, note)


def draw_processes(pid: int) -> Picture:
    """Return the tree of the process and its descendants: numbers outside and inside, command, user.

    A process in an inner PID namespace has a number in each namespace around it: NSpid, outermost first.
    Raises `NotFound` for a process that is not there.
    """
    _name_of(pid)
    return _tree("process tree: pid here → pid in its own namespace", _process(pid, own=os.getpid()))


def draw_cgroups(path: Path) -> Picture:
    """Return the tree of groups below `path` with what each may use and uses. Raises `NotFound` without it."""
    if not (path / "cgroup.procs").exists():
        raise NotFound(f"no such cgroup: {path}")
    return _tree("cgroup tree", _group(path, path.name or str(path)))


def draw_steps(steps: Iterable[Describes]) -> Picture:
    """Return a plan as a numbered list, in the order in which it will be executed."""
    rows: list[list[str | Cell]] = [
        [Cell(str(number), tint(GREEN)), step.describe()] for number, step in enumerate(steps, 1)
    ]
    return table("", ["", "step"], rows)


def _namespaces(pid: int) -> dict[str, int]:
    """Return the process's namespaces; none of them where we may not look, as with another user's process."""
    _name_of(pid)
    try:
        return procfs.namespaces(pid)
    except PermissionError:  # the link may be followed by whom ptrace(2) would let attach
        return {}


def _name_of(pid: int) -> str:
    try:
        return procfs.status(pid)["Name"]
    except KernelError:
        raise NotFound(f"no process {pid}", "it has ended") from None


def _process(pid: int, own: int) -> Node:
    status = procfs.status(pid)
    numbers = status.get("NSpid", str(pid)).split()
    inside = f" → {numbers[-1]}" if len(numbers) > 1 else ""
    argv = " ".join(procfs.command(pid)) or status["Name"]
    detail = (argv if len(argv) < 80 else argv[:77] + "…") + (" (this process)" if pid == own else "")
    children = []
    for child in procfs.children(pid):
        try:
            children.append(_process(child, own))
        except (KernelError, FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
    return Node(f"{pid}{inside}", detail, COLOURS[(len(numbers) - 1) % len(COLOURS)], children)


def _group(path: Path, name: str) -> Node:
    children = sorted(Path(entry.path) for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False))
    # a container's group has the container's identity as its name, of which 12 digits are shown, as docker does
    shown = name[:12] if _IDENTITY.fullmatch(name) else name
    below = [_group(child, child.name) for child in children]
    return Node(shown, ", ".join(_facts(path)), BLUE if children else GREEN, below)


def _facts(path: Path) -> Iterator[str]:
    """What one group uses, of what it may use; the root has no limits, and a missing controller no numbers."""
    yield f"processes: {len(processes(path))}"
    yield f"{cpu.usage(path).usage / 1e6:.1f} s of cpu{_of(lambda: cpu.get_max(path), '{:g} CPUs')}"
    try:
        held = memory.current(path) / MIB
        yield f"{held:.1f} MiB{_of(lambda: _mebibytes(memory.get_max(path)), '{:g}')}"
        yield f"{pids.current(path)} tasks{_of(lambda: pids.get_max(path), '{:g}')}"
    except AbilityMissing:
        yield "no memory or pids controller"


def _of(limit: Callable[[], float | None], form: str) -> str:
    try:
        value = limit()
    except AbilityMissing:
        return ""
    return "" if value is None else f" of {form.format(value)}"


def _mebibytes(value: int | None) -> float | None:
    return None if value is None else value / MIB


def _tree(title: str, root: Node) -> Picture:
    html = f'<ul style="list-style:none;margin:0;padding:0">{_html_node(root)}</ul>'
    return Picture(titled(title, html), "\n".join([title, *_text_node(root, "", "")]))


def _html_node(node: Node) -> str:
    box = f'<span style="{_BOX};{tint(node.colour)}"><code>{escape(node.name)}</code> {escape(node.detail)}</span>'
    below = "".join(_html_node(child) for child in node.children)
    return f"<li>{box}" + (f'<ul style="{_BRANCH}">{below}</ul>' if below else "") + "</li>"


def _text_node(node: Node, first: str, rest: str) -> Iterator[str]:
    yield f"{first}{node.name}  {node.detail}".rstrip()
    for child in node.children:
        last = child is node.children[-1]
        yield from _text_node(child, rest + ("└── " if last else "├── "), rest + ("    " if last else "│   "))
