"""The header of a tar entry: 512 bytes, then the content, filled up with zeros to the next 512.

     0 name      100 ┐ NUL-terminated bytes, in no particular encoding
   100 mode        8 │ numbers: octal digits, or base 256 if the first bit is set
   108 uid         8 │
   116 gid         8 │
   124 size       12 │ of the content, which follows
   136 mtime      12 │ seconds since 1970
   148 checksum    8 │ the sum of all 512 bytes, these eight counted as spaces
   156 type        1 │ 0 file   1 hard link   2 symbolic link   3 character, 4 block device   5 directory   6 fifo
   157 link      100 ┘ where 1 and 2 point to. So far v7, of 1979
   257 magic       8   "ustar\\0" "00" in ustar and pax; "ustar  \\0" in GNU's
   265 owner      32   names of user and group, which mean nothing on another machine: not used here
   297 group      32
   329 major       8   of devices
   337 minor       8
   345 prefix    155   ustar: stands before name, with a "/" between
   345               GNU, type S: a map of the file's holes (see `sparse`)

What doesn't fit comes in entries of its own, before the one that it is about: type L and K (GNU: a long name, a
long link), type x (pax: records "length key=value\\n", of this entry), type g (pax: of all that follow).
Names stay bytes from here to the system call, so a name that is no UTF-8 survives. Times are whole nanoseconds.

Left out: atime and ctime, multi-volume archives, star's own formats. See tar(5), pax(1), and "Basic Tar Format" in
GNU tar's manual.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct

from container_lib.errors import InvalidImage

BLOCK = 512
FILE, LINK, SYMLINK, CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
SPARSE, LONG_NAME, LONG_LINK, PAX, PAX_GLOBAL = b"S", b"L", b"K", b"x", b"g"
FIELDS = Struct("100s 8s 8s 8s 12s 12s 8s c 100s 8s 32s 32s 8s 8s 155s 12x")
SECOND = 1_000_000_000
XATTR = b"SCHILY.xattr."

Map = list[tuple[int, int]]
"""Where a sparse file has data: (offset, bytes), ascending."""


@dataclass(slots=True)
class Header:
    """An entry of a tar: `size` is in bytes and counts the content as stored, `mtime` is in ns since 1970."""

    name: bytes
    kind: bytes = FILE
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int = 0
    link: bytes = b""
    major: int = 0
    minor: int = 0
    xattrs: dict[str, bytes] = field(default_factory=dict)
    sparse: Map | None = None
    real_size: int = 0
    """Of a sparse file with its holes."""

    @property
    def shown(self) -> str:
        """The name as text, for messages: what can't be printed is escaped."""
        return show(self.name)


def show(name: bytes) -> str:
    """Return a name as text for a message: no control characters, nothing that isn't UTF-8, no end in sight."""
    text = name[:200].decode("utf-8", "backslashreplace") + ("…" if len(name) > 200 else "")
    return text if text.isprintable() else ascii(text)[1:-1]


def parse(block: bytes) -> Header:
    """Return what a block of 512 bytes says.

    >>> parse(b"hello".ljust(100, b"\\0") + ... )
    Header(name=b'hello', kind=b'0', mode=420, …)

    Raises `InvalidImage` where its checksum or a number is wrong.
    """
    fields = FIELDS.unpack(block)
    name, mode, uid, gid, size, mtime, checksum, kind, link, magic, _, _, major, minor, prefix = fields
    _verify(block, checksum)
    name = name.partition(b"\0")[0]
    if magic[:6] == b"ustar\0" and prefix[0]:
        name = prefix.partition(b"\0")[0] + b"/" + name
    header = Header(
        name,
        kind,
        _often(mode) & 0o7777,
        _often(uid),
        _often(gid),
        number(size),
        number(mtime) * SECOND,
        link.partition(b"\0")[0],
    )
    if kind in b"34":
        header.major, header.minor = number(major), number(minor)
    elif kind in b"\x007":  # v7's file, and the "contiguous" file that nobody ever made
        header.kind = FILE
    if header.size < 0:
        raise InvalidImage(f"{header.shown}: a size of {header.size} bytes")
    return header


