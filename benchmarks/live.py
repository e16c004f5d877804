"""What a live graph costs: four containers side by side, five updates a second, and no update missed.

Two tables: measured here, in this process, drawing to nobody; and, where the browser's test has run, what it
wrote into artefacts/browser/live.json while a real page showed the graph.

The containers do a little work now and then, so that the lines move: they must not be what keeps this busy.
`rounds` is the number of updates.
"""

import json
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import process_time

from benchmarks import start
from benchmarks.report import Report, Table
from container_lib.errors import AbilityMissing
from container_lib.runtime import client, lifecycle, reserve
from container_lib.runtime.spec import Spec
from container_lib.teaching.live import QUANTITIES
from container_lib.teaching.live_monitor import Monitor, Statistics

HZ = 5.0
NAMES = ("web", "db", "cache", "queue")
LOAD = "while :; do i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; sleep 0.5; done"
BROWSER = Path(__file__).parent.parent / "artefacts" / "browser" / "live.json"


def measure(rounds: int) -> Report:
    """Watch four containers for `rounds` updates."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="byhand-bench-", dir=start.MEMORY))
        stack.callback(shutil.rmtree, directory)
        stack.callback(start.remove_groups, directory)
        stack.callback(client.close)
        stack.callback(reserve.drop)
        where = start.bench_places(directory)
        groups = {}
        for name in NAMES:
            spec = Spec(("/bin/sh", "-c", LOAD), rootfs=start.busybox())
            container = stack.enter_context(lifecycle.start(spec, where))
            if container.group is None:
                raise AbilityMissing("no cgroup to look at")
            groups[name] = container.group
        statistics, process = watch(groups, rounds / HZ)
    return Report("live", rounds, [here(statistics, process), *in_browser()])


def watch(groups: dict[str, Path], seconds: float) -> tuple[Statistics, float]:
    """Draw the groups' graph for some seconds; return its statistics and the processor seconds of all threads."""
    monitor = Monitor(groups, QUANTITIES, HZ, seconds, "benchmark")
    begin = process_time()
    monitor.start(lambda _png, _monitor: None)
    monitor.wait()
    return monitor.statistics, process_time() - begin


def here(statistics: Statistics, process: float) -> Table:
    """Return what was measured in this process."""
    rows = [
        ("updates", statistics.updates),
        ("missed", statistics.missed),
        ("ms to draw one", statistics.drawing / statistics.updates * 1000),
        ("% of a core, the graph's thread", statistics.cpu / statistics.elapsed * 100),
        ("% of a core, the whole process", process / statistics.elapsed * 100),
    ]
    title = f"a live graph of {len(NAMES)} containers at {HZ:g} Hz, in this process"
    return Table(title, ("what", "figure"), rows)


def in_browser(path: Path = BROWSER) -> list[Table]:
    """Return what the browser's test wrote down, or nothing where it has not run."""
    if not path.exists():
        return []
    figures = json.loads(path.read_text(encoding="utf-8"))
    return [Table("the same in Chromium, from the browser's test", ("what", "figure"), list(figures.items()))]
