"""What /proc says about processes, their namespaces and their mounts.

A process may end between two reads of its files: every function here then raises `KernelError` with
ENOENT or ESRCH, and `is_same_process` tells a process from a later one that got the same number.
Left out: whatever psutil shows better. See proc(5).
"""

import os
from dataclasses import dataclass

from container_lib.errors import KernelError
from container_lib.kernel.pseudofiles import read

NAMESPACE_FILES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")


@dataclass(frozen=True)
class MountEntry:
    """One line of /proc/PID/mountinfo."""

    mount_id: int
    parent_id: int
    root: str
    target: str
    options: str
    propagation: str
    fstype: str
    source: str
    super_options: str


def mountinfo(pid: int | str = "self") -> list[MountEntry]:
    """Return the mounts that the process sees, in the order in which they were made. See proc(5), mountinfo."""
    return [_mount_entry(line) for line in read(f"/proc/{pid}/mountinfo").splitlines()]


def _mount_entry(line: str) -> MountEntry:
    # 36 35 98:0 /mnt1 /mnt2 rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue
    left, _, right = line.partition(" - ")
    mount_id, parent_id, _device, root, target, options, *tags = left.split(" ")
    fstype, source, super_options = [*right.split(" "), "", ""][:3]
    return MountEntry(
        int(mount_id), int(parent_id), _unescape(root), _unescape(target), options,
        " ".join(tags) or "private", fstype, _unescape(source), super_options,
    )  # fmt: skip


def _unescape(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def namespaces(pid: int | str = "self") -> dict[str, int]:
    """Return the inode number of each namespace of the process: equal numbers are the same namespace.

    >>> namespaces()["uts"] == namespaces(os.getpid())["uts"]
    True
    """
    found = {}
    for name in NAMESPACE_FILES:
        path = f"/proc/{pid}/ns/{name}"
        if os.path.lexists(path):  # an older kernel has no time namespace
            found[name] = os.stat(path).st_ino
    return found


def status(pid: int | str = "self") -> dict[str, str]:
    """Return /proc/PID/status as a dictionary: "Uid", "NSpid", "CapEff", "Seccomp", …"""
    pairs = (line.partition(":") for line in read(f"/proc/{pid}/status").splitlines())
    return {key: value.strip() for key, _, value in pairs}


def start_time(pid: int) -> int:
    """Return when the process started, in clock ticks since boot: with the pid, its identity."""
    # the command's name, in parentheses, may hold spaces and parentheses itself: count from the last one
    return int(read(f"/proc/{pid}/stat").rpartition(")")[2].split()[19])


def is_same_process(pid: int, started: int) -> bool:
    """Tell whether the process that had this number and start time is still there (a zombie is not)."""
    try:
        fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    except KernelError:
        return False
    return int(fields[19]) == started and fields[0] not in "ZX"


def cgroup(pid: int | str = "self") -> str:
    """Return the path of the process's cgroup in the v2 hierarchy: "/" is the root of its cgroup namespace."""
    for line in read(f"/proc/{pid}/cgroup").splitlines():
        if line.startswith("0::"):
            return line[3:]
    return "/"


def children(pid: int) -> list[int]:
    """Return the numbers of the process's direct children, of all its threads."""
    found: list[int] = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        path = f"/proc/{pid}/task/{thread}"
        try:
            found += [int(word) for word in read(f"{path}/children").split()]
        except KernelError:
            if os.path.exists(path) or not os.path.exists(f"/proc/{pid}"):
                raise  # a thread that has just ended is no error: its children are another's now
    return sorted(found)


def command(pid: int) -> list[str]:
    """Return the process's argument vector."""
    return read(f"/proc/{pid}/cmdline").rstrip("\0").split("\0")
