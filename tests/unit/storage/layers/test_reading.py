"""Reading a layer: entries with all that was said about them, digests, holes, bounds; cut short and corrupted."""

import gzip
import io
import itertools
import random
import tarfile

import pytest

from container_lib.errors import InvalidImage
from container_lib.storage.layers.headers import Header
from container_lib.storage.layers.inflate import Readable
from container_lib.storage.layers.reading import Bounds, Feed, entries
from tests.unit.storage.layers.archives import END, Entry, block, digest, filled, pax, record, tar

NESTED = "/".join(["n" * 50] * 70)
ENTRIES: list[Entry] = [
    ("a/", ""),
    ("a/f", "text\n" * 3000),
    (f"a/{'long' * 60}", "x", {"mtime": 1.5}),
    (NESTED, "deep"),
    ("a/l", f"-> {'t' * 300}"),
    ("a/h", "=> a/f"),
    ("a/\udcff\udcfe", "no utf-8"),
    ("a/big", "0123456789" * 200_000, {"uid": 70_000, "gid": 2**31}),
]
FORMATS = {"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


class Dripping:
    """A source that gives a few bytes at a time, as a network does."""

    def __init__(self, data: bytes) -> None:
        self._stream, self._chance = io.BytesIO(data), random.Random(2)

    def read(self, size: int = -1, /) -> bytes:
        return self._stream.read(min(size, self._chance.randint(1, 5000)))


def read(source: bytes | Readable, bounds: Bounds = Bounds()) -> tuple[list[tuple[Header, bytes]], Feed]:  # noqa: B008
    """Return every header with its content."""
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    with Feed(stream, bounds) as feed:
        found = [(header, b"".join(feed.pieces(header.size))) for header in entries(feed)]
        feed.drain()
    return found, feed


@pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("dripping", [False, True], ids=["at once", "dripping"])
def test_reads_what_tarfile_reads(format: int, dripping: bool) -> None:
    data = tar(*ENTRIES, format=format)
    blob = gzip.compress(data)
    found, feed = read(Dripping(blob) if dripping else blob)
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as archive:
        for (header, content), member in zip(found, archive, strict=True):
            assert header.name.rstrip(b"/") == member.name.encode(errors="surrogateescape")
            assert header.link == member.linkname.encode()
            assert (header.uid, header.gid, header.mode) == (member.uid, member.gid, member.mode)
            assert header.mtime == member.mtime * 10**9
            stored = archive.extractfile(member) if member.isreg() else None
            assert content == (stored.read() if stored else b"")
    assert (feed.digest, feed.diff_id) == (digest(blob), digest(data))
    assert (feed.size, feed.bytes) == (len(blob), len(data))


def test_what_stands_behind_the_end_counts_for_the_digests() -> None:
    data = tar(("a", "1")) + b"not an entry" * 1000
    found, feed = read(data)
    assert len(found) == 1
    assert feed.diff_id == digest(data)


def test_progress_adds_up() -> None:
    data, seen = tar(("a", "x" * 5_000_000)), []
    with Feed(io.BytesIO(data), Bounds(), seen.append) as feed:
        for header in entries(feed):
            feed.skip(header.size)
        feed.drain()
    assert sum(seen) == len(data)


def test_cut_short_at_every_block() -> None:
    data = tar(*ENTRIES[:4], format=tarfile.GNU_FORMAT)
    begins = {0}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        ends = [member.offset_data + -(-member.size // 512) * 512 for member in archive]
    begins |= set(ends)
    for cut in itertools.chain(range(0, ends[-1], 512), range(1, ends[-1], 997)):
        if cut in begins:
            read(data[:cut])  # between two entries: whole, as far as a tar can tell
            continue
        with pytest.raises(InvalidImage, match=r"cut short|ends after a header"):
            read(data[:cut])


def test_a_changed_byte_of_gzip_never_passes() -> None:
    blob = gzip.compress(tar(*ENTRIES[:4]))
    for at in range(10, len(blob), max(1, len(blob) // 50)):
        with pytest.raises(InvalidImage):
            read(blob[:at] + bytes([blob[at] ^ 8]) + blob[at + 1 :])


def test_pax_says_more_than_the_header() -> None:
    records = {b"path": b"real/name", b"size": b"3", b"uid": b"123456789", b"mtime": b"1.000000001",
               b"SCHILY.xattr.user.a": b"\0=\n"}  # fmt: skip
    ((header, content),) = read(pax(records) + block(b"short", size=99) + filled(b"abc") + END)[0]
    assert (header.name, header.uid, header.mtime, content) == (b"real/name", 123456789, 1000000001, b"abc")
    assert header.xattrs == {"user.a": b"\0=\n"}


def test_a_global_header_holds_for_all_and_an_own_one_beats_it() -> None:
    data = pax({b"uid": b"5"}, b"g") + block(b"a") + pax({b"uid": b"6"}) + block(b"b") + block(b"c") + END
    assert [(h.name, h.uid) for h, _ in read(data)[0]] == [(b"a", 5), (b"b", 6), (b"c", 5)]


def test_a_name_that_ends_in_a_slash_was_a_directory_in_v7() -> None:
    ((header, _),) = read(block(b"old/", b"\0", magic=bytes(8)) + END)[0]
    assert header.kind == b"5"


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (block(b"L", b"L", 2 << 20) + bytes(3 << 20), "a header of"),
        (block(b"x", b"x", 2 << 20) + bytes(3 << 20), "a header of"),
        (block(b"x", b"L", 600) + filled(b"n" * 600) + END, "ends after a header"),
        (pax({b"path": b"x"}), "ends after a header"),
        (bytes(512) + block(b"a") + END, "one block of zeros"),
        (b"this is no tar at all".ljust(512, b"!"), "tar header"),
        (b"short", "cut short"),
        (pax({b"GNU.sparse.realsize": b"9", b"GNU.sparse.map": b"0,5,2,4"}) + block(b"s", size=9), "holes"),
        (pax({b"GNU.sparse.realsize": b"3", b"GNU.sparse.map": b"0,9"}) + block(b"s", size=9), "holes"),
        (pax({b"GNU.sparse.size": b"9", b"GNU.sparse.map": b"0,1"}) + block(b"s", size=9), "holes"),
        (pax({b"GNU.sparse.size": b"9", b"GNU.sparse.map": b"0,x"}) + block(b"s", size=9), "no number"),
        (
            block(b"p", b"x", 60)
            + filled((record(b"GNU.sparse.major", b"1") + record(b"GNU.sparse.realsize", b"9")).ljust(60, b"\0")),
            "pax header",
        ),
        (
            pax({b"GNU.sparse.major": b"1", b"GNU.sparse.realsize": b"9"})
            + block(b"s", size=512) + filled(b"99999999999\n") + bytes(512),
            "holes",
        ),
        (
            pax({b"GNU.sparse.major": b"1", b"GNU.sparse.realsize": b"9"}) + block(b"s", size=0) + bytes(512),
            "cut short",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(data: bytes, match: str) -> None:
    with pytest.raises(InvalidImage, match=match):
        read(data)


def test_bounds() -> None:
    with pytest.raises(InvalidImage, match="bound"):
        read(gzip.compress(tar(("a", "x" * 3_000_000))), Bounds(bytes=2_000_000))
    bomb = gzip.compress(block(b"zeros", size=200 << 20) + bytes(200 << 20), 1)
    with pytest.raises(InvalidImage, match="times as many"):
        read(bomb, Bounds(ratio=20))
    read(bomb, Bounds(ratio=100_000))


@pytest.mark.parametrize("kind", [b"g", b"L"])
def test_headers_about_headers_have_a_bound(kind: bytes) -> None:
    """What is kept until the entry comes, or for all entries, must not grow without end."""

    class Endless:
        def __init__(self) -> None:
            self.given, self._parts, self._rest = 0, itertools.count(), b""

        def read(self, size: int = -1, /) -> bytes:
            if not self._rest:
                key, long = b"k%d" % next(self._parts), b"v" * 500_000
                self._rest = (
                    pax({key: long}, b"g") if kind == b"g" else block(b"L", b"L", len(long)) + filled(long)
                )
            found, self._rest = self._rest[:size], self._rest[size:]
            self.given += len(found)
            assert self.given < 64 << 20, "64 MiB of headers, and no entry yet"
            return found

    with pytest.raises(InvalidImage):
        read(Endless())
