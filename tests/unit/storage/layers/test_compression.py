"""Compression: what is written can be read by others, and what is cut or changed is never a short file."""

import gzip
import io
import random
import zlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from container_lib.errors import InvalidImage, InvalidValue
from container_lib.storage.layers.compression import Kind, kind_of, reader, writer

KINDS: list[Kind] = ["gzip", "zstd", "none"]
DATA = b"".join(b"line %d of many\n" % n for n in range(40_000)) + random.Random(1).randbytes(300_000)


def packed(data: bytes, kind: Kind, step: int = 10**9, level: int | None = None) -> bytes:
    sink = io.BytesIO()
    with writer(sink, kind, level) as out:
        for at in range(0, len(data), step):
            out.write(data[at : at + step])
    return sink.getvalue()


def unpacked(blob: bytes) -> bytes:
    return reader(io.BytesIO(blob)).read()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", [b"", b"x", DATA], ids=["empty", "byte", "large"])
def test_there_and_back(kind: Kind, data: bytes) -> None:
    blob = packed(data, kind)
    assert unpacked(blob) == data
    assert kind_of(blob[:4]) == kind


def test_other_programs_read_it() -> None:
    assert gzip.decompress(packed(DATA, "gzip")) == DATA
    assert zstandard.ZstdDecompressor().stream_reader(packed(DATA, "zstd")).read() == DATA


@pytest.mark.parametrize("kind", KINDS)
def test_same_bytes_however_they_arrive(kind: Kind) -> None:
    assert packed(DATA, kind) == packed(DATA, kind, 999) == packed(DATA, kind, 262_145)


def test_the_gzip_header_holds_no_name_and_no_time() -> None:
    blob = packed(DATA, "gzip")
    assert blob[3] == 0, "flags: a name or a comment"
    assert blob[4:8] == bytes(4), "the time"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=5000), max_size=4), st.integers(1, 4000))
def test_members_and_frames_behind_one_another(parts: list[bytes], size: int) -> None:
    frames = b"".join(zstandard.ZstdCompressor().compress(part) for part in parts)
    for blob in (b"".join(gzip.compress(part) for part in parts), frames):
        stream, found = reader(io.BytesIO(blob)), b""
        while piece := stream.read(size):
            found += piece
        assert found == b"".join(parts)


def test_read_into_a_buffer() -> None:
    stream, buffer, found = reader(io.BytesIO(packed(DATA, "gzip"))), bytearray(77_777), b""
    while count := stream.readinto(buffer):
        found += buffer[:count]
    assert found == DATA


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_cut_short_anywhere_is_an_error(kind: Kind) -> None:
    blob = packed(DATA, kind)
    for cut in [*range(5, 40), *range(40, len(blob), len(blob) // 40), *range(len(blob) - 12, len(blob))]:
        with pytest.raises(InvalidImage, match=f"{kind} stream: cut short"):
            unpacked(blob[:cut])


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_changed_byte_is_an_error(kind: Kind) -> None:
    blob = packed(DATA, kind)
    for at in [*range(len(blob) // 60, len(blob), len(blob) // 60), len(blob) - 1]:
        broken = blob[:at] + bytes([blob[at] ^ 0x55]) + blob[at + 1 :]
        with pytest.raises(InvalidImage):
            unpacked(broken)


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_rubbish_behind_it_is_an_error(kind: Kind) -> None:
    with pytest.raises(InvalidImage, match="followed by"):
        unpacked(packed(DATA, kind) + b"rubbish")


def test_zeros_behind_gzip_are_padding() -> None:
    assert unpacked(packed(DATA, "gzip") + bytes(5000)) == DATA


def test_a_frame_of_zstd_to_skip() -> None:
    skip = b"\x5a\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"
    assert unpacked(skip + packed(DATA, "zstd") + skip) == DATA


def test_a_frame_of_zstd_without_a_checksum_is_read() -> None:
    assert unpacked(zstandard.ZstdCompressor(write_checksum=False).compress(DATA)) == DATA


@pytest.mark.parametrize(("magic", "name"), [(b"BZh91AY", "bzip2"), (b"\xfd7zXZ\0", "xz")])
def test_another_compression_is_named(magic: bytes, name: str) -> None:
    with pytest.raises(InvalidImage, match=name):
        reader(io.BytesIO(magic + bytes(1000)))


@pytest.mark.parametrize(
    ("kind", "level"), [("gzip", 4), ("gzip", -1), ("zstd", 0), ("zstd", 23), ("lzma", 1)]
)
def test_levels_and_kinds_that_do_not_exist(kind: Kind, level: int) -> None:
    with pytest.raises(InvalidValue):
        packed(b"", kind, level=level)


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_bomb_comes_in_pieces(kind: Kind) -> None:
    """A block that unpacks to much more never stands in memory as a whole: a piece is at most 2 MiB."""
    stream = reader(io.BytesIO(packed(bytes(64 << 20), kind)))
    pieces = [len(piece) for piece in stream._pieces]
    assert sum(pieces) == 64 << 20
    assert max(pieces) <= 2 << 20


def test_a_deflate_stream_is_no_gzip() -> None:
    assert kind_of(zlib.compress(DATA)[:4]) == "none"
