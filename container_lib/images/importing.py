"""A root filesystem becomes an image of one layer, and a container's tree becomes a plain tar again.

    import_    tar or directory ──► layer (gzip) ─┐
               instructions ──────► config ───────┴─► manifest ──► index.json
    export     directory ──► tar

    a tar        is the layer's tar byte for byte: its digest is the DiffID. It is read as a tar on the way, so
                 that one which is cut short, corrupted, or leads out by ".." is refused now and not at a start
    a directory  is packed in order, without anything of this machine: the same tree, the same layer

Nothing remembers which image a tree came from: history, environment and command are lost by export, and given by
`changes` to import. Left out: a source at a URL. See docker-import(1), docker-export(1).
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from container_lib.errors import InvalidImage, InvalidValue, NotFound
from container_lib.images import documents, graph, instructions, reference
from container_lib.images.config import History, ImageConfig, timestamp
from container_lib.images.documents import Descriptor, Manifest, Platform
from container_lib.images.image import Image
from container_lib.images.store import Store
from container_lib.storage.layers import compression, packing
from container_lib.storage.layers.compression import Writable
from container_lib.storage.layers.headers import LINK, Header, show
from container_lib.storage.layers.inflate import Readable
from container_lib.storage.layers.reading import Bounds, Feed, entries

Progress = Callable[[int], None] | None


def import_(
    store: Store,
    source: BinaryIO | Path,
    name: str = "",
    changes: Sequence[str] = (),
    message: str = "",
    platform: Platform | None = None,
    progress: Progress = None,
) -> Image:
    """Make an image from a root filesystem (a directory; a tar, open or by its path, maybe compressed).

    `changes` are instructions such as 'CMD ["sh"]' (images.instructions); `progress` is called with the bytes of a
    tar read since the last time. Raises `InvalidImage`, `InvalidValue` (name, instruction), `NotFound`,
    `KernelError` (a full disk): then the store is as it was.
    """
    if isinstance(source, Path) and not source.exists():
        raise NotFound(f"no such file or directory: {source}")
    if name and reference.parse(name).digest:
        raise InvalidValue(
            f"invalid name for an image that is being made: {name}", "a digest names one that is"
        )
    empty = ImageConfig(platform or graph.this_platform(), ())
    run = instructions.apply(empty, changes).run  # before the work: a wrong one is told at once
    with store.adding():
        layer, diff_id = _store_layer(store, source, progress)
        now = timestamp(datetime.now(UTC))
        comment = message or f"Imported from {source if isinstance(source, Path) else '-'}"
        config = ImageConfig(
            empty.platform, (diff_id,), run, history=(History(now, comment=comment),), created=now
        ).to_json()
        parts = Descriptor(documents.CONFIG, store.blobs.put(config), len(config)), (layer,)
        manifest = Manifest(*parts).to_json()
        descriptor = Descriptor(documents.MANIFEST, store.blobs.put(manifest), len(manifest))
        return store.add(descriptor, [name] if name else [])


def export(tree: Path, sink: Writable, progress: Progress = None) -> None:
    """Write a directory, such as the merged tree of a container, as a tar into `sink`: same tree, same bytes.

    Raises `Conflict` for what changes while it is read, `InvalidImage` for what a tar of a layer can't hold.
    """
    packing.pack(tree, sink, compression="none", progress=progress)


def _store_layer(store: Store, source: BinaryIO | Path, progress: Progress) -> tuple[Descriptor, str]:
    """Write the layer's blob, and return its descriptor and its DiffID."""
    with store.blobs.writer() as writer:
        if not isinstance(source, Path):
            diff_id = _recompress(source, writer, progress)
        elif source.is_dir():
            diff_id = packing.pack(source, writer, progress=progress).diff_id
        else:
            with open(source, "rb", buffering=0) as file:
                diff_id = _recompress(file, writer, progress)
        return Descriptor(f"{documents.LAYER}+gzip", writer.commit(), writer.written), diff_id


def _recompress(source: Readable, sink: Writable, progress: Progress) -> str:
    """Write the tar in `source` compressed into `sink`, read it as a tar on the way, and return its digest."""
    counted = _Counted(source, progress)
    with (
        compression.writer(sink, "gzip") as layer,
        Feed(_Tee(compression.reader(counted), layer), Bounds()) as feed,
    ):
        for header in entries(feed):
            _check_names(header)
            feed.skip(header.size)
        if not feed.entry:
            raise InvalidImage("no root filesystem: not one entry in the tar")
        feed.drain()
        return feed.diff_id


def _check_names(header: Header) -> None:
    paths = (header.name, header.link) if header.kind == LINK else (header.name,)
    for path in paths:
        if b".." in path.split(b"/"):
            raise InvalidImage(f"{header.shown}: leads out of the root filesystem by '..' ({show(path)})")


class _Counted:
    """A stream that tells how much is read of it."""

    def __init__(self, source: Readable, progress: Progress) -> None:
        self._source, self._progress = source, progress

    def read(self, size: int = -1, /) -> bytes:
        """Read, and tell."""
        data = self._source.read(size)
        if self._progress and data:
            self._progress(len(data))
        return data


class _Tee:
    """A stream that writes what is read of it."""

    def __init__(self, source: Readable, copy: Writable) -> None:
        self._source, self._copy = source, copy

    def read(self, size: int = -1, /) -> bytes:
        """Read, and write the same."""
        data = self._source.read(size)
        self._copy.write(data)
        return data
