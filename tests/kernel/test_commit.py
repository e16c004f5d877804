"""A container's changes become a layer: what is in it, and what happens to the container meanwhile."""

import os
import signal
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from container_lib.cgroups import group as cgroup
from container_lib.engine import pausing
from container_lib.engine.engine import Engine
from container_lib.engine.kept import Kept
from container_lib.errors import Conflict, InvalidValue, NotFound

pytestmark = pytest.mark.usefixtures("residue")


@pytest.fixture
def running(engine: Engine) -> Iterator[Kept]:
    """A container that writes all the time."""
    script = "i=0; while :; do i=$((i+1)); echo $i > /tick; done"
    with engine.start("busybox", "sh", "-c", script, name="writer", remove=False):
        kept = engine.containers.get("writer")
        if kept.group is None:
            pytest.skip("needs a cgroup v2 tree; in the embedded guest: make lab WHERE=guest")
        wait_for(lambda: (kept.upper / "tick").exists())
        yield kept
    engine.remove_container("writer")


def wait_for(condition: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ticks(kept: Kept) -> bool:
    """Whether the container's file changes."""
    before = (kept.upper / "tick").stat().st_mtime_ns
    time.sleep(0.1)
    return (kept.upper / "tick").stat().st_mtime_ns != before


def names_in_top_layer(engine: Engine, image: str) -> list[str]:
    layer = engine.store.image(image).manifest.layers[-1]
    with tarfile.open(engine.store.blobs.path(layer.digest)) as tar:
        return sorted(tar.getnames())


def test_a_layer_holds_what_was_added_changed_and_deleted_and_nothing_else(engine: Engine) -> None:
    engine.run("busybox", "sh", "-c", "echo a > /new; rm /bin/vi", name="one", remove=False)
    engine.commit("one", "changed:1", ["LABEL a=b"], "Ann", "why")
    assert names_in_top_layer(engine, "changed:1") == [".", "bin", "bin/.wh.vi", "new"]
    image, base = engine.store.image("changed:1"), engine.store.image("busybox")
    assert image.manifest.layers[:-1] == base.manifest.layers
    assert image.config.author == "Ann"
    assert image.config.run["Labels"] == {"a": "b"}
    newest = engine.history("changed:1")[0]
    assert (newest.comment, newest.created_by) == ("why", "sh -c echo a > /new; rm /bin/vi")
    assert engine.run("changed:1", "sh", "-c", "cat /new; ls /bin/vi").stdout == b"a\n"


def test_a_container_that_changed_nothing_adds_no_layer(engine: Engine) -> None:
    engine.run("busybox", "true", name="idle", remove=False)
    made = engine.store.image(engine.commit("idle"))
    assert made.manifest.layers == engine.store.image("busybox").manifest.layers
    assert made.config.history[-1].empty_layer
    assert engine.history(made.id)[0].size == 0


def test_a_mode_of_the_root_directory_alone_is_a_change(engine: Engine) -> None:
    engine.run("busybox", "chmod", "711", "/", name="root", remove=False)
    engine.commit("root", "root:1")
    assert engine.run("root:1", "stat", "-c", "%a", "/").text == "711\n"


def test_a_running_container_is_frozen_meanwhile_and_goes_on(engine: Engine, running: Kept) -> None:
    assert running.group is not None
    with pausing.paused(running):
        assert cgroup.events(running.group)["frozen"] == 1
        assert not ticks(running)
    assert ticks(running)
    for number in range(5):
        engine.commit("writer", f"tick:{number}")
    assert "tick" in names_in_top_layer(engine, "tick:4")
    assert ticks(running)


def test_one_that_somebody_froze_stays_frozen(engine: Engine, running: Kept) -> None:
    assert running.group is not None
    cgroup.freeze(running.group)
    engine.commit("writer", "cold:1")
    assert cgroup.events(running.group)["frozen"] == 1
    cgroup.thaw(running.group)


def test_what_a_killed_commit_kept_frozen_is_thawed(engine: Engine, running: Kept, killer: list[int]) -> None:
    assert running.group is not None
    child = os.fork()
    if child == 0:
        with pausing.paused(running):
            signal.pause()
        os._exit(0)
    killer.append(child)
    frozen = running.group
    wait_for(lambda: cgroup.events(frozen)["frozen"] == 1)
    assert pausing.thaw_left(engine.containers.all()) == []  # its holder lives
    os.kill(child, signal.SIGKILL)
    os.waitpid(killer.pop(), 0)
    assert cgroup.events(running.group)["frozen"] == 1
    assert f"freeze of container {running.id[:12]}" in engine.clean()
    assert ticks(running)


def test_root_of_a_user_namespace_is_root_in_the_layer(engine: Engine) -> None:
    engine.run("busybox", "sh", "-c", "echo a > /new", name="mapped", remove=False, userns="remap")
    engine.commit("mapped", "mapped:1")
    layer = engine.store.image("mapped:1").manifest.layers[-1]
    with tarfile.open(engine.store.blobs.path(layer.digest)) as tar:
        assert {entry.uid for entry in tar} == {0}


def test_what_is_wrong_is_told_before_anything_is_frozen_or_written(engine: Engine) -> None:
    engine.run("busybox", "touch", "/x", name="one", remove=False)
    before = sorted(engine.store.blobs.all())
    with pytest.raises(InvalidValue, match="must be lowercase"):
        engine.commit("one", "Upper")
    with pytest.raises(InvalidValue, match="'FROM' is not known"):
        engine.commit("one", "x", ["FROM y"])
    with pytest.raises(NotFound, match="No such container"):
        engine.commit("none", "x")
    assert sorted(engine.store.blobs.all()) == before


def test_images_are_pruned_by_filters_and_kept_for_containers(engine: Engine) -> None:
    engine.run("busybox", "touch", "/x", name="one", remove=False)
    engine.commit("one", "a:1", ["LABEL keep=no"])
    engine.commit("one", "b:1", ["LABEL keep=yes"])
    assert [listed.repository for listed in engine.images(filters=["label=keep=no"])] == ["a"]
    removed = engine.prune_images(all=True, filters=["label=keep=no"])
    assert "Untagged: a:1" in removed.lines
    assert removed.reclaimed > 0
    assert {listed.repository for listed in engine.images()} == {"b", "busybox"}
    engine.prune_images(all=True)
    assert {listed.repository for listed in engine.images()} == {"busybox"}  # the container's
    with pytest.raises(Conflict, match="container"):
        engine.remove_image("busybox")


def test_an_export_is_the_merged_tree(engine: Engine, tmp_path: Path) -> None:
    engine.run("busybox", "sh", "-c", "echo a > /new; rm /bin/vi", name="one", remove=False)
    with open(tmp_path / "all.tar", "wb") as sink:
        engine.export("one", sink)
    with tarfile.open(tmp_path / "all.tar") as tar:
        names = {name.removeprefix("./") for name in tar.getnames()}
    assert {"new", "bin/sh", "etc/passwd"} <= names
    assert "bin/vi" not in names
