"""Image archives: images in one tar, to be carried to another machine. docker save, docker load.

    oci-layout         {"imageLayoutVersion": "1.0.0"}                       ┐
    index.json         the manifests, and the images' names in annotations   ├ "oci": an image layout in a tar
    blobs/sha256/…     manifests, configs, layers: each once, however many   ┘
                       images have it
    manifest.json      [{"Config": "blobs/sha256/…", "RepoTags": […], "Layers": […]}]    ┐ with these, "docker":
    repositories       {"busybox": {"latest": "<top layer>"}}                            ┘ both in one

"docker" is what `docker save` writes since version 25; docker, podman and skopeo read it. The documents stand
before the blobs. The same images give the same bytes: no times, no owners.

`load` reads both, and what older versions of docker, podman and skopeo write (archive_images.py), from a file, a
directory or a stream. All of it goes into a room of its own first; when all is verified the blobs move by rename
into the store, and only then index.json names the image. An archive that is wrong changes nothing, nor does a
`kill -9` before that.
Left out: the images of other machines in a list of several; bzip2 and xz. See image-spec image-layout.md.
"""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from container_lib.errors import InvalidValue, NotFound
from container_lib.images import archive_images, fields, graph, layout, reference
from container_lib.images.archive_contents import take_in
from container_lib.images.archive_images import Found
from container_lib.images.archive_members import members
from container_lib.images.documents import Descriptor, Index, Manifest
from container_lib.images.image import Image
from container_lib.images.store import Store
from container_lib.storage import ingest
from container_lib.storage.blobs import Blobs
from container_lib.storage.layers.compression import Writable
from container_lib.storage.layers.headers import Header
from container_lib.storage.layers.writing import END, blocks, padding

Progress = Callable[[int], None] | None
_PIECE = 1 << 20


def save(
    store: Store, names: Sequence[str], sink: Writable, format: str = "docker", progress: Progress = None
) -> None:
    """Write images as one archive into `sink`; a repository without a tag stands for all its tags, as for docker.

    `progress` is called with the bytes that were written since the last time. Raises `NotFound`, `Conflict` (an
    ambiguous ID), `DigestMismatch` (a damaged blob), what `sink` raises: then what is in the sink is no archive.
    """
    if format not in ("docker", "oci"):
        raise InvalidValue(f"archive format {format!r}", "docker or oci")
    with store.adding():  # nothing that is being written is pruned meanwhile
        chosen = _choose(store, names)
        for name, data in _documents(chosen, format).items():
            sink.write(_head(name, len(data)) + data + padding(len(data)))
        for digest, size in _parts(chosen).items():
            sink.write(_head(_path(digest), size))
            with store.blobs.open(digest, size) as blob:
                while piece := blob.read(_PIECE):
                    sink.write(piece)
                    if progress:
                        progress(len(piece))
            sink.write(padding(size))
        sink.write(END)


def load(store: Store, source: BinaryIO | Path, progress: Progress = None) -> list[str]:
    """Add the images of an archive (a stream, a file or a directory) and return docker's lines about them.

        Loaded image: busybox:latest
        Loaded image ID: sha256:…           for one without a name

    `progress` is called with the bytes of the source that were read since the last time. Raises `InvalidImage`
    that names what is wrong, `NotFound` for a source that does not exist or has nothing for this machine,
    `KernelError` (a full disk): then the store is as it was.
    """
    if isinstance(source, Path) and not source.exists():
        raise NotFound(f"no such file or directory: {source}")
    room = store.blobs.directory / "ingest" / secrets.token_hex(8)
    with store.adding(), ingest.holding(room):
        contents = take_in(members(source, progress), Blobs(room))
        checked = [(found, archive_images.check(contents, found)) for found in archive_images.find(contents)]
        lines = []
        for found, manifest in checked:
            descriptor = _present(store, found)
            if descriptor is None:
                descriptor = found.manifest
                for part in (*manifest.layers, manifest.config, descriptor):
                    _move(contents.blobs, store.blobs, part.digest)
            store.add(descriptor, found.names)
            names = [f"Loaded image: {reference.parse(name).familiar}" for name in found.names]
            lines += names or [f"Loaded image ID: {found.config}"]
        return lines


# ---- saving

Chosen = dict[str, tuple[Descriptor, Image, list[str]]]
"""by digest: the manifest, its image, the full names under which it is saved"""