def _verify(block: bytes, checksum: bytes) -> None:
    """Check the header's sum."""
    said = number(checksum)
    # subtle: the lower half of Adler-32 is one plus the sum of all bytes, modulo 65521, and C computes it
    spaces = 8 * 0x20 - sum(checksum)
    if ((zlib.adler32(block) & 0xFFFF) + spaces) % 65521 == (said + 1) % 65521:
        return
    real = sum(block) + spaces
    signed = real - 256 * sum(1 for byte in block if byte > 127)  # as some old tars had it
    if said not in (real, signed):
        raise InvalidImage(f"tar header of {show(block[:100].rstrip(bytes(1)))!r}: its checksum is wrong")


def number(field_: bytes) -> int:
    """Return a number of a header: octal digits, or base 256. Raises `InvalidImage`.

    >>> number(b"0000644\\0"), number(bytes([0x80, 0, 0, 0, 0, 0, 1, 0]))
    (420, 256)
    """
    digits = field_.strip(b" \0")
    if digits.isdigit():
        try:
            return int(digits, 8)
        except ValueError:
            raise InvalidImage(f"tar header: {digits!r} is no octal number") from None
    if not digits:
        return 0
    if field_[0] & 0x80:
        value = int.from_bytes(field_, "big") & ((1 << (8 * len(field_) - 1)) - 1)
        negative = field_[0] & 0x40
        return value - (1 << (8 * len(field_) - 1)) if negative else value
    cut = field_.partition(b"\0")[0].strip(b" ")
    if cut.isdigit() and cut != digits:
        return number(cut)
    raise InvalidImage(f"tar header: {digits!r} is no number")


_often = lru_cache(1024)(number)
"""The same for numbers of which there are few: modes and owners"""


def records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of each record of a pax header. Raises `InvalidImage`.

    >>> list(records(b"12 path=a/b\\n"))
    [(b'path', b'a/b')]
    """
    at = 0
    while at < len(data):
        length, space, _ = data[at : at + 20].partition(b" ")
        end = at + int(length) if length.isdigit() else 0
        record = data[at + len(length) + 1 : end]
        key, equals, value = record[:-1].partition(b"=")
        if not (space and equals and key and end <= len(data) and record.endswith(b"\n")):
            raise InvalidImage(f"pax header: no record at byte {at}: {show(data[at : at + 40])!r}")
        yield key, value
        at = end


def override(header: Header, pax: list[tuple[bytes, bytes]]) -> None:
    """Let pax records, in their order, say what the header couldn't. Raises `InvalidImage`."""
    known = dict(pax)
    for key, value in known.items():
        if not value:
            continue  # an empty value takes back what a global header said
        if key in (b"path", b"GNU.sparse.name", b"linkpath"):
            if b"\0" in value:
                raise InvalidImage(f"{show(value)}: a NUL in the pax record {key.decode()}")
            if key == b"linkpath":
                header.link = value
            elif key == b"GNU.sparse.name" or b"GNU.sparse.name" not in known:
                header.name = value
        elif key in (b"size", b"uid", b"gid"):
            setattr(header, key.decode(), decimal(key, value))
        elif key == b"mtime":
            header.mtime = nanoseconds(value)
        elif key.startswith(XATTR):
            header.xattrs[_text(key[len(XATTR) :])] = value
    if header.kind == FILE and header.name.endswith(b"/"):
        header.kind = DIRECTORY


def _text(name: bytes) -> str:
    if b"\0" in name or not name:
        raise InvalidImage(f"pax header: {show(name)!r} is no name of an extended attribute")
    return name.decode("utf-8", "surrogateescape")


def decimal(key: bytes, value: bytes) -> int:
    """Return a whole number of a pax record. Raises `InvalidImage`."""
    if not value.isdigit() or len(value) > 20:
        raise InvalidImage(f"pax header: {show(key)}={show(value)} is no number")
    return int(value)


def nanoseconds(value: bytes) -> int:
    """Return a time of a pax record, seconds with any number of decimals, in ns: no float could hold it.

    >>> nanoseconds(b"1700000000.123456789"), nanoseconds(b"-1.5")
    (1700000000123456789, -1500000000)
    """
    whole, _, part = value.removeprefix(b"-").partition(b".")
    if not whole.isdigit() or (part and not part.isdigit()) or len(whole) > 20:
        raise InvalidImage(f"pax header: mtime={show(value)} is no time")
    total = int(whole) * SECOND + int(part[:9].ljust(9, b"0"))
    return -total if value.startswith(b"-") else total
