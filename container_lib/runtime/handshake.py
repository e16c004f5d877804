"""The protocol between three processes, and the few lines that put it on a socket.

    client (notebook, CLI)             launcher                        init (becomes the container's PID 1)
    ──────────────────────             ────────                        ────
    a birth: namespaces   ───────────▶
                                       clone3 ───────────────────────▶ is born in its namespaces and cgroup
                                       write uid_map, gid_map          waits, if it has a user namespace
                                       "mapped" ─────────────────────▶ (pipe) takes its identity
    ◀────────────── ("started", pid)                                   waits for its order
    the order, descriptors ──────────────────────────────────────────▶
                                                                       host name, mounts, pivot_root, limits
    ◀───────────────────────────────────────────── ("ready", trace)    all is built
    "go" ────────────────────────────────────────────────────────────▶ (only if the client asked to be waited for)
    ◀───────────────────────────────────────────── end of file         execve: the socket closes by itself
                or ◀────────────────────────────── ("failed", …)       the reason, and _exit
                                       wait4
    ◀──────── ("exited", status, usage)

Two sockets per container, both made by the client: `control`, whose other end only init keeps, and `exit`,
whose other end only the launcher keeps. So end of file always means: that process has ended (or become the
command). Should the client die, the launcher reads the end of its requests and ends all that it started.
The order may be sent at once or much later: in between, the process is in reserve (runtime.reserve).

A message is a length (4 bytes, big-endian) and a `marshal`led tuple or dict: the same interpreter is at both
ends, and marshal needs no import. Descriptors travel beside the first bytes (SCM_RIGHTS, unix(7)).
"""

from __future__ import annotations

import marshal
from _socket import CMSG_SPACE, MSG_CMSG_CLOEXEC, MSG_NOSIGNAL, SCM_RIGHTS, SOL_SOCKET, socket
from _struct import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:  # not in the launcher: see there
    from typing import Any

MAX_DESCRIPTORS = 8
INT = 4
"""Bytes of a descriptor's number."""


def send(sock: socket, message: Any, descriptors: tuple[int, ...] = ()) -> None:
    """Send one message. Raises `BrokenPipeError` when the other end is gone."""
    body = marshal.dumps(message)
    data = memoryview(len(body).to_bytes(4, "big") + body)
    ancillary = [(SOL_SOCKET, SCM_RIGHTS, pack(f"{len(descriptors)}i", *descriptors))] if descriptors else []
    sent = sock.sendmsg([data], ancillary, MSG_NOSIGNAL)
    while sent < len(data):
        sent += sock.send(data[sent:], MSG_NOSIGNAL)


def receive(sock: socket) -> Any:
    """Return the next message, or None at the end of file."""
    return receive_with_descriptors(sock)[0]


def receive_with_descriptors(sock: socket) -> tuple[Any, list[int]]:
    """Return the next message and the descriptors that came with it (close-on-exec); (None, []) at the end."""
    descriptors: list[int] = []
    space = CMSG_SPACE(MAX_DESCRIPTORS * INT)
    try:
        head, ancillary, _, _ = sock.recvmsg(4, space, MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return None, []
    for level, kind, data in ancillary:
        if level == SOL_SOCKET and kind == SCM_RIGHTS:
            count = len(data) // INT
            descriptors += unpack(f"{count}i", data[: count * INT])
    head += _exactly(sock, 4 - len(head)) if head else b""
    body = _exactly(sock, int.from_bytes(head, "big")) if len(head) == 4 else b""
    return (marshal.loads(body) if body else None), descriptors


def _exactly(sock: socket, count: int) -> bytes:
    """Return `count` bytes, or b"" if the other end closes before that: half a message is none."""
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            return b""
        data += piece
    return data
