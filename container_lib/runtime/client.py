"""The client's end of the launcher: start it once, send it requests. (runtime.handshake draws the protocol.)

One launcher serves a whole process, with all its threads. It is started at the first request, and again if it
was killed. It ends by itself when this process ends, however that happens: its socket is then at its end.
"""

import _socket
import os
import subprocess
import sys
import threading
from _socket import socket
from pathlib import Path
from typing import Any

import container_lib
from container_lib.errors import LauncherDied
from container_lib.kernel import procfs
from container_lib.runtime import handshake

_SOURCE = str(Path(container_lib.__file__).parent.parent)
_PROGRAM = "import sys; sys.path.insert(0, {!r}); from container_lib.runtime.launcher import main; main({})"


class Launcher:
    """A running launcher and the socket to it. `identity` is (pid, start time)."""

    def __init__(self) -> None:
        ours, theirs = socketpair()
        program = _PROGRAM.format(_SOURCE, theirs.fileno())
        # -I -S -E: no site-packages, no user paths, no PYTHON* variables: small, fast, and nobody's code but ours.
        # A session of its own: an interrupt of the notebook's cell must not end all containers.
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-E", "-c", program],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        theirs.close()
        self.socket = ours
        self.identity = (self.process.pid, procfs.start_time(self.process.pid))
        self._lock = threading.Lock()

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def request(self, order: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        """Send an order with its descriptors. Raises `LauncherDied` where nobody is there to read it."""
        try:
            with self._lock:
                handshake.send(self.socket, order, descriptors)
        except OSError as error:
            raise LauncherDied(f"the launcher (pid {self.process.pid}) is gone: {error}") from None

    def close(self) -> None:
        """End the launcher, and with it whatever it still runs; return when it is gone."""
        self.socket.close()
        self.process.wait()


_current: Launcher | None = None
_owner = 0
_lock = threading.Lock()


def launcher() -> Launcher:
    """Return this process's launcher, starting it if need be."""
    global _current, _owner
    with _lock:
        # subtle: after a fork the parent's launcher is not ours; its socket must not be shared
        if _current is None or _owner != os.getpid() or not _current.alive:
            if _current is not None:
                _current.socket.close()
            _current, _owner = Launcher(), os.getpid()
        return _current


def close() -> None:
    """End this process's launcher, if it has one. The next request starts another."""
    global _current
    with _lock:
        if _current is not None and _owner == os.getpid():
            _current.close()
        _current = None


def socketpair() -> tuple[socket, socket]:
    """Return two connected sockets (a stream), close-on-exec."""

    return _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
