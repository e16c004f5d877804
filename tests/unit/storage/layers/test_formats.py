"""Archives that others wrote: every format of GNU tar and of Python's tarfile, unpacked as they unpack them."""

import hashlib
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container_lib.storage.layers.unpacking import Unpacked, unpack

FORMATS = ("v7", "ustar", "gnu", "oldgnu", "pax")


def unpacked(archive: bytes, place: Path) -> Unpacked:
    """Unpack into a directory that holds nothing yet, applied, so that no root is needed."""
    place.mkdir()
    return unpack(io.BytesIO(archive), place, whiteouts="apply")


def facts(tree: Path) -> dict[str, tuple[object, ...]]:
    """Return what can be compared of each path: mode, time, content, link."""
    found = {}
    for path in sorted(tree.rglob("*")):
        status = path.lstat()
        link = os.readlink(path) if path.is_symlink() else ""
        data = path.read_bytes() if path.is_file() and not link else b""
        found[str(path.relative_to(tree))] = (oct(status.st_mode), int(status.st_mtime), link, data)
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files whose names fit into every format."""
    root = tmp_path / "tree"
    (root / "a" / "deep").mkdir(parents=True)
    (root / "a" / "file").write_bytes(b"content\n" * 1000)
    (root / "a" / "deep" / "empty").touch()
    (root / "a" / "link").symlink_to("file")
    os.link(root / "a" / "file", root / "hard")
    (root / "a" / "run").write_text("#!/bin/sh\n")
    (root / "a" / "run").chmod(0o750)
    os.utime(root / "a" / "file", (1_000_000_000, 1_000_000_000))
    return root


def tar(tree: Path, *options: str) -> bytes:
    return subprocess.run(
        ["tar", "-C", tree, *options, "-cf", "-", "."], check=True, capture_output=True
    ).stdout


@pytest.mark.parametrize("format_", FORMATS)
def test_gnu_tars_formats(tree: Path, tmp_path: Path, format_: str) -> None:
    archive = tar(tree, f"--format={format_}")
    done = unpacked(archive, tmp_path / "out")
    assert facts(tmp_path / "out") == facts(tree)
    assert done.diff_id == f"sha256:{hashlib.sha256(archive).hexdigest()}"
    assert (tmp_path / "out" / "hard").stat().st_ino == (tmp_path / "out" / "a" / "file").stat().st_ino


@pytest.mark.parametrize("format_", ["gnu", "pax"])
@pytest.mark.parametrize("length", [*range(97, 104), 155, 156, 255, 300, 1000, 3000])
def test_names_of_every_length_wherever_the_header_cuts_them(
    tree: Path, tmp_path: Path, format_: str, length: int
) -> None:
    """A name that is cut right behind a slash still is a file's."""
    for inset in range(4):
        parts, left = [], length - inset
        while left > 0:
            parts.append("n" * min(left, 96 + inset))
            left -= len(parts[-1]) + 1
        path = tree / "/".join(parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(str(inset))
    unpacked(tar(tree, f"--format={format_}"), tmp_path / "out")
    assert facts(tmp_path / "out") == facts(tree)


@pytest.mark.parametrize("version", ["0.0", "0.1", "1.0", "old"])
def test_sparse_files_come_back_with_their_holes(tmp_path: Path, version: str) -> None:
    source = tmp_path / "tree"
    source.mkdir()
    with open(source / "sparse", "wb") as file:
        for number in range(30):
            file.seek(number * 1_000_000)
            file.write(b"island %d" % number)
        file.truncate(40_000_000)
    how = ["--format=gnu"] if version == "old" else ["--format=pax", f"--sparse-version={version}"]
    archive = tar(source, "--sparse", *how)
    assert len(archive) < 1_000_000
    unpacked(archive, tmp_path / "out")
    ours = tmp_path / "out" / "sparse"
    assert ours.read_bytes() == (source / "sparse").read_bytes()
    assert ours.stat().st_blocks * 512 < 1_000_000


def test_times_of_nanoseconds_and_before_1970(tmp_path: Path) -> None:
    source = tmp_path / "tree"
    source.mkdir()
    times = {"old": -1_234_567_890_123_456_789, "new": 1_700_000_000_987_654_321, "zero": 0}
    for name, moment in times.items():
        (source / name).touch()
        os.utime(source / name, ns=(moment, moment))
    unpacked(tar(source, "--format=pax"), tmp_path / "out")
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in times} == times


NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=120
).filter(lambda name: name not in (".", "..") and not name.startswith(".wh.") and len(name.encode()) < 250)
TREES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=2000), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(TREES, st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
def test_what_tarfile_writes_is_what_tarfile_and_we_read(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], format_: int
) -> None:
    place, raw = tmp_path_factory.mktemp("tarfile"), io.BytesIO()
    directories = {
        "/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)
    }
    files = {name: data for name, data in files.items() if name not in directories}
    with tarfile.open(fileobj=raw, mode="w", format=format_) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(data), len(name) * 1000, 0o644
            try:
                archive.addfile(entry, io.BytesIO(data))
            except ValueError:
                continue  # a name that this format cannot hold
    unpacked(raw.getvalue(), place / "ours")
    raw.seek(0)
    with tarfile.open(fileobj=raw) as archive:
        archive.extractall(place / "theirs")
    (place / "theirs").mkdir(exist_ok=True)
    files_of = [
        {name: fact for name, fact in facts(place / who).items() if fact[0].startswith("0o100")}
        for who in ("ours", "theirs")
    ]
    assert files_of[0] == files_of[1]
