"""A directory becomes a layer: a tar stream, its two digests known when its last byte is written.

    pack(tree, sink)                   all of a tree, such as a base image
    pack(upper, sink, overlay=True)    what a container wrote, from the upper directory of its overlay
    pack_changes(before, after, sink)   what makes one plain tree into another

    tree ──> entries ──> tar ──┬──> sha256: diff_id                 the layer's name in the image's config
                               └──> gzip ──┬──> sha256: digest      its name in the manifest and in the store
                                           └──> sink

What is gone (see upper) is an empty file in a layer: .wh.NAME hides NAME of the layers below, .wh..wh..opq in a
directory all that they have there. Both stand before their siblings. Attributes of the overlay's own are about
that one mount and left out; overlay.redirect and overlay.metacopy say that the rest of a directory or a file
lies in a layer below, so what has them is refused.

The same tree gives the same bytes: names in the order of `trees.walk`, the first name of a file with hard links
is the file, times in ns, owners as numbers, attributes as `trees` reads them. Holes are not read, but written
as zeros (see writing). Sockets cannot be kept in a layer: `Packed.skipped` names them.

Left out: stopping who writes; a file that changes while it is read is an error. See image-spec layer.md.
"""

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from container_lib.errors import Conflict, InvalidImage
from container_lib.kernel.interrupts import held_back
from container_lib.storage.layers import changes, headers, trees, upper, writing
from container_lib.storage.layers.compression import Kind, Writable
from container_lib.storage.layers.headers import Header, show
from container_lib.storage.layers.stream import Packed, Stream
from container_lib.storage.layers.trees import Item, Node, Whiteout
from container_lib.storage.layers.writing import padding

WHITEOUT = b".wh."
OPAQUE = b".wh..wh..opq"
PIECE = 256 << 10
"""Bytes of a file that are read at a time."""

_KINDS = {
    stat.S_IFLNK: headers.SYMLINK,
    stat.S_IFCHR: headers.CHARACTER,
    stat.S_IFBLK: headers.BLOCK_DEVICE,
    stat.S_IFDIR: headers.DIRECTORY,
    stat.S_IFIFO: headers.FIFO,
}
_ZEROS = bytes(PIECE)
Progress = Callable[[int], None]


def pack(
    tree: Path,
    sink: Writable,
    *,
    compression: Kind = "gzip",
    level: int | None = None,
    overlay: bool = False,
    userxattr: bool = False,
    progress: Progress | None = None,
) -> Packed:
    """Write the directory `tree` as a layer into `sink`; with `overlay` it is the upper directory of an overlay.

    `userxattr` says that the overlay was mounted so: then its marks are user.overlay.* and not trusted.overlay.*.
    `progress` is told how many bytes of tar there are more. Raises `InvalidImage` for what no layer can hold,
    `Conflict` for what changes while it is read, `NotFound`, `KernelError`. After an error what is in `sink` is no
    layer.

        with open("layer.tar.gz", "wb") as file:
            packed = pack(Path("rootfs"), file)
    """
    marks = (upper.USER if userxattr else upper.TRUSTED) if overlay else ""
    items = trees.walk(tree, upper.listing(marks)) if overlay else trees.walk(tree)
    with Stream(sink, compression, level, progress) as stream:
        return _Packer(stream, marks).add_all(items)


def pack_changes(
    before: Path,
    after: Path,
    sink: Writable,
    *,
    compression: Kind = "gzip",
    level: int | None = None,
    progress: Progress | None = None,
) -> Packed:
    """Write the layer that turns the tree `before` into the tree `after`: what `changes.compare` finds.

    The rest as for `pack`.
    """
    found = [(change.kind, os.fsencode(change.path)[1:]) for change in changes.compare(before, after)]
    there = {path for kind, path in found if kind != "D"}
    gone: dict[bytes, list[Whiteout]] = {}
    for kind, path in found:
        if kind == "D":
            gone.setdefault(os.path.dirname(path), []).append(Whiteout(path))

    def inside(directory: int, path: bytes) -> Sequence[Item]:
        kept = [node for node in trees.children(directory, path) if node.path in there]
        return [*gone.get(path, ()), *kept]

    items = trees.walk(after, inside)
    if b"" not in there:
        next(items)  # the root, which is as it was
    with Stream(sink, compression, level, progress) as stream:
        return _Packer(stream).add_all(items)


