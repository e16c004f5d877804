"""Every notebook, *Restart & Run All* twice in a row in the same engine's directories, and what the kernel said.

On the machine at hand (where controllers may be missing, and the notebooks must say so), and in the embedded
guest with all controllers. Each run ends with nothing left behind.
"""

import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from container_lib.cgroups import group, hierarchy
from container_lib.engine.places import DEFAULT_ROOT
from machine.base_image import making
from tests.notebooks.running import NAMES, Home, bundles, outputs, run_all, texts, value


@pytest.fixture
def home(root: None) -> Iterator[Home]:
    """Directories of this test's own; in the guest the root is the state disk, so that io.max has a disk."""
    # below /run and not below tmp_path: the root of a user namespace has to get through
    with tempfile.TemporaryDirectory(dir="/run", prefix="container_lib-") as directory:
        os.chmod(directory, 0o755)
        ours = Home(Path(directory) / "root", Path(directory) / "run", uuid.uuid4().hex)
        if os.environ.get("CONTAINER_LIB_GUEST"):
            ours = replace(ours, root_dir=DEFAULT_ROOT)
        else:
            making.make("busybox", ours.root_dir)
        yield ours
        if ours.parent.is_dir():
            group.kill(ours.parent)
            group.delete(ours.parent)


@pytest.mark.parametrize("name", NAMES)
def test_runs_twice_on_the_machine_at_hand(name: str, home: Home) -> None:
    run_twice(name, home)


@pytest.mark.guest
@pytest.mark.parametrize("name", NAMES)
def test_runs_twice_with_all_controllers(name: str, home: Home, limits: hierarchy.Hierarchy) -> None:
    run_twice(name, home)


def run_twice(name: str, home: Home) -> None:
    """Run all, look at the facts, count what is left; and again."""
    for _ in range(2):
        notebook = run_all(name, home, ASK[name])
        complaints = [output.text for output in outputs(notebook) if output.get("name") == "stderr"]
        assert complaints == []
        assert "Traceback (most recent" not in texts(notebook)
        assert [line for line in notebook.metadata["processes"] if not OURS.search(line)] == []
        FACTS[name](notebook)
        assert {kind: left for kind, left in home.settle().items() if left} == {}


def missing() -> list[str]:
    """The controllers that this machine lacks."""
    return hierarchy.require().missing


def facts_of_start_here(notebook: Any) -> None:
    assert value(notebook, "verdict") == {"containers run here": True, "with limits": not missing()}
    inside = value(notebook, "facts")
    assert (inside["my number"], inside["host name"]) == ("1", "byhand")
    assert inside["network interfaces"].strip() == "lo"
    assert int(inside["processes I see"]) < 10
    assert inside["kernel"] == os.uname().release
    assert inside["memory limit"] == ("no limit" if "memory" in missing() else str(64 << 20))


def facts_of_namespaces(notebook: Any) -> None:
    nspid = value(notebook, "fact-nspid")
    assert nspid["NSpid"] == [str(nspid["pid"]), "1"]
    assert value(notebook, "fact-mnt") == {"/mnt inside": ["secret"], "the file is there outside": False}
    groups = value(notebook, "fact-cgroup")
    assert groups["inside"] == "/"
    assert len(groups["outside"].split("/")[-1]) == 64
    assert value(notebook, "fact-uids") == {"inside": 0, "outside": 100000}
    assert value(notebook, "fact-same-boot") is True
    assert value(notebook, "fact-kill") == {"runs after SIGTERM": True, "exit code after SIGKILL": 137}
    assert value(notebook, "fact-crash") == {"container alive": False, "next one": "hi\n"}
    assert value(notebook, "fact-escaped") == {"from chroot": True, "from pivot_root": False}
    masked = value(notebook, "fact-masks")
    assert masked["right order"] == 0 < masked["wrong order"]
    clones = value(notebook, "fact-clone")
    assert "CLONE_NEWUSER" in clones
    assert "CLONE_NEWNET" in clones


