"""Is all of it still there, and is it still what it was? Every blob hashed, every reference followed.

Bits rot, people delete files, a disk was full in a program that did not look. What is found is told as a line
each, with what helps; nothing is repaired here. Left out: the files of unpacked layers (remove the directory of
a layer, and the next container has it unpacked anew). See the OCI image specification, image-layout.md.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from container_lib.errors import ContainerError, InvalidImage, NotFound
from container_lib.images import graph
from container_lib.images.documents import MANIFESTS
from container_lib.images.layout import Entry

if TYPE_CHECKING:
    from container_lib.images.store import Store


def problems(store: "Store") -> list[str]:
    """Return a line for each thing that is wrong, none if nothing is. Reads every byte of every blob."""
    found = [*_of_blobs(store)]
    try:
        entries = store.layout.entries()
    except InvalidImage as error:
        return [*found, _line(error, "write it anew from what blobs/ holds, or start with an empty store")]
    for entry in entries:
        found += _of_image(store, entry)
    for chain_id in store.layers.all():
        if said := store.layers.verify(chain_id):
            found.append(f"{said}; remove that directory, and it is unpacked anew")
    return list(dict.fromkeys(found))


def _of_blobs(store: "Store") -> Iterator[str]:
    for digest in store.blobs.all():
        try:
            store.blobs.verify(digest)
        except ContainerError as error:
            yield _line(error)


def _of_image(store: "Store", entry: Entry) -> Iterator[str]:
    """Follow the references of one image: documents are read, of layers there is the size to compare."""
    again = f"byhand rmi {entry.familiar}, then load or pull it once more"
    try:
        store.image_of(entry)
        for document in graph.documents(store.blobs, entry.descriptor):
            if document.media_type in MANIFESTS:
                manifest = graph.read_manifest(store.blobs, document)
                for part in (manifest.config, *manifest.layers):
                    store.blobs.open(part.digest, part.size).close()
    except (InvalidImage, NotFound) as error:
        yield f"image {entry.familiar}: {_line(error, again)}"


def _line(error: ContainerError, remedy: str = "") -> str:
    return f"{error.message}; {remedy or error.hint}"
