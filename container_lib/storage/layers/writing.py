"""Writing a tar stream: an entry is a header of 512 bytes, its content, and zeros up to the next 512.

    header, 512   content, `size` bytes   zeros up to the next 512  …  1,024 zeros

The header (drawn in headers) is ustar's. Its name has 100 bytes; a longer path is prefix/name, parted at a slash.
Numbers are octal digits and a zero byte. What does not fit, or that this header has no place for, goes into an
entry of type x before it, whose content are records "LENGTH KEYWORD=VALUE\\n"; LENGTH counts itself too:

    path, linkpath   longer than fits, or not ASCII; for bytes that are no UTF-8 hdrcharset=BINARY comes first
    size, uid, gid   from 8 GiB, from 2 097 152
    mtime            with a fraction, before 1970, or after 2242: "1700000000.000000001"
    SCHILY.xattr.N   the extended attribute N, any bytes

The same entry gives the same bytes on any machine: no names of users and groups, no atime and ctime, records
sorted by keyword. Files of zeros are written as zeros: OCI's specification wants no sparse entries in a layer.
See tar(5), pax(1) of POSIX, and image-spec layer.md, "File Attributes".
"""

import struct

from container_lib.errors import InvalidImage
from container_lib.storage.layers.headers import BLOCK, PAX, Header

END = bytes(2 * BLOCK)
"""What ends the archive: two blocks of zeros."""

_USTAR = struct.Struct("100s8s8s8s12s12s8s1s100s8s64x8s8s155s12x")
_ID_END = 1 << 21
_SIZE_END = _TIME_END = 1 << 33
_SECOND = 10**9


def blocks(header: Header) -> bytes:
    """Return the blocks that stand before the entry's content: one, or three and more with an extended header.

    Raises `InvalidImage` for an attribute whose name holds "=", which an extended header cannot say.

    >>> blocks(Header(b"etc/passwd", mode=0o644, size=3))[:10]
    b'etc/passwd'
    """
    records = _records(header)
    if not records:
        return _block(header)
    content = b"".join(_record(keyword, records[keyword]) for keyword in sorted(records))
    extended = _block(Header(b"PaxHeaders/0", PAX, size=len(content)))
    return b"".join((extended, content, padding(len(content)), _block(header)))


def padding(size: int) -> bytes:
    """Return the zeros that fill up the last block of a content of `size` bytes.

    >>> len(padding(1000))
    24
    """
    return bytes(-size % BLOCK)


def _records(header: Header) -> dict[bytes, bytes]:
    """Return what has no place in the old header."""
    records = {}
    if not header.name.isascii() or _part(header.name) is None:
        records[b"path"] = header.name
    if not header.link.isascii() or len(header.link) > 100:
        records[b"linkpath"] = header.link
    if not all(_is_utf8(name) for name in records.values()):
        records[b"hdrcharset"] = b"BINARY"
    if header.size >= _SIZE_END:
        records[b"size"] = b"%d" % header.size
    if header.uid >= _ID_END:
        records[b"uid"] = b"%d" % header.uid
    if header.gid >= _ID_END:
        records[b"gid"] = b"%d" % header.gid
    if header.mtime % _SECOND or not 0 <= header.mtime < _TIME_END * _SECOND:
        records[b"mtime"] = _time(header.mtime)
    for name, value in header.xattrs.items():
        if "=" in name:
            raise InvalidImage(f"{header.shown}: a layer cannot hold the attribute {name!r}")
        records[b"SCHILY.xattr." + name.encode(errors="surrogateescape")] = value
    return records


def _record(keyword: bytes, value: bytes) -> bytes:
    r"""Return a record. Its length counts its own digits: 98 bytes and two digits would be 100, which has three.

    >>> _record(b"path", b"etc")
    b'12 path=etc\n'
    """
    rest = len(keyword) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, keyword, value)


def _block(header: Header) -> bytes:
    """Return the old header. What does not fit is cut short there: then an extended header says it all."""
    prefix, name = _part(header.name) or (b"", header.name)
    seconds = header.mtime // _SECOND
    fields = (
        name,
        b"%07o" % header.mode,
        b"%07o" % (header.uid if header.uid < _ID_END else 0),
        b"%07o" % (header.gid if header.gid < _ID_END else 0),
        b"%011o" % (header.size if header.size < _SIZE_END else 0),
        b"%011o" % (seconds if 0 <= seconds < _TIME_END else 0),
        b" " * 8,  # the checksum is counted with spaces in its own place
        header.kind,
        header.link,
        b"ustar\x0000",
        b"%07o" % header.major,
        b"%07o" % header.minor,
        prefix,
    )
    block = _USTAR.pack(*fields)
    return b"%s%06o\0 %s" % (block[:148], sum(block), block[156:])


def _part(path: bytes) -> tuple[bytes, bytes] | None:
    """Return a path as prefix and name, or None where it is too long to be parted."""
    if len(path) <= 100:
        return b"", path
    slash = path.rfind(b"/", 0, min(156, len(path) - 1))
    return (path[:slash], path[slash + 1 :]) if slash > 0 and len(path) - slash <= 101 else None


def _time(ns: int) -> bytes:
    """Return a time in seconds with as many decimals as it has.

    >>> _time(-1_500_000_000)
    b'-1.5'
    """
    seconds, fraction = divmod(abs(ns), _SECOND)
    decimals = (b".%09d" % fraction).rstrip(b"0") if fraction else b""
    return b"%s%d%s" % (b"-" if ns < 0 else b"", seconds, decimals)


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
