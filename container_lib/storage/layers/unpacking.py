"""From a layer's blob to a directory: read, verified, and made entry by entry.

    with open("blobs/sha256/4bc4…", "rb") as blob:
        unpack(blob, Path("layers/ingest/x/diff"), parents=[…], digest="sha256:4bc4…", diff_id="sha256:9f2a…")

    blob ─→ reading ──────────────→ entries ─→ forms ─────→ making ────→ inside
            a thread: hash, inflate            whiteouts    attributes   every path stays in the directory

The blob is somebody's from the network. What it can't do, whatever is in it: write, link or remove anything
outside the directory; set overlayfs's own marks; fill the memory; go on for ever (`Bounds`). An absolute name
counts from the directory, as in docker and tar; a ".." is refused; a link on the way to a name is followed inside,
as the container will. An entry of a name that is there already replaces it; a directory only what is none.

See image-spec layer.md, "Applying Changesets".
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from container_lib.errors import Conflict, ContainerError, DigestMismatch, InvalidImage, KernelError
from container_lib.kernel.interrupts import Interrupts, held_back
from container_lib.storage.layers import headers
from container_lib.storage.layers.forms import PREFIX, ApplyForm, Form, OverlayForm
from container_lib.storage.layers.headers import Header
from container_lib.storage.layers.inflate import Readable
from container_lib.storage.layers.reading import Bounds, Feed, entries

CALLS = {
    headers.DIRECTORY: "mkdir",
    headers.LINK: "link",
    headers.SYMLINK: "symlink",
    headers.CHARACTER: "mknod",
    headers.BLOCK_DEVICE: "mknod",
    headers.FIFO: "mknod",
}
HINTS = {
    errno.ENOSPC: "the disk is full, or has no inodes left: byhand prune",
    errno.EDQUOT: "the quota of this user is used up",
    errno.EPERM: "devices, owners and some attributes take root",
    errno.ENOTSUP: "this filesystem has no extended attributes of that kind",
}


@dataclass(frozen=True)
class Unpacked:
    """What a layer was: digest and `size` (bytes) of its blob, diff_id and `bytes` of its tar, its entries."""

    digest: str
    diff_id: str
    size: int
    bytes: int
    entries: int


def unpack(
    source: Readable,
    directory: Path,
    *,
    parents: Sequence[Path] = (),
    whiteouts: Literal["overlay", "apply"] = "overlay",
    digest: str = "",
    diff_id: str = "",
    bounds: Bounds = Bounds(),  # noqa: B008  # frozen
    devices: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Unpacked:
    """Unpack a layer into a directory, and verify the digests that are given.

    In overlay form the directory has to be empty, and `parents` are the layers below, each unpacked in overlay
    form, the topmost first. In apply form the directory holds them already. `progress` is told how many bytes more
    of the source were read, again and again.

    Raises `InvalidImage` (`DigestMismatch`) for what is wrong with the layer, `KernelError` for what is wrong with
    the machine, such as a full disk; both name the entry. After any exception the directory holds a part of the
    layer, and to remove it is up to the caller; so unpack where nobody looks, and rename what is whole.
    Source: OCI image-spec, layer.md.
    """
    if whiteouts == "overlay":
        if any(True for _ in directory.iterdir()):
            raise Conflict(f"{directory}: not empty, and a layer in overlay form stands alone")
        form: Form = OverlayForm(directory, devices, parents)
    else:
        form = ApplyForm(directory, devices)
    feeding = Feed(source, bounds, progress, digest, diff_id)
    with held_back() as interrupts, closing(form.tree), feeding as feed:
        count = _make_all(form, feed, bounds, interrupts)
        feed.drain()
    found = Unpacked(feed.digest, feed.diff_id, feed.size, feed.bytes, count)
    for what, said, real in (("layer", digest, found.digest), ("its tar", diff_id, found.diff_id)):
        if said and said != real:
            raise DigestMismatch(f"{what}: the digest is {real}, not {said}")
    return found


def _make_all(form: Form, feed: Feed, bounds: Bounds, interrupts: Interrupts) -> int:
    count = 0
    header = Header(b"the layer's root", headers.DIRECTORY)
    try:
        form.begin()
        for header in entries(feed):
            if interrupts.came:
                interrupts.deliver()
            count += 1
            if count > bounds.entries or header.real_size > bounds.bytes:
                _out_of_bounds(header, bounds)
            if form.tree.stale:
                form.tree.settle()
            if PREFIX in header.name and form.marked(header.name):
                feed.skip(header.size)
            else:
                form.make(header, feed.pieces(header.size))
        header = Header(b"the layer's directories", headers.DIRECTORY)
        form.finish()
    except OSError as error:
        raise _explained(header, error) from error
    except InvalidImage as error:
        name = header.shown
        if error.message.startswith((f"{name}:", repr(name))) or error.message.endswith(f" {name}"):
            raise
        raise InvalidImage(f"{name}: {error.message}", error.hint) from error
    except (OverflowError, ValueError) as error:
        raise InvalidImage(f"{header.shown}: {error}") from error
    return count


def _out_of_bounds(header: Header, bounds: Bounds) -> None:
    if header.real_size > bounds.bytes:
        raise InvalidImage(
            f"{header.shown}: a file of {header.real_size} bytes; {bounds.bytes} are the bound"
        )
    raise InvalidImage(
        f"{header.shown}: entry {bounds.entries + 1} of a layer; {bounds.entries} are the bound"
    )


def _explained(header: Header, error: OSError) -> ContainerError:
    """Return an error that names the entry."""
    number = error.errno or 0
    call = CALLS.get(header.kind, "write" if number in (errno.ENOSPC, errno.EDQUOT) else "open")
    message = f"{header.shown}: {os.strerror(number)}"
    if number in (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EINVAL, errno.ENODEV):
        return InvalidImage(message)
    return KernelError(call, number, message, HINTS.get(number, ""))
