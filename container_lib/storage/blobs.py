"""Blobs: files that are named by the digest of their bytes. Images are made of nothing else.

    <directory>/blobs/sha256/<hex>      whole and right, for ever: a blob is never changed
    <directory>/ingest/<random>         one that is being written, with a lock (flock) of its writer on it

A blob is hashed while it is written, flushed (fsync), and only then renamed to its digest; the directory is
flushed as well before `commit` returns. So a name never stands for half a file: neither after a `kill -9` nor
after a power cut. What a killed writer left is found by `ingest.clean`.
The same bytes have the same name: they are stored once, however often they are put.

What is read is verified: a document by `read` as a whole, a stream by `open` at its end (who stops before has
verified nothing). See the OCI image specification, image-layout.md, "Blobs"; flock(2), rename(2), fsync(2).
"""

import errno
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any

from container_lib.errors import DigestMismatch, InvalidImage, KernelError, NotFound
from container_lib.storage import digest as digests
from container_lib.storage import ingest

DOCUMENT_LIMIT = 4 << 20  # bytes; what registries, too, accept of a manifest
_CHUNK = 1 << 20


class Blobs:
    """The blobs below a directory. Any number of processes may use it at once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, digest: str) -> Path:
        """Return where a blob is, or would be. Raises `InvalidValue` if that is no digest."""
        return self.directory / "blobs" / digests.algorithm(digest) / digests.encoded(digest)

    def has(self, digest: str) -> bool:
        """Whether the blob is there."""
        return self.path(digest).is_file()

    def size(self, digest: str) -> int:
        """Return how many bytes a blob has. Raises `NotFound`."""
        with _naming(digest, self.path(digest)):
            return self.path(digest).stat().st_size

    def put(self, data: bytes) -> str:
        """Store some bytes and return their digest. Raises `KernelError` on a full disk."""
        with self.writer() as writer:
            writer.write(data)
            return writer.commit()

    def writer(self, expected: str = "", size: int | None = None) -> "Writer":
        """Return a writer for one blob; what leaves its `with` block without `commit` is removed.

        `expected` and `size` (bytes) are what the blob was announced as; other bytes raise `DigestMismatch`.
        """
        return Writer(self, expected, size)

    def read(self, digest: str, limit: int = DOCUMENT_LIMIT) -> bytes:
        """Return a blob, verified. Raises `NotFound`, `DigestMismatch`, and `InvalidImage` above `limit` bytes."""
        path = self.path(digest)
        with _naming(digest, path), open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise InvalidImage(f"blob {digest}: {size} bytes, and {limit} are the limit for a document")
            data = file.read(size + 1) or b""
        _compare(digest, digests.of(data, digests.algorithm(digest)), path)
        return data

    def open(self, digest: str, size: int | None = None) -> BufferedReader:
        """Return a blob as a stream that raises `DigestMismatch` at its end if the bytes were not the right ones.

        With `size` (bytes, as a descriptor gives it) a blob that is shorter or longer is refused at once.
        """
        path = self.path(digest)
        if size is not None and self.size(digest) != size:
            raise _mismatch(digest, f"it has {self.size(digest)} bytes, and should have {size}", path)
        with _naming(digest, path):
            return BufferedReader(_Verified(digest, path), _CHUNK)

    def verify(self, digest: str) -> int:
        """Read and hash a whole blob and return its size in bytes. Raises `NotFound`, `DigestMismatch`."""
        with self.open(digest) as stream:
            while stream.read(_CHUNK):
                pass
            return stream.tell()

    def all(self) -> Iterator[str]:
        """Yield the digest of every blob, in order. What is no digest is nobody's blob and passed over."""
        for name, length in (("sha256", 64), ("sha512", 128)):
            directory = self.directory / "blobs" / name
            found = sorted(os.listdir(directory)) if directory.is_dir() else []
            yield from (f"{name}:{value}" for value in found if len(value) == length)

    def delete(self, digest: str) -> int:
        """Remove a blob and return how many bytes it had; 0 if it was not there."""
        try:
            size = self.size(digest)
            self.path(digest).unlink()
        except (NotFound, FileNotFoundError):
            return 0
        return size

    def collect(self, reachable: Collection[str]) -> list[tuple[str, int]]:
        """Remove every blob that is not `reachable` and return (digest, bytes) of each.

        The caller makes sure that nobody is adding: a blob is unreachable until something refers to it.
        """
        return [(digest, self.delete(digest)) for digest in self.all() if digest not in reachable]


