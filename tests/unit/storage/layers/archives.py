"""Archives for tests, made by tarfile where it can, by hand where no honest program would write them.

tar(("a/", ""), ("a/f", "text"), ("l", "-> /etc"), ("h", "=> a/f"))     a whole archive, uncompressed
block(b"name", b"0", size=3)                                            one header of 512 bytes, by hand
"""

import hashlib
import io
import tarfile
from typing import Any

END = bytes(1024)
Entry = tuple[str, str] | tuple[str, str, dict[str, Any]]


def tar(*entries: Entry, format: int = tarfile.PAX_FORMAT) -> bytes:
    """Return an archive. A name that ends in "/" is a directory, "-> x" a symbolic, "=> x" a hard link."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=format, errors="surrogateescape") as archive:
        for name, text, *more in entries:
            member, content = tarfile.TarInfo(name), text.encode()
            member.mode = 0o755 if name.endswith("/") else 0o644
            if name.endswith("/"):
                member.type = tarfile.DIRTYPE
            elif text.startswith(("-> ", "=> ")):
                member.type = tarfile.SYMTYPE if text[0] == "-" else tarfile.LNKTYPE
                member.linkname, content = text[3:], b""
            for key, value in (more[0] if more else {}).items():
                setattr(member, key, value)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return raw.getvalue()


def block(
    name: bytes, kind: bytes = b"0", size: int = 0, link: bytes = b"", magic: bytes = b"ustar\x0000"
) -> bytes:
    """Return a header with a right checksum, whatever it says."""
    head = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"%011o\0" % 7
    rest = kind + link.ljust(100, b"\0") + magic
    return sealed((head + b" " * 8 + rest).ljust(512, b"\0"))


def sealed(header: bytes) -> bytes:
    """Return the header with the checksum that it should have."""
    blank = header[:148] + b" " * 8 + header[156:]
    return blank[:148] + b"%06o\0 " % sum(blank) + blank[156:]


def filled(content: bytes) -> bytes:
    """Return the content, filled up to whole blocks."""
    return content + bytes(-len(content) % 512)


def pax(records: dict[bytes, bytes], kind: bytes = b"x") -> bytes:
    """Return a pax header with these records: what the next entry is to be."""
    content = b"".join(record(key, value) for key, value in records.items())
    return block(b"pax", kind, len(content)) + filled(content)


def record(key: bytes, value: bytes) -> bytes:
    """Return one record of a pax header: its length counts its own digits."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + len(str(len(rest)))
    length = len(rest) + len(str(length))
    return b"%d" % length + rest


def digest(data: bytes) -> str:
    """Return the digest as it stands in a manifest."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
