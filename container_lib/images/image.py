"""An image as a whole: its documents read and checked against each other.

    id       the digest of the configuration: what docker calls the image's ID
    digest   the digest of the manifest, or of the index of manifests: what a registry calls it

Both name the image for ever; the names that people use are kept by the store. Left out: the layers' own bytes,
which are read when the image is unpacked. See the OCI image specification, manifest.md, config.md.
"""

from dataclasses import dataclass, replace

from container_lib.images import graph
from container_lib.images.config import ImageConfig
from container_lib.images.documents import Descriptor, Manifest
from container_lib.storage.blobs import Blobs


@dataclass(frozen=True)
class Image:
    """One image of a store. `descriptor` is what index.json lists; `size` is the bytes of all its blobs."""

    descriptor: Descriptor
    manifest: Manifest
    config: ImageConfig
    manifest_digest: str
    size: int
    names: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The digest of the configuration."""
        return self.manifest.config.digest

    @property
    def digest(self) -> str:
        """The digest of the manifest, or of the index if the store lists one."""
        return self.descriptor.digest

    @property
    def blobs(self) -> tuple[str, ...]:
        """The digests of all that it consists of: manifest, configuration, layers from the bottom."""
        layers = (layer.digest for layer in self.manifest.layers)
        return (self.manifest_digest, self.id, *layers)

    @property
    def created(self) -> str:
        """When it was made (RFC 3339), as far as it says."""
        return self.config.created

    @property
    def short_id(self) -> str:
        """The first 12 digits of the ID."""
        return self.id.partition(":")[2][:12]

    def __str__(self) -> str:
        return self.names[0] if self.names else self.short_id

    def named(self, names: tuple[str, ...]) -> "Image":
        """Return the image with the names that it has now."""
        return self if names == self.names else replace(self, names=names)


def read(blobs: Blobs, descriptor: Descriptor) -> Image:
    """Return the image of a descriptor; of an index of several, the one for this machine.

    Raises `NotFound` if a document is missing, `DigestMismatch` and `InvalidImage` if one is wrong.
    """
    found = graph.resolve(blobs, descriptor)
    manifest = graph.read_manifest(blobs, found)
    where = f"config {manifest.config.digest}"
    config = ImageConfig.from_json(blobs.read(manifest.config.digest), where)
    config.check_layers(manifest, f"image {found.digest}")
    parts = (found, manifest.config, *manifest.layers)
    return Image(descriptor, manifest, config, found.digest, sum(part.size for part in parts))
