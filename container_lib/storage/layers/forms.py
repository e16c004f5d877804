"""A layer can be unpacked in two forms, which differ in what becomes of a whiteout.

    in the tar                  overlay form: the layer alone            apply form: onto what is there
    .wh.NAME                    a character device 0:0 called NAME       NAME is removed
    .wh..wh..opq                trusted.overlay.opaque=y on its          what its directory had is removed
                                directory
    no entry for a parent       made as the layers below have it         kept; its times too

Both remove what is below alone: what the same layer brings stays, whether it comes before the whiteout or after
it. So in overlay form a directory that comes with a whiteout of its own name, or where something else stood, is
opaque. The root of an overlay can't be opaque, so there each name below gets its whiteout.

Refused: names in a ".wh." name, and the device 0:0 as an entry in overlay form, where it would be a whiteout.
Passed over: aufs's own files, ".wh..wh.…", as docker does.
See image-spec layer.md, "Whiteouts" and "Opaque Whiteout"; Documentation/filesystems/overlayfs.rst of the kernel.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from container_lib.errors import InvalidImage
from container_lib.storage.layers import headers, lowers
from container_lib.storage.layers.headers import Header, show
from container_lib.storage.layers.inside import Directory
from container_lib.storage.layers.making import Making, status_of
from container_lib.storage.layers.upper import TRUSTED, is_whiteout

PREFIX, OPAQUE, AUFS = b".wh.", b".wh..wh..opq", b".wh..wh."


class Form(Making):
    """What both forms do with the names of whiteouts."""

    def whiteout(self, parent: Directory, name: bytes) -> None:
        """Let nothing of the layers below be seen at a name."""
        raise NotImplementedError

    def opaque(self, directory: Directory) -> None:
        """Let nothing of the layers below be seen in a directory."""
        raise NotImplementedError

    def marked(self, name: bytes) -> bool:
        """Carry out what the name of an entry says, if it is one of those in ".wh."; return whether it is."""
        names = [part for part in name.split(b"/") if part not in (b"", b".")]
        if not any(part.startswith(PREFIX) for part in names):
            return False
        last = names[-1]
        if any(part.startswith(AUFS) and part != OPAQUE for part in names):
            return True
        if any(part.startswith(PREFIX) for part in names[:-1]):
            raise InvalidImage(f"{show(name)}: a name in a whiteout, which is no directory")
        if last == OPAQUE:
            self.opaque(self.tree.enter(b"/".join(names[:-1])))
        elif last[len(PREFIX) :] in (b"", b".", b".."):
            raise InvalidImage(f"{show(name)}: a whiteout of no name")
        else:
            parent, _ = self.tree.parent_of(b"/".join(names))
            self.whiteout(parent, last[len(PREFIX) :])
        return True

    def taken_for_granted(self, at: Directory, name: bytes) -> Directory:
        """Make a directory that no entry and no layer tells about: root's, 0755, of 1970, the same each time."""
        directory = self.new_directory(at, name, 0o755)
        self.dress_directory(directory, Header(b"", headers.DIRECTORY, 0o755))
        return directory


