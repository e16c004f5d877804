"""Who a process is: maps of user and group ids in a user namespace.

A user namespace starts with no identities at all: everything is 65534, nobody, until somebody outside has
written its map, once. A line of /proc/PID/uid_map says: `count` ids from `inside` on are, outside, the ids from
`outside` on.

    inside      outside
    0      ──▶  100000        root in the container is an ordinary user on the machine
    1      ──▶  100001

Left out: newuidmap(1), for callers without privilege. See user_namespaces(7).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from container_lib.errors import InvalidValue


@dataclass(frozen=True)
class IdMap:
    """One line of uid_map or gid_map."""

    inside: int
    outside: int
    count: int = 1


ROOT_TO_SELF = (IdMap(0, 0, 65536),)
"""The map that changes nothing for whoever is root: its own namespace, the same numbers."""
REMAPPED = (IdMap(0, 100_000, 65_536),)
"""Docker's userns-remap with the usual first range of /etc/subuid."""


def parse(text: str) -> IdMap:
    """Return the map that "inside:outside:count" means. Raises `InvalidValue`.

    >>> parse("0:100000:65536")
    IdMap(inside=0, outside=100000, count=65536)
    """
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise InvalidValue(f"invalid id map {text!r}", "inside:outside:count, such as 0:100000:65536")
    found = IdMap(*(int(part) for part in parts))
    if found.count < 1 or max(found.inside, found.outside) + found.count > 1 << 32:
        raise InvalidValue(f"invalid id map {text!r}: ids are 32 bits and count is at least 1")
    return found


def lines(maps: Iterable[IdMap]) -> str:
    """Return the text to write to uid_map or gid_map, in one write."""
    return "".join(f"{entry.inside} {entry.outside} {entry.count}\n" for entry in maps)
