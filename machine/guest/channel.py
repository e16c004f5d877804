"""Frames over one serial line: all that host and guest say to each other.

    host (boot.py)                        guest (agent.py)
    ──────────────                        ────────────────
                                   ◄────  READY                 the line is raw, ask away
    RUN {argv, cwd, env, reports}  ────►
                                   ◄────  STDOUT | STDERR | REPORT bytes     any number, live
    SIGNAL number                  ────►                        to the command's process group
                                   ◄────  EXIT code             128 + n if signal n ended it
    STOP                           ────►  sync, unmount, power off

A frame is a byte that says what it is, the length of what follows (4 bytes, big endian), and that many
bytes. On the host the line is a Unix socket, in the guest /dev/ttyS0. If either side goes away the other
reads an end of file: for the guest it means STOP, so it does not outlive whoever started it.

REPORT is the command's third output, if RUN asks for one: file descriptor $CONTAINER_LIB_GUEST_REPORTS. The
test run sends its reports there, so that nothing that a test prints can be taken for one.
"""

import struct
from collections.abc import Iterator

READY, RUN, SIGNAL, EXIT, STOP, STDOUT, STDERR, REPORT = b"rRsxqoet"
"""The kinds of frames; each a small integer that is a letter when one looks at the wire."""

HEADER = struct.Struct(">BI")
CHUNK = 32768
"""Outputs travel in frames of at most this many bytes, so that a SIGNAL never waits long for its turn."""


def pack(kind: int, payload: bytes = b"") -> bytes:
    """The bytes of one frame.

    >>> pack(EXIT, b"0")
    b'x\\x00\\x00\\x00\\x010'
    """
    return HEADER.pack(kind, len(payload)) + payload


class Unpacker:
    """Turns bytes, as they arrive, into frames."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Take what arrived; give every frame that is complete with it, as (kind, payload)."""
        self._pending += data
        while len(self._pending) >= HEADER.size:
            kind, length = HEADER.unpack_from(self._pending)
            end = HEADER.size + length
            if len(self._pending) < end:
                return
            payload = bytes(self._pending[HEADER.size : end])
            del self._pending[:end]
            yield kind, payload
