"""The documents that an image is made of, one referring to the next by digest.

    Index ──► Manifest ──► ImageConfig      what to run, and the history; its digest is the image's ID
      │          └───────► layer, layer, …  tar streams, bottom first
      └─────► Manifest                      the same image for another machine

A reference is a `Descriptor`: media type, digest, size. Whoever trusts one digest can check all that is below it.
`from_json` is strict: an error names the field. What it does not know it keeps, and `to_json` writes it again.
Docker's older documents (schema 2) differ in their media types alone and are read as well; schema 1 is refused.
See the OCI image specification: descriptor.md, image-index.md, manifest.md, config.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from container_lib.errors import InvalidImage, InvalidValue
from container_lib.images import fields
from container_lib.images.fields import Fields
from container_lib.storage import digest as digests

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"  # and +gzip, +zstd
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"  # and .gzip, .zstd

INDEXES = (INDEX, DOCKER_INDEX)
MANIFESTS = (MANIFEST, DOCKER_MANIFEST)
CONFIGS = (CONFIG, DOCKER_CONFIG)
LAYERS = (
    LAYER, f"{LAYER}+gzip", f"{LAYER}+zstd", DOCKER_LAYER, f"{DOCKER_LAYER}.gzip", f"{DOCKER_LAYER}.zstd",
)  # fmt: skip

Other = Mapping[str, Any]  # fields that are not known here


@dataclass(frozen=True)
class Platform:
    """The machine that an image is for: "linux", "amd64" or "arm64", and maybe a variant such as "v8"."""

    os: str
    architecture: str
    variant: str = ""
    other: Other = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))

    @staticmethod
    def of(given: Fields) -> "Platform":
        """Return the platform that stands in an index."""
        known = ("os", "architecture", "variant")
        return Platform(
            given.text("os"), given.text("architecture"), given.text("variant", ""), given.others(known)
        )

    def values(self) -> dict[str, Any]:
        """Return the platform as JSON has it."""
        return {**self.other, **_filled(os=self.os, architecture=self.architecture, variant=self.variant)}


@dataclass(frozen=True)
class Descriptor:
    """A reference to a blob: what it is, its digest, its size in bytes. See descriptor.md."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    platform: Platform | None = None
    other: Other = field(default_factory=dict, hash=False)

    @staticmethod
    def of(given: Fields, media_types: Iterable[str] = ()) -> "Descriptor":
        """Return the descriptor in an object. Raises `InvalidImage`, also if the media type is none of those."""
        media_type, size = given.text("mediaType"), given.number("size")
        if media_types and media_type not in media_types:
            raise given.wrong("mediaType", f"{media_type!r} is not known here")
        for_machine = given.object("platform")
        platform = Platform.of(for_machine) if for_machine.values else None
        known = ("mediaType", "digest", "size", "annotations", "platform")
        annotations = given.mapping("annotations")
        return Descriptor(
            media_type, _digest(given, "digest"), size, annotations, platform, given.others(known)
        )

    def values(self) -> dict[str, Any]:
        """Return the descriptor as JSON has it."""
        own = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        platform = self.platform.values() if self.platform else None
        return {**self.other, **own, **_filled(annotations=dict(self.annotations), platform=platform)}


@dataclass(frozen=True)
class Index:
    """A list of manifests: one image for several machines, or all the images of a store. See image-index.md."""

    manifests: tuple[Descriptor, ...]
    media_type: str = INDEX
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    other: Other = field(default_factory=dict, hash=False)

    @staticmethod
    def from_json(data: bytes, where: str = "index") -> "Index":
        """Return the index in a document. Raises `InvalidImage`; `where` names the document in the message."""
        given = fields.load(data, where)
        media_type = _media_type(given, INDEXES)
        given.must_have("manifests")
        manifests = tuple(Descriptor.of(entry) for entry in given.objects("manifests"))
        other = given.others(("schemaVersion", "mediaType", "manifests", "annotations"))
        return Index(manifests, media_type, given.mapping("annotations"), other)

    def to_json(self) -> bytes:
        """Return the document's bytes."""
        manifests = [descriptor.values() for descriptor in self.manifests]
        own = {"schemaVersion": 2, "mediaType": self.media_type, "manifests": manifests}
        return fields.dump({**self.other, **own, **_filled(annotations=dict(self.annotations))})


@dataclass(frozen=True)
class Manifest:
    """One image for one machine: its configuration and its layers, bottom first. See manifest.md."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    media_type: str = MANIFEST
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    other: Other = field(default_factory=dict, hash=False)

    @staticmethod
    def from_json(data: bytes, where: str = "manifest") -> "Manifest":
        """Return the manifest in a document. Raises `InvalidImage`; `where` names the document in the message."""
        given = fields.load(data, where)
        media_type = _media_type(given, MANIFESTS)
        config = Descriptor.of(given.required("config"), CONFIGS)
        given.must_have("layers")
        layers = tuple(Descriptor.of(layer, LAYERS) for layer in given.objects("layers"))
        other = given.others(("schemaVersion", "mediaType", "config", "layers", "annotations"))
        return Manifest(config, layers, media_type, given.mapping("annotations"), other)

    def to_json(self) -> bytes:
        """Return the document's bytes."""
        layers = [layer.values() for layer in self.layers]
        own = {
            "schemaVersion": 2,
            "mediaType": self.media_type,
            "config": self.config.values(),
            "layers": layers,
        }
        return fields.dump({**self.other, **own, **_filled(annotations=dict(self.annotations))})


def chain_ids(diff_ids: Iterable[str]) -> tuple[str, ...]:
    """Return for each layer the digest of all layers up to it, bottom first. See config.md, "Layer ChainID".

    A layer means something only on top of what is below it; its ChainID names both.
    """
    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(digests.of(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return tuple(chain)


def _media_type(given: Fields, allowed: tuple[str, ...]) -> str:
    """Return a document's media type; the first allowed one where the field is left out, as it may be."""
    version = given.number("schemaVersion")
    if version != 2:
        hint = "docker pulls and pushes such an image to make it anew" if version == 1 else ""
        raise InvalidImage(f"{given.where}: schemaVersion: {version}, and only 2 is read here", hint)
    media_type = given.text("mediaType", allowed[0])
    if media_type not in allowed:
        raise given.wrong("mediaType", f"{media_type!r}, and it should be {' or '.join(allowed)}")
    return media_type


def _digest(given: Fields, name: str) -> str:
    try:
        return digests.check(given.text(name))
    except InvalidValue as error:
        raise given.wrong(name, error.message) from None


def _filled(**values: Any) -> dict[str, Any]:
    """The fields that say something: an optional one that is empty is left out."""
    return {name: value for name, value in values.items() if value}
