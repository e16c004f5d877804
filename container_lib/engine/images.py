"""Images, as the front ends speak of them: listed, loaded, saved, imported, named, removed.

    images(store)                    Listed(repository, tag, digest, id, created, size), the newest first
    history(store, name)             HistoryLine(id, created, created_by, size, comment), the last step first
    load, save, import_image         archives in and out; lines in docker's words
    tag, remove_image, prune_images  names; what no name and no container needs any more is freed

Sizes are those of the layers' files, unpacked, in bytes; an image's counts all its layers, whoever shares them.
`progress` is called with the number of bytes done so far.

Left out: intermediate images. A build's steps are layers and history here, none is an image by itself.
See docker images(1), docker history(1), docker rmi(1); `Engine` has a method for each function.
"""

from dataclasses import dataclass
from datetime import datetime

NONE = "<none>"
"""What stands for a name that isn't there"""
MISSING = "<missing>"
"""What stands for the id of a step that is no image by itself"""


@dataclass(frozen=True)
class Listed:
    """One line of `byhand images`: an image under one of its names; `size` is in bytes."""

    repository: str
    tag: str
    digest: str
    id: str
    created: datetime | None
    size: int


@dataclass(frozen=True)
class HistoryLine:
    """One line of `byhand history`; `size` is that of the step's layer in bytes, 0 where it made none."""

    id: str
    created: datetime | None
    created_by: str
    size: int
    comment: str


@dataclass(frozen=True)
class Pruned:
    """What was removed: lines in docker's words, and the bytes that are free now."""

    lines: list[str]
    reclaimed: int
