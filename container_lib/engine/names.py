"""Names for containers: what can be one, and one for whoever gives none.

As docker does, a name that nobody gave is an adjective and a person's name; here, of people without whom there
would be no containers, or nothing to put into them.
"""

import re
from collections.abc import Callable, Iterator

from container_lib.errors import InvalidValue

ADJECTIVES = (
    "able", "brave", "bright", "calm", "clever", "curious", "eager", "fair", "frank", "gentle", "glad", "happy",
    "honest", "jolly", "keen", "kind", "lively", "lucky", "merry", "modest", "neat", "patient", "quiet", "ready",
    "sharp", "steady", "sunny", "tidy", "vivid", "warm", "wise", "witty",
)  # fmt: skip
PEOPLE = (
    "allen", "bartik", "biederman", "corbato", "dijkstra", "floyd", "goldberg", "hamilton", "hoare", "hopper",
    "hykes", "kernighan", "knuth", "lamport", "lampson", "liskov", "lovelace", "mcilroy", "menage", "merkle",
    "naur", "perlman", "pike", "popek", "ritchie", "shannon", "thompson", "torvalds", "tukey", "turing", "viro",
    "wilkes",
)  # fmt: skip

_VALID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", re.ASCII)


def check(name: str) -> None:
    """Raise `InvalidValue` for what cannot be the name of a container."""
    if not possible(name):
        raise InvalidValue(
            f"invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", "such as web-1"
        )


def possible(name: str) -> bool:
    """Return whether a container may be called that."""
    return bool(_VALID.fullmatch(name))


def choices(random_below: Callable[[int], int]) -> Iterator[str]:
    """Yield names without end; `random_below(n)` gives numbers from 0 to n - 1.

    >>> next(choices(lambda n: 0))
    'able_allen'
    """
    attempt = 0
    while True:
        name = f"{ADJECTIVES[random_below(len(ADJECTIVES))]}_{PEOPLE[random_below(len(PEOPLE))]}"
        yield name if attempt < 8 else f"{name}{random_below(10**6)}"
        attempt += 1
