"""The images in an archive: from its documents to manifests whose every blob is there and right.

    OCI layout       index.json ─► manifest ─► config, layers      names in annotations of index.json
    docker-archive   manifest.json: [{"Config": <file>, "RepoTags": ["busybox:latest"], "Layers": [<file>, …]}]

An archive of today's `docker save` is both. Then manifest.json says which images there are and what they are
called, and index.json has their manifests; where it has none (or one without layers, as some versions wrote) it is
made here, always the same for the same files: a manifest is a list of digests.

Checked: that each blob is there, has the size that was announced and, by its digest, the bytes; that media types
are known; that each layer's tar has the digest (DiffID) that the config promises. See image-spec manifest.md.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from container_lib.errors import InvalidImage, InvalidValue
from container_lib.images import archive_contents, documents, graph, reference
from container_lib.images.archive_contents import Contents
from container_lib.images.config import ImageConfig
from container_lib.images.documents import Descriptor, Index, Manifest
from container_lib.images.fields import Fields
from container_lib.images.layout import FULL_NAME, REF_NAME
from container_lib.storage.blobs import Blobs
from container_lib.storage.layers import compression
from container_lib.storage.layers.reading import Bounds, Feed

_SUFFIXES = {"gzip": "+gzip", "zstd": "+zstd", "none": ""}


@dataclass(frozen=True)
class Found:
    """An image in an archive: its manifest, the digest of its config (the image's ID), its full names.

    `made`: the archive had no manifest, so the digest of this one means nothing to anybody.
    """

    manifest: Descriptor
    config: str
    names: tuple[str, ...]
    made: bool = False


def find(contents: Contents) -> list[Found]:
    """Return the images of an archive, each once.

    Raises `InvalidImage`, and `NotFound` for one that is not for this machine.
    """
    listed = _merge(_in_index(contents)) if archive_contents.INDEX in contents.documents else []
    if archive_contents.MANIFEST in contents.documents:
        return _merge(_in_manifest(contents, {image.config: image for image in listed}))
    return listed


def check(contents: Contents, image: Found) -> Manifest:
    """Check all that an image consists of, and return its manifest. Raises `InvalidImage` naming what is wrong."""
    where = f"image {image.config}"
    manifest = graph.read_manifest(contents.blobs, image.manifest)
    for part in (image.manifest, manifest.config, *manifest.layers):
        _there(contents.blobs, part, where)
    config = ImageConfig.from_json(
        contents.blobs.read(manifest.config.digest), f"config {manifest.config.digest}"
    )
    config.check_layers(manifest, where)
    for layer, diff_id in zip(manifest.layers, config.diff_ids, strict=True):
        _check_layer(contents.blobs, layer, diff_id)
    return manifest


def _merge(listed: Iterable[Found]) -> list[Found]:
    """Make one of the lines about one image: docker writes one for each name."""
    merged: dict[str, Found] = {}
    for image in listed:
        before = merged.get(image.manifest.digest, image)
        names = tuple(dict.fromkeys((*before.names, *image.names)))
        merged[image.manifest.digest] = replace(image, names=names)
    return list(merged.values())


# ---- index.json


def _in_index(contents: Contents) -> Iterator[Found]:
    index = Index.from_json(contents.documents[archive_contents.INDEX], archive_contents.INDEX)
    for listed in index.manifests:
        if listed.media_type not in (*documents.INDEXES, *documents.MANIFESTS):
            raise InvalidImage(
                f"index.json: {listed.digest} has the unknown media type {listed.media_type!r}"
            )
        _there(contents.blobs, listed, "index.json")
        manifest = graph.resolve(contents.blobs, listed)
        config = graph.read_manifest(contents.blobs, manifest).config.digest
        plain = Descriptor(manifest.media_type, manifest.digest, manifest.size)
        yield Found(plain, config, tuple(_names(listed.annotations)))


def _names(annotations: Mapping[str, str]) -> Iterator[str]:
    """Yield the name that a line of index.json gives: in full, or nothing if it is a tag without a repository."""
    name = annotations.get(FULL_NAME) or annotations.get(REF_NAME, "")
    if "/" in name or ":" in name:
        yield _full(name, "index.json")


# ---- manifest.json


def _in_manifest(contents: Contents, made: Mapping[str, Found]) -> Iterator[Found]:
    for number, entry in enumerate(_entries(contents.documents[archive_contents.MANIFEST])):
        where = f"{archive_contents.MANIFEST}[{number}]"
        config, size = contents.find(entry.text("Config"), where)
        layers = [contents.find(name, where) for name in entry.texts("Layers")]
        names = tuple(_full(name, where) for name in entry.texts("RepoTags"))
        before = made.get(config)
        if before and len(graph.read_manifest(contents.blobs, before.manifest).layers) == len(layers):
            yield replace(before, names=names or before.names)
        else:
            manifest = _make(contents.blobs, Descriptor(documents.CONFIG, config, size), layers)
            yield Found(manifest, config, names, made=True)


def _entries(data: bytes) -> list[Fields]:
    try:
        entries = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidImage(f"manifest.json: not a JSON document: {error}") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidImage("manifest.json: not a list of objects")
    return [Fields(entry, f"manifest.json[{number}]") for number, entry in enumerate(entries)]


def _make(blobs: Blobs, config: Descriptor, layers: list[tuple[str, int]]) -> Descriptor:
    descriptors = []
    for digest, size in layers:
        with open(blobs.path(digest), "rb") as file:
            suffix = _SUFFIXES[compression.kind_of(file.read(4))]
        descriptors.append(Descriptor(documents.LAYER + suffix, digest, size))
    data = Manifest(config, tuple(descriptors)).to_json()
    return Descriptor(documents.MANIFEST, blobs.put(data), len(data))


# ---- checks


def _full(name: str, where: str) -> str:
    try:
        return reference.parse(name).full
    except InvalidValue as error:
        raise InvalidImage(f"{where}: {error.message}") from None


def _there(blobs: Blobs, part: Descriptor, where: str) -> None:
    if not blobs.has(part.digest):
        raise InvalidImage(f"{where}: blob {part.digest} ({part.media_type}) is not in the archive")
    if blobs.size(part.digest) != part.size:
        raise InvalidImage(
            f"{where}: blob {part.digest} has {blobs.size(part.digest)} bytes, announced: {part.size}"
        )


def _check_layer(blobs: Blobs, layer: Descriptor, diff_id: str) -> None:
    """Unpack a layer to nowhere, and compare its tar with what the config promises."""
    with open(blobs.path(layer.digest), "rb") as file, Feed(file, Bounds()) as feed:
        feed.drain()
    if feed.diff_id != diff_id:
        raise InvalidImage(f"layer {layer.digest}: its tar is {feed.diff_id}, and the config says {diff_id}")
