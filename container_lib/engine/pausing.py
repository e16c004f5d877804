"""A container frozen for as long as its files are read.

    with paused(container): …        cgroup.freeze = 1, wait, read, cgroup.freeze = 0
    <container>/frozen               there while we keep it frozen, with our lock (flock) on it

The kernel keeps a group frozen whoever asked for it, also when that process is killed. So the file is made before:
where it says so and nobody holds its lock, the container is thawed, by the next `paused` and by `byhand doctor
--clean`. A container that somebody else has frozen stays so. Where there is no cgroup, or the container has ended,
nothing is done.
See cgroup-v2.rst, "cgroup.freeze"; flock(2).
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from container_lib.cgroups import group as cgroup
from container_lib.errors import ContainerError, KernelError, NotFound

if TYPE_CHECKING:
    from container_lib.engine.kept import Kept


@contextmanager
def paused(container: "Kept") -> Iterator[None]:
    """Freeze every process of a container during the block. Whoever else does so at the same time waits.

    Raises `ContainerError` where it does not freeze in 5 s.
    """
    group = container.group
    if group is None:
        yield
        return
    mark = container.directory / "frozen"
    fd = os.open(mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        ours = _freeze(group, left_over=os.fstat(fd).st_size > 0, fd=fd)
        try:
            yield
        finally:
            if ours:
                _thaw(group)
            os.ftruncate(fd, 0)
    finally:
        os.close(fd)


def thaw_left(containers: Iterable["Kept"]) -> list[str]:
    """Thaw what a killed process kept frozen, and return a line for each."""
    return [f"freeze of container {kept.id[:12]}" for kept in containers if kept.group and _was_left(kept)]


def _freeze(group: Path, left_over: bool, fd: int) -> bool:
    """Freeze the group, and return whether it is ours to thaw: not if somebody else had frozen it."""
    with suppress(NotFound, FileNotFoundError):
        if cgroup.events(group).get("frozen") and not left_over:
            return False
        os.write(fd, b"frozen\n")
        try:
            cgroup.freeze(group)
        except NotFound:
            return False  # it has just ended
        except (ContainerError, KernelError):
            _thaw(group)
            raise
        return True
    return False


def _thaw(group: Path) -> None:
    with suppress(NotFound, FileNotFoundError):
        cgroup.thaw(group)


def _was_left(container: "Kept") -> bool:
    mark = container.directory / "frozen"
    try:
        fd = os.open(mark, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.fstat(fd).st_size or container.group is None:
            return False
        _thaw(container.group)
        os.ftruncate(fd, 0)
        return True
    except BlockingIOError:
        return False  # whoever keeps it frozen lives
    finally:
        os.close(fd)
