"""What all tests share: a root filesystem, directories of their own, and a count of what a test leaves behind.

A test that needs an ability of the kernel says so with the fixture of that name (`root`, `limits`), which skips
with the reason and the remedy; it never looks at the uid to guess.
"""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from container_lib.cgroups import group, hierarchy
from container_lib.engine.engine import Engine
from container_lib.isolation.capabilities import spell
from container_lib.kernel import procfs
from container_lib.kernel.syscalls import capget
from container_lib.runtime import client, reserve
from container_lib.runtime.outcome import Places
from machine.base_image.busybox import build_busybox


@pytest.fixture
def root() -> None:
    """Skip where this process cannot make namespaces and mounts."""
    if "SYS_ADMIN" not in spell(capget()[0]):
        pytest.skip("needs CAP_SYS_ADMIN; run as root, or in the embedded guest")


@pytest.fixture(scope="session")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A busybox root filesystem, shared by all tests: none may change it."""
    rootfs = build_busybox(tmp_path_factory.mktemp("rootfs") / "busybox")
    let_through(rootfs)
    return rootfs


def let_through(path: Path) -> None:
    """Make pytest's directories searchable: the remapped root of a user namespace has to get through."""
    for directory in (path, *path.parents):
        if directory.stat().st_uid == os.getuid() and len(directory.parts) > 2:
            directory.chmod(0o755)


@pytest.fixture
def engine(root: None, busybox: Path, tmp_path: Path) -> Iterator[Engine]:
    """An engine with directories and a cgroup of its own, and the image "busybox"."""
    let_through(tmp_path)
    made = Engine(tmp_path, tmp_path / "run")
    made.import_image(busybox, "busybox", changes=['CMD ["sh"]'])
    yield made
    reserve.drop()
    parent = made.places.parent
    if parent is not None:
        group.delete(parent)


@pytest.fixture
def places(engine: Engine) -> Places:
    """The runtime's own view of that engine's directories."""
    return engine.places


@pytest.fixture
def limits(root: None) -> hierarchy.Hierarchy:
    """The cgroup v2 tree with its controllers; the `guest` marker brings a test to where they are."""
    tree = hierarchy.require()
    assert not tree.missing, f"controllers missing: {tree.missing}; mark the test `guest`"
    return tree


class Residue:
    """What a container may leave behind, counted."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def now(self) -> dict[str, object]:
        """Return the mounts, cgroups, records, links, processes and open files that exist without the reserve."""
        reserve.drop()
        parent = self.places.parent
        return {
            "mounts": sorted(entry.target for entry in procfs.mountinfo()),
            "cgroups": sorted(e.name for e in os.scandir(parent) if e.is_dir()) if parent else [],
            "records": sorted(os.listdir(self.places.run_dir / "containers")),
            "links": sorted(os.listdir("/sys/class/net")),
            "processes": [command for pid in descendants(os.getpid()) if (command := command_of(pid))],
            "open files": open_files(),
        }


def open_files() -> list[str]:
    """Return what this process has open, without the numbers that differ each time."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the one that lists them
            found.append(re.sub(r"\d+", "N", os.readlink(f"/proc/self/fd/{number}")))
    return sorted(found)


def descendants(pid: int) -> list[int]:
    """Return every process below this one, zombies included."""
    found = []
    for child in procfs.children(pid):
        found += [child, *descendants(child)]
    return sorted(found)


def command_of(pid: int) -> str:
    """Return the process's name and state, such as "python (S)"; "" for the launcher, which serves all tests."""
    fields = procfs.status(pid)
    return "" if pid == client.launcher().identity[0] else f"{fields['Name']} ({fields['State'][0]})"


@pytest.fixture
def residue(places: Places) -> Iterator[Residue]:
    """Compare what exists after the test with what existed before: nothing may be left, whatever the test did."""
    client.launcher()
    watch = Residue(places)
    before = watch.now()
    yield watch
    client.launcher()  # a test may have killed the launcher: then there is another now
    assert watch.now() == before


@pytest.fixture
def killer() -> Iterator[list[int]]:
    """A list of processes to end after the test, by number."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
