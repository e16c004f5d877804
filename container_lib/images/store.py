"""The store: every image of this machine, its names, and its layers unpacked for containers.

    store = Store(root)
    with store.adding():                           blobs may be put that nothing refers to yet
        store.blobs.put(…)                         layers, configuration, manifest
        store.add(manifest, ["app:1"])             now index.json refers to it: the image exists
    image = store.image("app:1")                   by name, by ID, by the beginning of an ID
    store.lowers(image)                            its layers as directories for overlayfs, topmost first
    store.remove("app:1"); store.prune()           what nothing refers to any more goes

    <root>/images/    an OCI image layout, see images.layout      <root>/layers/    see images.layers

The order makes it safe to be killed at any point: what is referred to exists before it is referred to, and the
reference goes before the thing. What that leaves behind, `clean` and `prune` remove. The state is the directory,
not the object: any number of processes may use a store at once. Names follow docker's, also in what is said.
See https://docs.docker.com/reference/cli/docker/image/ and the OCI image specification, image-layout.md.
"""

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from container_lib.errors import Conflict, ContainerError, InvalidValue, KernelError, NotFound
from container_lib.images import checking, image, reference, removal
from container_lib.images.documents import Descriptor
from container_lib.images.image import Image
from container_lib.images.layers import Layers, Progress
from container_lib.images.layout import Entry, Layout
from container_lib.storage import ingest
from container_lib.storage.blobs import Blobs

if TYPE_CHECKING:
    from container_lib.storage.layers.reading import Bounds

_IS_WHOLE_ID = re.compile("sha256:[0-9a-f]{64}|[0-9a-f]{64}").fullmatch
_IS_ID = re.compile("(sha256:)?[0-9a-f]{1,64}").fullmatch


