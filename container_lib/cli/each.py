"""A command with several names does what it can: what fails is told, the rest is done, and the exit code is 1.

byhand rmi a no-such b     removes a and b, says "byhand: No such image: no-such:latest"
"""

import sys
from collections.abc import Callable, Iterable

from container_lib.errors import ContainerError


def each(names: Iterable[str], action: Callable[[str], object]) -> int:
    """Do the action for each name, print each error on stderr, and return 1 if there was one, else 0."""
    code = 0
    for name in names:
        try:
            action(name)
        except ContainerError as error:
            print(f"byhand: {error}", file=sys.stderr)
            code = 1
    return code