class OverlayForm(Form):
    """The layer alone, as overlayfs wants it, over `parents` (the topmost first)."""

    def __init__(self, directory: Path, devices: bool, parents: Sequence[Path]) -> None:
        self._parents = parents
        self._opaque: set[bytes] = set()
        super().__init__(directory, devices)

    def begin(self) -> None:
        """Make the root as it is below: the topmost layer's root is the merged one's. A "./" may change it."""
        header = Header(b"./", headers.DIRECTORY, 0o755)
        if self._parents:
            with lowers.find(self._parents, b"") as lower:
                header = lower.header(b"./") if lower else header
        self.dress_directory(self.tree.root, header)

    def absent(self, at: Directory, name: bytes, status: os.stat_result | None) -> bytes | None:
        """Make a directory as the layers below have it, or return the target of the link that they have there."""
        path = at.path + b"/" + name
        if status is not None:
            if not is_whiteout(status):
                raise InvalidImage(f"{show(path)}: not a directory, but an entry is in it")
            self.taken_for_granted(at, name)  # and opaque, because of what stood there
            return None
        if self._hidden(path):
            self.taken_for_granted(at, name)
            return None
        with lowers.find(self._parents, path) as lower:
            if lower is None:
                self.taken_for_granted(at, name)
            elif (target := lower.target) is not None:
                return target
            elif not stat.S_ISDIR(lower.status.st_mode):
                raise InvalidImage(
                    f"{show(path)}: not a directory in the layers below, but an entry is in it"
                )
            else:
                self.dress_directory(self.new_directory(at, name, 0o755), lower.header(name))
        return None

    def _hidden(self, path: bytes) -> bool:
        """Return whether an opaque directory of this layer is above `path`."""
        while self._opaque and path:
            path = path.rpartition(b"/")[0]
            if path in self._opaque:
                return True
        return False

    def whiteout(self, parent: Directory, name: bytes) -> None:
        """Make the device 0:0, or the directory of this layer opaque; a file of this layer hides enough."""
        status = status_of(parent, name)
        if status is None:
            os.mknod(name, stat.S_IFCHR | 0o600, os.makedev(0, 0), dir_fd=parent.fd)
        elif stat.S_ISDIR(status.st_mode):
            self.instead(self.tree.at(parent.path + b"/" + name))

    def opaque(self, directory: Directory) -> None:
        """Set overlayfs's mark; in the root, where it has no meaning, hide each name that is below."""
        if directory.path:
            self.instead(directory)
        else:
            for name in lowers.names(self._parents):
                self.whiteout(self.tree.root, name)

    def instead(self, directory: Directory) -> None:
        """Mark a directory as opaque."""
        os.setxattr(directory.fd, f"{TRUSTED}opaque", b"y")
        self._opaque.add(directory.path)

    def from_below(self, path: bytes, parent: Directory, name: bytes) -> bool:
        """Copy a file up from the layers below."""
        if self._hidden(path):
            return False
        with lowers.find(self._parents, path) as lower:
            if lower is None or stat.S_ISSOCK(lower.status.st_mode):
                return False
            if stat.S_ISDIR(lower.status.st_mode):
                raise InvalidImage(f"a hard link to {show(path)}, which is a directory in the layers below")
            header = lower.header(path[1:])
            self.make(header, lower.content() if header.kind == headers.FILE else ())
        return True

    def _device(self, header: Header) -> int:
        if (header.kind, header.major, header.minor) == (headers.CHARACTER, 0, 0):
            raise InvalidImage(f"{header.shown}: the character device 0:0, which is a whiteout in an overlay")
        return super()._device(header)


class ApplyForm(Form):
    """The layer onto a directory that holds the layers below."""

    def __init__(self, directory: Path, devices: bool) -> None:
        self._made: set[bytes] = set()
        super().__init__(directory, devices)

    def absent(self, at: Directory, name: bytes, status: os.stat_result | None) -> bytes | None:
        """Make a directory that nobody told about."""
        if status is not None:
            path = show(at.path + b"/" + name)
            raise InvalidImage(f"{path}: not a directory, but an entry is in it")
        self.taken_for_granted(at, name)
        return None

    def note(self, path: bytes) -> None:
        """Remember what this layer brought, and so the directories that it is in."""
        while path and path not in self._made:
            self._made.add(path)
            path = path.rpartition(b"/")[0]

    def whiteout(self, parent: Directory, name: bytes) -> None:
        """Remove what is at a name, but for what this layer brought."""
        path = parent.path + b"/" + name
        status = status_of(parent, name)
        if status is not None and path not in self._made:
            self.remove(parent, name)
        elif status is not None and stat.S_ISDIR(status.st_mode):
            self.opaque(self.tree.at(path))

    def opaque(self, directory: Directory) -> None:
        """Remove what is in a directory, but for what this layer brought."""
        for name in os.listdir(directory.fd):
            self.whiteout(directory, os.fsencode(name))
