"""What a prune has removed. A file of its own: images, containers and volumes give it back alike.

See docker system prune(1), of which each part prints lines, and all together the space.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pruned:
    """What was removed: lines in docker's words, and the bytes that are free now."""

    lines: list[str]
    reclaimed: int