class _Packer:
    """Turns items of a walk into entries of the stream."""

    def __init__(self, stream: Stream, marks: str = "") -> None:
        self._stream = stream
        self._entries = 0
        self._skipped: list[str] = []
        self._marks = marks
        self._linked: dict[tuple[int, int], bytes] = {}

    def add_all(self, items: Iterable[Item]) -> Packed:
        """Write everything, and return what was written."""
        with held_back() as interrupts:
            for item in items:
                interrupts.deliver()
                self._add(item)
        return self._stream.finish(self._entries, tuple(self._skipped))

    def _add(self, item: Item) -> None:
        if isinstance(item, Whiteout):
            self._write(Header(_hides(item), mode=0o600))
            return
        _refuse(item)
        status = item.status
        linked = (status.st_dev, status.st_ino) if status.st_nlink > 1 and not item.is_directory else None
        if stat.S_ISSOCK(status.st_mode):
            self._skipped.append(os.fsdecode(item.path))
        elif linked in self._linked:
            self._write(self._header(item, status, headers.LINK, self._linked[linked]))
        else:
            self._add_file(item) if stat.S_ISREG(status.st_mode) else self._add_other(item)
            if linked:
                self._linked[linked] = item.path

    def _add_file(self, node: Node) -> None:
        file = node.open()
        try:
            status = os.fstat(file)  # newer than the node's: what is true of the open file is what is written
            if _identity(status) != _identity(node.status):
                raise _changed(node, "another file took its place")
            self._write(self._header(node, status, headers.FILE))
            self._copy(node, file, status)
        finally:
            os.close(file)

    def _copy(self, node: Node, file: int, status: os.stat_result) -> None:
        """Write a file's content, which has to be as long as its header says, and the same until its end."""
        size = status.st_size
        has_holes = status.st_blocks * 512 < size
        for begin, end, data in _parts(file, size) if has_holes else ((0, size, True),):
            while begin < end:
                piece = _read(node, file, begin, end) if data else _ZEROS[: end - begin]
                if not piece:
                    raise _changed(node, f"it shrank from {size} to {begin} bytes")
                self._stream.write(piece)
                begin += len(piece)
        self._stream.write(padding(size))
        after = os.fstat(file)
        if (after.st_size, after.st_mtime_ns) != (size, status.st_mtime_ns):
            raise _changed(node, f"it was written to, and has {after.st_size} bytes instead of {size}")

    def _add_other(self, node: Node) -> None:
        kind = _KINDS[stat.S_IFMT(node.status.st_mode)]
        link = node.target() if kind == headers.SYMLINK else b""
        self._write(self._header(node, node.status, kind, link))

    def _write(self, header: Header) -> None:
        self._stream.write(writing.blocks(header))
        self._entries += 1

    def _header(self, node: Node, status: os.stat_result, kind: bytes, link: bytes = b"") -> Header:
        header = Header(
            (node.path or b".") + b"/" if kind == headers.DIRECTORY else node.path,
            kind,
            stat.S_IMODE(status.st_mode),
            status.st_uid,
            status.st_gid,
            status.st_size if kind == headers.FILE else 0,
            status.st_mtime_ns,
            link,
            xattrs=self._xattrs(node),
        )
        if kind in (headers.CHARACTER, headers.BLOCK_DEVICE):
            header.major, header.minor = os.major(status.st_rdev), os.minor(status.st_rdev)
        return header

    def _xattrs(self, node: Node) -> dict[str, bytes]:
        """Return the attributes that belong into a layer."""
        found = node.xattrs(trees.MACHINE if self._marks else trees.LOCAL)
        if not found or not self._marks:
            return found
        for half, rest in (("redirect", "the directory's content"), ("metacopy", "the file's content")):
            if self._marks + half in found:
                raise InvalidImage(f"{show(node.path)}: {rest} is in a layer below ({self._marks}{half})")
        return {name: found[name] for name in found if not name.startswith((self._marks, upper.TRUSTED))}


def _refuse(node: Node) -> None:
    """Raise `InvalidImage` for what would mean something else in a layer."""
    if node.name.startswith(WHITEOUT):
        raise InvalidImage(f"{show(node.path)}: in a layer such a name says that another file is gone")
    if upper.is_whiteout(node.status):
        raise InvalidImage(f"{show(node.path)}: in a layer the device 0:0 says that a file is gone")


def _hides(whiteout: Whiteout) -> bytes:
    """Return the path of the file that stands for a whiteout in a layer."""
    if whiteout.opaque:
        return os.path.join(whiteout.path, OPAQUE)
    directory, name = os.path.split(whiteout.path)
    if name.startswith(WHITEOUT):
        raise InvalidImage(f"{show(whiteout.path)}: a layer cannot say that a file of this name is gone")
    return os.path.join(directory, WHITEOUT + name)


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    """Return what tells a file from another one; of another type, it may have the number of one just removed."""
    return status.st_dev, status.st_ino, stat.S_IFMT(status.st_mode)


def _read(node: Node, file: int, begin: int, end: int) -> bytes:
    try:
        return os.pread(file, min(end - begin, PIECE), begin)
    except OSError as error:
        raise trees.failed("read", node.path, error) from error


def _parts(file: int, size: int) -> list[tuple[int, int, bool]]:
    """Return what a file with holes consists of: (begin, end, whether there is data)."""
    parts, at = [], 0
    while at < size:
        try:
            data = min(os.lseek(file, at, os.SEEK_DATA), size)
        except OSError:  # ENXIO: no data after this
            data = size
        if data > at:
            parts.append((at, data, False))
        at = data
        if at < size:
            at = min(os.lseek(file, at, os.SEEK_HOLE), size)
            parts.append((data, at, True))
    return parts


def _changed(node: Node, how: str) -> Conflict:
    return Conflict(f"{show(node.path)} changed while it was read: {how}", "pause the container meanwhile")
