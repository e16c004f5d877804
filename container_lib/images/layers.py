"""Unpacked layers: one directory each, made once, shared by all images and containers that have the layer.

    <directory>/sha256/<chain id>/diff/         the layer's files, as overlayfs wants a lower directory
                                 /layer.json    what was unpacked: digest, DiffID, bytes, entries
    <directory>/ingest/<chain id>/              being unpacked, locked by who does it; whoever else wants it waits
    <directory>/ingest/<chain id>.<random>/     being removed

The key is the ChainID, not the layer's own digest: a layer may leave out directories that it changes nothing
about, and they then have the owner and the mode that they have below it. A layer is flushed (syncfs) before it is
renamed to its place: there it is whole, after a `kill -9` and after a power cut.
See the OCI image specification, config.md "Layer ChainID"; Documentation/filesystems/overlayfs.rst.
"""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from container_lib.errors import DigestMismatch, NotFound
from container_lib.images import fields
from container_lib.images.documents import Descriptor
from container_lib.storage import digest as digests
from container_lib.storage import ingest

if TYPE_CHECKING:
    from container_lib.storage.layers.reading import Bounds
    from container_lib.storage.layers.unpacking import Unpacked

Progress = Callable[[int], None] | None


class Layers:
    """The unpacked layers below a directory. Any number of processes may use it at once."""

    def __init__(self, directory: Path, bounds: "Bounds | None" = None) -> None:
        """`bounds` are how much a layer may be, unpacked; by default those of storage.layers.reading."""
        self.directory = directory
        self.bounds = bounds
        self._whole = directory / "sha256"
        self.ingest = directory / "ingest"

    def path(self, chain_id: str) -> Path:
        """Return where the files of a layer are, or would be."""
        return Path(f"{self._whole}/{digests.encoded(chain_id)}/diff")

    def has(self, chain_id: str) -> bool:
        """Whether the layer is there, and so is whole."""
        return os.path.isdir(self.path(chain_id))

    def make(
        self,
        chain_id: str,
        blob: Path,
        layer: Descriptor,
        diff_id: str,
        parents: Sequence[Path],
        progress: Progress,
    ) -> Path:
        """Unpack the layer in the file `blob` on `parents` (topmost first), if need be, and return where it is.

        Raises `NotFound`, `InvalidImage` and `KernelError`; then there is nothing of the layer.
        """
        if not self.has(chain_id):
            _check_size(blob, layer)
            with ingest.holding(self.ingest / digests.encoded(chain_id)) as aside:
                if not self.has(chain_id):  # nobody was faster
                    self._fill(aside, blob, layer, diff_id, parents, progress)
                    self._publish(aside)
        return self.path(chain_id)

    def all(self) -> list[str]:
        """Return the ChainIDs of all that are there."""
        return sorted(f"sha256:{name}" for name in os.listdir(self._whole)) if self._whole.is_dir() else []

    def collect(self, reachable: Collection[str]) -> list[tuple[str, int]]:
        """Remove every layer whose ChainID is not `reachable` and return (ChainID, bytes unpacked) of each."""
        return [(chain_id, self.delete(chain_id)) for chain_id in self.all() if chain_id not in reachable]

    def delete(self, chain_id: str) -> int:
        """Remove a layer, at once (it is renamed first), and return how many bytes it had; 0 if it isn't there."""
        aside = self.ingest / f"{digests.encoded(chain_id)}.{secrets.token_hex(4)}"
        self.ingest.mkdir(parents=True, exist_ok=True)
        try:
            fd = os.open(self.path(chain_id).parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            size = self.size(chain_id)
            os.rename(self.path(chain_id).parent, aside)
            shutil.rmtree(aside)
        finally:
            os.close(fd)
        return size

    def size(self, chain_id: str) -> int:
        """Return how many bytes a layer has, unpacked; 0 if it is not there."""
        return int(self._mark(chain_id).get("bytes", 0))

    def verify(self, chain_id: str) -> str:
        """Return what is wrong with a layer that is there, "" if nothing is."""
        if self.has(chain_id) and {"digest", "diff_id", "bytes", "entries"} <= self._mark(chain_id).keys():
            return ""
        return f"layer {chain_id}: {self.path(chain_id).parent} lacks its files or its mark (layer.json)"

    def _mark(self, chain_id: str) -> dict[str, Any]:
        try:
            found = json.loads((self.path(chain_id).parent / "layer.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _fill(
        self,
        aside: Path,
        blob: Path,
        layer: Descriptor,
        diff_id: str,
        parents: Sequence[Path],
        progress: Progress,
    ) -> None:
        from container_lib.storage.layers.reading import Bounds
        from container_lib.storage.layers.unpacking import unpack

        (aside / "diff").mkdir()
        with open(blob, "rb", buffering=0) as source:
            done = unpack(
                source,
                aside / "diff",
                parents=parents,
                digest=layer.digest,
                diff_id=diff_id,
                bounds=self.bounds or Bounds(),
                progress=progress,
            )
        (aside / "layer.json").write_bytes(_mark_of(done))

    def _publish(self, aside: Path) -> None:
        from container_lib.kernel.syscalls import syncfs

        self._whole.mkdir(parents=True, exist_ok=True)
        fd = os.open(aside, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            syncfs(fd)
        finally:
            os.close(fd)
        os.rename(aside, self._whole / aside.name)
        ingest.flush_directory(self._whole)


def _mark_of(done: "Unpacked") -> bytes:
    names = ("digest", "diff_id", "bytes", "entries")
    return fields.dump({name: getattr(done, name) for name in names})


def _check_size(blob: Path, layer: Descriptor) -> None:
    """Tell a blob that was cut off before anything is unpacked."""
    hint = f"remove {blob}, then load or pull the image once more"
    try:
        size = blob.stat().st_size
    except FileNotFoundError:
        raise NotFound(f"{blob} does not exist", "load or pull the image once more") from None
    if size != layer.size:
        raise DigestMismatch(f"{blob} has {size} bytes, and should have {layer.size}", hint)
