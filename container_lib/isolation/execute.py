"""Carrying out a plan inside the new container: a list of calls, in order.

A plan (`mounts`) is compiled outside, by a process that can afford Python, to plain tuples: a call's name and its
arguments. This file runs in the container's init, between clone and exec, imports next to nothing and decides
next to nothing. A name is a function of `kernel.syscalls`, or one of the few below that take more than one call.
"""

from __future__ import annotations

import os
from errno import EEXIST, ENOENT, ENOTDIR

from container_lib.errors import KernelError
from container_lib.kernel import flags, syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:  # not in the launcher: see there
    from collections.abc import Callable, Iterable

Call = tuple[object, ...]
"""("mount", "proc", "/proc", "proc", 14, ""): a name and its arguments"""


def execute(calls: Iterable[Call]) -> None:
    """Carry out each call. The first that fails raises `KernelError`, and the container is given up."""
    for name, *arguments in calls:
        function = _COMPOSED.get(name) or getattr(syscalls, str(name))
        function(*arguments)


def enter_root(new_root: str) -> None:
    """Let "/" mean `new_root` while the mounts are made; the working directory stays the machine's root.

    So "/proc" is the container's, wherever links in the image may lead, and "./srv" is the machine's. This is
    the classic way out of a chroot, used on purpose: it is open until `pivot_into`, and closed from then on.
    """
    syscalls.chdir("/")
    syscalls.chroot(new_root)


def pivot_into(new_root: str) -> None:
    """Leave the chroot, and make the mount at `new_root` the root of this mount namespace.

    subtle: pivot_root(".", ".") stacks the old root on top of the new one, at the same place. Mounting must be
    over by now: as long as it is stacked there, "/.." leads into it.
    """
    syscalls.chroot(".")
    syscalls.chdir(new_root)
    syscalls.pivot_root(".", ".")


def detach_old_root() -> None:
    """Unmount what is stacked on top: from here on nothing of the machine's tree can be named."""
    syscalls.umount2(".", flags.MNT_DETACH)
    syscalls.chdir("/")


def ensure_directory(path: str, mode: int = 0o755) -> None:
    """Make the directory and its parents, where they don't exist."""
    if os.path.isdir(path):
        return  # asked first, since an image has most of them, and a failed call costs more than a question
    try:
        syscalls.mkdir(path, mode)
    except KernelError as error:
        if error.errno == ENOENT:
            ensure_directory(os.path.dirname(path), mode)
            syscalls.mkdir(path, mode)
        elif error.errno != EEXIST:
            raise


def ensure_file(path: str) -> None:
    """Make an empty file to mount something on, where nothing is there."""
    if not os.path.lexists(path):
        ensure_directory(os.path.dirname(path))
        syscalls.mknod(path, 0o100644, 0)


def mask(path: str) -> None:
    """Hide a file behind /dev/null, a directory behind an empty read-only tmpfs; what isn't there is hidden."""
    try:
        syscalls.mount("/dev/null", path, "", flags.MS_BIND)
    except KernelError as error:
        if error.errno == ENOTDIR:
            syscalls.mount("tmpfs", path, "tmpfs", flags.MS_RDONLY, "size=0k")
        elif error.errno != ENOENT:
            raise


def bind_read_only(path: str) -> None:
    """Make a part of the tree read-only where it is: bind it on itself, then change the new mount."""
    try:
        syscalls.mount(path, path, "", flags.MS_BIND | flags.MS_REC)
    except KernelError as error:
        if error.errno == ENOENT:
            return
        raise
    remount_read_only(path)


def remount_read_only(path: str) -> None:
    """Make the mount at `path` read-only, and keep the flags that it has: a user namespace may not clear them."""
    now = os.statvfs(path).f_flag & (flags.MS_NOSUID | flags.MS_NODEV | flags.MS_NOEXEC)
    syscalls.mount("", path, "", flags.MS_REMOUNT | flags.MS_BIND | flags.MS_RDONLY | now)


_COMPOSED: dict[object, Callable[..., None]] = {
    function.__name__: function
    for function in (
        enter_root,
        pivot_into,
        detach_old_root,
        ensure_directory,
        ensure_file,
        mask,
        bind_read_only,
        remount_read_only,
    )
}
