"""A base image is made once: by building it, or by copying it from where it has been built.

    make("jre", root)       1. it is in the store below root; or 2. it is in the cache; or 3. it is built

    busybox    a second; always built
    debian     half a minute, root, a mirror of Debian
    jre        as long, on top of `debian`, which is made first

The cache is a store as well, below /var/cache/container_lib, and gets what is built: so tests with stores of their
own, other checkouts, and the embedded guest, which sees this machine's files, need not build again.

Left out: when an image has become old. `renew` builds it anew, with the packages that the mirror has then.
"""

import os
import shutil
from pathlib import Path

from container_lib.errors import NotFound
from container_lib.images.image import Image
from container_lib.images.store import Store
from container_lib.storage import ingest
from machine.base_image import busybox, debian, jre

NAMES = ("busybox", "debian", "jre")
CACHE = Path("/var/cache/container_lib")
PIECE = 1 << 20  # bytes that are copied at a time


def default_cache() -> Path | None:
    """Where to keep images for others: nowhere in the guest, which would keep them in memory, nor without root."""
    return None if os.environ.get("CONTAINER_LIB_GUEST") or os.geteuid() != 0 else CACHE


def make(name: str, root: Path, cache: Path | None = None, renew: bool = False) -> Image:
    """Return the image `name` of the store below `root`, made if it is not there, or if `renew` asks for it.

    `cache` gets what is built; what it has already is copied, and so is what /var/cache/container_lib has.
    Raises `InvalidValue`, `AbilityMissing`, `NotFound`, `ContainerError`, as the images' own modules do.
    """
    store = Store(root)
    if name == "busybox":
        busybox.build_busybox(root / "rootfs" / "busybox")
        return busybox.build_image(store)
    with ingest.holding(store.layers.ingest / name) as aside:  # whoever else makes it waits, and finds it
        if not renew:
            for place in (root, *filter(None, (cache, CACHE))):
                if found := find(name, place):
                    return found if place == root else copy(found, Store(place), store)
        if name == "debian":
            image = debian.build(store, aside)
        else:
            image = jre.build(store, aside, make("debian", root, cache, renew))
    if cache:
        copy(image, store, Store(cache))
        Store(cache).prune()  # whatever had the name before
    return image


def find(name: str, root: Path) -> Image | None:
    """The image `name`:latest of the store below `root`, or None."""
    try:
        return Store(root).image(f"{name}:latest")
    except NotFound:
        return None


def is_made(name: str, root: Path) -> bool:
    """Whether nothing is left to be done for `name`; of busybox, whether it is the one that would be built."""
    if name != "busybox":
        return find(name, root) is not None
    program = busybox.find_busybox()
    plan = busybox.plan_busybox(program)
    found = find(name, root)
    as_it_would_be = busybox.image_id(plan, program)
    return (
        found is not None
        and found.id == as_it_would_be
        and busybox.is_as_planned(root / "rootfs" / name, plan)
    )


def copy(image: Image, source: Store, target: Store) -> Image:
    """Copy an image with its names into another store: the blobs that are not there yet, each verified."""
    with target.adding():
        for part in (image.descriptor, image.manifest.config, *image.manifest.layers):
            if not target.blobs.has(part.digest):
                with (
                    source.blobs.open(part.digest, part.size) as blob,
                    target.blobs.writer(part.digest) as writer,
                ):
                    shutil.copyfileobj(blob, writer, PIECE)
                    writer.commit()
        return target.add(image.descriptor, image.names)
