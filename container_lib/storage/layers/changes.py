"""What changed: A for added, C for changed, D for deleted, as `docker diff` prints it.

    changes(upper, lowers)    what a container wrote: its overlay's upper directory tells it, nothing is compared
    compare(before, after)    what makes one plain tree another

    in the upper directory             is printed as
    a name that no lower layer has     A
    a name that one has                C, and it may be the same still: a file is copied up when it is opened to be
                                       written, a directory when something in it changes
    a whiteout of a name below         D; what was in a directory that is gone isn't listed
    an opaque directory                C, and D for each name that the directories below have and it has not

Where something changed, the directory that holds it is C as well. Paths are sorted by bytes, the root isn't
listed, but by `compare` when its own mode, owner, time or attributes are not the same.

`compare` calls a node unchanged when type, mode, owner, device, link, size, mtime (ns) and attributes are
equal, the content too, and when the names that are one file (hard links) are one file in both. Like umoci, it
reads files whose status says that they are equal: docker takes size and mtime for a proof, and a build that
sets all times then loses changes. ctime and atime don't count. Left out: renames, which are D and A. See
docker-container-diff(1).
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, NamedTuple

from container_lib.storage.layers import trees
from container_lib.storage.layers.trees import Node, Whiteout
from container_lib.storage.layers.upper import TRUSTED, USER, is_whiteout, listing, opaque_mark

Kind = Literal["A", "C", "D"]

_PIECE = 256 << 10


class Change(NamedTuple):
    """One line of `docker diff`. `path` begins with a slash; `os.fsdecode` made it, so it may be no UTF-8."""

    kind: Kind
    path: str

    def __str__(self) -> str:
        return f"{self.kind} {self.path}"


def changes(upper: Path, lowers: Sequence[Path], userxattr: bool = False) -> Iterator[Change]:
    """Yield what a container wrote, sorted by path; `lowers` are its image's layers, topmost first.

    `userxattr` says that the overlay was mounted so. Raises `NotFound`, `Conflict`, `KernelError` like `compare`.
    """
    found: dict[bytes, Kind] = {}
    below = {b"": [os.fsencode(lower) for lower in lowers]}
    hidden: dict[bytes, set[bytes]] = {}  # opaque directories: what the layers below have, less what was met
    for item in trees.walk(upper, listing(USER if userxattr else TRUSTED)):
        parent, name = os.path.split(item.path)
        if isinstance(item, Whiteout):
            if item.opaque:
                hidden[item.path] = _names(below[item.path])
            elif _look_up(below[parent], name):
                found[item.path] = "D"
        elif item.path:
            namesakes = _look_up(below[parent], name)
            found[item.path] = "C" if namesakes else "A"
            hidden.get(parent, set()).discard(name)
            if item.is_directory:
                below[item.path] = [path for path in namesakes if stat.S_ISDIR(os.lstat(path).st_mode)]
                if parent in hidden:
                    hidden[item.path] = _names(below[item.path])
    for directory, names in hidden.items():
        found |= {os.path.join(directory, name): "D" for name in names}
    yield from _sorted(found)


def compare(before: Path, after: Path) -> Iterator[Change]:
    """Yield what makes the tree `before` into the tree `after`, sorted by path.

    Sockets are not compared: a layer cannot hold them. Raises `NotFound` where a tree is no directory, `Conflict`
    for what changes meanwhile, `KernelError`.

    >>> [str(change) for change in compare(Path("/etc"), Path("/etc"))]
    []
    """
    found: dict[bytes, Kind] = {}
    linked: list[tuple[Node, Node]] = []
    for one, other in trees.walk_both(before, after):
        old, new = _storable(one), _storable(other)
        if new is None:
            if old is not None:
                found[old.path] = "D"
            continue
        if old is None or not _is_same(old, new):
            found[new.path] = "C" if old else "A"
        if not new.is_directory and max(new.status.st_nlink, old.status.st_nlink if old else 1) > 1:
            linked.append((old or new, new))
    found |= dict.fromkeys(_linked_otherwise(linked, found), "C")
    for path in list(found):
        while path := os.path.dirname(path):
            found.setdefault(path, "C")
    yield from _sorted(found)


def _sorted(found: dict[bytes, Kind]) -> Iterator[Change]:
    return (Change(found[path], "/" + os.fsdecode(path)) for path in sorted(found))


# ---- two trees


def _storable(node: Node | None) -> Node | None:
    return None if node is None or stat.S_ISSOCK(node.status.st_mode) else node


def _is_same(old: Node, new: Node) -> bool:
    one, other = old.status, new.status
    if (one.st_mode, one.st_uid, one.st_gid, one.st_mtime_ns) != (
        other.st_mode, other.st_uid, other.st_gid, other.st_mtime_ns
    ):  # fmt: skip
        return False
    if not new.is_directory and (one.st_size, one.st_rdev) != (other.st_size, other.st_rdev):
        return False
    if old.xattrs() != new.xattrs():
        return False
    if stat.S_ISLNK(other.st_mode):
        return old.target() == new.target()
    return not stat.S_ISREG(other.st_mode) or _identity(old) == _identity(new) or _same_content(old, new)


def _same_content(old: Node, new: Node) -> bool:
    with ExitStack() as files:
        opened = []
        for node in (old, new):
            opened.append(node.open())
            files.callback(os.close, opened[-1])
        while (piece := os.read(opened[0], _PIECE)) == os.read(opened[1], _PIECE):
            if not piece:
                return True
    return False


def _identity(node: Node) -> tuple[int, int]:
    return node.status.st_dev, node.status.st_ino


def _linked_otherwise(linked: list[tuple[Node, Node]], found: Mapping[bytes, Kind]) -> set[bytes]:
    """Return which names look the same, but are one file with others than before: a layer has to hold them all.

    A file that is in the layer under one of its names is there under all of them.
    """
    groups: dict[tuple[int, int], list[tuple[Node, Node]]] = {}
    now: dict[tuple[int, int], set[tuple[int, int]]] = {}
    for old, new in linked:
        groups.setdefault(_identity(new), []).append((old, new))
        if new.path not in found:
            now.setdefault(_identity(old), set()).add(_identity(new))
    otherwise = set()
    for group in groups.values():
        kept = [new.path for _, new in group if new.path not in found]
        files = {_identity(old) for old, _ in group}
        if len(kept) < len(group) or len(files) > 1 or any(len(now[file]) > 1 for file in files):
            otherwise |= set(kept)
    return otherwise


# ---- the layers below an upper directory


def _look_up(directories: list[bytes], name: bytes) -> list[bytes]:
    """Return what a name is in merged directories, the topmost first: one that is no directory, or directories."""
    found: list[bytes] = []
    for directory in directories:
        path = os.path.join(directory, name)
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            continue
        if is_whiteout(status):
            break
        if not stat.S_ISDIR(status.st_mode):
            return found or [path]
        found.append(path)
        if opaque_mark(path, TRUSTED) == b"y":
            break
    return found


def _names(directories: list[bytes]) -> set[bytes]:
    """Return the names that merged directories have."""
    names = {name for directory in directories for name in os.listdir(directory)}
    return {name for name in names if _look_up(directories, name)}