def facts_of_cgroups(notebook: Any) -> None:
    found = value(notebook, "facts")
    assert found["freeze"]["frozen"] < 0.02 < found["freeze"]["running"]
    assert found["freeze"]["events"] == {"populated": 1, "frozen": 1}
    assert found["kill"] == {"signals": [-9], "populated": 0}
    assert value(notebook, "monitor.running") is True
    assert value(notebook, "monitors.running") is True
    live = bundles(notebook, "live")
    assert len(live) == 2
    for bundle in live:
        assert {"application/vnd.jupyter.widget-view+json", "image/png"} <= set(bundle)
    assert value(notebook, "limited") is (not missing())
    if missing():
        assert set(found) == {"freeze", "kill"}
    else:
        facts_of_limits(found)


def facts_of_limits(found: dict[str, Any]) -> None:
    assert 0 < found["cpu"]["limit 0.2"] < 0.3
    assert found["cpu"]["limit 0.2"] < found["cpu"]["limit 0.5"] < 0.65
    assert found["cpu"]["throttled periods"] > 0
    assert found["weight"] > 1.5
    oom = {
        "exit code": 137,
        "killed by the OOM killer": True,
        "neighbour runs": True,
        "kills in the neighbour's group": 0,
    }
    assert found["oom"] == oom
    braked = found["high"]["high = 16 MiB"]
    assert braked["MiB after 3 s"] < found["high"]["no brake"]["MiB after 3 s"]
    assert (braked["braked"] > 0, braked["killed"], braked["runs"]) == (True, 0, True)
    bomb = found["bomb"]
    assert bomb["tasks"] <= bomb["limit"] == 30
    assert bomb["refused forks"] > 0
    assert bomb["the group is gone"] is True
    assert found["io"]["at 4 MiB/s"] < min(5, found["io"]["free, MiB/s"])


def facts_of_overlayfs(notebook: Any) -> None:
    escaped = {"climb": "THE SECRET", "forgotten directory": "THE SECRET"}
    assert value(notebook, "escapes") == {
        "chroot": escaped,
        "pivot_root": {**escaped, "climb": "nothing: locked in"},
    }
    assert value(notebook, "fact-vi") == {"one": False, "two": True}
    found = value(notebook, "facts")
    assert (found["MiB for a byte"], found["MiB for a chmod"]) == (32, 32)
    assert found["whiteout"] == {"device": (0, 0), "size": 0}
    assert found["opaque"] == b"y"
    assert found["renamed"] == ["app", "program"]
    same = {"app/main": b"new", "etc/motd": b"new"}
    assert found["after a write"] == {**same, "app/alias": b"app", "etc/motd, mapped before": b"etc"}
    assert list(found["layers, MiB"].values()) == [3, 2, 2]
    assert found["files of 500 layers"] == 500
    names = ["container 3\n", "container 4\n"]
    assert found["thirty containers"] == {"names": names, "in the image": False}
    assert found["after the script"] == {"upper": True, "ram/upper": False}
    assert found["volume"] == {"text": "kept\n", "exit code": 1, "files": ["notes"]}


def facts_of_images(notebook: Any) -> None:
    found = value(notebook, "facts")
    assert found["by hand"] == {"id": True, "says": "hello from an image made by hand\n"}
    assert found["repaired"] == found["still whole"] == []
    assert found["the tag moved"] == {"same ID": False, "runs": ("/evil!",)}
    assert found["packed"] == 1
    assert found["layers"] == {"in images": 13, "stored": 5}
    assert found["members"] == [".", "bin", "bin/.wh.vi", "etc", "etc/.wh..wh..opq", "etc/passwd"]
    assert found["chain"] == (True, True)
    assert (found["the same image"], found["arrived"]) == (True, 0)
    diff = ["C /bin", "D /bin/vi", "C /etc", "C /etc/group", "A /who"]
    assert (found["containers"]["diff"], found["containers"]["lowers"]) == (diff, 1)
    assert found["committed"] == "experiment-a\n"


OURS = re.compile("ipykernel_launcher|container_lib.runtime.launcher")
ASK = {
    "00_start_here": ["verdict", "facts"],
    "01_namespaces": [],
    "02_cgroups": ["limited", "facts", "monitor.running", "monitors.running"],
    "03_overlayfs": ["escapes", "facts"],
    "04_image_layers": ["facts"],
}
FACTS = {
    "00_start_here": facts_of_start_here,
    "01_namespaces": facts_of_namespaces,
    "02_cgroups": facts_of_cgroups,
    "03_overlayfs": facts_of_overlayfs,
    "04_image_layers": facts_of_images,
}
