"""Graphs and pictures of real groups; no controller is needed, cpu.stat counts without one."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from container_lib.cgroups import group, hierarchy
from container_lib.engine.engine import Engine
from container_lib.kernel import procfs
from container_lib.teaching.draw import draw_cgroups, draw_namespaces, draw_processes
from container_lib.teaching.live_monitor import Monitor
from container_lib.teaching.live_reading import Reader
from container_lib.teaching.psutil_view import psutil_sums, psutil_view
from container_lib.teaching.trace import trace


@pytest.fixture
def parent(root: None) -> Iterator[Path]:
    """A group of the test's own."""
    if hierarchy.find() is None:
        pytest.skip("needs a cgroup v2 hierarchy; use the embedded guest")
    made = hierarchy.parent_group(hierarchy.require(), f"byhand-teaching-{os.getpid()}")
    yield made
    group.delete(made)


@pytest.fixture
def busy(parent: Path) -> Iterator[Path]:
    """A group in which a shell computes."""
    made = group.create(parent, "busy")
    with subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"]) as process:
        group.add(made, process.pid)
        yield made
        process.kill()
    if made.exists():
        group.delete(made)


def test_a_graph_of_a_busy_group_shows_its_processor_time(busy: Path) -> None:
    monitor = Monitor({"busy": busy}, ["cpu"], 5, 1.5, "busy")
    monitor.start(lambda _png, _monitor: None)
    monitor.wait(20)
    assert monitor.histories[0].highest("cpu") > 0


def test_a_graph_ends_when_its_last_group_is_gone_and_goes_on_until_then(parent: Path, busy: Path) -> None:
    other = group.create(parent, "other")
    monitor = Monitor({"busy": busy, "other": other}, ["cpu"], 20, 60, "two")
    monitor.start(lambda _png, _monitor: None)
    group.delete(other)
    monitor.wait(0.5)
    assert monitor.running
    group.kill(busy)
    group.delete(busy)
    monitor.wait(20)
    assert monitor.ended == "the containers are gone"


def test_a_reader_knows_which_controllers_its_group_has(busy: Path) -> None:
    reader = Reader(busy)
    has = {name for name, present in reader.present.items() if present}
    reader.close()
    controllers = set((busy / "cgroup.controllers").read_text().split())
    assert has == {"cpu"} | (controllers & {"memory", "pids"})


def test_psutil_sums_what_lives_and_the_group_counts_what_has_ended(parent: Path) -> None:
    made = group.create(parent, "ended")
    script = f"echo $$ > {made}/cgroup.procs; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"
    subprocess.run(["/bin/sh", "-c", script], check=True)
    assert psutil_sums(made).cpu == 0
    row = next(line for line in repr(psutil_view(made)).splitlines() if line.startswith("processor"))
    assert row.split()[2] == "0.00"
    assert float(row.split()[4]) > 0


def test_the_tree_of_groups_is_the_tree_of_directories(parent: Path, busy: Path) -> None:
    group.create(group.create(parent, "outer"), "inner")
    lines = repr(draw_cgroups(parent)).splitlines()[1:]
    names = [line.replace("│", " ").replace("├──", "").replace("└──", "").split()[0] for line in lines]
    assert names == [parent.name, "busy", "outer", "inner"]


def test_a_container_is_drawn_in_namespaces_of_its_own_and_as_process_one_in_there(engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60") as container:
        rows = [
            line.split()
            for line in repr(draw_namespaces({"me": os.getpid(), "it": container.pid})).splitlines()
        ]
        differing = {
            kind for kind, mine, its in zip(rows[0][1:], rows[1][2:], rows[2][2:], strict=True) if mine != its
        }
        assert differing >= {"mnt", "pid", "net", "uts", "ipc"}
        assert f"{container.pid} → 1" in repr(draw_processes(procfs_parent(container.pid)))


def procfs_parent(pid: int) -> int:
    return int(procfs.status(pid)["PPid"])


def test_a_trace_of_a_run_holds_the_calls_of_each_process_that_took_part(engine: Engine) -> None:
    engine.run("busybox", "true")  # the launcher is there
    with trace() as calls:
        engine.run("busybox", "true")
    assert {"launcher", "init"} <= set(calls.who())
    assert "clone3" in calls.of("launcher").names()
    assert "pivot_root" in calls.of("init").names()
