"""Reading a layer: entry by entry, while another thread fetches, unpacks and hashes what comes next.

    source.read ─→ sha256 ─→ inflate ─→ sha256 ─→ chunks, a few ahead ─→ headers and content, for whoever iterates
       (one thread)                                                      (the caller's)

A thread beside the caller's, because inflating and hashing leave the interpreter's lock while they work, and the
caller is mostly in system calls. A third one, for the second hash, was no gain: it takes its time from the other
two, and the chunk out of the cache that inflating has just filled. At most `AHEAD` chunks of 1 MiB exist, so
memory is constant in the layer's size. Chunks are a multiple of 512 bytes, so a header is never in two.

    with Feed(source, Bounds()) as feed:
        for header in entries(feed):
            for piece in feed.pieces(header.size): …        # or feed.skip(header.size): one of the two
        feed.drain()
    feed.digest, feed.diff_id                               # of the bytes that came, of the tar in them

The archive ends with two blocks of zeros; what stands behind them counts for the digests and says nothing. An
archive that ends between two entries without them is whole, as for Go's and GNU's tar: the digests prove the rest.
See "Basic Tar Format" and "Storing Sparse Files" in GNU tar's manual, and image-spec layer.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

from container_lib.errors import InvalidImage
from container_lib.storage.digest import hasher
from container_lib.storage.layers import compression, headers, sparse
from container_lib.storage.layers.headers import BLOCK, SPARSE, Header
from container_lib.storage.layers.inflate import Readable

CHUNK = 1 << 20
AHEAD = 4
RATIO_FROM = 100 << 20
"""Bytes of tar from which on `Bounds.ratio` counts: any small text of zeros has a breathtaking ratio."""
LONGEST = 1 << 20
"""Bytes that a long name or a pax header may have."""
ZEROS = bytes(BLOCK)
HEADER_ONLY = b"123456"


@dataclass(frozen=True)
class Bounds:
    """How much a layer may be: bytes of its tar, entries, bytes of tar for a byte of the blob (from 100 MB on)."""

    bytes: int = 256 << 30
    entries: int = 5_000_000
    ratio: float = 500.0


class Feed:
    """The tar in `source`, chunk by chunk, with both its digests. Use it in a `with` statement."""

    def __init__(
        self,
        source: Readable,
        bounds: Bounds,
        progress: Callable[[int], None] | None = None,
        digest: str = "",
        diff_id: str = "",
    ) -> None:
        """`digest` and `diff_id`, where they are given, say which algorithms; nothing is compared here."""
        self.size = 0
        """Bytes that came from the source so far."""
        self.bytes = 0
        """Bytes of tar in them."""
        self.entry = b""
        """What is being read, for messages."""
        self._source, self._bounds, self._progress = source, bounds, progress
        self._reader: compression.Reader | None = None
        self._digest, self._diff_id = hasher(digest or "sha256"), hasher(diff_id or "sha256")
        self._chunk, self._view, self._at, self._end = b"", memoryview(b""), 0, 0
        self._told = 0

    def __enter__(self) -> Feed:
        self._thread = ThreadPoolExecutor(1, "inflate")
        self._ahead: deque[Future[tuple[bytes, int]]] = deque()
        for _ in range(AHEAD):
            self._ahead.append(self._thread.submit(self._fetch))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    @property
    def digest(self) -> str:
        """The digest of the blob, such as "sha256:…"; after `drain`."""
        return f"{self._digest.name}:{self._digest.hexdigest()}"

    @property
    def diff_id(self) -> str:
        """The digest of the tar without its compression; after `drain`."""
        return f"{self._diff_id.name}:{self._diff_id.hexdigest()}"

    @property
    def where(self) -> str:
        """What is being read, in words."""
        return headers.show(self.entry) if self.entry else "its beginning"

    def block(self) -> bytes:
        """Return the next 512 bytes, none at the end. Raises `InvalidImage`."""
        at = self._at
        if at >= self._end:
            if not self._next():
                return b""
            at = 0
        self._at = at + BLOCK
        block = self._chunk[at : at + BLOCK]
        return block if len(block) == BLOCK else self._cut_short()

    def pieces(self, size: int) -> Iterable[memoryview]:
        """Return the next `size` bytes in pieces, to be taken before anything else. Raises `InvalidImage`."""
        at, stop = self._at, self._at + size
        if stop <= self._end:
            self._at = at + (size + BLOCK - 1 & -BLOCK)
            return (self._view[at:stop],) if size else ()
        return self._spanning(size)

    def _spanning(self, size: int) -> Iterator[memoryview]:
        padding = -size % BLOCK
        while size:
            if self._at >= self._end and not self._next():
                self._cut_short()
            piece = self._view[self._at : min(self._at + size, self._end)]
            self._at += len(piece)
            size -= len(piece)
            yield piece
        self._at += padding  # chunks are whole blocks: the padding is in the chunk that the content ends in

    def skip(self, size: int) -> None:
        """Go on behind the next `size` bytes."""
        for _ in self.pieces(size):
            continue

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes, of something that belongs to a header."""
        if size > LONGEST:
            raise InvalidImage(f"{headers.show(self.entry)}: a header of {size} bytes; {LONGEST} are allowed")
        return b"".join(self.pieces(size))

    def drain(self) -> None:
        """Read what stands behind the archive, to its end: it is part of what the digests name."""
        while self._next():
            continue

    def _next(self) -> bool:
        """Go on to the next chunk; return whether there is one."""
        if self._at > self._end:
            self._cut_short()
        self._view = memoryview(b"")
        self._chunk, size = self._ahead.popleft().result()
        self._ahead.append(self._thread.submit(self._fetch))
        self._view, self._at, self._end = memoryview(self._chunk), 0, len(self._chunk)
        if self._progress is not None and size > self._told:
            self._progress(size - self._told)
            self._told = size
        return bool(self._chunk)

    def _cut_short(self) -> bytes:
        raise InvalidImage(f"tar: cut short in {self.where}")

    def _fetch(self) -> tuple[bytes, int]:
        """Return the next chunk, hashed, and the size of the source so far. Runs in the thread."""
        if self._reader is None:
            self._reader = compression.reader(self)
        chunk = self._reader.read(CHUNK)
        self.bytes += len(chunk)
        if self.bytes > self._bounds.bytes:
            raise InvalidImage(
                f"layer: more than {self._bounds.bytes} bytes when unpacked, which is its bound"
            )
        if self.bytes > max(RATIO_FROM, self.size * self._bounds.ratio):
            raise InvalidImage(
                f"layer: {self.size} bytes unpack to {self.bytes} and more; "
                f"{self._bounds.ratio:g} times as many are allowed"
            )
        self._diff_id.update(chunk)
        return chunk, self.size

    def read(self, size: int = -1, /) -> bytes:
        """Read the source for the decompressor, hashing what comes. Runs in the thread."""
        data = self._source.read(size)
        self._digest.update(data)
        self.size += len(data)
        return data


