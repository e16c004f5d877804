"""A tree as a layer, without root: digests, order, links, holes, what is refused, what changes meanwhile."""

import hashlib
import io
import os
import socket
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from container_lib.errors import Conflict, InvalidImage, InvalidValue, NotFound
from container_lib.storage.layers import compression
from container_lib.storage.layers.packing import pack, pack_changes

KINDS: list[compression.Kind] = ["none", "gzip", "zstd"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with a file of several pieces, whose order by name isn't that by path."""
    tree = tmp_path / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc" / "passwd").write_text("root:x:0:0\n")
    (tree / "etc-more").write_bytes(b"many bytes " * 100_000)
    (tree / "z").symlink_to("etc")
    return tree


def packed_names(tree: Path, **options: bool) -> list[str]:
    sink = io.BytesIO()
    pack(tree, sink, compression="none", **options)
    return names(sink)


def names(sink: io.BytesIO) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as archive:
        return archive.getnames()


@pytest.mark.parametrize("kind", KINDS)
def test_both_digests_are_those_of_what_was_written(tree: Path, kind: compression.Kind) -> None:
    sink, told = io.BytesIO(), list[int]()
    packed = pack(tree, sink, compression=kind, progress=told.append)
    tar = compression.reader(io.BytesIO(sink.getvalue())).read()
    assert packed.digest == "sha256:" + hashlib.sha256(sink.getvalue()).hexdigest()
    assert packed.diff_id == "sha256:" + hashlib.sha256(tar).hexdigest()
    assert (packed.size, packed.bytes, packed.entries) == (len(sink.getvalue()), len(tar), 5)
    assert sum(told) == packed.bytes


def test_how_it_is_compressed_makes_no_difference_to_what_it_is(tree: Path) -> None:
    assert len({pack(tree, io.BytesIO(), compression=kind).diff_id for kind in KINDS}) == 1


def test_a_directory_stands_before_what_is_in_it_and_that_before_its_next_sibling(tree: Path) -> None:
    assert packed_names(tree) == [".", "etc", "etc/passwd", "etc-more", "z"]


def test_the_same_tree_in_another_place_and_order_is_the_same_layer(tree: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    for number in (3, 1, 2):
        (tree / f"file{number}").touch()
    for name in sorted(os.listdir(tree), reverse=True):
        os.system(f"cp -a '{tree}/{name}' '{again}/{name}'")
    for path in (tree, again):
        os.utime(path, (0, 0))
    assert pack(tree, io.BytesIO()) == pack(again, io.BytesIO())


def test_an_empty_tree_is_a_layer_too(tmp_path: Path) -> None:
    os.utime(tmp_path, (0, 0))
    packed = pack(tmp_path, io.BytesIO())
    assert (packed.entries, packed.bytes) == (1, 3 * 512)


def test_the_first_of_hard_links_is_the_file(tree: Path) -> None:
    os.link(tree / "etc-more", tree / "a")
    os.link(tree / "etc-more", tree / "zz")
    os.link(tree / "z", tree / "zzz", follow_symlinks=False)
    sink = io.BytesIO()
    pack(tree, sink, compression="none")
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as archive:
        links = {member.name: member.linkname for member in archive if member.islnk()}
    assert links == {"etc-more": "a", "zz": "a", "zzz": "z"}


def test_a_file_some_of_whose_names_lie_outside_is_a_file(tree: Path, tmp_path: Path) -> None:
    os.link(tree / "etc-more", tmp_path / "0")
    sink = io.BytesIO()
    pack(tree, sink, compression="none")
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as archive:
        assert archive.getmember("etc-more").isreg()


def test_sockets_are_left_out_by_name(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)  # a socket's path has at most 108 bytes
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("etc/socket")
        sink = io.BytesIO()
        assert pack(tree, sink, compression="none").skipped == ("etc/socket",)
        assert "etc/socket" not in names(sink)


def test_holes_are_not_read_and_come_out_as_zeros(tree: Path) -> None:
    with open(tree / "sparse", "wb") as file:
        file.truncate(64 << 20)
        for offset in (1 << 20, 40 << 20):
            file.seek(offset)
            file.write(b"island")
    before, sink = bytes_read(), io.BytesIO()
    pack(tree, sink, compression="none")
    assert bytes_read() - before < 8 << 20
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as archive:
        content = archive.extractfile("sparse")
        assert content is not None
        assert content.read() == (tree / "sparse").read_bytes()


def bytes_read() -> int:
    return int(Path("/proc/self/io").read_text().split()[1])


@pytest.mark.parametrize("overlay", [False, True])
def test_a_name_that_means_something_else_in_a_layer_is_refused(tree: Path, overlay: bool) -> None:
    (tree / "etc" / ".wh.passwd").touch()
    with pytest.raises(InvalidImage, match=r"etc/\.wh\.passwd: in a layer"):
        pack(tree, io.BytesIO(), overlay=overlay)


def test_what_cannot_be_packed_says_so(tree: Path) -> None:
    with pytest.raises(NotFound, match=r"no such directory: .*/etc-more"):
        pack(tree / "etc-more", io.BytesIO())
    with pytest.raises(NotFound, match=r"no such directory: .*/missing"):
        pack_changes(tree, tree / "missing", io.BytesIO())
    with pytest.raises(InvalidValue, match="'lzma'"):
        pack(tree, io.BytesIO(), compression="lzma")  # type: ignore[arg-type]


def once(action: Callable[[], object]) -> Callable[[int], None]:
    """Return a `progress` that does something at its first call: when the long file has been read in part."""
    left = [action]
    return lambda _: left.pop()() if left else None


def grow(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


def replace(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("action", "how"),
    [
        (lambda path: os.truncate(path, 300_000), "it shrank from 1100000 to 300000 bytes|it was written to"),
        (grow, "it was written to, and has 1100004 bytes instead of 1100000"),
        (lambda path: os.utime(path, (0, 0)), "it was written to"),
    ],
)
def test_a_file_that_changes_while_it_is_read_is_an_error(
    tree: Path, action: Callable[[Path], None], how: str
) -> None:
    path, sink = tree / "etc-more", io.BytesIO()
    with pytest.raises(Conflict, match=f"^etc-more changed while it was read: ({how})"):
        pack(tree, sink, compression="gzip", progress=once(lambda: action(path)))
    stream = zlib.decompressobj(wbits=31)
    stream.decompress(sink.getvalue())
    assert not stream.eof, "what is in the sink looks whole"


@pytest.mark.parametrize("action", [Path.unlink, replace])
def test_a_name_that_goes_away_after_it_was_seen_is_an_error(
    tree: Path, action: Callable[[Path], None]
) -> None:
    (tree / "f").touch()
    with pytest.raises(Conflict, match=r"^f changed while it was read"):
        pack(tree, io.BytesIO(), progress=once(lambda: action(tree / "f")))


@pytest.mark.parametrize("kind", ["directory", "file"])
def test_what_a_link_took_the_place_of_is_not_followed_out_of_the_tree(tree: Path, kind: str) -> None:
    outside = tree / "etc" if kind == "directory" else tree / "etc" / "passwd"
    (tree / "f").mkdir() if kind == "directory" else (tree / "f").touch()

    def swap() -> None:
        (tree / "f").rename(tree / "g")
        (tree / "f").symlink_to(outside)

    with pytest.raises(Conflict, match=r"^f changed while it was read"):
        pack(tree, io.BytesIO(), progress=once(swap))


def test_a_full_disk_is_told_by_the_sink(tree: Path) -> None:
    with (
        open("/dev/full", "wb", buffering=0) as full,
        pytest.raises(OSError, match="No space left on device"),
    ):
        pack(tree, full, compression="none")


def test_a_sink_may_take_a_part_at_a_time(tree: Path) -> None:
    class Sip(io.BytesIO):
        def write(self, data: object, /) -> int:
            return super().write(memoryview(data)[:1000])  # type: ignore[arg-type]

    sip, gulp = Sip(), io.BytesIO()
    assert pack(tree, sip) == pack(tree, gulp)
    assert sip.getvalue() == gulp.getvalue()


def test_the_changes_between_two_trees_are_a_layer(tree: Path, tmp_path: Path) -> None:
    after = tmp_path / "after"
    os.system(f"cp -a '{tree}' '{after}'")
    assert pack_changes(tree, after, io.BytesIO()).entries == 0
    (after / "etc" / "passwd").unlink()
    (after / "etc" / "0").touch()
    (after / "z").unlink()
    sink = io.BytesIO()
    pack_changes(tree, after, sink, compression="none")
    assert names(sink) == [".", ".wh.z", "etc", "etc/.wh.passwd", "etc/0"]
