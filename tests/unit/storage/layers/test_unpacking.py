"""Unpacking by anybody, in apply form: hostile archives stay inside, honest ones give what tarfile gives."""

import gzip
import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container_lib.errors import Conflict, ContainerError, DigestMismatch, InvalidImage
from container_lib.storage.layers.reading import Bounds
from container_lib.storage.layers.unpacking import Unpacked, unpack
from tests.unit.storage.layers.archives import END, Entry, block, digest, filled, pax, record, tar


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """The directory to unpack in, beside one that must not be touched; what is in there stays as it was."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("kept")
    inside = tmp_path / "inside"
    inside.mkdir()
    before = seen(outside), sorted(os.listdir(tmp_path))
    yield inside
    assert (seen(outside), sorted(os.listdir(tmp_path))) == before, "something outside was touched"


def seen(directory: Path) -> list[tuple[str, int, int]]:
    """Return what would tell that a directory was written into: names, links, times."""
    paths = [directory, *directory.rglob("*")]
    return [(str(path), path.lstat().st_nlink, path.lstat().st_mtime_ns) for path in paths]


def apply(data: bytes, place: Path, bounds: Bounds = Bounds(), **known: str) -> Unpacked:  # noqa: B008
    return unpack(io.BytesIO(data), place, whiteouts="apply", bounds=bounds, **known)


REFUSED: dict[str, bytes] = {
    "..": tar(("../outside/new", "x")),
    ".. in the middle": tar(("a/../../outside/new", "x")),
    ".. at the end": tar(("a/..", "-> x")),
    "only ..": tar(("../", "")),
    ".. by pax": pax({b"path": b"../outside/new"}) + block(b"honest") + END,
    ".. by a long name": block(b"L", b"L", 15) + filled(b"../outside/new\0") + block(b"honest") + END,
    ".. by a sparse name": pax({b"GNU.sparse.name": b"../outside/new"}) + block(b"honest") + END,
    "a link to itself": tar(("l", "-> l"), ("l/f", "x")),
    "two links in a ring": tar(("a", "-> b"), ("b", "-> a"), ("a/f", "x")),
    "through a file": tar(("f", "x"), ("f/g", "y")),
    "hard link to ..": tar(("h", "=> ../outside/secret")),
    "hard link to nothing": tar(("h", "=> missing")),
    "hard link to an absolute name": tar(("h", "=> /etc/passwd")),
    "hard link through a link": tar(("l", "-> ../outside"), ("h", "=> l/secret")),
    "hard link to a directory": tar(("d/", ""), ("h", "=> d")),
    "hard link to itself": tar(("h", "x"), ("h", "=> h")),
    "whiteout of ..": tar((".wh...", "")),
    "whiteout of .": tar((".wh..", "")),
    "whiteout of nothing": tar((".wh.", "")),
    "whiteout behind ..": tar(("../.wh.outside", "")),
    "opaque behind ..": tar(("../outside/.wh..wh..opq", "")),
    "a name in a whiteout": tar((".wh.d/", ""), (".wh.d/f", "x")),
    "no name": block(b"") + END,
    "the name .": block(b".") + END,
    "a NUL by pax": pax({b"path": b"a\0b"}) + block(b"honest") + END,
    "a NUL in a link by pax": pax({b"linkpath": b"a\0b"}) + block(b"l", b"2", link=b"a") + END,
    "a name too long": pax({b"path": b"n" * 300}) + block(b"honest") + END,
    "too deep": tar(("/".join("d" * 300), "x")),
    "a type that nobody knows": block(b"f", b"Q") + END,
    "an owner that is none": pax({b"uid": b"4294967295"}) + block(b"f") + END,
    "an owner beyond all": pax({b"uid": b"99999999999"}) + block(b"f") + END,
    "a time beyond all": pax({b"mtime": b"9" * 20}) + block(b"f") + END,
    "an empty link": block(b"l", b"2") + END,
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_refused(data: bytes, place: Path) -> None:
    with pytest.raises(InvalidImage):
        apply(data, place)


TAMED: dict[str, tuple[bytes, list[str]]] = {
    "an absolute name": (tar(("/etc/f", "x")), ["etc", "etc/f"]),
    "many slashes and dots": (tar(("//.//etc/./f", "x")), ["etc", "etc/f"]),
    "through an absolute link": (tar(("l", "-> /outside"), ("outside/", ""), ("l/f", "x")),
                                 ["l", "outside", "outside/f"]),
    "through a link that goes up": (tar(("l", "-> ../../../outside"), ("outside/", ""), ("l/f", "x")),
                                    ["l", "outside", "outside/f"]),
    "through a link to what isn't there": (tar(("l", "-> ../outside"), ("l/f", "x")),
                                           ["l", "outside", "outside/f"]),
    "a file in place of a link": (tar(("l", "-> ../outside/secret"), ("l", "x")), ["l"]),
    "a directory in place of a link": (tar(("l", "-> ../outside"), ("l/", ""), ("l/secret", "x")),
                                       ["l", "l/secret"]),
    "a link in place of a directory": (tar(("d/", ""), ("d/f", "x"), ("d", "-> ../outside"), ("d/g", "x")),
                                       ["d", "outside", "outside/g"]),
    "a whiteout through a link": (tar(("l", "-> ../outside"), ("l/.wh.secret", "")), ["l", "outside"]),
    "opaque through a link": (tar(("l", "-> ../outside"), ("l/.wh..wh..opq", "")), ["l", "outside"]),
    "aufs's own": (tar((".wh..wh.plnk/", ""), (".wh..wh.plnk/1.2", "x"), ("f", "")), ["f"]),
}  # fmt: skip


@pytest.mark.parametrize(("data", "names"), TAMED.values(), ids=TAMED)
def test_tamed(data: bytes, names: list[str], place: Path) -> None:
    apply(data, place)
    assert sorted(str(path.relative_to(place)) for path in place.rglob("*")) == names


def test_hard_links_to_links_are_links(place: Path) -> None:
    apply(tar(("l", "-> ../outside/secret"), ("h", "=> l")), place)
    assert os.readlink(place / "h") == "../outside/secret"
    assert (place / "h").lstat().st_ino == (place / "l").lstat().st_ino


def test_digests_are_verified(place: Path) -> None:
    data = tar(("f", "x"))
    blob = gzip.compress(data)
    found = apply(blob, place, digest=digest(blob), diff_id=digest(data))
    assert found == Unpacked(digest(blob), digest(data), len(blob), len(data), 1)
    for known in ({"digest": digest(data)}, {"diff_id": digest(blob)}):
        with pytest.raises(DigestMismatch, match="not sha256:"):
            apply(blob, place, **known)


def test_bounds_name_the_entry(place: Path) -> None:
    with pytest.raises(InvalidImage, match="c: entry 3"):
        apply(tar(("a", ""), ("b", ""), ("c", "")), place, Bounds(entries=2))
    huge = pax({b"GNU.sparse.size": b"99999999", b"GNU.sparse.map": b"0,1"}) + block(b"huge", size=1)
    with pytest.raises(InvalidImage, match="huge: a file of 99999999 bytes"):
        apply(huge + filled(b"x") + END, place, Bounds(bytes=10_000))


def test_overlay_form_wants_an_empty_directory(place: Path) -> None:
    (place / "f").touch()
    with pytest.raises(Conflict):
        unpack(io.BytesIO(tar(("a", ""))), place)


def test_names_as_they_are(place: Path) -> None:
    names = [b"\xff\xfe", b"two\nlines", "ü".encode(), b"case", b"Case", b" ", b"-rf", b"n" * 255]
    apply(b"".join(pax({b"path": name}) + block(b"x") for name in names) + END, place)
    assert sorted(os.listdir(os.fsencode(place))) == sorted(names)


def test_two_hundred_directories_in_one_another(place: Path) -> None:
    name = "/".join(["d" * 100] * 200)
    apply(tar((name, "deep")), place)
    fd = os.open(place, os.O_DIRECTORY)
    for part in name.split("/")[:-1]:
        below = os.open(part, os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = below
    assert os.listdir(fd) == ["d" * 100]
    os.close(fd)


def test_nothing_stays_open_after_an_error(place: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for data in (tar(("d/f", ""), ("f/", ""), ("d/f/g", "x")), gzip.compress(tar(("a", "x" * 9999)))[:-9]):
        with pytest.raises(InvalidImage):
            apply(data, place)
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_more_directories_than_may_be_open(place: Path) -> None:
    """Most processes may have 1024 files open; a layer has more directories, of which no entry tells."""
    before = os.listdir("/proc/self/fd")
    apply(tar(*((f"d{number}/e/f", "x") for number in range(1100))), place)
    assert len(list(place.glob("*/e/f"))) == 1100
    assert len(os.listdir("/proc/self/fd")) == len(before)


@pytest.mark.parametrize("cut", range(1, 40))
def test_cut_short_never_looks_whole(cut: int, place: Path) -> None:
    data = tar(*((f"d/f{number}", "text" * number * 100) for number in range(9)))
    blob = gzip.compress(data)
    with pytest.raises(InvalidImage):
        apply(blob[: len(blob) * cut // 40], place, digest=digest(blob), diff_id=digest(data))
    tar_cut = data[: len(data) * cut // 40]
    with pytest.raises(InvalidImage):
        apply(tar_cut, place, diff_id=digest(data))


def test_whiteouts_remove_what_is_below_and_nothing_else(place: Path) -> None:
    apply(tar(("a", ""), ("d/x", ""), ("d/y", ""), ("o/x", ""), ("o/sub/y", ""), ("l", "-> a")), place)
    apply(
        tar((".wh.a", ""), ("d/new", ""), (".wh.d", ""), ("o/mine", ""), ("o/.wh..wh..opq", ""), (".wh.l", ""),
            (".wh.missing", "")),
        place,
    )  # fmt: skip
    found = sorted(str(path.relative_to(place)) for path in place.rglob("*"))
    assert found == ["d", "d/new", "o", "o/mine"]


PARTS = st.sampled_from(["a", "b", "c.d", "ü", "n" * 120])
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
TEXTS = st.one_of(st.text("ab\n", max_size=2000), PATHS.map(lambda path: f"-> {path}"))
DETAILS = st.fixed_dictionaries(
    {"mode": st.sampled_from([0o644, 0o600, 0o755, 0o700]), "mtime": st.integers(0, 2**33)}
)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(PATHS, st.tuples(TEXTS, DETAILS), max_size=8),
    st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_the_same_as_tarfile(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, tuple[str, dict[str, int]]], format: int
) -> None:
    names = [name for name in files if not any(other.startswith(f"{name}/") for other in files)]
    plain: list[Entry] = [(name, *files[name]) for name in names]
    data = tar(*plain, format=format)
    ours, theirs = tmp_path_factory.mktemp("ours"), tmp_path_factory.mktemp("theirs")
    apply(gzip.compress(data), ours)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(theirs)
    for name in names:
        a, b = ours / name, theirs / name
        assert a.is_symlink() == b.is_symlink()
        if a.is_symlink():
            assert os.readlink(a) == os.readlink(b)
        else:
            assert a.read_bytes() == b.read_bytes()
            assert (a.stat().st_mode, int(a.stat().st_mtime)) == (b.stat().st_mode, int(b.stat().st_mtime))


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=60), st.integers(0, 2000), st.sampled_from([b"0", b"1", b"2", b"5", b"x", b"S", b"L"])
)
def test_rubbish_is_an_error_and_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, rubbish: bytes, at: int, kind: bytes
) -> None:
    data = (
        pax({b"path": b"a/b"})
        + block(b"f", kind, 30, link=b"a")
        + filled(record(b"size", b"30").ljust(30))
        + END
    )
    broken = data[:at] + rubbish + data[at + len(rubbish) :]
    place = tmp_path_factory.mktemp("rubbish")
    with suppress(ContainerError):
        unpack(io.BytesIO(broken), place, whiteouts="apply", bounds=Bounds(bytes=1 << 20), devices=False)
