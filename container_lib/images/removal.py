"""Names given and taken, images removed, in docker's order and in docker's words.

    remove a name that is not the last one      Untagged: app:1
    remove the last one, or by the ID           Untagged: app:1
                                                Deleted: sha256:…      the image (its ID)
                                                Deleted: sha256:…      each layer that no other image has (ChainID)

First index.json loses the entry, then go the unpacked layers, then the blobs: whoever is killed in between leaves
blobs that nothing refers to, which `prune` finds. An image that a container uses is never deleted; docker deletes
one whose containers have all stopped, if forced, and keeps its layers for them.
See https://docs.docker.com/reference/cli/docker/image/rm/
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from container_lib.errors import Conflict, InvalidImage, NotFound
from container_lib.images import graph
from container_lib.images.documents import Descriptor
from container_lib.images.image import Image
from container_lib.images.layout import Entry

if TYPE_CHECKING:
    from container_lib.images.store import Store


@dataclass(frozen=True)
class Pruned:
    """What a prune removed: docker's lines, and how many bytes of blobs and unpacked layers were freed."""

    lines: list[str]
    reclaimed: int


@dataclass(frozen=True)
class _Lost:
    """What nothing refers to any more once some entries have gone."""

    image_ids: list[str]
    chain_ids: list[str]  # of each image, topmost first
    blobs: set[str]

    def lines(self) -> list[str]:
        return [f"Deleted: {digest}" for digest in (*self.image_ids, *self.chain_ids)]


def rename(entries: list[Entry], image: Descriptor, names: Iterable[str]) -> None:
    """Change `entries` so that an image is listed and has some more full names.

    Whoever had such a name loses it, and stays without one. An image is listed without a name only if it has none.
    """
    for name in dict.fromkeys(names):
        if any(entry.name == name and entry.descriptor.digest == image.digest for entry in entries):
            continue
        entries[:] = [entry.renamed("") if entry.name == name else entry for entry in entries]
        entries.append(Entry(image).renamed(name))
    if not any(entry.descriptor.digest == image.digest for entry in entries):
        entries.append(Entry(image).renamed(""))
    _drop_nameless_doubles(entries)


def remove(store: "Store", name: str, force: bool, in_use: Mapping[str, str]) -> list[str]:
    """Remove a name, or the image that an ID stands for. See `Store.remove`."""
    with store.layout.alone(wait=False) as alone:
        with store.layout.changing() as entries:
            named = store.named(name)
            chosen = named or store.find(name)
            same = _with_the_same_id(store, chosen[0], entries)
            leaving = chosen if named else same
            users = _users(store, chosen[0], in_use) if len(leaving) == len(same) else []
            _refuse_if_in_the_way(store, chosen[0], bool(named), force, users, same)
            lines = [f"Untagged: {entry.familiar}" for entry in leaving if entry.name]
            staying = [entry for entry in entries if entry not in leaving]
            if users:  # forced: it loses its name, and stays for its container
                staying += [entry.renamed("") for entry in leaving]
                _drop_nameless_doubles(staying)
            lost = _lost(store, leaving, staying, in_use.values())
            entries[:] = staying
        if alone:
            _free(store, lost)
    return lines + lost.lines()


def prune(store: "Store", everything: bool, in_use: Mapping[str, str]) -> Pruned:
    """Remove images that nobody needs, and all that nothing refers to. See `Store.prune`."""
    with store.layout.alone(wait=True):
        with store.layout.changing() as entries:
            leaving = [entry for entry in entries if everything or entry.dangling]
            leaving = [entry for entry in leaving if not _users(store, entry, in_use)]
            staying = [entry for entry in entries if entry not in leaving]
            lost = _lost(store, leaving, staying, in_use.values())
            entries[:] = staying
        freed = sum(
            size for _, size in store.layers.collect(_chain_ids(store, staying) | set(in_use.values()))
        )
        freed += sum(size for _, size in store.blobs.collect(_blobs_of(store, staying)))
    lines = [f"Untagged: {entry.familiar}" for entry in leaving if entry.name]
    return Pruned(lines + lost.lines(), freed)


