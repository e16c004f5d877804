"""The paths of an archive, found below one directory and nowhere else.

An archive may say "../../etc/passwd", or make a symbolic link "x → /etc" and then write "x/passwd". So no path of
it is ever given to the kernel as a whole. It is walked name by name, each opened relative to the one before, with
O_NOFOLLOW; a symbolic link on the way is read and followed here, with `root` as its "/", as the container will:

    a/b/c   →   open(root, "a")   open(a, "b")   →  b's descriptor, and the name "c", which isn't followed

What was walked stays open, so the next file of a directory costs a look into a table. A name ".." is refused;
in a link's target it goes up, at most to `root`. This is what RESOLVE_IN_ROOT of openat2(2) does in the kernel;
here a name that is missing can be made on the way, or be found in a lower layer.

Descriptors are the caller's to keep few: at most `KEPT` stay open. See openat(2), symlink(7), path_resolution(7).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from container_lib.errors import InvalidImage
from container_lib.storage.layers.headers import show

KEPT = 200
"""Directories that stay open."""
DEPTH = 256
"""Directories that may be in one another."""
LINKS = 40
"""Symbolic links that are followed on one path, as in the kernel."""
OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class Directory:
    """An open directory: `path` is b"" for the root, b"/usr/lib" below it, with no symbolic link in it."""

    path: bytes
    fd: int


class Inside:
    """A directory `root`, below which paths are found.

    `absent(directory, name, status)` is asked when a name on the way is no directory and no symbolic link: it
    makes the directory, or returns the target of a link to follow instead. `status` is None if nothing is there.
    `entered(directory)` is told of each directory that is opened.
    """

    def __init__(
        self,
        root: Path,
        absent: Callable[[Directory, bytes, os.stat_result | None], bytes | None],
        entered: Callable[[Directory], None],
    ) -> None:
        self._absent, self._entered = absent, entered
        self.root = Directory(b"", os.open(root, OPEN & ~os.O_NOFOLLOW))
        self._open: dict[bytes, Directory] = {}
        """By the path that they have."""
        self._found: dict[bytes, Directory] = {b"": self.root}
        """By the path that the archive has for them."""
        self.stale: list[Directory] = []
        """Forgotten, and open still, because somebody may be using them: until `settle`."""
        entered(self.root)

    def close(self) -> None:
        """Close what is open."""
        self.forget()
        self.settle()
        os.close(self.root.fd)

    def forget(self) -> None:
        """Know nothing any more, because a directory or a link on the way has been removed."""
        self._found = {b"": self.root}
        self.stale += self._open.values()
        self._open.clear()

    def settle(self) -> None:
        """Close what was forgotten: nobody uses a `Directory` from before any more."""
        for directory in self.stale:
            os.close(directory.fd)
        self.stale.clear()

    def parent_of(self, name: bytes) -> tuple[Directory, bytes]:
        """Return the directory that an entry of this name belongs in, made if need be, and its name there.

        Raises `InvalidImage` for ".." and for a name that is none.
        """
        head, _, last = name.rpartition(b"/")
        directory = self._found.get(head) or self.enter(head)
        if last in (b"", b".", b".."):
            raise InvalidImage(f"{show(name)!r}: {show(last)!r} is no name of an entry")
        return directory, last

    def enter(self, path: bytes) -> Directory:
        """Return the directory that the archive calls `path`, made if need be. Raises `InvalidImage`."""
        found = self._found.get(path)
        if found is None:
            names = [name for name in path.split(b"/") if name not in (b"", b".")]
            if b".." in names:
                raise InvalidImage(f"{show(path)!r}: '..' would lead out of the layer")
            if len(self._found) > 4 * KEPT:
                self.forget()
            found, lasts = self._walk(names)
            if lasts:
                self._found[path] = found
        return found

    def at(self, path: bytes) -> Directory:
        """Return the directory at a `Directory.path`, following nothing. Raises `OSError` where there is none."""
        at = self.root
        for name in path.split(b"/")[1:]:
            at = self._descend(at, name)
        return at

    def _walk(self, names: list[bytes]) -> tuple[Directory, bool]:
        """Return the directory, and whether the way to it lasts: a link of a layer below may still be covered."""
        at, links, ahead, lasts = self.root, 0, names[::-1], True
        while ahead:
            name = ahead.pop()
            if name == b"..":
                at = self.at(at.path.rpartition(b"/")[0])
                continue
            at, target, here = self._step(at, name)
            if target is not None:
                links += 1
                lasts = lasts and here
                if links > LINKS:
                    raise InvalidImage(
                        f"{show(b'/'.join(names))}: more than {LINKS} symbolic links on the way"
                    )
                at = self.root if target.startswith(b"/") else at
                ahead += [part for part in target.split(b"/")[::-1] if part not in (b"", b".")]
        return at, lasts

    def _step(self, at: Directory, name: bytes) -> tuple[Directory, bytes | None, bool]:
        """Go from `at` to `name`: return where that is; or `at`, the target of a link, and whether it is here."""
        try:
            return self._descend(at, name), None, True
        except FileNotFoundError:
            status = None
        except NotADirectoryError:  # also what O_DIRECTORY with O_NOFOLLOW says of a link
            status = os.lstat(name, dir_fd=at.fd)
            if stat.S_ISLNK(status.st_mode):
                return at, os.readlink(name, dir_fd=at.fd), True
        target = self._absent(at, name, status)
        return (self._descend(at, name), None, True) if target is None else (at, target, False)

    def _descend(self, at: Directory, name: bytes) -> Directory:
        path = at.path + b"/" + name
        if known := self._open.get(path):
            return known
        if path.count(b"/") > DEPTH:
            raise InvalidImage(f"{show(path)}: more than {DEPTH} directories in one another")
        directory = Directory(path, os.open(name, OPEN, dir_fd=at.fd))
        if len(self._open) >= KEPT:
            self.forget()
        self._open[path] = directory
        self._entered(directory)
        return directory
