"""One group seen twice: by psutil, process by process, and by its cgroup, as a whole. And why the two differ.

    psutil_view(group)

psutil adds up what /proc says about the processes that are there now. The kernel charges the group as it goes.
Neither is wrong: they answer different questions. See proc(5), cgroup-v2.rst, and psutil's documentation.
"""

from dataclasses import dataclass
from pathlib import Path

import psutil

from container_lib.cgroups import cpu, memory, pids
from container_lib.cgroups.group import processes
from container_lib.errors import AbilityMissing
from container_lib.teaching.live_reading import MIB
from container_lib.teaching.picture import Picture, table

WHY = {
    "cpu": "psutil: processes that live now; the cgroup: also those that have ended since it was made",
    "memory": "RSS counts a shared page once in each process; the cgroup counts it once, and adds page cache and "
    "the kernel's own memory",
    "tasks": "a task is a thread; psutil and the cgroup agree, unless one starts or ends between the two looks",
}


@dataclass(frozen=True)
class PsutilSums:
    """Sums over a group's processes: seconds of processor time, bytes, numbers. A shared page counts each time."""

    processes: int
    threads: int
    cpu: float
    rss: int
    uss: int


def psutil_sums(group: Path) -> PsutilSums:
    """Add up psutil's numbers of the processes in the group. Those that end meanwhile are left out."""
    rows = []
    for pid in processes(group):
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                times, full = process.cpu_times(), process.memory_full_info()
                rows.append((process.num_threads(), times.user + times.system, full.rss, full.uss))
        except psutil.NoSuchProcess:
            continue
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    threads, seconds, rss, uss = (sum(column) for column in columns)
    return PsutilSums(len(rows), int(threads), float(seconds), int(rss), int(uss))


def psutil_view(group: Path) -> Picture:
    """Return a table: the sums of psutil, the cgroup's own numbers, and why they differ."""
    sums = psutil_sums(group)
    rows = [
        ("processor time", f"{sums.cpu:.2f} s", f"{cpu.usage(group).usage / 1e6:.2f} s", WHY["cpu"]),
        (
            "memory",
            f"{sums.rss / MIB:.1f} MiB RSS\n{sums.uss / MIB:.1f} MiB USS",
            _memory(group),
            WHY["memory"],
        ),
        ("tasks", f"{sums.threads} (processes: {sums.processes})", _tasks(group), WHY["tasks"]),
    ]
    return table(
        f"{group.name[:12]}, seen twice",
        ["", "psutil: sum of the processes", "cgroup", "why they differ"],
        rows,
    )


def _memory(group: Path) -> str:
    try:
        held, kinds = memory.current(group), memory.stat(group)
    except AbilityMissing:
        return "not counted: no memory controller here"
    parts = {"anonymous": kinds["anon"], "page cache": kinds["file"], "kernel": kinds.get("kernel", 0)}
    return "\n".join([f"{held / MIB:.1f} MiB", *(f"{name} {part / MIB:.1f}" for name, part in parts.items())])


def _tasks(group: Path) -> str:
    try:
        return str(pids.current(group))
    except AbilityMissing:
        return "not counted: no pids controller here"
