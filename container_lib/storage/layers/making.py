"""Making the files of a layer: one method for each kind of entry, and the order in which attributes are given.

    open, O_CREAT|O_EXCL  →  write  →  owner  →  extended attributes  →  mode  →  times
                                       │         └ a change of owner removes security.capability
                                       └ and it clears the setuid bit, so the mode comes after it

A call that would change nothing isn't made: the owner if it is this process's own, the mode if the umask left it
alone. O_EXCL is also what keeps a file from being written through a link, or into another name's content. What
stands in the way is removed first. Directories get their last mode and their times at the very end, the innermost
first: every file that is made in one changes its time, and a mode may forbid to make any.

Without CAP_CHOWN, files belong to the caller, as with tar(1); then what would give their owner's power away (the
setuid and setgid bits) and what only root may write (attributes in security. and trusted.) is left out.
See chown(2), capabilities(7), xattr(7).
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from container_lib.errors import InvalidImage
from container_lib.kernel import procfs
from container_lib.kernel.syscalls import capget
from container_lib.storage.layers import headers, sparse
from container_lib.storage.layers.headers import Header, show
from container_lib.storage.layers.inside import Directory, Inside

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
CAP_CHOWN = 1 << 0
MARKS = ("trusted.overlay.", "user.overlay.")
"""Attributes by which overlayfs keeps its own books: an archive has no say in them."""
NOBODY = (1 << 32) - 1
"""The id that means "leave it as it is" to chown(2), and so nobody's."""


