"""The way of a layer's bytes into the sink: hashed, compressed, hashed again, in one pass.

    write(tar) ──┬──> sha256 ──> diff_id
                 └──> compression.writer ──┬──> sha256 ──> digest
                                           └──> sink

Who walks a tree and who compresses it have about equally much to do, so the second is a thread of its own:
hashing and compressing release the interpreter's lock. At most `_WAITING` pieces wait between them, so the
memory taken is the same for a layer of any size.

Where the `with` block ends with an error, what is in the sink by then is no layer: its end is missing.
"""

import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from container_lib.storage.layers.compression import Kind, Writable, writer
from container_lib.storage.layers.writing import END

PIECE = 256 << 10
"""Bytes of tar that are hashed and compressed at a time."""
_WAITING = 8


@dataclass(frozen=True)
class Packed:
    """A layer that was written: `size` bytes named `digest`, which unpack to `bytes` bytes named `diff_id`."""

    digest: str
    diff_id: str
    size: int
    bytes: int
    entries: int
    skipped: tuple[str, ...] = ()
    """Paths of sockets, which a layer cannot hold."""


class Stream:
    """Takes a tar stream piece by piece. Raises `InvalidValue` for a compression or level that isn't there."""

    def __init__(
        self,
        sink: Writable,
        compression: Kind,
        level: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._bytes = 0
        self._gathered = bytearray()
        self._progress = progress
        self._diff_id = hashlib.sha256()
        self._hashed = _Hashed(sink)
        self._open = ExitStack()
        self._writer = self._open.enter_context(writer(self._hashed, compression, level))
        self._thread = ThreadPoolExecutor(1, "compress")
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)
        self._open.__exit__(kind, error, trace)

    def write(self, data: bytes) -> None:
        """Take some bytes of the tar; raise what the sink raised for earlier ones."""
        self._gathered += data
        if len(self._gathered) >= PIECE:
            self._hand_over()

    def finish(self, entries: int, skipped: tuple[str, ...]) -> Packed:
        """Write the archive's end, wait until all is in the sink, and return what was written."""
        self.write(END)
        self._hand_over()
        while self._waiting:
            self._waiting.popleft().result()
        self._open.close()
        digest, diff_id = (f"sha256:{hashed.hexdigest()}" for hashed in (self._hashed.digest, self._diff_id))
        return Packed(digest, diff_id, self._hashed.size, self._bytes, entries, skipped)

    def _hand_over(self) -> None:
        while len(self._waiting) >= _WAITING:
            self._waiting.popleft().result()
        piece, self._gathered = self._gathered, bytearray()
        self._bytes += len(piece)
        self._waiting.append(self._thread.submit(self._compress, piece))
        if self._progress:
            self._progress(len(piece))

    def _compress(self, piece: bytearray) -> None:
        self._diff_id.update(piece)
        self._writer.write(piece)


class _Hashed:
    """The sink, and what went into it."""

    def __init__(self, sink: Writable) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self._sink = sink

    def write(self, data: bytes) -> None:
        """Write all of `data`: a pipe or an unbuffered file may take a part at a time."""
        self.digest.update(data)
        self.size += len(data)
        taken = self._sink.write(data)
        while isinstance(taken, int) and taken < len(data):
            data = data[taken:]
            taken = self._sink.write(data)
