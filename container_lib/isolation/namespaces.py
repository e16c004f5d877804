"""The eight kinds of namespace: what each hides, its flag, its file.

A namespace is a property of a process: an inode that /proc/PID/ns/NAME shows, the same number for all that
share it. A container is nothing but a process with numbers of its own.

Six are Docker's default; `user` needs maps of identities (`identity`), `time` needs a kernel from 5.6 on.
See namespaces(7).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from container_lib.errors import InvalidValue
from container_lib.kernel import flags, procfs


@dataclass(frozen=True)
class Namespace:
    """One kind: `name` is its file in /proc/PID/ns, `flag` its bit for clone3(2), `option` docker run's word."""

    name: str
    flag: int
    isolates: str
    option: str


KINDS = (
    Namespace("user", flags.CLONE_NEWUSER, "user and group ids, capabilities", "--userns"),
    Namespace("mnt", flags.CLONE_NEWNS, "mount points: the tree of files", "always"),
    Namespace("pid", flags.CLONE_NEWPID, "process numbers: the first one is 1", "--pid"),
    Namespace("net", flags.CLONE_NEWNET, "network interfaces, addresses, ports, routes", "--network"),
    Namespace("uts", flags.CLONE_NEWUTS, "host name and domain name", "--uts, --hostname"),
    Namespace("ipc", flags.CLONE_NEWIPC, "System V IPC and POSIX message queues", "--ipc"),
    Namespace("cgroup", flags.CLONE_NEWCGROUP, "what is the root of the cgroup tree", "--cgroupns"),
    Namespace(
        "time", flags.CLONE_NEWTIME, "the clocks that count since boot", "none: Docker does not use it"
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}
DEFAULT = ("mnt", "pid", "net", "uts", "ipc", "cgroup")
ALL = tuple(kind.name for kind in KINDS)


def flags_of(names: Iterable[str]) -> int:
    """Return the flags for clone3(2) of these namespaces. Raises `InvalidValue` for an unknown name.

    >>> hex(flags_of(["uts", "pid"]))
    '0x24000000'
    """
    total = 0
    for name in names:
        if name not in BY_NAME:
            raise InvalidValue(f"unknown namespace {name!r}", f"one of {', '.join(ALL)}")
        total |= BY_NAME[name].flag
    return total


def compare(one: int | str, other: int | str) -> dict[str, bool]:
    """Return, per namespace, whether two processes share it."""
    left, right = procfs.namespaces(one), procfs.namespaces(other)
    return {name: left[name] == right[name] for name in left if name in right}


def differing(pid: int) -> list[str]:
    """Return the namespaces of the process that are not ours: what makes it a container, seen from here."""
    return [name for name, shared in compare("self", pid).items() if not shared]
