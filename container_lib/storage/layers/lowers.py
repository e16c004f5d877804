"""What the layers below have at a path: a layer says only what changed, and sometimes has to look.

    etc/nginx/conf      no entry for etc: the directory takes owner, mode and times from the layer below
    lib/libc.so         where lib is a symbolic link below, this is usr/lib/libc.so
    a → b, hard link    where b is a file below, it is copied up

Each layer below is a directory in overlay form (see `unpacking`), the topmost first. A whiteout (character device
0:0), an opaque directory, or a file where the path needs a directory hides what is further down.
See Documentation/filesystems/overlayfs.rst of the kernel, "whiteouts and opaque directories".
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from container_lib.storage.layers import headers
from container_lib.storage.layers.headers import Header
from container_lib.storage.layers.inflate import PIECE
from container_lib.storage.layers.inside import OPEN
from container_lib.storage.layers.upper import TRUSTED, USER, is_whiteout, opaque_mark

KINDS = {
    stat.S_IFREG: headers.FILE,
    stat.S_IFDIR: headers.DIRECTORY,
    stat.S_IFLNK: headers.SYMLINK,
    stat.S_IFCHR: headers.CHARACTER,
    stat.S_IFBLK: headers.BLOCK_DEVICE,
    stat.S_IFIFO: headers.FIFO,
}


@dataclass(frozen=True, slots=True)
class Lower:
    """What a layer below has: `name` in the open directory `fd`."""

    fd: int
    name: bytes
    status: os.stat_result

    @property
    def target(self) -> bytes | None:
        """Where it points to, if it is a symbolic link."""
        return os.readlink(self.name, dir_fd=self.fd) if stat.S_ISLNK(self.status.st_mode) else None

    def content(self) -> Iterator[memoryview]:
        """Yield what is in the file."""
        with open(
            os.open(self.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.fd), "rb"
        ) as file:
            while piece := file.read(PIECE):
                yield memoryview(piece)

    def header(self, name: bytes) -> Header:
        """Return the entry that would make the same under another name. Raises `KeyError` for a socket."""
        status = self.status
        return Header(
            name,
            KINDS[stat.S_IFMT(status.st_mode)],
            stat.S_IMODE(status.st_mode),
            status.st_uid,
            status.st_gid,
            status.st_size,
            status.st_mtime_ns,
            self.target or b"",
            os.major(status.st_rdev),
            os.minor(status.st_rdev),
            _xattrs(self.fd, self.name),
        )


def _xattrs(fd: int, name: bytes) -> dict[str, bytes]:
    path = f"/proc/self/fd/{fd}/".encode() + name
    names = [key for key in os.listxattr(path, follow_symlinks=False) if not key.startswith((TRUSTED, USER))]
    return {key: os.getxattr(path, key, follow_symlinks=False) for key in names}


@contextmanager
def find(parents: Sequence[Path], path: bytes) -> Iterator[Lower | None]:
    """Find what `parents`, merged, have at `path` (b"/etc/passwd"; b"" is their root), None if nothing.

    The directory that it is in stays open in the `with` block. No symbolic link is followed.
    """
    names = path.split(b"/")[1:] or [b"."]
    for parent in parents:
        fd = os.open(parent, OPEN & ~os.O_NOFOLLOW)
        try:
            found, hidden = None, False
            for name in names[:-1]:
                hidden = hidden or opaque_mark(fd) == b"y"
                status = _status(fd, name)
                if status is None or not stat.S_ISDIR(status.st_mode):
                    hidden = hidden or status is not None
                    break
                below = os.open(name, OPEN, dir_fd=fd)
                os.close(fd)
                fd = below
            else:
                hidden = hidden or opaque_mark(fd) == b"y"
                found = _status(fd, names[-1])
            if found is not None and not is_whiteout(found):
                yield Lower(fd, names[-1], found)
                return
            if found is not None or hidden:
                break
        finally:
            os.close(fd)
    yield None


def _status(fd: int, name: bytes) -> os.stat_result | None:
    with suppress(FileNotFoundError):
        return os.lstat(name, dir_fd=fd)
    return None


def names(parents: Sequence[Path]) -> set[bytes]:
    """Return the names in the root of `parents`, merged."""
    seen: dict[bytes, bool] = {}
    for parent in parents:
        with os.scandir(os.fsencode(parent)) as entries:
            for entry in entries:
                seen.setdefault(entry.name, not is_whiteout(entry.stat(follow_symlinks=False)))
    return {name for name, there in seen.items() if there}
