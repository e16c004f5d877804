"""Reading a tree of files: its nodes in one order, whatever the filesystem; and two trees side by side.

    walk(tree)             every node, a directory before what is in it, the names of a directory sorted by bytes
    walk_both(one, other)  every pair of namesakes, in the same order; directories that both have are entered, and
                           those that only `other` has: what is below a removed one is not asked for
    Node.xattrs()          what a node has beside its status; `open` and `target`: its content

Everything is reached through the open directory that holds it (openat(2), fstatat(2)), by one name, and no
symbolic link is followed: a program that swaps directories for links while they are read cannot lead out of the
tree. A name that is gone before it was looked at was never there; one that is gone after that is an error.

A walk keeps one directory open per level, so a tree deeper than RLIMIT_NOFILE allows is refused by the kernel.
Extended attributes are reached as /proc/self/fd/N/name, as listxattr(2) has no call for a directory and a name.
Attributes that are about this machine or one mount of it are not part of a tree (`LOCAL`), nor are, for others
than root, those of the system that only root may read. Left out: filesystems mounted in the tree are entered.
See openat(2), xattr(7), path_resolution(7).
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from errno import EACCES, ELOOP, ENODATA, ENOENT, ENOTDIR, ENOTSUP, ENXIO, EPERM
from pathlib import Path
from typing import NamedTuple, TypeVar

from container_lib.errors import Conflict, ContainerError, KernelError, NotFound
from container_lib.storage.layers.headers import show

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# subtle: without O_NONBLOCK a fifo that takes a file's place between two calls would be waited for, for ever
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
MACHINE = ("security.selinux", "system.nfs4_acl")
"""How the names of attributes begin that say something about this machine, not about the tree."""
LOCAL = (*MACHINE, "trusted.overlay.")
"""These, and what an overlay notes for its own use."""


class Whiteout(NamedTuple):
    """A name that a layer takes away from those below it; `opaque`: instead, all names that `path` has there."""

    path: bytes
    opaque: bool = False


class Node(NamedTuple):
    """One name in a tree. `path` is from the root, which is b""; `at` is open while the walk stands there."""

    at: int
    name: bytes
    path: bytes
    status: os.stat_result

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory itself, not a link to one."""
        return stat.S_ISDIR(self.status.st_mode)

    def open(self) -> int:
        """Return a descriptor to read the file or directory with, which is the caller's to close."""
        try:
            return os.open(self.name, _DIRECTORY if self.is_directory else _FILE, dir_fd=self.at)
        except OSError as error:
            raise failed("open", self.path, error) from error

    def target(self) -> bytes:
        """Return what a symbolic link holds."""
        try:
            return os.readlink(self.name, dir_fd=self.at)
        except OSError as error:
            raise failed("readlink", self.path, error) from error

    def xattrs(self, without: tuple[str, ...] = LOCAL) -> dict[str, bytes]:
        """Return the extended attributes but those whose names begin so."""
        place = b"/proc/self/fd/%d/%s" % (self.at, self.name)
        try:
            names = os.listxattr(place, follow_symlinks=False)
        except OSError as error:
            if error.errno == ENOTSUP:
                return {}
            raise failed("listxattr", self.path, error) from error
        names = [name for name in names if not name.startswith(without)]
        return self._values(place, names) if names else {}

    def _values(self, place: bytes, names: list[str]) -> dict[str, bytes]:
        values = {}
        for name in names:
            try:
                values[name] = os.getxattr(place, name, follow_symlinks=False)
            except OSError as error:
                ours = name.startswith("user.")
                if error.errno not in (ENODATA, ENOTSUP) and (ours or error.errno not in (EPERM, EACCES)):
                    raise failed("getxattr", self.path, error) from error
        return values


Item = Node | Whiteout
Pair = tuple[Node | None, Node | None]
T = TypeVar("T")


def children(directory: int, path: bytes) -> list[Node]:
    """Return the nodes of an open directory, sorted by the bytes of their names."""
    prefix, nodes = path + b"/" if path else b"", []
    try:
        for name in sorted(map(os.fsencode, os.listdir(directory))):
            try:
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            except FileNotFoundError:
                continue  # gone since the directory was read: then the tree doesn't have it
            nodes.append(Node(directory, name, prefix + name, status))
    except OSError as error:
        raise failed("read", path, error) from error
    return nodes


def walk(tree: Path, inside: Callable[[int, bytes], Sequence[Item]] = children) -> Iterator[Item]:
    """Yield the tree's root, then all that is in it. `inside` tells what a directory has, in which order.

    Raises `NotFound` where the tree is no directory, `Conflict` for what disappears meanwhile, `KernelError`.
    """

    def enter(item: Item, opened: list[int]) -> Sequence[Item]:
        if not (isinstance(item, Node) and item.is_directory):
            return ()
        opened.append(item.open())
        return inside(opened[0], item.path)

    root = _root(tree)
    start: Item = root
    yield from _depth_first(start, [root.at], enter)


def walk_both(one: Path, other: Path) -> Iterator[Pair]:
    """Yield the nodes of two trees in pairs of namesakes, None where a tree has no such name; the roots first.

    Raises `NotFound` where a tree is no directory, `Conflict` for what disappears meanwhile, `KernelError`.
    """

    def enter(pair: Pair, opened: list[int]) -> Sequence[Pair]:
        if pair[1] is None or not pair[1].is_directory:
            return ()
        found: list[dict[bytes, Node]] = []
        for node in pair:
            if node is None or not node.is_directory:
                found.append({})
                continue
            opened.append(node.open())
            found.append({child.name: child for child in children(opened[-1], node.path)})
        return [
            (found[0].get(name), found[1].get(name)) for name in sorted(found[0].keys() | found[1].keys())
        ]

    with ExitStack() as unless_both:
        roots: list[Node] = []
        for tree in (one, other):
            roots.append(_root(tree))
            unless_both.callback(os.close, roots[-1].at)
        unless_both.pop_all()
    start: Pair = (roots[0], roots[1])
    yield from _depth_first(start, [root.at for root in roots], enter)


def failed(call: str, path: bytes, error: OSError) -> ContainerError:
    """Return what to raise where a call fails: what was there when its directory was read may be gone."""
    if error.errno in (ENOENT, ENOTDIR, ELOOP, ENXIO):
        return Conflict(
            f"{show(path)} changed while it was read: {error.strerror}", "nothing may write meanwhile"
        )
    return KernelError(call, error.errno or 0, f"{call} {show(path)}: {error.strerror}")


def _root(tree: Path) -> Node:
    try:
        directory = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"no such directory: {tree}") from None
    return Node(directory, b".", b"", os.fstat(directory))


def _depth_first(root: T, opened: list[int], enter: Callable[[T, list[int]], Sequence[T]]) -> Iterator[T]:
    """Yield the root and all below. `enter` puts what it opens in its list: that is closed behind the walk."""
    levels = [(opened, iter([root]))]
    try:
        while levels:
            item = next(levels[-1][1], None)
            if item is None:
                for directory in levels.pop()[0]:
                    os.close(directory)
                continue
            yield item
            opened = []
            levels.append((opened, iter([])))
            levels[-1] = (opened, iter(enter(item, opened)))
    finally:
        for directory in [directory for opened, _ in levels for directory in opened]:
            os.close(directory)
