"""Files with holes: the archive holds their data alone, and a map that says where it belongs.

A map is pairs of offset and bytes, ascending; what is between them is a hole, and so is what is between the last
one and the file's real size. Four ways to write it down, all of them GNU's:

    type S     in the header: at 386 four pairs of 12 and 12 bytes, 482 whether more follow, 483 the real size;
               then blocks of 21 pairs, 504 whether more follow
    pax 0.0    records GNU.sparse.offset and GNU.sparse.numbytes, again and again; GNU.sparse.size
    pax 0.1    one record GNU.sparse.map=offset,bytes,offset,bytes,…; GNU.sparse.name, GNU.sparse.size
    pax 1.0    GNU.sparse.major=1, GNU.sparse.name, GNU.sparse.realsize, and the map in front of the content: lines
               "count", "offset", "bytes", "offset", "bytes", …, filled up with zeros to whole blocks

See "Storing Sparse Files" in GNU tar's manual.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Protocol

from container_lib.errors import InvalidImage
from container_lib.storage.layers.headers import BLOCK, FILE, SPARSE, Header, Map, decimal, number

PAIRS = 1_000_000
"""How many pairs a map may have."""


class Blocks(Protocol):
    """What the map is read from."""

    def block(self) -> bytes:
        """Return the next 512 bytes."""


def find(header: Header, block: bytes, pax: list[tuple[bytes, bytes]], blocks: Blocks) -> None:
    """Give a sparse file's header its map and its real size; leave other headers alone. Raises `InvalidImage`."""
    known = dict(pax)
    if header.kind == SPARSE:
        header.kind, header.real_size = FILE, number(block[483:495])
        header.sparse = list(_old_map(block, blocks))
    elif size := known.get(b"GNU.sparse.realsize") or known.get(b"GNU.sparse.size"):
        header.real_size = decimal(b"GNU.sparse.size", size)
        numbers = _numbers_of(pax)
        if known.get(b"GNU.sparse.major") == b"1":
            numbers = _numbers_in_front(header, blocks)
        header.sparse = list(zip(numbers[::2], numbers[1::2], strict=False))
    if header.sparse is not None:
        _check(header, header.sparse)


def _old_map(block: bytes, blocks: Blocks) -> Iterator[tuple[int, int]]:
    begin, count, more = 386, 4, block[482]
    while True:
        for at in range(begin, begin + 24 * count, 24):
            if block[at : at + 24].strip(b"\0"):
                yield number(block[at : at + 12]), number(block[at + 12 : at + 24])
        if not more:
            return
        block = blocks.block()
        if not block:
            raise InvalidImage("tar: cut short in the map of a sparse file")
        begin, count, more = 0, 21, block[504]


def _numbers_of(pax: list[tuple[bytes, bytes]]) -> list[int]:
    numbers: list[int] = []
    for key, value in pax:
        if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            numbers.append(decimal(key, value))
        elif key == b"GNU.sparse.map" and value:
            numbers = [decimal(key, part) for part in value.split(b",")]
    return numbers


def _numbers_in_front(header: Header, blocks: Blocks) -> list[int]:
    """Read the map in front of the content, which gets shorter by it."""
    lines: list[bytes] = []
    text, expected = b"", 1
    while len(lines) < expected:
        block = blocks.block()
        header.size -= BLOCK
        if not block or header.size < 0:
            raise InvalidImage(f"{header.shown}: its map of holes is cut short")
        *more, text = (text + block).split(b"\n")
        lines += more
        if lines and expected == 1:
            expected = 1 + 2 * decimal(b"map", lines[0])
            if expected > 2 * PAIRS:
                raise InvalidImage(f"{header.shown}: a map of more than {PAIRS} holes")
    return [decimal(b"map", line) for line in lines[1:expected]]


def _check(header: Header, found: Map) -> None:
    """Refuse a map whose pairs overlap, aren't in the file, or don't fit the content."""
    end = 0
    for offset, size in found:
        if offset < end or size < 0:
            raise InvalidImage(
                f"{header.shown}: data at {offset}, in a map of holes that is already at {end}"
            )
        end = offset + size
    if end > header.real_size or sum(size for _, size in found) != header.size:
        raise InvalidImage(f"{header.shown}: its map of holes doesn't fit its size")


def write(fd: int, header: Header, content: Iterable[memoryview]) -> None:
    """Write a sparse file's data where its map says; what is between stays a hole. Raises `OSError`."""
    os.ftruncate(fd, header.real_size)
    places = iter(header.sparse or ())
    left = 0
    for piece in content:
        while piece:
            while not left:
                offset, left = next(places)
                os.lseek(fd, offset, os.SEEK_SET)
            part = piece[:left]
            write_all(fd, part)
            left -= len(part)
            piece = piece[len(part) :]


def write_all(fd: int, data: memoryview) -> None:
    """Write all of `data`, in as many calls as it takes. Raises `OSError`."""
    while data:
        data = data[os.write(fd, data) :]
