"""The offline base image: a root filesystem that starts, the same bytes every time, never half there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from container_lib.errors import Conflict, NotFound
from machine.base_image.busybox import Entry, build_busybox, find_busybox, is_static_elf, plan_busybox


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return build_busybox(tmp_path / "rootfs" / "busybox")


def snapshot(root: Path) -> dict[str, tuple[int, int, int, object]]:
    """Mode, time stamp, inode and content of everything below."""
    return {
        str(path.relative_to(root)): (
            (status := path.lstat()).st_mode,
            int(status.st_mtime),
            status.st_ino,
            os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None,
        )
        for path in root.rglob("*")
    }


def without_inodes(tree: dict[str, tuple[int, int, int, object]]) -> dict[str, tuple[int, int, object]]:
    return {name: (mode, time, content) for name, (mode, time, _, content) in tree.items()}


def test_its_shell_runs_with_the_image_as_root(image: Path) -> None:
    """In a user namespace, so that it takes no root: chroot(2) into the image, and ask the shell."""
    command = [
        "unshare",
        "--map-root-user",
        "chroot",
        image,
        "/bin/sh",
        "-c",
        "id -un; ls /; /usr/bin/env echo found",
    ]
    outcome = subprocess.run(command, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.split()[0] == "root"
    assert {"bin", "dev", "etc", "proc", "sys", "tmp", "found"} <= set(outcome.stdout.split())


def test_it_has_every_tool_that_busybox_has(image: Path) -> None:
    tools = subprocess.run(
        [find_busybox(), "--list"], capture_output=True, text=True, check=True
    ).stdout.split()
    for tool in tools:
        assert (image / "bin" / tool).resolve() == image / "bin" / "busybox"


def test_two_builds_are_equal_under_any_umask(tmp_path: Path) -> None:
    one = build_busybox(tmp_path / "one")
    before = os.umask(0o077)
    try:
        two = build_busybox(tmp_path / "two")
    finally:
        os.umask(before)
    assert without_inodes(snapshot(one)) == without_inodes(snapshot(two))


def test_a_second_build_changes_nothing(image: Path) -> None:
    before = snapshot(image)
    build_busybox(image)
    assert snapshot(image) == before


@pytest.mark.parametrize(
    "harm", ["remove a link", "change a text", "change a mode", "turn a folder into a file"]
)
def test_a_damaged_image_is_made_whole(image: Path, harm: str) -> None:
    whole = without_inodes(snapshot(image))
    if harm == "remove a link":
        (image / "bin/sh").unlink()
    elif harm == "change a text":
        (image / "etc/passwd").write_text("nobody\n")
    elif harm == "change a mode":
        (image / "tmp").chmod(0o755)
    else:
        (image / "proc").rmdir()
        (image / "proc").write_text("")
    build_busybox(image)
    assert without_inodes(snapshot(image)) == whole


def test_what_a_killed_builder_left_is_removed_and_nothing_else(image: Path) -> None:
    leftover = image.parent / ".busybox.being-built" / "new"
    neighbour = image.parent / "debian"
    leftover.mkdir(parents=True)
    neighbour.mkdir()
    build_busybox(image)
    assert sorted(image.parent.iterdir()) == [image, neighbour]


def test_a_build_that_fails_leaves_the_old_image(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (image / "mine").touch()
    broken = [*plan_busybox(find_busybox()), Entry("no/such/place", 0o644, content=b"")]
    monkeypatch.setattr("machine.base_image.busybox.plan_busybox", lambda _: broken)
    with pytest.raises(FileNotFoundError):
        build_busybox(image)
    assert (image / "mine").exists()
    assert list(image.parent.iterdir()) == [image]


def test_an_image_with_something_mounted_in_it_is_not_removed(image: Path) -> None:
    """Else the files of whatever is mounted there would go with the old image."""
    program = f"""
import subprocess, pathlib
from machine.base_image.busybox import build_busybox
image = pathlib.Path({str(image)!r})
subprocess.run(["mount", "-t", "tmpfs", "none", image / "dev"], check=True)
(image / "dev" / "precious").touch()
(image / "bin" / "sh").unlink()
try:
    build_busybox(image)
except Exception as error:
    print(type(error).__name__, (image / "dev" / "precious").exists())
"""
    command = ["unshare", "--map-root-user", "--mount", sys.executable, "-c", program]
    outcome = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert outcome.stdout.split() == [Conflict.__name__, "True"], outcome.stderr


def test_a_program_that_needs_a_loader_is_refused() -> None:
    assert is_static_elf(find_busybox())
    assert not is_static_elf(Path(sys.executable))
    assert not is_static_elf(Path(__file__))


def test_without_a_static_busybox_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "machine.base_image.busybox.BUSYBOX_PLACES", (tmp_path / "none", Path(sys.executable))
    )
    with pytest.raises(NotFound, match="hint: apt-get install busybox-static"):
        build_busybox(tmp_path / "image")
    assert not (tmp_path / "image").exists()
