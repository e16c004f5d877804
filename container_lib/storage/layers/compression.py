"""Compression of a layer: gzip, zstd, or none, told apart by the first bytes and never by a name.

    gzip   1f 8b 08 …     members, one behind the other; each ends with the CRC-32 and the length of its content
    zstd   28 b5 2f fd …  frames, one behind the other; each may end with a checksum of its content
    none   anything else

Both ways are streams of bounded memory. What a stream has to prove its content is checked (see `inflate`), so a
byte that changed or an end that is missing is an error and never a short file. gzip goes through ISA-L
(python-isal), which does in one second what zlib does in three.

Same bytes in, same bytes out: the gzip header holds no name and no time, and what is written is cut in pieces of
one size before it is compressed, however it arrived. Another version of ISA-L or zstd may choose other bytes; the
uncompressed tar, and so a layer's diff_id, is always the same.

Left out: bzip2 and xz, which docker reads and OCI's layers don't have; dictionaries of zstd.
See RFC 1952 (gzip), RFC 8878 (zstd), and image-spec layer.md, "Layer media types".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol

from container_lib.errors import InvalidImage, InvalidValue
from container_lib.storage.layers.inflate import (
    GZIP,
    PIECE,
    Readable,
    Source,
    as_it_is,
    gunzip,
    is_frame,
    unzstd,
)

Kind = Literal["gzip", "zstd", "none"]

OTHERS = {b"BZh": "bzip2", b"\xfd7zXZ": "xz"}
LEVELS = {"gzip": 2, "zstd": 3}
"""Levels unless told: for gzip those of ISA-L, 0 to 3; for zstd 1 to 22."""


class Writable(Protocol):
    """What a stream has to have to be written here."""

    def write(self, data: bytes, /) -> object:
        """Take all of `data`."""


def kind_of(first_bytes: bytes) -> Kind:
    """Return how a stream that begins with these bytes (four are enough) is compressed.

    >>> kind_of(bytes([0x1f, 0x8b, 0x08, 0x00]))
    'gzip'
    """
    if first_bytes.startswith(GZIP):
        return "gzip"
    return "zstd" if is_frame(first_bytes) else "none"


def reader(source: Readable) -> Reader:
    """Return `source` without its compression: what is read from it is the tar.

    Raises `InvalidImage`, here or while reading, where the stream is corrupt, cut short, or of another kind.
    """
    start = Source(source)
    first = start.read(5, exact=True)
    for magic, name in OTHERS.items():
        if first.startswith(magic):
            raise InvalidImage(f"compressed with {name}: a layer is gzip, zstd or not compressed")
    start.unread(first)
    kind = kind_of(first)
    pieces = {"gzip": gunzip, "zstd": unzstd, "none": as_it_is}[kind]
    return Reader(kind, pieces(start), start)


class Reader:
    """A stream that is being unpacked; `kind` says from what. It can be read once, from its begin to its end."""

    def __init__(self, kind: Kind, pieces: Iterator[bytes], source: Source) -> None:
        self.kind = kind
        self._pieces = pieces
        self._source = source
        self._rest = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes, fewer only at the end; all that is left for -1. Raises `InvalidImage`."""
        found: list[memoryview] = []
        missing = size
        while missing:
            if not self._rest:
                self._source.wanted = missing if missing > 0 else PIECE
                piece = next(self._pieces, b"")
                if len(piece) == size and not found:
                    return piece  # the usual case: no byte is copied
                self._rest = memoryview(piece)
                if not self._rest:
                    break
            part = self._rest[:missing] if missing > 0 else self._rest
            self._rest = self._rest[len(part) :]
            found.append(part)
            missing -= len(part) if missing > 0 else 0
        return bytes(found[0]) if len(found) == 1 else b"".join(found)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """Fill `buffer` and return how many bytes it took, fewer than it has only at the end."""
        target, filled = memoryview(buffer).cast("B"), 0
        while filled < len(target):
            if not self._rest:
                self._rest = memoryview(next(self._pieces, b""))
                if not self._rest:
                    break
            part = self._rest[: len(target) - filled]
            target[filled : filled + len(part)] = part
            self._rest = self._rest[len(part) :]
            filled += len(part)
        return filled

    def readable(self) -> bool:
        """Return True: `io.BufferedReader` and `tarfile` may ask."""
        return True


@contextmanager
def writer(sink: Writable, kind: Kind, level: int | None = None) -> Iterator[Writer]:
    """Compress into `sink` what is written; the stream is whole when the `with` block is left without an error.

        with writer(file, "gzip") as out:
            out.write(tar)

    Raises `InvalidValue` for another kind or a level that it doesn't have.
    """
    made = Writer(sink, _compressor(kind, level))
    yield made
    made.finish()


class Writer:
    """A stream that is being packed. `size` is how many bytes were given to the sink so far."""

    def __init__(self, sink: Writable, compressor: Any) -> None:
        self.size = 0
        self._sink = sink
        self._compressor = compressor
        self._waiting = bytearray()

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Take all of `data` and return its length."""
        self._waiting += data
        whole = len(self._waiting) - len(self._waiting) % PIECE
        if whole:
            with memoryview(self._waiting) as view:
                for begin in range(0, whole, PIECE):
                    with view[begin : begin + PIECE] as piece:
                        self._put(self._compressor.compress(piece) if self._compressor else bytes(piece))
            del self._waiting[:whole]
        return len(data)

    def finish(self) -> None:
        """Write the last piece and the stream's end."""
        last = bytes(self._waiting)
        self._waiting.clear()
        self._put(self._compressor.compress(last) + self._compressor.flush() if self._compressor else last)

    def _put(self, data: bytes) -> None:
        if data:
            self._sink.write(data)
            self.size += len(data)


def _compressor(kind: Kind, level: int | None) -> Any:
    if kind not in ("gzip", "zstd", "none"):
        raise InvalidValue(f"compression {kind!r}: not known", "gzip, zstd or none")
    if kind == "none":
        return None
    level = LEVELS[kind] if level is None else level
    if kind == "zstd":
        from zstandard import ZstdCompressor

        if not 1 <= level <= 22:
            raise InvalidValue(f"level {level} of zstd", "1 to 22")
        return ZstdCompressor(level=level, write_checksum=True).compressobj()
    from isal import isal_zlib

    if not 0 <= level <= 3:
        raise InvalidValue(f"level {level} of gzip", "0 to 3, as ISA-L counts them")
    return isal_zlib.compressobj(level, wbits=31)
