"""The memory controller: how many bytes a group may hold, page cache included.

    memory.max        the wall: an allocation above it reclaims, and when that fails the OOM killer ends a process
                      of this group, and of no other. This is docker's --memory.
    memory.high       the brake: above it the group is slowed down and its pages reclaimed, nobody is killed
    memory.swap.max   how much of it may be swapped out
    memory.current    bytes held now;  memory.peak  the most ever
    memory.events     how often high, max, oom, oom_kill happened
    memory.oom.group  1: if one process is killed, all of the group are

See cgroup-v2.rst, "Memory".
"""

from pathlib import Path

from container_lib.cgroups.group import keyed, need
from container_lib.kernel.pseudofiles import read, write


def set_max(group: Path, limit: int | None) -> None:
    """Set memory.max in bytes (None: no limit). Below what is held now, the kernel reclaims, then kills."""
    write(need(group, "memory.max"), "max" if limit is None else limit)


def set_high(group: Path, limit: int | None) -> None:
    """Set memory.high in bytes (None: no limit): above it the group is throttled, not killed."""
    write(need(group, "memory.high"), "max" if limit is None else limit)


def set_swap_max(group: Path, limit: int | None) -> None:
    """Set memory.swap.max in bytes; unlike docker's --memory-swap it does not include the memory itself."""
    write(need(group, "memory.swap.max"), "max" if limit is None else limit)


def get_max(group: Path) -> int | None:
    """Return memory.max in bytes, or None for no limit."""
    value = read(need(group, "memory.max"))
    return None if value == "max" else int(value)


def current(group: Path) -> int:
    """Return the bytes that the group holds now."""
    return int(read(need(group, "memory.current")))


def peak(group: Path) -> int:
    """Return the most bytes that the group ever held (Linux 5.19 and later)."""
    return int(read(need(group, "memory.peak")))


def events(group: Path) -> dict[str, int]:
    """Return memory.events: how often low, high, max, oom, oom_kill happened in the group and below."""
    return keyed(need(group, "memory.events"))


def stat(group: Path) -> dict[str, int]:
    """Return memory.stat: what the bytes are: anon (heaps, stacks, tmpfs is shmem), file (page cache), …"""
    return keyed(need(group, "memory.stat"))
