"""Resource limits of a process (docker run --ulimit): the older brother of cgroups, one process at a time.

`decide` (outside, pure) checks and intersects: a hard limit above our own can be given only with
CAP_SYS_RESOURCE, so it is lowered to ours and the caller is told. The kernel's call is `syscalls.setrlimit`.
See getrlimit(2).
"""

from dataclasses import dataclass

from container_lib.errors import InvalidValue

NUMBERS = {
    "cpu": 0, "fsize": 1, "data": 2, "stack": 3, "core": 4, "rss": 5, "nproc": 6, "nofile": 7, "memlock": 8,
    "as": 9, "locks": 10, "sigpending": 11, "msgqueue": 12, "nice": 13, "rtprio": 14, "rttime": 15,
}  # fmt: skip
UNLIMITED = -1


@dataclass(frozen=True)
class Rlimit:
    """One limit; -1 is "unlimited". `soft` is what counts, `hard` how far the process may raise it."""

    name: str
    soft: int
    hard: int


def parse(text: str) -> Rlimit:
    """Return the limit that docker's "nofile=1024:2048" means. Raises `InvalidValue`.

    >>> parse("nofile=1024")
    Rlimit(name='nofile', soft=1024, hard=1024)
    """
    name, equals, value = text.partition("=")
    soft, _, hard = value.partition(":")
    try:
        if not equals or name not in NUMBERS:
            raise ValueError(name)
        limit = Rlimit(name, _number(soft), _number(hard or soft))
    except ValueError:
        hint = f"name=soft[:hard], such as nofile=1024:2048; names: {', '.join(NUMBERS)}"
        raise InvalidValue(f"invalid ulimit {text!r}", hint) from None
    if limit.hard != UNLIMITED and (limit.soft == UNLIMITED or limit.soft > limit.hard):
        raise InvalidValue(f"invalid ulimit {text!r}: the soft limit is above the hard limit")
    return limit


def decide(wanted: Rlimit, own_hard: int, privileged: bool) -> tuple[Rlimit, str]:
    """Return (the limit that can be given, a warning or ""). `own_hard` is our own hard limit, -1 for none."""
    above = own_hard != UNLIMITED and (wanted.hard == UNLIMITED or wanted.hard > own_hard)
    if privileged or not above:
        return wanted, ""
    soft = own_hard if wanted.soft == UNLIMITED else min(wanted.soft, own_hard)
    asked = f"{wanted.name}={wanted.soft}:{wanted.hard}"
    message = f"ulimit {asked} lowered to {soft}:{own_hard}: no CAP_SYS_RESOURCE here"
    return Rlimit(wanted.name, soft, own_hard), message


def _number(word: str) -> int:
    value = UNLIMITED if word in ("unlimited", "-1") else int(word)
    if value < UNLIMITED:
        raise ValueError(word)
    return value