def entries(feed: Feed) -> Iterator[Header]:
    """Yield the header of every entry, with what the headers before it say about it. Raises `InvalidImage`."""
    about = _About()
    while block := feed.block():
        if block == ZEROS:
            if feed.block() not in (ZEROS, b""):
                raise InvalidImage(f"tar: one block of zeros at {feed.where}, and then more")
            break
        header = headers.parse(block)
        feed.entry = header.name
        if header.kind in b"LKxXg":
            about.add(header, feed.take(header.size))
            continue
        known = about.complete(header) if about.size else []
        if header.kind == SPARSE or known:
            sparse.find(header, block, known, feed)
        # v7 knew no directories: a name that ends in "/" was one. The whole name: a long one may be cut there
        if header.kind == headers.FILE and header.name.endswith(b"/"):
            header.kind = headers.DIRECTORY
        if header.kind in HEADER_ONLY:
            header.size = 0
        feed.entry = header.name
        yield header
    if about.pending:
        raise InvalidImage(f"tar: ends after a header about the next entry, {feed.where}")


class _About:
    """What headers say about the entry that comes next, and about all that follow."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes of it that are kept, about; 0 where nothing is."""
        self._names: dict[bytes, bytes] = {}
        self._pax: list[tuple[bytes, bytes]] = []
        self._for_all: dict[bytes, bytes] = {}

    @property
    def pending(self) -> bool:
        """Whether an entry has to come."""
        return bool(self._names or self._pax)

    def add(self, header: Header, content: bytes) -> None:
        """Keep what a header holds. Raises `InvalidImage` where it is wrong, or too much."""
        self.size += 1 + len(content)
        if self.size > 2 * LONGEST:
            raise InvalidImage(f"{header.shown}: more than {2 * LONGEST} bytes of headers about one entry")
        if header.kind == headers.PAX_GLOBAL:
            self._for_all |= dict(headers.records(content))
        elif header.kind in b"xX":
            self._pax = list(headers.records(content))
        else:
            self._names[header.kind] = content.partition(b"\0")[0]

    def complete(self, header: Header) -> list[tuple[bytes, bytes]]:
        """Tell an entry what was kept for it, and return the pax records; these have the last word."""
        known = [*self._for_all.items(), *self._pax]
        header.name = self._names.get(headers.LONG_NAME, header.name)
        header.link = self._names.get(headers.LONG_LINK, header.link)
        headers.override(header, known)
        self._names, self._pax = {}, []
        self.size = sum(len(key) + len(value) for key, value in self._for_all.items())
        return known
