"""How much an image's layers hold, unpacked: what docker calls the size of an image.

    blob, gzip     … | deflated data | crc32 | isize |      the last 4 bytes: what it unpacks to, modulo 2^32

A layer that has been unpacked has its size on record (layer.json). Before that the blob itself is asked: gzip
tells at its end, an uncompressed one is as long as it is. Of zstd, and of gzip in several members, the blob's own
size is taken until it is unpacked, and that is too little. Tar's headers are counted: some 1.5 kB for each file.
See RFC 1952, "ISIZE".
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from container_lib.images.image import Image
    from container_lib.images.store import Store


def layer_sizes(store: "Store", image: "Image") -> list[int]:
    """Return the bytes of each layer, unpacked, bottom first."""
    pairs = zip(image.config.chain_ids, image.manifest.layers, strict=True)
    return [
        store.layers.size(chain_id) or _told_by_blob(store, layer.digest, layer.media_type, layer.size)
        for chain_id, layer in pairs
    ]


def _told_by_blob(store: "Store", digest: str, media_type: str, size: int) -> int:
    path = store.blobs.path(digest)
    if not media_type.endswith("gzip") or size < 4 or not path.exists():
        return size
    with open(path, "rb") as file:
        file.seek(-4, 2)
        return max(size, int.from_bytes(file.read(4), "little"))
