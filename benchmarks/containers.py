"""Containers of one image: what the first costs, what the tenth costs, and what is copied. Nothing should be.

    image "busybox" ──▶ ten containers, started one after the other, all running

Times are from the call until the command has been executed, each after a rest; the image's layer is unpacked
before. Beside them, the same files as a plain directory with the writable layer in memory: what is above that is
what an image costs, to find its documents and to keep a container on disk. State is on a tmpfs.
"""

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter_ns, sleep

from benchmarks import start
from benchmarks.compare import summarize
from benchmarks.report import Report, Table
from container_lib.cgroups import group as cgroup
from container_lib.cgroups import hierarchy
from container_lib.engine import places
from container_lib.engine.engine import Engine
from container_lib.runtime import client, reserve

COUNT = 10
COLUMNS = ("what", "ms: median (quartiles)", "× the first: median (quartiles)")


def measure(rounds: int) -> Report:
    """Start ten containers `rounds` times; count bytes and files of the whole state directory around it."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="byhand-bench-", dir=start.MEMORY))
        stack.callback(shutil.rmtree, directory)
        stack.callback(remove_group, directory / "run")
        stack.callback(client.close)
        stack.callback(reserve.drop)
        engine = Engine(directory, directory / "run")
        engine.import_image(start.busybox(), "busybox", ['CMD ["sh"]'])
        engine.run("busybox", "true")
        ten_times(engine)  # warm
        samples = [ten_times(engine) for _ in range(rounds)]
        plain = [one(engine, str(start.busybox())) for _ in range(rounds)]
        grown = added(engine)
    firsts = [times[0] for times in samples]
    rows: list[tuple[object, ...]] = [
        (f"container {number + 1} of the image", *compared([times[number] for times in samples], firsts))
        for number in (0, 1, 4, COUNT - 1)
    ]
    rows.append(("a container of the same files as a directory", *compared(plain, firsts)))
    notes = [
        f"{COUNT} containers add {grown[0]} files with {grown[1]} bytes to the state; none of the image's"
    ]
    return Report("containers", rounds, [Table("containers of one image, all running", COLUMNS, rows, notes)])


def ten_times(engine: Engine) -> list[float]:
    """Start ten containers that run on; return the µs that each start took."""
    with ExitStack() as running:
        times = []
        for _ in range(COUNT):
            sleep(start.PAUSE)
            begin = perf_counter_ns()
            running.enter_context(engine.start("busybox", "sleep", "1000"))
            times.append((perf_counter_ns() - begin) / 1000)
        return times


def one(engine: Engine, image: str) -> float:
    """Start one container; return the µs that it took."""
    sleep(start.PAUSE)
    begin = perf_counter_ns()
    with engine.start(image, "sleep", "1000"):
        return (perf_counter_ns() - begin) / 1000


def added(engine: Engine) -> tuple[int, int]:
    """Return how many files, with how many bytes, ten running containers add to the state directory."""
    before = contents(engine.root_dir)
    with ExitStack() as running:
        for _ in range(COUNT):
            running.enter_context(engine.start("busybox", "sleep", "1000"))
        after = contents(engine.root_dir)
    new = [size for path, size in after.items() if path not in before]
    return len(new), sum(new)


def contents(directory: Path) -> dict[str, int]:
    """Return each file below a directory, with its size."""
    found = {}
    for at, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(at, name)
            found[path] = os.lstat(path).st_size
    return found


def compared(values: list[float], base: list[float]) -> tuple[object, object]:
    """Return the milliseconds, and how many times as long as `base`, round by round."""
    ratios = [value / first for value, first in zip(values, base, strict=True)]
    return summarize([value / 1000 for value in values]), summarize(ratios)


def remove_group(run: Path) -> None:
    """Remove the cgroup above the containers."""
    tree = hierarchy.find()
    if tree is not None:
        cgroup.delete(tree.root / places.parent_name(run))