class Making:
    """The tree that grows in `directory`. Its two forms say what a whiteout is: see `forms`."""

    def __init__(self, directory: Path, devices: bool) -> None:
        self.devices = devices
        self.last: dict[bytes, tuple[int | None, int]] = {}
        """Of each directory, by its path: the mode (None: it has it) and the mtime that it gets at the end."""
        self._umask = int(procfs.status()["Umask"], 8)
        self._own = os.geteuid(), os.getegid()
        self._privileged = bool(capget()[0] & CAP_CHOWN)
        self._inherited = False
        self._folds = _folds_case(directory)
        self.tree = Inside(directory, self.absent, self._entered)
        self._make: dict[bytes, Callable[[Directory, bytes, Header, Iterable[memoryview]], None]] = {
            headers.FILE: self._file,
            headers.LINK: self._link,
            headers.SYMLINK: self._symlink,
            headers.CHARACTER: self._node,
            headers.BLOCK_DEVICE: self._node,
            headers.FIFO: self._node,
        }

    # ---- what a form adds

    def absent(self, at: Directory, name: bytes, status: os.stat_result | None) -> bytes | None:
        """Make the directory `name` that an entry takes for granted, or return the target of the link it is."""
        raise NotImplementedError

    def begin(self) -> None:
        """Make ready for the first entry."""

    def note(self, path: bytes) -> None:
        """Be told that this layer has something at `path`."""

    def instead(self, directory: Directory) -> None:
        """Be told that a directory was made where something else stood before."""

    def from_below(self, path: bytes, parent: Directory, name: bytes) -> bool:
        """Bring the file at `path` up from a layer below, for a hard link to it; return whether there is one."""
        return False

    # ---- entries

    def make(self, header: Header, content: Iterable[memoryview]) -> None:
        """Make an entry, in place of what may be there. Raises `InvalidImage`, `OSError`."""
        if header.kind == headers.DIRECTORY:
            self._directory(header)
            return
        make = self._make.get(header.kind)
        if make is None:
            raise InvalidImage(f"{header.shown}: an entry of the type {header.kind!r}, which isn't known")
        parent, name = self.tree.parent_of(header.name)
        make(parent, name, header, content)
        self.note(parent.path + b"/" + name)

    def _file(self, parent: Directory, name: bytes, header: Header, content: Iterable[memoryview]) -> None:
        try:
            fd = os.open(name, NEW, header.mode & 0o777, dir_fd=parent.fd)
        except FileExistsError:
            self.remove(parent, name)
            fd = os.open(name, NEW, header.mode & 0o777, dir_fd=parent.fd)
        try:
            if header.sparse is None:
                for piece in content:
                    if (written := os.write(fd, piece)) != len(piece):
                        sparse.write_all(fd, piece[written:])  # a full disk takes a part, and then says so
            else:
                sparse.write(fd, header, content)
            self._dress(fd, header)
        finally:
            os.close(fd)

    def _dress(self, fd: int, header: Header) -> None:
        """Give an open file its attributes."""
        wanted = header.mode
        if self._inherited or (header.uid, header.gid) != self._own:
            if self._privileged:
                os.fchown(fd, *_owner(header))
            else:
                wanted &= 0o1777
        for key, value in header.xattrs.items():
            if self._may_set(key):
                os.setxattr(fd, key, value)
        if wanted & (self._umask | 0o7000):
            os.fchmod(fd, wanted)
        os.utime(fd, ns=(header.mtime, header.mtime))

    def _may_set(self, key: str) -> bool:
        return not key.startswith(MARKS) and (
            self._privileged or not key.startswith(("security.", "trusted."))
        )

    def _directory(self, header: Header) -> None:
        name = header.name.rstrip(b"/")
        if name.rpartition(b"/")[2] in (b"", b"."):  # "./" and "/"
            directory = self.tree.enter(name)
            if directory.path:
                raise InvalidImage(f"{header.shown!r}: no name of a directory")
        else:
            parent, name = self.tree.parent_of(name)
            directory = self.new_directory(parent, name, header.mode)
        self.dress_directory(directory, header)

    def new_directory(self, parent: Directory, name: bytes, mode: int) -> Directory:
        """Make a directory, or keep the one that is there; return it open."""
        path = parent.path + b"/" + name
        mode = mode & 0o777 | 0o700
        try:
            os.mkdir(name, mode, dir_fd=parent.fd)
            replaced = False
        except FileExistsError:
            self._check_case(parent, name)
            replaced = not stat.S_ISDIR(os.lstat(name, dir_fd=parent.fd).st_mode)
            if replaced:
                self.remove(parent, name)
                os.mkdir(name, mode, dir_fd=parent.fd)
        directory = self.tree.at(path)
        if replaced:
            self.instead(directory)
        self.note(path)
        return directory

    def dress_directory(self, directory: Directory, header: Header) -> None:
        """Give a directory its attributes, the mode so that it can be written, and remember the rest for later."""
        wanted = header.mode if self._privileged else header.mode & 0o1777
        if self._privileged:
            os.fchown(directory.fd, *_owner(header))
        for key in os.listxattr(directory.fd):
            if self._may_set(key) and key not in header.xattrs and key != "security.selinux":
                os.removexattr(directory.fd, key)
        for key, value in header.xattrs.items():
            if self._may_set(key):
                os.setxattr(directory.fd, key, value)
        has = stat.S_IMODE(os.fstat(directory.fd).st_mode)
        if has & 0o700 != 0o700:
            has = 0o700
            os.fchmod(directory.fd, has)
        self.last[directory.path] = (None if has == wanted else wanted), header.mtime

    def _symlink(self, parent: Directory, name: bytes, header: Header, _: object) -> None:
        if not header.link:
            raise InvalidImage(f"{header.shown}: a symbolic link to nothing")
        self._anew(parent, name, lambda: os.symlink(header.link, name, dir_fd=parent.fd))
        self._dress_by_name(parent, name, header)

    def _node(self, parent: Directory, name: bytes, header: Header, _: object) -> None:
        device = 0
        if header.kind == headers.FIFO:
            kind = stat.S_IFIFO
        else:
            kind = stat.S_IFCHR if header.kind == headers.CHARACTER else stat.S_IFBLK
            device = self._device(header)
        self._anew(parent, name, lambda: os.mknod(name, kind | 0o600, device, dir_fd=parent.fd))
        self._dress_by_name(parent, name, header)

    def _device(self, header: Header) -> int:
        if not self.devices:
            raise InvalidImage(f"{header.shown}: a device node, where none is allowed")
        if not (0 <= header.major < 1 << 12 and 0 <= header.minor < 1 << 20):
            raise InvalidImage(f"{header.shown}: device {header.major}:{header.minor}, which no kernel has")
        return os.makedev(header.major, header.minor)

    def _dress_by_name(self, parent: Directory, name: bytes, header: Header) -> None:
        """Give attributes to what can't be opened without side effects: a link, a device, a fifo."""
        if self._privileged:
            os.chown(name, *_owner(header), dir_fd=parent.fd, follow_symlinks=False)
        for key, value in header.xattrs.items():
            if self._may_set(key):
                path = f"/proc/self/fd/{parent.fd}/".encode() + name
                os.setxattr(path, key, value, follow_symlinks=False)
        if header.kind != headers.SYMLINK:  # which has no mode. What stands here now was made a moment ago
            os.chmod(name, header.mode, dir_fd=parent.fd)
        os.utime(name, ns=(header.mtime, header.mtime), dir_fd=parent.fd, follow_symlinks=False)

    def _link(self, parent: Directory, name: bytes, header: Header, _: object) -> None:
        target = header.link.rstrip(b"/")
        there, named = self.tree.parent_of(target)
        if there.path == parent.path and named == name:
            raise InvalidImage(f"{header.shown}: a hard link to itself")
        status = status_of(there, named)
        if status is None or (stat.S_ISCHR(status.st_mode) and status.st_rdev == 0):
            if status is not None or not self.from_below(there.path + b"/" + named, there, named):
                raise InvalidImage(f"{header.shown}: a hard link to {show(target)}, which doesn't exist")
        elif stat.S_ISDIR(status.st_mode):
            raise InvalidImage(f"{header.shown}: a hard link to {show(target)}, which is a directory")
        places = {"src_dir_fd": there.fd, "dst_dir_fd": parent.fd}
        self._anew(parent, name, lambda: os.link(named, name, **places, follow_symlinks=False))

    def _anew(self, parent: Directory, name: bytes, call: Callable[[], None]) -> None:
        try:
            call()
        except FileExistsError:
            self.remove(parent, name)
            call()

    def remove(self, parent: Directory, name: bytes) -> None:
        """Remove what stands at a name, with all that is in it."""
        self._check_case(parent, name)
        mode = os.lstat(name, dir_fd=parent.fd).st_mode
        if stat.S_ISDIR(mode):
            shutil.rmtree(name, dir_fd=parent.fd)
        else:
            os.unlink(name, dir_fd=parent.fd)
        if stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
            self.tree.forget()

    def _check_case(self, parent: Directory, name: bytes) -> None:
        """Refuse a name of which the filesystem says that it is there, when only one in another case is."""
        if self._folds and os.fsdecode(name) not in os.listdir(parent.fd):
            path = show(parent.path + b"/" + name)
            raise InvalidImage(
                f"{path}: only its case differs from another's, and this filesystem ignores case"
            )

    def _entered(self, directory: Directory) -> None:
        status = os.fstat(directory.fd)
        if status.st_mode & stat.S_ISGID:
            self._inherited = True  # what is made here gets the directory's group
        if directory.path not in self.last:
            self.last[directory.path] = None, status.st_mtime_ns

    def finish(self) -> None:
        """Give the directories their last modes and times."""
        for path in sorted(self.last, reverse=True):
            mode, mtime = self.last[path]
            self.tree.settle()
            try:
                fd = self.tree.at(path).fd
            except (FileNotFoundError, NotADirectoryError):
                continue  # replaced, or removed, by a later entry
            if mode is not None:
                os.fchmod(fd, mode)
            os.utime(fd, ns=(mtime, mtime))


def _owner(header: Header) -> tuple[int, int]:
    if not (0 <= header.uid < NOBODY and 0 <= header.gid < NOBODY):
        raise InvalidImage(f"{header.shown}: owner {header.uid}:{header.gid}, which no kernel has")
    return header.uid, header.gid


def status_of(directory: Directory, name: bytes) -> os.stat_result | None:
    """Return what is at a name, None if nothing; a link isn't followed."""
    try:
        return os.lstat(name, dir_fd=directory.fd)
    except FileNotFoundError:
        return None


def _folds_case(directory: Path) -> bool:
    """Return whether the filesystem takes "a" for "A": some can, directory by directory."""
    probe = directory / ".byhand-Case"
    status = directory.stat()
    probe.mkdir()
    try:
        return (directory / ".byhand-case").exists()
    finally:
        probe.rmdir()
        os.utime(directory, ns=(status.st_atime_ns, status.st_mtime_ns))
