"""Containers and volumes that nobody needs any more.

    prune_containers(containers)            those that have ended
    prune_volumes(volumes, in_use)          nameless volumes that no container uses; with `named` the others too
    remove_volume(volumes, in_use, …)       one
    remove_anonymous(volumes, kept)         those of a container that was removed

`in_use` has for each volume's name the containers that use it. What is removed is counted in bytes of files.
Images: see engine.images. See docker container prune(1), docker volume prune(1).
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from container_lib.engine.pruned import Pruned
from container_lib.errors import NotFound
from container_lib.storage.volumes import ANONYMOUS

if TYPE_CHECKING:
    from container_lib.engine.containers import Containers
    from container_lib.engine.kept import Kept
    from container_lib.storage.volumes import Volumes


def prune_containers(containers: "Containers") -> Pruned:
    """Remove the containers that have ended; the lines are their ids."""
    lines, reclaimed = [], 0
    for kept in containers.all():
        if kept.state != "running":
            reclaimed += bytes_of(kept.upper)
            try:
                containers.remove(kept.id)
            except NotFound:
                continue  # somebody else was quicker
            lines.append(kept.id)
    return Pruned(lines, reclaimed)


def remove_volume(
    volumes: "Volumes", in_use: Mapping[str, Sequence[str]], name: str, force: bool = False
) -> None:
    """Remove a volume. Raises `Conflict` where a container uses it, `NotFound` unless `force`."""
    try:
        volumes.remove(name, in_use)
    except NotFound:
        if not force:
            raise


def prune_volumes(volumes: "Volumes", in_use: Mapping[str, Sequence[str]], named: bool = False) -> Pruned:
    """Remove the volumes that no container uses, with `named` also those that have a name."""
    removed = volumes.prune(in_use, named)
    return Pruned([name for name, _ in removed], sum(size for _, size in removed))


def remove_anonymous(volumes: "Volumes", kept: "Kept") -> list[str]:
    """Remove the nameless volumes of a container that is no more, and return their names."""
    removed = []
    for name in kept.volumes:
        with suppress(NotFound):
            if ANONYMOUS in volumes.get(name).labels:
                volumes.remove(name)
                removed.append(name)
    return removed


def bytes_of(directory: Path) -> int:
    """Return how many bytes the files of a tree have; a file with several names counts once."""
    found: dict[tuple[int, int], int] = {}
    for at, _, names in os.walk(directory):
        for name in names:
            status = os.lstat(os.path.join(at, name))
            found[status.st_dev, status.st_ino] = status.st_size
    return sum(found.values())
