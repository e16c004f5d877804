"""Small images, made by hand: each layer a tar stream of a few files, made by `tarfile`."""

import io
import tarfile
from collections.abc import Mapping, Sequence

from container_lib.images.config import History, ImageConfig
from container_lib.images.documents import CONFIG, LAYER, MANIFEST, Descriptor, Manifest, Platform
from container_lib.images.graph import this_platform
from container_lib.images.image import Image
from container_lib.images.store import Store
from container_lib.storage import digest

Files = Mapping[str, bytes]


def layer(files: Files) -> bytes:
    """A tar stream of some files; a name that ends in "/" is a directory."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            if name.endswith("/"):
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def descriptor(store: Store, data: bytes, media_type: str) -> Descriptor:
    """Put a blob and describe it."""
    return Descriptor(media_type, store.blobs.put(data), len(data))


def manifest(
    store: Store, layers: Sequence[Files], cmd: str = "sh", platform: Platform | None = None
) -> Descriptor:
    """Put the blobs of an image, without listing it, and return its manifest's descriptor."""
    tars = [layer(files) for files in layers]
    config = ImageConfig(
        platform or this_platform(),
        tuple(digest.of(tar) for tar in tars),
        {"Cmd": [cmd]},
        tuple(History(created_by=f"layer {number}") for number in range(len(tars))),
        "2026-01-31T12:00:00Z",
    )
    described = descriptor(store, config.to_json(), CONFIG)
    document = Manifest(described, tuple(descriptor(store, tar, LAYER) for tar in tars))
    return descriptor(store, document.to_json(), MANIFEST)


def add(store: Store, names: Sequence[str], *layers: Files, cmd: str = "sh") -> Image:
    """Add an image to a store, as whoever loads one does."""
    with store.adding():
        return store.add(manifest(store, layers, cmd), names)


def names(store: Store) -> list[tuple[str, ...]]:
    """The names of each image, as somebody sees them who opens the store anew."""
    return [image.names for image in Store(store.blobs.directory.parent).images()]


def blob_count(store: Store) -> int:
    """How many blobs there are."""
    return len(list(store.blobs.all()))


def damage(store: Store, digest: str) -> None:
    path = store.blobs.path(digest)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
