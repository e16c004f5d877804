"""Groups on this machine's own v2 tree: what works there without any controller."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from container_lib.cgroups import cpu, group, hierarchy, memory, sample
from container_lib.engine.engine import Engine
from container_lib.errors import AbilityMissing, ContainerError, InvalidValue, KernelError, NotFound
from container_lib.kernel import procfs


@pytest.fixture
def parent(root: None) -> Iterator[Path]:
    if hierarchy.find() is None:
        pytest.skip("needs a cgroup v2 hierarchy; use the embedded guest")
    made = hierarchy.parent_group(hierarchy.require(), f"byhand-test-{os.getpid()}")
    yield made
    group.delete(made)


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sleep", "60"])


def test_a_process_is_moved_seen_and_killed(parent: Path) -> None:
    made = group.create(parent, "one")
    with sleeper() as process:
        group.add(made, process.pid)
        assert group.processes(parent) == [process.pid]
        assert procfs.cgroup(process.pid).endswith("/one")
        group.kill(made)
        assert process.wait(5) == -9
    group.delete(made)
    assert not made.exists()


def test_freezing_stops_the_clock_of_a_group(parent: Path) -> None:
    made = group.create(parent, "busy")
    with subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"]) as process:
        group.add(made, process.pid)
        group.freeze(made)
        assert group.events(made)["frozen"] == 1
        stopped = cpu.usage(made).usage
        os.sched_yield()
        assert cpu.usage(made).usage == stopped
        group.thaw(made)
        while cpu.usage(made).usage == stopped:
            assert process.poll() is None
        group.kill(made)
    group.delete(made)


def test_a_group_that_is_not_empty_is_not_removed(parent: Path) -> None:
    made = group.create(parent, "full")
    with sleeper() as process:
        group.add(made, process.pid)
        with pytest.raises(ContainerError, match="populated did not become 0") as caught:
            group.delete(made, timeout=0.1)
        assert str(made) in caught.value.message
        assert str(process.pid) in caught.value.hint
        group.kill(made)
    group.delete(made)


def test_groups_below_are_removed_first(parent: Path) -> None:
    group.create(group.create(group.create(parent, "a"), "b"), "c")
    group.delete(parent / "a")
    group.delete(parent / "a")  # and again: nothing to do
    assert not (parent / "a").exists()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "cgroup.procs"])
def test_a_name_that_is_no_name(parent: Path, name: str) -> None:
    with pytest.raises(InvalidValue, match="invalid cgroup name"):
        group.create(parent, name)


def test_a_name_that_is_taken(parent: Path) -> None:
    made = group.create(parent, "x")
    with pytest.raises(KernelError, match="File exists"):
        group.create(parent, "x")
    group.delete(made)


def test_a_sampler_reads_what_the_files_say_and_notices_the_end(parent: Path) -> None:
    made = group.create(parent, "sampled")
    with sample.Sampler(made) as sampler:
        before = sampler.sample()
        with subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"]) as process:
            group.add(made, process.pid)
            while (after := sampler.sample()).cpu < before.cpu + 50_000:
                assert process.poll() is None
            group.kill(made)
        assert cpu.usage(made).usage >= after.cpu
        assert 0 < sample.cpus(before, after) <= 1.5
        group.delete(made)
        with pytest.raises(NotFound, match="sampled"):
            sampler.sample()
    with pytest.raises(NotFound):
        sample.Sampler(made)


def test_a_controller_that_is_missing_is_named(parent: Path) -> None:
    if "memory" in hierarchy.require().controllers:
        pytest.skip("this kernel's v2 tree has the memory controller; the guest's tests cover it")
    made = group.create(parent, "bare")
    with pytest.raises(AbilityMissing, match=r"memory\.max does not exist"):
        memory.set_max(made, 1 << 30)
    group.delete(made)


def test_limits_without_controllers_are_discarded_with_a_warning(engine: Engine) -> None:
    if not hierarchy.require().missing:
        pytest.skip("this kernel has every controller; the guest's tests cover limits")
    result = engine.run("busybox", "echo", "ran", memory="64m", cpus=0.5, pids_limit=50)
    assert result.text == "ran\n"
    assert [warning.split(" or the cgroup")[0] for warning in engine.warnings] == [
        "Your kernel does not support memory limit capabilities",
        "Your kernel does not support CPU CFS scheduler",
        "Your kernel does not support PIDs limit capabilities",
    ]
