"""Limits in force, on real controllers: the kernel throttles, kills, refuses, and says so in the group's files."""

import os
import time
from pathlib import Path

import pytest

from container_lib.cgroups import cpu, group, hierarchy, io, memory, pids
from container_lib.engine.engine import Engine
from container_lib.errors import InvalidValue
from container_lib.runtime.lifecycle import Container
from container_lib.runtime.outcome import Places

pytestmark = [pytest.mark.guest, pytest.mark.usefixtures("limits", "residue")]

BUSY = ("sh", "-c", "while :; do :; done")


def used(container: Container, seconds: float) -> float:
    """Return the processors that the container uses, over `seconds`."""
    assert container.group is not None
    begin, before = time.monotonic(), cpu.usage(container.group).usage
    time.sleep(seconds)
    return (cpu.usage(container.group).usage - before) / 1e6 / (time.monotonic() - begin)


def test_the_files_hold_what_was_asked_for(engine: Engine) -> None:
    options = {"memory": "64m", "memory_swap": "96m", "cpus": "0.5", "pids_limit": 20}
    with engine.start("busybox", "sleep", "60", **options) as container:
        files = {
            name: (container.group / name).read_text().strip()
            for name in ("memory.max", "cpu.max", "pids.max")
        }
    assert files == {"memory.max": str(64 << 20), "cpu.max": "50000 100000", "pids.max": "20"}
    assert engine.warnings == []


def test_cpu_max_throttles(engine: Engine) -> None:
    with engine.start("busybox", *BUSY, cpus=0.2) as container:
        share = used(container, 2)
        usage = cpu.usage(container.group)
    assert 0.1 < share < 0.3
    assert usage.throttled > 5
    assert usage.throttled_time > 0


def test_cpu_max_changes_while_the_load_runs(engine: Engine) -> None:
    with engine.start("busybox", *BUSY, cpus=0.1) as container:
        slow = used(container, 1)
        cpu.set_max(container.group, None)
        assert cpu.get_max(container.group) is None
        assert used(container, 1) > 2 * slow


def test_cpu_weight_divides_what_is_contended(engine: Engine) -> None:
    with engine.start("busybox", *BUSY) as light, engine.start("busybox", *BUSY) as heavy:
        if len(os.sched_getaffinity(0)) > 1:
            for container in (light, heavy):
                os.sched_setaffinity(container.pid, {0})
        cpu.set_weight(light.group, 50)
        cpu.set_weight(heavy.group, 500)
        time.sleep(3)
        assert cpu.usage(heavy.group).usage > 3 * cpu.usage(light.group).usage


def test_memory_max_kills_one_group_and_no_other(engine: Engine) -> None:
    hog = "head -c 100000000 /dev/zero | tail > /dev/null"  # tail keeps what may be the last line: all of it
    with engine.start("busybox", "sleep", "60", memory="16m") as bystander:
        with engine.start(
            "busybox", "sh", "-c", f"{hog}; exit 9", memory="16m", memory_swap="16m"
        ) as container:
            exit_ = container.wait(60)
            assert memory.events(container.group)["oom_kill"] >= 1
        assert exit_.oom_killed
        assert bystander.running
        assert memory.events(bystander.group)["oom_kill"] == 0


def test_an_oom_kill_of_process_one_is_137(engine: Engine) -> None:
    # an array in awk is the process's own memory
    eat = 'BEGIN { while (1) { n++; a[n] = sprintf("%1000d", n) } }'
    result = engine.run("busybox", "awk", eat, memory="16m", memory_swap="16m", timeout=60)
    assert (result.code, result.exit.signal, result.exit.oom_killed) == (137, 9, True)


def test_files_in_memory_count(engine: Engine) -> None:
    write = "head -c 10000000 /dev/zero > /dev/shm/big; sleep 60"
    with engine.start("busybox", "sh", "-c", write, memory="32m") as container:
        deadline = time.monotonic() + 20
        # until it is written; the kernel counts in batches: a little less at times
        while memory.stat(container.group)["shmem"] < 9_000_000:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert memory.current(container.group) >= 9_000_000
        assert memory.get_max(container.group) == 32 << 20
        assert memory.peak(container.group) >= 9_000_000


def test_memory_high_slows_down_and_kills_nobody(engine: Engine) -> None:
    with engine.start(
        "busybox", "sh", "-c", "head -c 20000000 /dev/zero > /dev/shm/big; sleep 60"
    ) as container:
        memory.set_high(container.group, 8 << 20)
        time.sleep(1)
        assert memory.events(container.group)["oom_kill"] == 0
        assert container.running


def test_a_fork_bomb_stops_at_pids_max(engine: Engine) -> None:
    bomb = "bomb() { bomb | bomb & }; bomb; sleep 60"
    with engine.start("busybox", "sh", "-c", bomb, pids_limit=20, memory="128m") as container:
        deadline = time.monotonic() + 30
        while pids.events(container.group)["max"] == 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert pids.current(container.group) <= 20
        assert pids.get_max(container.group) == 20
        container.kill()
        assert container.wait(30).signal == 9
    assert not container.group.exists()


def test_io_max_slows_a_device_down(engine: Engine) -> None:
    device = _device_of(engine.places.run_dir) or _device_of(Path("/var/lib/container_lib"))
    if device is None:
        pytest.skip(
            "needs a directory on a block device; the embedded guest has one at /var/lib/container_lib"
        )
    directory = Path("/var/lib/container_lib")
    target = directory / "io-test"
    script = "dd if=/dev/zero of=/disk/io-test bs=64k count=16 oflag=direct 2>/dev/null"
    try:
        free = _seconds(engine, script, directory)
        slow = _seconds(engine, script, directory, io=(io.IoLimit(device, wbps=1 << 20),))
        assert slow > 0.7
        assert slow > 2 * free
    finally:
        target.unlink(missing_ok=True)


def _seconds(engine: Engine, script: str, directory: Path, **options: object) -> float:
    begin = time.monotonic()
    result = engine.run("busybox", "sh", "-c", script, volume=[f"{directory}:/disk"], timeout=60, **options)
    assert result.code == 0, result.stderr
    return time.monotonic() - begin


def _device_of(directory: Path) -> str | None:
    if not directory.is_dir():
        return None
    number = directory.stat().st_dev
    name = f"{os.major(number)}:{os.minor(number)}"
    return name if name in hierarchy.devices().values() else None


def test_a_frozen_container_stands_still_and_goes_on(engine: Engine) -> None:
    with engine.start("busybox", *BUSY) as container:
        group.freeze(container.group)
        assert used(container, 0.5) == 0
        group.thaw(container.group)
        assert used(container, 0.5) > 0


def test_a_limit_above_the_parents_is_refused(engine: Engine, places: Places) -> None:
    memory.set_max(places.parent, 64 << 20)
    pids.set_max(places.parent, 50)
    for options in ({"memory": "128m"}, {"pids_limit": 100}):
        with pytest.raises(InvalidValue, match=r"allows (67108864|50)") as caught:
            engine.run("busybox", "true", **options)
        assert str(places.parent) in str(caught.value)
    assert engine.run("busybox", "true", memory="32m").code == 0


def test_the_doctor_finds_every_controller(engine: Engine) -> None:
    from container_lib.engine.doctor import probe

    abilities = {ability.name: ability for ability in probe(engine.root_dir)}
    assert all(abilities[f"{name} controller"].found for name in hierarchy.WANTED)
