"""What one look at a container costs: the sampler that keeps its files open, the obvious way, and psutil.

All read the same container, which sleeps. psutil sees processes and not groups: its row is the container's PID 1
alone (processor times, resident memory, number of threads), so it answers less and does so for one process.
"""

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psutil

from benchmarks import start
from benchmarks.compare import ratios, summarize, take_turns
from benchmarks.report import Report, Table
from container_lib.cgroups.sample import FILES, Sampler
from container_lib.errors import AbilityMissing
from container_lib.kernel.pseudofiles import read
from container_lib.runtime import client, lifecycle, reserve
from container_lib.runtime.spec import Spec

BASE = "Sampler: kept open, pread, parsed"
REPEAT = 50
"""Looks per round: one alone is as short as the clock's own noise."""


def measure(rounds: int) -> Report:
    """Measure a look by each of the ways, in turns."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="byhand-bench-", dir=start.MEMORY))
        stack.callback(shutil.rmtree, directory)
        stack.callback(start.remove_groups, directory)
        stack.callback(client.close)
        stack.callback(reserve.drop)
        spec = Spec(("/bin/sleep", "1000"), rootfs=start.busybox())
        container = stack.enter_context(lifecycle.start(spec, start.bench_places(directory)))
        if container.group is None:
            raise AbilityMissing("no cgroup to look at")
        files = [container.group / name for name in FILES if (container.group / name).exists()]
        sampler = stack.enter_context(Sampler(container.group))
        process = psutil.Process(container.pid)
        ways = {
            BASE: sampler.sample,
            "opened, read, closed each time, not parsed": lambda: [read(path) for path in files],
            "a Sampler made for each look": lambda: once(container.group),  # type: ignore[arg-type]
            "psutil, of PID 1 alone": lambda: psutil_look(process),
        }
        repeated = {name: lambda way=way: [way() for _ in range(REPEAT)] for name, way in ways.items()}
        samples = take_turns(repeated, rounds)
    rows = [
        (name, summarize([value / REPEAT for value in values]), summarize(ratios(samples, name, BASE)))
        for name, values in samples.items()
    ]
    names = ", ".join(path.name for path in files)
    columns = ("what", "µs a look: median (quartiles)", "ratio: median (quartiles)")
    notes = [f"{len(files)} of the group's files: {names}; {REPEAT} looks a round"]
    return Report("sample", rounds, [Table("one look at a running container", columns, rows, notes)])


def once(group: Path) -> None:
    """Open, sample, close."""
    with Sampler(group) as sampler:
        sampler.sample()


def psutil_look(process: psutil.Process) -> tuple[object, ...]:
    """Read of one process what comes nearest to a sample."""
    with process.oneshot():
        return process.cpu_times(), process.memory_info(), process.num_threads()