def _refuse_if_in_the_way(
    store: "Store", entry: Entry, by_name: bool, force: bool, users: list[str], same: list[Entry]
) -> None:
    """Raise `Conflict` where docker does. `users`: containers that would lose their image."""
    image = _whole(store, entry)
    shown = image.short_id if image else entry.descriptor.digest
    hint = "remove the container first"
    if by_name and users and not force:
        what = f'conflict: unable to remove repository reference "{entry.familiar}" (must force)'
        raise Conflict(f"{what} - container {users[0][:12]} is using its referenced image {shown}", hint)
    if not by_name and users:
        what = f"conflict: unable to delete {shown} (cannot be forced)"
        raise Conflict(f"{what} - image is being used by container {users[0][:12]}", hint)
    names = [each.familiar for each in same if each.name]
    if not by_name and len(names) > 1 and not force:
        what = f"conflict: unable to delete {shown} (must be forced)"
        raise Conflict(
            f"{what} - image is referenced in multiple repositories", f"its names: {', '.join(names)}"
        )


def _lost(store: "Store", leaving: list[Entry], staying: list[Entry], in_use: Collection[str]) -> _Lost:
    """Compare what some entries refer to with what the others refer to. Changes nothing."""
    kept_ids = {store.image_of(entry).id for entry in staying}
    kept_chains = _chain_ids(store, staying) | set(in_use)
    image_ids: dict[str, None] = {}
    chains: dict[str, None] = {}
    blobs: set[str] = set()
    for entry in leaving:
        image = _whole(store, entry)
        image_ids[image.id if image else entry.descriptor.digest] = None
        chains |= dict.fromkeys(reversed(image.config.chain_ids if image else ()))
        blobs |= _blobs_of(store, [entry]) if image else {entry.descriptor.digest}
    return _Lost(
        [image_id for image_id in image_ids if image_id not in kept_ids],
        [chain_id for chain_id in chains if chain_id not in kept_chains],
        blobs - _blobs_of(store, staying),
    )


def _free(store: "Store", lost: _Lost) -> None:
    for chain_id in lost.chain_ids:
        store.layers.delete(chain_id)
    for digest in lost.blobs:
        store.blobs.delete(digest)


def _users(store: "Store", entry: Entry, in_use: Mapping[str, str]) -> list[str]:
    """The containers that use the image of an entry."""
    image = _whole(store, entry) if in_use else None
    ids = {entry.descriptor.digest, image.id} if image else {entry.descriptor.digest}
    return [container for container, used in in_use.items() if used in ids]


def _with_the_same_id(store: "Store", entry: Entry, entries: list[Entry]) -> list[Entry]:
    image = _whole(store, entry)
    if image is None:
        return [each for each in entries if each.descriptor.digest == entry.descriptor.digest]
    return [each for each in entries if (other := _whole(store, each)) and other.id == image.id]


def _whole(store: "Store", entry: Entry) -> Image | None:
    """The image of an entry, or None for a damaged one: then its digest is all that is known of it."""
    try:
        return store.image_of(entry)
    except (InvalidImage, NotFound):
        return None


def _chain_ids(store: "Store", entries: Iterable[Entry]) -> set[str]:
    return {chain_id for entry in entries for chain_id in store.image_of(entry).config.chain_ids}


def _blobs_of(store: "Store", entries: Iterable[Entry]) -> set[str]:
    return graph.reachable(store.blobs, (entry.descriptor for entry in entries))


def _drop_nameless_doubles(entries: list[Entry]) -> None:
    """Of the entries of one image keep a dangling one only if there is no other, and then once."""
    kept: list[Entry] = []
    named = {entry.descriptor.digest for entry in entries if not entry.dangling}
    for entry in entries:
        if not entry.dangling or entry.descriptor.digest not in named:
            kept.append(entry)
            named.add(entry.descriptor.digest)
    entries[:] = kept
