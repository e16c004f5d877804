"""A base image enters the store: its top layer, its configuration, its manifest, and then its names.

    writer of a layer ──> blob ──> Descriptor ┐
    ImageConfig ────────> blob ──> Descriptor ┴─> Manifest ──> blob ──> index.json, once per name

Nobody sees the image before it has a name, and until then whoever prunes is held off (`Store.adding`).
Left out: what the layer and the configuration say; each image's own file has that.
See the OCI image specification, manifest.md and config.md.
"""

import os
from collections.abc import Callable, Sequence

from container_lib.errors import AbilityMissing
from container_lib.images.config import ImageConfig
from container_lib.images.documents import CONFIG, LAYER, MANIFEST, Descriptor, Manifest, Platform
from container_lib.images.image import Image
from container_lib.images.store import Store
from container_lib.storage.layers.compression import Writable
from container_lib.storage.layers.stream import Packed

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def add(
    store: Store,
    names: Sequence[str],
    write_layer: Callable[[Writable], Packed],
    configure: Callable[[str], ImageConfig],
    base: Image | None = None,
) -> Image:
    """Put an image into the store: the layers of `base`, and one more on top; return it.

    `configure` is given the new layer's DiffID and returns the whole configuration.
    """
    with store.adding():
        with store.blobs.writer() as blob:
            packed = write_layer(blob)
            blob.commit()
        below = base.manifest.layers if base else ()
        layers = (*below, Descriptor(f"{LAYER}+gzip", packed.digest, packed.size))
        config = _document(store, CONFIG, configure(packed.diff_id).to_json())
        manifest = _document(store, MANIFEST, Manifest(config, layers).to_json())
        return store.add(manifest, names)


def this_platform() -> Platform:
    """The machine at hand, as images call it."""
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        raise AbilityMissing(f"base images are made for amd64 and arm64, and this machine is {machine}")
    return Platform("linux", ARCHITECTURES[machine])


def _document(store: Store, media_type: str, data: bytes) -> Descriptor:
    return Descriptor(media_type, store.blobs.put(data), len(data))