def _choose(store: Store, names: Sequence[str]) -> Chosen:
    chosen: Chosen = {}
    for name in names:
        for image, full in _meant(store, name):
            manifest = graph.resolve(store.blobs, image.descriptor)
            plain = Descriptor(
                manifest.media_type, manifest.digest, manifest.size, platform=image.config.platform
            )
            _, _, kept = chosen.setdefault(manifest.digest, (plain, image, []))
            kept += [full] if full and full not in kept else []
    return chosen


def _meant(store: Store, name: str) -> Iterator[tuple[Image, str]]:
    """Yield the images that a name stands for, each with its full name, or "" if an ID or a digest is given."""
    try:
        wanted = reference.parse(name)
    except InvalidValue:
        yield store.image(name), ""  # an ID in full is no name
        return
    named = [(image, reference.parse(each)) for image in store.images() for each in image.names]
    if name in (wanted.repository, wanted.familiar_repository):
        tags = [
            (image, each.full) for image, each in named if each.repository == wanted.repository and each.tag
        ]
    else:
        tags = [(image, each.full) for image, each in named if each.full == wanted.full and each.tag]
    yield from tags or [(store.image(name), "")]


def _documents(chosen: Chosen, format: str) -> dict[str, bytes]:
    """Return the archive's documents, by name."""
    listed = [entry for manifest, _, names in chosen.values() for entry in _lines(manifest, names, format)]
    made = {
        "oci-layout": fields.dump({"imageLayoutVersion": layout.VERSION}),
        "index.json": Index(tuple(listed)).to_json(),
    }
    if format == "docker":
        entries = [_docker_entry(image.manifest, names) for _, image, names in chosen.values()]
        made["manifest.json"] = b"[" + b",".join(fields.dump(entry) for entry in entries) + b"]"
        made["repositories"] = fields.dump(_repositories(chosen))
    return made


def _lines(manifest: Descriptor, names: list[str], format: str) -> Iterator[Descriptor]:
    """Yield a manifest's lines in index.json: one for each name, or one without."""
    for name in names:
        # docker writes the tag alone; others find an image in a layout by this, so it had better be unique
        ref_name = reference.parse(name).tag if format == "docker" else name
        annotations = {layout.FULL_NAME: name, layout.REF_NAME: ref_name}
        yield Descriptor(manifest.media_type, manifest.digest, manifest.size, annotations, manifest.platform)
    if not names:
        yield manifest


def _docker_entry(manifest: Manifest, names: list[str]) -> dict[str, object]:
    return {
        "Config": _path(manifest.config.digest),
        "RepoTags": [reference.parse(name).familiar for name in names],
        "Layers": [_path(layer.digest) for layer in manifest.layers],
    }


def _repositories(chosen: Chosen) -> dict[str, dict[str, str]]:
    made: dict[str, dict[str, str]] = {}
    for _, image, names in chosen.values():
        for name in map(reference.parse, names):
            top = image.manifest.layers[-1].digest.partition(":")[2] if image.manifest.layers else ""
            made.setdefault(name.familiar_repository, {})[name.tag] = top
    return made


def _parts(chosen: Chosen) -> dict[str, int]:
    """Return the bytes of every blob that the images consist of, by digest."""
    parts: dict[str, int] = {}
    for manifest, image, _ in chosen.values():
        for part in (manifest, image.manifest.config, *image.manifest.layers):
            parts[part.digest] = part.size
    return parts


def _path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _head(name: str, size: int) -> bytes:
    return blocks(Header(name.encode(), size=size))


# ---- loading


def _present(store: Store, found: Found) -> Descriptor | None:
    """Return the manifest by which the store has the image, whole, if the archive had none; otherwise None.

    So an image that left as one archive and comes back as another is still one image.
    """
    if not found.made:
        return None
    try:
        image = store.image(found.config)
    except NotFound:
        return None
    parts = (image.manifest.config, *image.manifest.layers)
    return image.descriptor if all(store.blobs.has(part.digest) for part in parts) else None


def _move(room: Blobs, blobs: Blobs, digest: str) -> None:
    """Give a verified and flushed blob its place in the store. One that is there is replaced: it may be damaged.

    One that is not in the room was moved with another image of the archive.
    """
    if room.has(digest):
        blobs.path(digest).parent.mkdir(parents=True, exist_ok=True)
        os.rename(room.path(digest), blobs.path(digest))
        ingest.flush_directory(blobs.path(digest).parent)
