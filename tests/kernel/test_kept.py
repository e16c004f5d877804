"""Containers of an image: each with a writable layer of its own on disk, from its start to its removal."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from container_lib.engine.engine import Engine
from container_lib.errors import CommandNotFound, Conflict, InvalidValue, NotFound

pytestmark = pytest.mark.usefixtures("residue")


def on_disk(engine: Engine) -> list[str]:
    directory = engine.containers.directory
    return sorted(name for name in os.listdir(directory) if name not in (".lock", ".names"))


def test_what_one_writes_no_other_sees(engine: Engine) -> None:
    engine.run("busybox", "sh", "-c", "echo mine > /etc/motd; rm /bin/vi", name="one", remove=False)
    assert engine.run("busybox", "ls", "/bin/vi").text == "/bin/vi\n"
    assert engine.run("busybox", "cat", "/etc/motd").code == 1
    changed = [(change.kind, change.path) for change in engine.diff("one")]
    assert changed == [("C", "/bin"), ("D", "/bin/vi"), ("C", "/etc"), ("A", "/etc/motd")]
    upper = engine.containers.get("one").upper
    assert (upper / "etc" / "motd").read_text() == "mine\n"
    assert not list(engine.store.lowers(engine.store.image("busybox"))[0].glob("etc/motd"))


def test_nothing_is_kept_of_one_that_was_to_be_removed(engine: Engine) -> None:
    engine.run("busybox", "touch", "/x")
    assert on_disk(engine) == []
    assert os.listdir(engine.containers.directory / ".names") == []


def test_one_that_runs_is_told_from_one_that_has_ended(engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60", name="sleeper", remove=False) as container:
        kept = engine.containers.get("sleeper")
        assert (kept.id, kept.state, kept.argv) == (container.id, "running", ("sleep", "60"))
        assert kept.group == container.group
        with pytest.raises(Conflict, match="container is running"):
            engine.remove_container("sleeper")
    kept = engine.containers.get("sleeper")
    assert (kept.state, kept.exit_code, kept.group) == ("exited", 137, None)
    assert engine.remove_container(kept.id[:8]).name == "sleeper"
    with pytest.raises(NotFound, match="No such container: sleeper"):
        engine.containers.get("sleeper")


def test_a_command_that_does_not_exist_leaves_a_container_with_its_code(engine: Engine) -> None:
    with pytest.raises(CommandNotFound):
        engine.run("busybox", "no-such", name="odd", remove=False)
    assert engine.containers.get("odd").exit_code == 127
    with pytest.raises(CommandNotFound):
        engine.run("busybox", "no-such")
    assert len(on_disk(engine)) == 1


def test_a_name_belongs_to_one(engine: Engine) -> None:
    engine.run("busybox", "true", name="web", remove=False)
    with pytest.raises(Conflict, match='name "/web" is already in use by container'):
        engine.run("busybox", "true", name="web")
    for wrong in ("a", "-x", "a/b", "a b"):
        with pytest.raises(InvalidValue, match="invalid container name"):
            engine.run("busybox", "true", name=wrong)
    engine.remove_container("web")
    assert engine.run("busybox", "true", name="web").code == 0


def test_names_that_nobody_gave_differ(engine: Engine) -> None:
    for _ in range(5):
        engine.run("busybox", "true", remove=False)
    names = {kept.name for kept in engine.containers.all()}
    assert len(names) == 5
    assert engine.prune_containers().lines
    assert engine.containers.all() == []


def test_the_image_says_what_the_options_leave_open(engine: Engine, busybox: Path) -> None:
    changes = [
        'ENTRYPOINT ["echo", "first"]',
        'CMD ["then"]',
        "ENV A=image B=image",
        "WORKDIR /tmp",
        "USER nobody",
    ]
    engine.import_image(busybox, "app", changes)
    assert engine.run("app").text == "first then\n"
    assert engine.run("app", "given").text == "first given\n"
    script = "echo $A $B; pwd; id -u"
    told = engine.run("app", "-c", script, entrypoint="sh", env=["B=mine"]).text
    assert told == "image mine\n/tmp\n65534\n"
    assert engine.run("app", "-c", "pwd; id -u", entrypoint="sh", workdir="/", user="0").text == "/\n0\n"


def test_an_image_that_is_used_stays(engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60"):
        with pytest.raises(Conflict, match="is using its referenced image"):
            engine.remove_image("busybox")
        engine.prune_images(all=True)
        assert engine.run("busybox", "true").code == 0


def test_a_named_volume_outlives_its_containers(engine: Engine) -> None:
    engine.run("busybox", "sh", "-c", "echo kept > /data/x", volume=["store:/data"])
    assert engine.run("busybox", "cat", "/data/x", volume=["store:/data:ro"]).text == "kept\n"
    engine.remove_volume("store")


STARTER = """
import sys, time
from pathlib import Path
from container_lib.engine.engine import Engine
engine = Engine(Path(sys.argv[1]), Path(sys.argv[2]))
kept = engine.start("busybox", "sleep", "60", name="kept", remove=False)
gone = engine.start("busybox", "sleep", "60", name="gone")
print("started", flush=True)
time.sleep(60)
"""


def test_after_kill_9_what_was_to_go_goes_and_the_rest_has_ended(engine: Engine) -> None:
    arguments = [sys.executable, "-c", STARTER, str(engine.root_dir), str(engine.run_dir)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "started\n"
        starter.send_signal(signal.SIGKILL)
    wait_for(lambda: all(kept.state != "running" for kept in engine.containers.all()))
    engine.clean()
    assert [(kept.name, kept.exit_code) for kept in engine.containers.all()] == [("kept", 255)]
    assert engine.run("busybox", "true", name="gone").code == 0


def test_half_a_container_is_cleaned_away_and_its_name_is_free(engine: Engine) -> None:
    engine.run("busybox", "true", name="half", remove=False)
    kept = engine.containers.get("half")
    kept.directory.rename(kept.directory.with_name("." + kept.id))
    assert engine.containers.all() == []
    assert engine.run("busybox", "true", name="half").code == 0
    assert engine.clean() == [f"container {kept.id[:12]}"]
    assert on_disk(engine) == []


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