class Writer:
    """One blob on its way: `write` as often as needed, then `commit`."""

    def __init__(self, blobs: Blobs, expected: str, size: int | None) -> None:
        self._blobs, self._expected, self._size = blobs, expected, size
        self._hash = digests.hasher(expected or "sha256")
        self.written = 0  # bytes
        self._path, self._fd = ingest.begin(blobs.directory / "ingest")

    def write(self, data: bytes | memoryview) -> int:
        """Take some more bytes. Raises `KernelError` on a full disk, `DigestMismatch` above the size announced."""
        self._hash.update(data)
        self.written += len(data)
        if self._size is not None and self.written > self._size:
            raise self._wrong(f"more than the {self._size} bytes that were announced")
        self._carry_out("write", lambda: _write_all(self._fd, data))
        return len(data)

    def commit(self) -> str:
        """Make the blob visible and lasting, and return its digest. Raises `DigestMismatch`, `KernelError`."""
        digest = f"{self._hash.name}:{self._hash.hexdigest()}"
        if self._size is not None and self.written != self._size:
            raise self._wrong(f"{self.written} bytes, and {self._size} were announced")
        if self._expected and digest != self._expected:
            raise self._wrong(f"the bytes have the digest {digest}")
        target = self._blobs.path(digest)
        if not (self._blobs.has(digest) and target.stat().st_size == self.written):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._carry_out("fsync", lambda: os.fsync(self._fd))
            self._carry_out("rename", lambda: os.rename(self._path, target))
        # else it is stored once, and __exit__ removes the second copy
        ingest.flush_directory(target.parent)
        return digest

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)  # not committed, or there already
        os.close(self._fd)

    def _carry_out(self, call: str, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except OSError as error:
            message = f"{call} {self._path}, after {self.written} bytes: {os.strerror(error.errno or 0)}"
            hint = "byhand prune frees what no image needs" if error.errno == errno.ENOSPC else ""
            raise KernelError(call, error.errno or 0, message, hint) from None

    def _wrong(self, what: str) -> DigestMismatch:
        return DigestMismatch(f"blob {self._expected or 'on its way'}: {what}", "get it once more")


class _Verified(RawIOBase):
    """A file that is hashed while it is read, and compared when it ends."""

    def __init__(self, digest: str, path: Path) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 (closed by `close`)
        self._digest, self._path, self._hash = digest, path, digests.hasher(digest)

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer) or 0
        if count:
            self._hash.update(memoryview(buffer)[:count])
        else:
            found = f"{self._hash.name}:{self._hash.hexdigest()}"
            _compare(self._digest, found, self._path)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def _naming(digest: str, path: Path) -> Iterator[None]:
    """Say of a file that is not there which blob it would be."""
    try:
        yield
    except FileNotFoundError:
        raise NotFound(f"blob {digest}: {path} does not exist", "load or pull its image once more") from None


def _write_all(fd: int, data: bytes | memoryview) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def _compare(digest: str, found: str, path: Path) -> None:
    if found != digest:
        raise _mismatch(digest, f"its bytes have the digest {found}", path)


def _mismatch(digest: str, what: str, path: Path) -> DigestMismatch:
    return DigestMismatch(f"blob {digest}: {what}", f"remove {path}, then load or pull its image once more")
