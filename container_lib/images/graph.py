"""What refers to what: from an index down to manifests, configurations and layers, read from blobs.

    index ──► index ──► manifest ──► config, layers
    depth 1   depth 2   …            at most DEEPEST indexes below each other, at most MOST documents in all

A digest is known only when the document is whole, so no document can refer to itself or in a circle. But an index
can list indexes that list indexes, so many and so deep that nobody ends reading: hence the two limits, and hence
each document is read once, however often it is listed.

An index may list manifests for machines that nobody fetched: what is not there is passed over. What a manifest
names has to be there. See the OCI image specification, image-index.md.
"""

import os
from collections.abc import Iterable, Iterator

from container_lib.errors import InvalidImage, NotFound
from container_lib.images.documents import INDEXES, MANIFESTS, Descriptor, Index, Manifest, Platform
from container_lib.storage.blobs import Blobs

DEEPEST = 8
MOST = 1000

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def this_platform() -> Platform:
    """Return the platform of this machine, as images name it."""
    machine = os.uname().machine
    return Platform("linux", _ARCHITECTURES.get(machine, machine))


def manifests(blobs: Blobs, root: Descriptor) -> Iterator[Descriptor]:
    """Yield every manifest at or below a descriptor that is there, each once.

    Raises `InvalidImage` for an unknown media type and above the limits, `DigestMismatch` for changed bytes.
    """
    return (found for found in documents(blobs, root) if found.media_type in MANIFESTS)


def documents(blobs: Blobs, root: Descriptor) -> Iterator[Descriptor]:
    """Yield the indexes and manifests at or below a descriptor that are there, each once, from the top."""
    waiting, seen = [(root, 1)], {root.digest}
    while waiting:
        found, depth = waiting.pop(0)
        yield found
        if found.media_type not in INDEXES:
            continue
        if depth > DEEPEST:
            raise InvalidImage(f"index {found.digest}: more than {DEEPEST} indexes below each other")
        for listed in _listed(blobs, found):
            if listed.digest not in seen and blobs.has(listed.digest):
                seen.add(listed.digest)
                waiting.append((listed, depth + 1))
        if len(seen) > MOST:
            raise InvalidImage(f"index {root.digest}: more than {MOST} documents below it")


def resolve(blobs: Blobs, root: Descriptor, wanted: Platform | None = None) -> Descriptor:
    """Return the manifest for a platform, by default this machine's. A manifest that is alone is taken as it is.

    Raises `NotFound` naming the platforms that there are, and what `manifests` raises.
    """
    if root.media_type in MANIFESTS:
        return root
    wanted = wanted or this_platform()
    found = list(manifests(blobs, root))
    for descriptor in found:
        if descriptor.platform is None or _serves(descriptor.platform, wanted):
            return descriptor
    there = ", ".join(sorted({str(descriptor.platform) for descriptor in found})) or "nothing"
    raise NotFound(f"index {root.digest}: no image for {wanted}; there is {there}")


def reachable(blobs: Blobs, roots: Iterable[Descriptor]) -> set[str]:
    """Return the digests of some descriptors and of all that hangs below, be it there or not."""
    found: set[str] = set()
    for root in roots:
        for descriptor in documents(blobs, root):
            found.add(descriptor.digest)
            if descriptor.media_type in MANIFESTS and blobs.has(descriptor.digest):
                manifest = read_manifest(blobs, descriptor)
                found |= {manifest.config.digest, *(layer.digest for layer in manifest.layers)}
    return found


def read_manifest(blobs: Blobs, descriptor: Descriptor) -> Manifest:
    """Read the manifest of a descriptor. Raises `NotFound`, `InvalidImage`, `DigestMismatch`."""
    return Manifest.from_json(blobs.read(descriptor.digest), f"manifest {descriptor.digest}")


def _listed(blobs: Blobs, index: Descriptor) -> Iterator[Descriptor]:
    where = f"index {index.digest}"
    for listed in Index.from_json(blobs.read(index.digest), where).manifests:
        if listed.media_type not in (*INDEXES, *MANIFESTS):
            raise InvalidImage(
                f"{where}: {listed.digest} has the media type {listed.media_type!r}, not known here"
            )
        yield listed


def _serves(offered: Platform, wanted: Platform) -> bool:
    """Whether an image for one platform runs on another. Of arm64 there is one variant, which may be left out."""
    usual = "v8" if offered.architecture == "arm64" else ""
    same = (offered.os, offered.architecture) == (wanted.os, wanted.architecture)
    return same and offered.variant in ("", usual, wanted.variant)
