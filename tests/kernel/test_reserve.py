"""The init in reserve: taken by the start that fits, and by no other; gone when it should be."""

import os
import signal
import time
from pathlib import Path

import pytest

from container_lib.cgroups import group
from container_lib.engine.engine import Engine
from container_lib.errors import CommandNotFound
from container_lib.isolation import namespaces
from container_lib.kernel import procfs, trace
from container_lib.runtime import client, lifecycle, records, reserve
from container_lib.runtime.outcome import Places
from container_lib.runtime.spec import Spec

pytestmark = pytest.mark.usefixtures("residue")


@pytest.fixture
def spare(engine: Engine, places: Places) -> records.Record:
    """The reserve's record, once it has been born."""
    reserve.drop()
    engine.run("busybox", "true")
    deadline = time.monotonic() + 10
    while not (found := [record for record in records.read_all(places.run_dir) if not record.argv]):
        assert time.monotonic() < deadline, "no reserve was made"
        time.sleep(0.005)
    while reserve._spare is None or not reserve.readable(reserve._spare[0].exit_socket, 0):
        assert time.monotonic() < deadline, "the reserve was not born"
        time.sleep(0.005)
    return found[0]


def pid_of(spare: records.Record) -> int:
    if not spare.group:
        pytest.skip("needs a cgroup v2 hierarchy; use the embedded guest")
    return group.processes(Path(spare.group))[0]


def test_a_start_becomes_the_one_in_reserve(engine: Engine, places: Places, spare: records.Record) -> None:
    with engine.start("busybox", "sleep", "60", hostname="own") as container:
        assert container.id == spare.id
        assert set(namespaces.differing(container.pid)) == set(namespaces.DEFAULT)
        assert container.enter_and_capture("hostname").text == "own\n"
        assert container.enter_and_capture("sh", "-c", "ls /proc/1/fd").text.split() == ["0", "1", "2"]
        record = next(record for record in records.read_all(places.run_dir) if record.id == container.id)
        assert record.argv == ("sleep", "60")


@pytest.mark.parametrize(
    "changes", [{"namespaces": namespaces.ALL}, {"id": "f" * 64}, {"capabilities": ("CHOWN",)}]
)
def test_who_wants_something_else_is_born_anew(
    places: Places, busybox: Path, spare: records.Record, changes: dict[str, object]
) -> None:
    with lifecycle.start(Spec(("sleep", "60"), busybox, **changes), places) as container:
        assert container.id != spare.id
        if "capabilities" in changes:
            assert int(procfs.status(container.pid)["CapBnd"], 16) == 1
        if "id" in changes:
            assert container.id == "f" * 64


def test_a_trace_has_a_birth_of_its_own_to_tell_of(engine: Engine, spare: records.Record) -> None:
    trace.start("test")
    try:
        engine.run("busybox", "true")
    finally:
        names = {(who, name) for who, name, *_ in trace.stop()}
    assert ("launcher", "clone3") in names
    assert ("init", "pivot_root") in names


def test_one_that_was_killed_is_not_used(engine: Engine, places: Places, spare: records.Record) -> None:
    pid = pid_of(spare)
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}"):  # until the launcher has collected it
        assert time.monotonic() < deadline
        time.sleep(0.005)
    with engine.start("busybox", "echo", "on") as container:
        assert container.id != spare.id
    assert spare.id not in [record.id for record in records.read_all(places.run_dir)]


def test_it_ends_with_the_launcher(engine: Engine, spare: records.Record) -> None:
    pid = pid_of(spare)
    started = procfs.start_time(pid)
    os.kill(client.launcher().identity[0], signal.SIGKILL)
    deadline = time.monotonic() + 10
    while procfs.is_same_process(pid, started):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert engine.run("busybox", "echo", "on").text == "on\n"


def test_a_failing_start_uses_it_up_and_the_next_one_works(engine: Engine, spare: records.Record) -> None:
    with pytest.raises(CommandNotFound):
        engine.run("busybox", "no-such-command")
    assert engine.run("busybox", "echo", "on").text == "on\n"
