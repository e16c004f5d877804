"""Taking gzip members and zstd frames apart, so that each is unpacked in bounded memory and proven whole.

    gzip   member, member, … : header 10 and more | deflate | CRC-32 4 | length 4; zeros may follow the last one
    zstd   frame, frame, …   : magic 4 | header 1–13 | block | block | … | checksum 4 if the header says so
               header: descriptor 1 (bits 0–1: bytes of dictionary id, 2: checksum, 5: single segment,
                       6–7: bytes of content size) | window 1 unless single segment | dictionary id | content size
               block:  3 bytes (bit 0: the last one, bits 1–2: kind, 21 bits: size) | content; a block of kind 1
                       is one byte, repeated `size` times; at most 128 KiB when unpacked
           frame to skip     : 5? 2a 4d 18 | size 4 | that many bytes

gzip is unpacked `PIECE` bytes at a time. zstd's decompressor gives back all that it can make of what it gets, and
16,000 times as much as it got isn't rare; so it gets one block at a time, found by the sizes above. They also show
a stream that ends too early, which the decompressor itself doesn't tell. See RFC 1952 and RFC 8878, 3.1.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from container_lib.errors import InvalidImage

GZIP, ZSTD, ZSTD_SKIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18"
PIECE = 1 << 20
"""Bytes that are unpacked at most at a time."""
READ = 1 << 20
"""Bytes that are read from a source at a time; a gzip member's end gives back what it didn't need of them."""


class Readable(Protocol):
    """What a stream has to have to be read here."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes, none at the end."""


class Source:
    """A stream of which exactly so many bytes can be taken, and bytes be given back."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._buffer, self._at = b"", 0
        self.wanted = PIECE
        """How many bytes whoever unpacks is asked for: one piece of just that size need not be copied."""

    def unread(self, data: bytes) -> None:
        """Let `data` be read again."""
        self._buffer, self._at = data + self._buffer[self._at :], 0

    def read(self, size: int, exact: bool = False) -> bytes:
        """Return at most `size` bytes, none at the end; with `exact`, fewer than `size` only there."""
        while (held := len(self._buffer) - self._at) < (size if exact else 1):
            more = self._stream.read(max(size - held, READ))
            if not more:
                break
            self._buffer, self._at = self._buffer[self._at :] + more, 0
        found = self._buffer[self._at : self._at + size]
        self._at += len(found)
        return found

    def take(self, size: int, what: str) -> bytes:
        """Return `size` bytes. Raises `InvalidImage` where the stream has fewer."""
        found = self.read(size, exact=True)
        if len(found) < size:
            raise InvalidImage(f"{what} stream: cut short")
        return found


def as_it_is(source: Source) -> Iterator[bytes]:
    """Yield what isn't compressed."""
    while piece := source.read(PIECE):
        yield piece


def gunzip(source: Source) -> Iterator[bytes]:
    """Yield the content of every gzip member, at most `PIECE` bytes at a time. Raises `InvalidImage`."""
    from isal import igzip_lib

    while _next_member(source):
        member = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
        while not member.eof:
            data = source.read(READ) if member.needs_input else b""
            if member.needs_input and not data:
                raise InvalidImage("gzip stream: cut short")
            try:
                piece = member.decompress(data, min(source.wanted, PIECE))
            except igzip_lib.IsalError as error:  # type: ignore[misc]  # its stub calls the class an instance
                raise InvalidImage(f"gzip stream: corrupt ({error})") from error
            if piece:
                yield piece
        source.unread(member.unused_data)


def _next_member(source: Source) -> bool:
    """Step over the zeros that some writers pad the end with; return whether a member follows."""
    while first := source.read(1):
        if first != b"\0":
            source.unread(first)
            magic = source.read(2, exact=True)
            source.unread(magic)
            if magic != GZIP:
                raise InvalidImage(f"gzip stream: followed by {magic.hex(' ')}, which is no member")
            return True
    return False


def is_frame(magic: bytes) -> bool:
    """Return whether a frame of zstd, with content or to skip, begins with these four bytes."""
    return magic.startswith(ZSTD) or (magic[1:4] == ZSTD_SKIP and magic[0] & 0xF0 == 0x50)


def unzstd(source: Source) -> Iterator[bytes]:
    """Yield the content of every zstd frame, block by block. Raises `InvalidImage`."""
    while magic := source.read(4, exact=True):
        if magic == ZSTD:
            yield from _frame(source)
        elif len(magic) == 4 and is_frame(magic):
            size = int.from_bytes(source.take(4, "zstd"), "little")
            while size:
                size -= len(source.take(min(size, PIECE), "zstd"))
        else:
            raise InvalidImage(f"zstd stream: followed by {magic.hex(' ')}, which is no frame")


def _frame(source: Source) -> Iterator[bytes]:
    from zstandard import ZstdDecompressor, ZstdError

    frame = ZstdDecompressor().decompressobj()
    descriptor = source.take(1, "zstd")
    single, checksum = descriptor[0] >> 5 & 1, descriptor[0] >> 2 & 1
    sizes = (single, 2, 4, 8)[descriptor[0] >> 6], (0, 1, 2, 4)[descriptor[0] & 3], 1 - single
    data, last = ZSTD + descriptor + source.take(sum(sizes), "zstd"), 0
    try:
        while not last:
            block = source.take(3, "zstd")
            word = int.from_bytes(block, "little")
            last, kind, size = word & 1, word >> 1 & 3, word >> 3
            data += block + source.take(1 if kind == 1 else size, "zstd")
            if last and checksum:
                data += source.take(4, "zstd")
            if piece := frame.decompress(data):
                yield piece
            data = b""
    except ZstdError as error:
        raise InvalidImage(f"zstd stream: corrupt ({error})") from error
