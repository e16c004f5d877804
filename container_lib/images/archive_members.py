"""The files of an image archive, one after the other, wherever they come from: a tar stream or a directory.

    for member in members(source):
        member.name                     "blobs/sha256/4bc4…", always relative, without "." and ".."
        member.link                     of a symbolic or hard link the name that it leads to, otherwise ""
        member.pieces()                 the content, once, before the next member; left alone it is passed over

One pass, front to back: the stream may be a pipe. Compressed archives (gzip, zstd) are unpacked on the way.
A name or link that leads out of the archive, a device, a name that isn't UTF-8: `InvalidImage`, naming the entry.
Directories are of no interest and passed over. See tar(5), and storage/layers/reading.py, which reads it.
"""

import os
import posixpath
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from container_lib.errors import InvalidImage
from container_lib.storage.layers import headers
from container_lib.storage.layers.headers import Header
from container_lib.storage.layers.reading import Bounds, Feed, entries

MOST = 20_000
"""members of an archive; the largest image has 127 layers or a few more, and an archive maybe a hundred images"""
_PIECE = 1 << 20


class Member:
    """One file or link; `size` is in bytes."""

    def __init__(
        self,
        name: str,
        size: int,
        link: str = "",
        content: Callable[[], Iterable[bytes | memoryview]] = tuple,
    ) -> None:
        self.name, self.size, self.link = name, size, link
        self.taken = False
        self._content = content

    def pieces(self) -> Iterable[bytes | memoryview]:
        """Return the content in pieces."""
        self.taken = True
        return self._content()


def members(source: BinaryIO | Path, progress: Callable[[int], None] | None = None) -> Iterator[Member]:
    """Yield the members of an archive: an open stream, a file's path, or a directory with what an archive holds.

    `progress` is called with the bytes that were read of the source since the last time.
    Raises `InvalidImage`, `OSError` of the source.
    """
    if isinstance(source, Path) and source.is_dir():
        found = _in_directory(source, progress)
    elif isinstance(source, Path):
        found = _in_file(source, progress)
    else:
        found = _in_stream(source, progress)
    for number, member in enumerate(found):
        if number == MOST:
            raise InvalidImage(f"{member.name}: more than {MOST} entries: this is no archive of images")
        yield member


def _in_file(path: Path, progress: Callable[[int], None] | None) -> Iterator[Member]:
    with open(path, "rb") as stream:
        yield from _in_stream(stream, progress)


def _in_stream(stream: BinaryIO, progress: Callable[[int], None] | None) -> Iterator[Member]:
    with Feed(stream, Bounds(), progress) as feed:
        for header in entries(feed):
            if header.kind == headers.DIRECTORY:
                continue
            member = _member(header, feed)
            yield member
            if not member.taken:
                feed.skip(header.size)
        feed.drain()  # a compressed stream proves that it is whole at its end


def _member(header: Header, feed: Feed) -> Member:
    name = _inside(header.name, header.shown)
    if header.kind in (headers.SYMLINK, headers.LINK):
        # a hard link's name is relative to the archive, a symbolic link's to the directory that it is in
        base = os.path.dirname(os.fsencode(name)) if header.kind == headers.SYMLINK else b""
        if header.link.startswith(b"/"):
            raise InvalidImage(
                f"{header.shown}: links to {headers.show(header.link)}, which is not in the archive"
            )
        return Member(name, 0, _inside(os.path.join(base, header.link), header.shown))
    if header.kind != headers.FILE or header.sparse is not None:
        raise InvalidImage(f"{header.shown}: neither file nor link: an image archive has nothing else")
    return Member(name, header.size, content=lambda: feed.pieces(header.size))


def _inside(raw: bytes, shown: str) -> str:
    """Return a path without detours. Raises `InvalidImage` if it leads out of the archive, or is no text."""
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise InvalidImage(f"{shown}: the name is not UTF-8") from None
    path = posixpath.normpath(name)
    if path.startswith("/") or path.split("/")[0] in ("..", ".", ""):
        raise InvalidImage(f"{shown}: leads out of the archive ({headers.show(raw)})")
    return path


def _in_directory(directory: Path, progress: Callable[[int], None] | None) -> Iterator[Member]:
    for place, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(place, name)
            shown = os.path.relpath(path, directory)
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                target = os.path.join(os.path.dirname(shown), os.readlink(path))
                yield Member(_inside(os.fsencode(shown), shown), 0, _inside(os.fsencode(target), shown))
            elif stat.S_ISREG(status.st_mode):
                yield Member(
                    _inside(os.fsencode(shown), shown),
                    status.st_size,
                    content=lambda path=path: _content(path, progress),  # type: ignore[misc]
                )


def _content(path: str, progress: Callable[[int], None] | None) -> Iterator[bytes]:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            if progress:
                progress(len(piece))
            yield piece
