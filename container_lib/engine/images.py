"""Images, as the front ends speak of them: listed, loaded, saved, imported, named, removed.

    images(store)                    Listed(repository, tag, digest, id, created, size), the newest first
    history(store, name)             HistoryLine(id, created, created_by, size, comment), the last step first
    load, save, import_image         archives in and out; lines in docker's words
    tag, remove_image, prune_images  names; what no name and no container needs any more is freed

Sizes are those of the layers, unpacked, in bytes (engine.sizes); an image's counts all its layers, whoever shares
them. `progress` is called with the number of bytes done since it was last called.

Left out: intermediate images. A build's steps are layers and history here, none is an image by itself.
See docker images(1), docker history(1), docker rmi(1); `Engine` has a method for each function.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from container_lib.engine import filters
from container_lib.engine.pruned import Pruned
from container_lib.engine.sizes import layer_sizes
from container_lib.images import reference
from container_lib.images.image import Image
from container_lib.images.store import Store

NONE = "<none>"
"""What stands for a name that isn't there"""
MISSING = "<missing>"
"""What stands for the id of a step that is no image by itself"""
Progress = Callable[[int], None] | None


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


# ---- telling


def images(store: Store, pattern: str = "", words: Iterable[str] = ()) -> list[Listed]:
    """Return a line for each name of each image, the newest first; an image without a name has one line, too.

    `pattern` is for the names ("me/app", "*:1.?"), `words` are docker's filters ("dangling=true"). Raises
    `InvalidValue`, and what reading a damaged image raises.
    """
    wanted = filters.parse([*words, *([f"reference={pattern}"] if pattern else [])], store.image)
    found = [(filters.created_of(image), image) for image in store.images()]
    found.sort(key=lambda pair: pair[0] or datetime.min.replace(tzinfo=UTC), reverse=True)
    lines = []
    for created, image in found:
        if not wanted.fits(dict(image.config.run.get("Labels") or {}), created):
            continue
        names: list[reference.Reference | None] = [reference.parse(text) for text in image.names]
        lines += [_listed(store, image, name, created) for name in names or [None] if wanted.fits_name(name)]
    return lines


def history(store: Store, name: str) -> list[HistoryLine]:
    """Return how an image was made, the last step first. Raises `NotFound`, `InvalidImage`.

    Only the first line has an id. Layers that the history says nothing of have lines of their own.
    """
    image = store.image(name)
    sizes = layer_sizes(store, image)
    lines = []
    for entry in image.config.history:
        size = 0 if entry.empty_layer or not sizes else sizes.pop(0)
        lines.append(
            HistoryLine(MISSING, filters.moment_of(entry.created), entry.created_by, size, entry.comment)
        )
    lines += [HistoryLine(MISSING, None, "", size, "") for size in sizes]
    newest = lines[-1] if lines else HistoryLine(MISSING, filters.created_of(image), "", 0, "")
    top = HistoryLine(image.id, newest.created, newest.created_by, newest.size, newest.comment)
    return [top, *reversed(lines[:-1])]


# ---- archives


def load(store: Store, source: Path | BinaryIO, progress: Progress = None) -> list[str]:
    """Load the images of an archive or directory, docker's or OCI; return docker's lines ("Loaded image: …").

    Raises `InvalidImage`, which names the entry, `DigestMismatch`, `KernelError`; the store is then as it was.
    """
    from container_lib.images import archive

    return archive.load(store, source, progress)


def save(
    store: Store, names: Sequence[str], sink: BinaryIO, format: str = "docker", progress: Progress = None
) -> None:
    """Write images into an archive, "docker" or "oci", layers that they share once. Raises `NotFound`."""
    from container_lib.images import archive

    archive.save(store, names, sink, format, progress)


def import_image(
    store: Store,
    source: Path | BinaryIO,
    name: str = "",
    changes: Sequence[str] = (),
    message: str = "",
    progress: Progress = None,
) -> str:
    """Make an image of one layer from a root filesystem, a tar archive or a directory, and return its id.

    `changes` are instructions such as 'CMD ["sh"]'. Raises `InvalidImage`, `InvalidValue`, `KernelError`.
    """
    from container_lib.images import importing

    return importing.import_(store, source, name, changes=changes, message=message, progress=progress).id


# ---- names


def tag(store: Store, source: str, target: str) -> None:
    """Give an image one more name; whoever had it loses it. Raises `NotFound`, `InvalidValue`."""
    store.tag(source, target)


def remove_image(store: Store, in_use: Mapping[str, str], name: str, force: bool = False) -> list[str]:
    """Take a name from an image, and remove the image with its last one; return docker's lines.

    `in_use` has the image ID for each container's id. Raises `NotFound`, and `Conflict` for an image that a
    container uses, or that has several names and is given by its id, unless `force`.
    """
    return store.remove(name, force, in_use)


def prune_images(
    store: Store, in_use: Mapping[str, str], all: bool = False, words: Sequence[str] = ()
) -> Pruned:
    """Remove the images without a name, or `all`, that no container uses, and blobs and layers of no image.

    `words` are docker's filters: then only images that fit are removed.
    """
    if not words:
        done = store.prune(all, in_use)
        return Pruned(done.lines, done.reclaimed)
    wanted = filters.parse(words, store.image)
    lines, reclaimed = [], 0
    for image in store.images():
        labels = dict(image.config.run.get("Labels") or {})
        meant = wanted.fits(labels, filters.created_of(image)) and (all or not image.names)
        if meant and not {image.id, image.digest} & set(in_use.values()):
            lines += store.remove(image.id, force=True, in_use=in_use)
            reclaimed += image.size
    return Pruned(lines, reclaimed)


def _listed(
    store: Store, image: Image, named: reference.Reference | None, created: datetime | None
) -> Listed:
    repository = named.familiar_repository if named else NONE
    return Listed(
        repository,
        (named and named.tag) or NONE,
        image.digest,
        image.id,
        created,
        sum(layer_sizes(store, image)),
    )