class Store:
    """The images below a directory."""

    def __init__(self, root: Path, bounds: "Bounds | None" = None) -> None:
        """`bounds` are how much a layer may be, unpacked (storage.layers.reading.Bounds); by default a lot."""
        self.layout = Layout(root / "images")
        self.blobs = Blobs(root / "images")
        self.layers = Layers(root / "layers", bounds)
        self._read: dict[str, Image] = {}  # by digest, which says all about the documents: they can't change

    # ---- finding

    def image(self, name: str) -> Image:
        """Return an image by its name, its ID, its digest, or the beginning of its ID.

        Raises `NotFound` in docker's words ("No such image: …"), `Conflict` if several IDs begin like that,
        `InvalidValue` for what is no name, and `InvalidImage` if its documents cannot be used.
        """
        return self.image_of(self.find(name)[0])

    def images(self) -> list[Image]:
        """Return all images, in the order in which they came, each with all its names."""
        first = {entry.descriptor.digest: entry for entry in reversed(self.layout.entries())}
        return [self.image_of(entry) for entry in reversed(first.values())]

    def find(self, name: str) -> list[Entry]:
        """Return the entries of index.json that a name, an ID or a digest stands for: at least one.

        Unlike `image` it needs no document of a named image: a damaged one can still be removed.
        """
        found = self.named(name) or (self._with_id(name) if _IS_ID(name) else [])
        if not found:
            shown = name if _IS_WHOLE_ID(name) else reference.parse(name).familiar
            raise NotFound(f"No such image: {shown}", "byhand images lists what there is")
        return found

    def named(self, name: str) -> list[Entry]:
        """Return the entries that have a name: one, or several with the digest that the name gives, or none."""
        if _IS_WHOLE_ID(name):
            return []
        wanted = reference.parse(name)
        if not wanted.digest:
            found = self.layout.named(wanted.full)
            return [found] if found else []
        same = (entry for entry in self.layout.entries() if entry.descriptor.digest == wanted.digest)
        return [
            each for each in same if each.name and reference.parse(each.name).repository == wanted.repository
        ]

    def image_of(self, entry: Entry) -> Image:
        """Return the image of an entry. Raises what reading it raises, with the name of the image in front."""
        digest = entry.descriptor.digest
        if digest not in self._read:
            try:
                self._read[digest] = image.read(self.blobs, entry.renamed("").descriptor)
            except ContainerError as error:
                error.hint = f"{error.hint}; byhand rmi {entry.familiar} removes it".lstrip("; ")
                raise _named(error, f"image {entry.familiar}") from None
        same = (each for each in self.layout.entries() if each.descriptor.digest == digest)
        return self._read[digest].named(tuple(each.familiar for each in same if each.name))

    # ---- adding

    def adding(self) -> AbstractContextManager[None]:
        """Hold this while putting blobs, and from `lowers` until the container is on record: nothing is pruned."""
        return self.layout.adding()

    def add(self, manifest: Descriptor, names: Iterable[str] = ()) -> Image:
        """List an image whose blobs are all there, under some names; they are taken from whoever had them.

        Raises `NotFound` or `InvalidImage` if something of it is missing or wrong, `InvalidValue` for no name.
        """
        wanted = [reference.parse(name) for name in names]
        with self.adding():
            found = image.read(self.blobs, manifest)
            for part in (found.manifest.config, *found.manifest.layers):
                if self.blobs.size(part.digest) != part.size:
                    self.blobs.open(part.digest, part.size).close()
            with self.layout.changing() as entries:
                removal.rename(entries, manifest, [_full(name, manifest) for name in wanted])
        self._read[manifest.digest] = found
        return self.image_of(Entry(manifest))

    def tag(self, source: str, target: str) -> Image:
        """Give an image one more name. Raises `NotFound`, `InvalidValue`."""
        name = reference.parse(target)
        if name.digest:
            raise InvalidValue(f"refusing to create a tag with a digest reference: {target}")
        with self.layout.changing() as entries:
            entry = self.find(source)[0]
            self.image_of(entry)  # a damaged one gets no more names
            removal.rename(entries, entry.descriptor, [name.full])
        return self.image_of(entry)

    def lowers(self, image: Image, progress: Progress = None) -> list[Path]:
        """Return the directories of an image's layers, topmost first, and unpack those that are missing.

        `progress` is told the bytes of each layer's blob that have been read. Raises `InvalidImage`,
        `DigestMismatch`, `NotFound`, `KernelError` (a full disk), naming image and layer; layers that were whole
        by then stay, of the others there is nothing.
        """
        chain, layers = image.config.chain_ids, image.manifest.layers
        made = [self.layers.path(chain_id) for chain_id in reversed(chain)]
        if all(map(os.path.isdir, made)):  # what is there is whole
            return made
        with self.adding():
            for number, (chain_id, layer, diff_id) in enumerate(
                zip(chain, layers, image.config.diff_ids, strict=True)
            ):
                where = f"image {image}, layer {number + 1} of {len(layers)} ({layer.digest})"
                parents = made[len(layers) - number :]
                try:
                    self.layers.make(
                        chain_id, self.blobs.path(layer.digest), layer, diff_id, parents, progress
                    )
                except ContainerError as error:
                    raise _named(error, where) from None
                except OSError as error:
                    raise KernelError("unpack", error.errno or 0, f"{where}: {error}") from None
        return made

    # ---- removing

    def remove(self, name: str, force: bool = False, in_use: Mapping[str, str] | None = None) -> list[str]:
        """Take a name from an image; with its last name, or by its ID, the image goes. Returns docker's lines.

        `in_use` has the image ID for each container ID: such an image stays. `force` takes the last name of an
        image in use, and all the names at once of one that is given by its ID. Raises `NotFound`, `Conflict`.
        While somebody adds an image the bytes stay until the next `prune`; the names go at once.
        """
        return removal.remove(self, name, force, in_use or {})

    def prune(self, all: bool = False, in_use: Mapping[str, str] | None = None) -> removal.Pruned:
        """Remove images without a name, or `all` that no container uses, and whatever nothing refers to.

        `in_use` has the image ID (or the ChainID of a layer) for each container ID. Waits until nobody is adding.
        """
        return removal.prune(self, all, in_use or {})

    def clean(self) -> list[str]:
        """Remove what killed processes left half-written and return its paths."""
        return ingest.clean(self.blobs.directory / "ingest") + ingest.clean(self.layers.ingest)

    def verify(self) -> list[str]:
        """Hash every blob and follow every reference; return a line, with the remedy, for each thing wrong."""
        with self.adding():
            return checking.problems(self)

    def _with_id(self, name: str) -> list[Entry]:
        start = "sha256:" + name.removeprefix("sha256:")
        entries = self.layout.entries()
        if len(start) == 71 and (same := [entry for entry in entries if entry.descriptor.digest == start]):
            return same
        found = [(self.image_of(entry).id, entry) for entry in entries]
        found = [(image_id, entry) for image_id, entry in found if image_id.startswith(start)]
        if len({image_id for image_id, _ in found}) > 1:
            raise Conflict(f"several image IDs begin with {name}", "give more digits")
        return [entry for _, entry in found]


def _full(name: reference.Reference, manifest: Descriptor) -> str:
    """The name to be kept; by a digest only the image can be named that has it."""
    if name.digest and name.digest != manifest.digest:
        raise InvalidValue(f"{name.familiar} cannot name the image with the digest {manifest.digest}")
    return f"{name.repository}@{name.digest}" if name.digest else name.full


def _named(error: ContainerError, where: str) -> ContainerError:
    """Put in front of an error's message what it happened to."""
    error.message = f"{where}: {error.message}"
    error.args = (error.message,)
    return error
