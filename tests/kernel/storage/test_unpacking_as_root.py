"""Unpacking as root: GNU tar's formats and holes, every kind of file, overlay form, full disks.

GNU tar is the oracle: what `tar x` makes of an archive and what unpacking makes of it are described and compared.
"""

import filecmp
import gzip
import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from container_lib.errors import InvalidImage, KernelError
from container_lib.storage.layers.unpacking import unpack
from container_lib.storage.overlay import Overlay
from tests.kernel.storage.random_trees import CAPABILITY, describe
from tests.unit.storage.layers.archives import Entry, tar

pytestmark = pytest.mark.usefixtures("root")
SPARSE = {
    "gnu": ["--format=gnu"],
    **{v: ["--format=pax", f"--sparse-version={v}"] for v in ("0.0", "0.1", "1.0")},
}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 1 MiB and 64 inodes."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M,nr_inodes=64", "none", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """One of everything."""
    tree = tmp_path / "tree"
    (tree / "d" / "empty").mkdir(parents=True)
    (tree / "d" / "file").write_bytes(os.urandom(100_000))
    (tree / "d" / "setuid").write_text("x")
    os.chown(tree / "d" / "setuid", 1000, 2000)
    os.chmod(tree / "d" / "setuid", 0o6755)
    os.link(tree / "d" / "file", tree / "second")
    os.symlink("d/file", tree / "link")
    os.lchown(tree / "link", 7, 8)
    os.mkfifo(tree / "fifo", 0o620)
    os.mknod(tree / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(tree / "loop", stat.S_IFBLK | 0o660, os.makedev(7, 1))
    os.chmod(tree / "d" / "empty", 0o1555)
    for path in (tree / "d" / "file", tree / "d", tree):
        os.utime(path, ns=(0, 1_600_000_000_000_000_000))
    return tree


def gnu_tar(tree: Path, *options: str) -> bytes:
    words = ["tar", "-c", "--numeric-owner", *options, "-C", str(tree), "."]
    return subprocess.run(words, check=True, capture_output=True).stdout


def by_tar(data: bytes, place: Path, *options: str) -> Path:
    place.mkdir()
    words = ["tar", "-x", "-p", "--numeric-owner", *options, "-C", str(place)]
    subprocess.run(words, check=True, input=data)
    return place


def ours(data: bytes, place: Path, parents: list[Path] | None = None) -> Path:
    place.mkdir()
    unpack(io.BytesIO(data), place, parents=parents or ())
    return place


@pytest.mark.parametrize("format", ["v7", "oldgnu", "gnu", "ustar", "pax"])
def test_the_same_as_gnu_tar(format: str, tree: Path, tmp_path: Path) -> None:
    if format == "v7":  # which knows neither devices nor fifos
        for name in ("fifo", "null", "loop"):
            (tree / name).unlink()
    data = gnu_tar(tree, f"--format={format}")
    found = describe(ours(data, tmp_path / "ours"))
    assert found == describe(by_tar(data, tmp_path / "theirs"))
    assert found[b"d/setuid"][:3] == (oct(stat.S_IFREG | 0o6755), 1000, 2000)


def test_attributes_and_nanoseconds(tree: Path, tmp_path: Path) -> None:
    os.setxattr(tree / "d" / "file", "security.capability", CAPABILITY)
    os.setxattr(tree / "d", "user.colour", b"\0blue\n=")
    os.utime(tree / "link", ns=(0, 1_234_567_890_987_654_321), follow_symlinks=False)
    data = gnu_tar(tree, "--format=pax", "--xattrs", "--xattrs-include=*")
    assert describe(ours(data, tmp_path / "ours")) == describe(tree)


@pytest.mark.parametrize("options", SPARSE.values(), ids=SPARSE)
@pytest.mark.parametrize("islands", [0, 1, 3, 60])
def test_holes_stay_holes(options: list[str], islands: int, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    source = tree / f"holes{'x' * 120}"
    with open(source, "wb") as file:
        file.truncate(20 << 20)
        for number in range(islands):
            file.seek(number * 300_000 + 12_288)
            file.write(b"island %d" % number * 700)
    os.utime(source, (0, 1_600_000_000))
    made = ours(gnu_tar(tree, "--sparse", *options), tmp_path / "ours") / source.name
    assert filecmp.cmp(made, source, shallow=False)
    assert made.stat().st_mtime_ns == source.stat().st_mtime_ns
    assert made.stat().st_blocks * 512 < 2 << 20


@pytest.mark.parametrize("compressed", [True, False])
def test_a_full_disk_names_the_entry(compressed: bool, memory: Path) -> None:
    data = tar(("small", "x"), ("usr/", ""), ("usr/large", "0123456789" * 300_000), ("after", "x"))
    with pytest.raises(KernelError, match=r"usr/large: No space left") as caught:
        ours(gzip.compress(data) if compressed else data, memory / "d")
    assert "full" in caught.value.hint


def test_no_inodes_left_names_the_entry(memory: Path) -> None:
    with pytest.raises(KernelError, match=r"f\d+: No space left"):
        ours(tar(*((f"f{number}", "") for number in range(100))), memory / "d")


def test_devices_only_where_allowed(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with pytest.raises(InvalidImage, match="device node"):
        unpack(io.BytesIO(gnu_tar(tree)), tmp_path / "d", devices=False)


def test_overlayfs_marks_are_no_business_of_an_archive(tmp_path: Path) -> None:
    marks = {f"SCHILY.xattr.{kind}.overlay.opaque": "y" for kind in ("trusted", "user")}
    made = ours(tar(("d/", "", {"pax_headers": marks})), tmp_path / "d")
    assert os.listxattr(made / "d") == []
    device: Entry = ("w", "", {"type": tarfile.CHRTYPE, "devmajor": 0, "devminor": 0})
    with pytest.raises(InvalidImage, match="whiteout"):
        ours(tar(device), tmp_path / "e")


BELOW = tar(
    ("a", "a"), ("d/", "", {"mode": 0o700, "uid": 5}), ("d/x", "x"), ("d/y", "y", {"uid": 9}), ("o/", ""),
    ("o/x", "x"), ("o/s/t", "t"), ("usr/lib/", ""), ("usr/lib/z", "z"),
    ("lib", "-> usr/lib"), ("f/", ""), ("f/g", ""),
)  # fmt: skip
LAYERS: dict[str, bytes] = {
    "whiteouts": tar((".wh.a", ""), ("d/.wh.x", "")),
    "a whiteout before what replaces it": tar(
        (".wh.a", ""), ("a", "new"), (".wh.d", ""), ("d/", ""), ("d/n", "")
    ),
    "a whiteout after it": tar(("a", "new"), (".wh.a", ""), ("d/", ""), ("d/n", ""), (".wh.d", "")),
    "opaque": tar(("o/", ""), ("o/.wh..wh..opq", ""), ("o/n", "")),
    "opaque at the end": tar(("o/n", ""), ("o/s/u", ""), ("o/.wh..wh..opq", "")),
    "an opaque root": tar(("./.wh..wh..opq", ""), ("n", ""), ("d/", ""), ("d/n", "")),
    "parents taken for granted": tar(("d/n", ""), ("o/s/u", "")),
    "through a link below": tar(("lib/n", "n"), ("lib/.wh.z", "")),
    "a hard link to below": tar(("h", "=> d/y")),
    "a file where a directory was": tar(("f", "now a file")),
    "a directory where a file was": tar(("a/", ""), ("a/n", "")),
    "a directory where a link was": tar(("lib/", ""), ("lib/n", "")),
    "file, then directory": tar(("f", "file"), ("f/", ""), ("f/n", "")),
    "through a link below, then instead of it": tar(("lib/n", ""), ("lib/", ""), ("lib/m", "")),
    "through a link, then instead of it": tar(
        ("l", "-> usr/lib"), ("l/n", ""), ("l", "file"), ("l/", ""), ("l/m", "")
    ),
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_both_forms_give_the_same_tree(layer: bytes, tmp_path: Path) -> None:
    """The layer under a real overlay is what the layer applied to a directory is; but for links across layers."""
    applied = tmp_path / "applied"
    ours(BELOW, applied)
    unpack(io.BytesIO(layer), applied, whiteouts="apply")
    lower = ours(BELOW, tmp_path / "lower")
    upper = ours(layer, tmp_path / "upper", [lower])
    for name in ("m", "u", "w"):
        (tmp_path / name).mkdir()
    with Overlay([upper, lower], tmp_path / "u", tmp_path / "w").mounted(tmp_path / "m"):
        merged = describe(tmp_path / "m")
    expected = describe(applied)
    assert set(merged) == set(expected)
    for name, (*owner, _mtime, content, attributes, _same) in expected.items():
        mode, uid, gid, _, text, marks, _ = merged[name]
        assert [mode, uid, gid, text, marks] == [*owner, content, attributes], name


def test_a_hard_link_to_a_directory_below(tmp_path: Path) -> None:
    lower = ours(tar(("d/", "")), tmp_path / "lower")
    with pytest.raises(
        InvalidImage, match=r"^h: a hard link to /d, which is a directory in the layers below"
    ):
        ours(tar(("h", "=> d")), tmp_path / "upper", [lower])
