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
    until_born(1)
    return found[0]


def until_born(count: int) -> None:
    deadline = time.monotonic() + 10
    while sum(reserve.readable(born.exit_socket, 0) for _, born in reserve._spares) < count:
        assert time.monotonic() < deadline, "the reserve was not born"
        time.sleep(0.005)


def unnamed(places: Places) -> list[str]:
    return [record.id for record in records.read_all(places.run_dir) if not record.argv]


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


def test_each_kind_has_its_own_and_the_oldest_kind_goes(
    engine: Engine, places: Places, busybox: Path, spare: records.Record
) -> None:
    remapped = Spec(("cat", "/proc/self/uid_map"), busybox, namespaces=("user", *namespaces.DEFAULT))
    lifecycle.run(remapped, places)
    until_born(2)
    second = next(name for name in unnamed(places) if name != spare.id)
    with lifecycle.start(remapped.changed(argv=("sleep", "60")), places) as container:
        assert container.id == second
        assert "user" in namespaces.differing(container.pid)
        assert container.enter_and_capture("sh", "-c", "grep -c ' /dev/' /proc/mounts").code == 0
    until_born(2)
    lifecycle.run(Spec(("true",), busybox, capabilities=("CHOWN",)), places)
    deadline = time.monotonic() + 10
    while spare.id in unnamed(places):
        assert time.monotonic() < deadline, "the oldest kind was kept"
        time.sleep(0.005)


def test_what_was_built_ahead_is_what_would_be_built_in_place(
    places: Places, busybox: Path, spare: records.Record
) -> None:
    """Mount points, types and options, the entries of /dev: the same from the reserve and from a fresh birth."""
    script = "cut -d' ' -f5,6,7- /proc/self/mountinfo | sed 's/ - / /;s/master:[0-9]* //'; ls -ln /dev; umask"
    looked = Spec(("sh", "-c", script), busybox, scratch=False)
    with lifecycle.start(looked, places) as container:
        assert container.id == spare.id
    until_born(1)
    from_reserve = lifecycle.run(looked, places)
    anew = lifecycle.run(looked.changed(id="e" * 64), places)
    assert sorted(from_reserve.text.splitlines()) == sorted(anew.text.splitlines())
    assert len(from_reserve.text.splitlines()) > 30


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
