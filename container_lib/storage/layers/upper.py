"""The upper directory of an overlay, read as what it says: what is there, and what is gone.

    listing("trusted.overlay.")     a function for `trees.walk` which tells whiteouts from files

    in the directory                      means
    a character device 0:0                a whiteout of that name
    …opaque=y on a directory              what the layers below have in it is gone
    …opaque=x on a directory, …whiteout   whiteouts of these names: since Linux 6.7, for overlays on overlays,
      on empty files in it                which pass no devices 0:0 through

The marks are attributes whose names begin with trusted.overlay., or with user.overlay. where the overlay was
mounted with userxattr. A program in a container can write the latter, so only who knows how it was mounted may
believe them. See Documentation/filesystems/overlayfs.rst of the kernel.
"""

import os
import stat
from collections.abc import Callable
from errno import ENODATA, ENOTSUP

from container_lib.storage.layers.trees import Item, Whiteout, children

TRUSTED, USER = "trusted.overlay.", "user.overlay."


def listing(marks: str = TRUSTED) -> Callable[[int, bytes], list[Item]]:
    """Return the function that tells what an open directory of an upper tree has: its whiteouts first."""

    def inside(directory: int, path: bytes) -> list[Item]:
        opaque = opaque_mark(directory, marks)
        gone: list[Item] = [Whiteout(path, opaque=True)] if opaque == b"y" else []
        there: list[Item] = []
        for node in children(directory, path):
            if is_whiteout(node.status) or (opaque == b"x" and f"{marks}whiteout" in node.xattrs(())):
                gone.append(Whiteout(node.path))
            else:
                there.append(node)
        return gone + there

    return inside


def is_whiteout(status: os.stat_result) -> bool:
    """Return whether this is the status of a character device 0:0."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def opaque_mark(directory: int | bytes, marks: str = TRUSTED) -> bytes:
    """Return the mark of a directory, given as a descriptor or a path: b"y", b"x", or b"" where it has none."""
    try:
        return os.getxattr(directory, f"{marks}opaque")
    except OSError as error:
        if error.errno not in (ENODATA, ENOTSUP):
            raise
        return b""
