"""The directory of the store: an OCI image layout, whose index.json lists every image with its names.

    oci-layout       {"imageLayoutVersion": "1.0.0"}
    index.json       one entry for each name of an image, or one without a name ("dangling")
    blobs/, ingest/  see storage.blobs
    lock             shared: somebody adds blobs that nothing refers to yet; exclusive: somebody removes such blobs
    index.lock       somebody changes index.json

A name stands in an entry's annotations: whole in io.containerd.image.name (docker.io/library/alpine:latest), and
as people write it in org.opencontainers.image.ref.name (alpine:latest). So `skopeo inspect oci:DIR:alpine:latest`
and `umoci list --layout DIR` work on the store as it is. index.json is written aside, flushed, and renamed:
whoever reads needs no lock. See the OCI image specification, image-layout.md, annotations.md; flock(2).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from container_lib.errors import InvalidValue, KernelError
from container_lib.images import fields, reference
from container_lib.images.documents import Descriptor, Index
from container_lib.storage import ingest

FULL_NAME = "io.containerd.image.name"
REF_NAME = "org.opencontainers.image.ref.name"
VERSION = "1.0.0"


@dataclass(frozen=True)
class Entry:
    """One line of index.json: a manifest (or an index of some), and one full name of it, or ""."""

    descriptor: Descriptor
    name: str = ""

    @staticmethod
    def of(descriptor: Descriptor) -> "Entry":
        """Return the entry of a descriptor that index.json lists. Others than us write the short name alone."""
        for annotation in (FULL_NAME, REF_NAME):
            try:
                return Entry(descriptor, reference.parse(descriptor.annotations.get(annotation, "")).full)
            except InvalidValue:
                continue  # no such annotation, or a name that says nothing to us
        return Entry(descriptor)

    @property
    def familiar(self) -> str:
        """The name as people write it; the digest of one that has none."""
        return reference.parse(self.name).familiar if self.name else self.descriptor.digest

    @property
    def dangling(self) -> bool:
        """Whether nobody gave it a name, not even one that says nothing to us."""
        return not self.name and REF_NAME not in self.descriptor.annotations

    def renamed(self, name: str) -> "Entry":
        """Return the entry with another full name, or with none."""
        kept = {
            key: text for key, text in self.descriptor.annotations.items() if key not in (FULL_NAME, REF_NAME)
        }
        if name:
            kept[FULL_NAME] = name
            found = reference.parse(name)
            if found.tag:
                kept[REF_NAME] = found.familiar
        return Entry(replace(self.descriptor, annotations=kept), name)


class Layout:
    """An image layout below a directory; it is made when it is first written to."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._index = directory / "index.json"
        self._identity = (0, 0, 0)
        self._entries: tuple[Entry, ...] = ()
        self._named: dict[str, Entry] = {}

    def entries(self) -> tuple[Entry, ...]:
        """Return what index.json lists; read again only if the file is another one. Raises `InvalidImage`."""
        try:
            found = os.stat(self._index)
            identity = (found.st_mtime_ns, found.st_ino, found.st_size)
            if self._identity != identity:
                self._entries = tuple(Entry.of(descriptor) for descriptor in self._read().manifests)
                self._named = {entry.name: entry for entry in reversed(self._entries)}
                self._identity = identity
        except FileNotFoundError:
            return ()
        return self._entries

    def named(self, name: str) -> Entry | None:
        """Return the entry that has a full name."""
        return self._named.get(name) if self.entries() else None

    @contextmanager
    def changing(self) -> Iterator[list[Entry]]:
        """Give the entries to be changed; what they are at the end of the block is written. One at a time."""
        self._prepare()
        with self._locked("index.lock", fcntl.LOCK_EX):
            index = self._read()
            before = [Entry.of(descriptor) for descriptor in index.manifests]
            entries = list(before)
            yield entries
            if entries != before:
                descriptors = tuple(entry.descriptor for entry in entries)
                self._write("index.json", replace(index, manifests=descriptors).to_json())

    @contextmanager
    def adding(self) -> Iterator[None]:
        """Hold off the removal of blobs and layers that nothing refers to: any number may hold it at once."""
        self._prepare()
        with self._locked("lock", fcntl.LOCK_SH):
            yield

    @contextmanager
    def alone(self, wait: bool) -> Iterator[bool]:
        """Give True while nobody is adding; wait for that, or give False."""
        self._prepare()
        with ExitStack() as held:
            try:
                held.enter_context(self._locked("lock", fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB)))
                got = True
            except BlockingIOError:
                got = False
            yield got

    def _prepare(self) -> None:
        if self._index.exists() and (self.directory / "oci-layout").exists():
            return
        (self.directory / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        with self._locked("index.lock", fcntl.LOCK_EX):
            self._write("oci-layout", fields.dump({"imageLayoutVersion": VERSION}))
            if not self._index.exists():
                self._write("index.json", Index(()).to_json())

    def _read(self) -> Index:
        return Index.from_json(self._index.read_bytes(), str(self._index))

    def _write(self, name: str, data: bytes) -> None:
        """Replace a file. The name that it has until then is free for us: we hold the lock."""
        aside = self.directory / f"{name}.new"
        try:
            with open(aside, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            aside.unlink(missing_ok=True)
            reason = f"write {aside}: {os.strerror(error.errno or 0)}"
            raise KernelError("write", error.errno or 0, reason, "nothing was changed") from None
        os.rename(aside, self.directory / name)
        ingest.flush_directory(self.directory)

    @contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        # a file object, and not a descriptor: an interrupt between any two steps closes it, too
        with open(self.directory / name, "ab", buffering=0) as file:
            fcntl.flock(file, how)
            yield
