"""Having a process made: record, cgroup, sockets, and the request to the launcher.

    bear(…) -> Born        record ── cgroup ── sockets ── request; it is on its way when this returns
    born.hear_started()    "started": its pid and a pidfd
    born.release()         end it, and undo all of the above, in reverse

What is born is init in its namespaces and its cgroup, waiting on `control` to be told what to become
(runtime.starting tells it; runtime.reserve keeps one waiting). runtime.handshake draws the whole protocol.
"""

import os
import select
import signal
from _socket import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from container_lib.cgroups import group as cgroup
from container_lib.kernel import trace
from container_lib.kernel.interrupts import held_back
from container_lib.runtime import client, handshake, records
from container_lib.runtime.outcome import Exit, Places, exit_of

Target = tuple[int, int, Path | None]
"""A running container to join: (pidfd of its PID 1, namespaces as flags, its cgroup)"""


class Born:
    """A process that was born, or is about to be: how to talk to it, and how to undo it."""

    def __init__(self, container_id: str, launcher: client.Launcher) -> None:
        self.id = container_id
        self.launcher = launcher
        self.pid = 0
        self.pidfd = -1
        self.group: Path | None = None
        self.from_reserve = False
        self.owns_group = False  # a process that joined a container is only a guest in its group
        self.stack = ExitStack()
        self.exit_socket, self.exit_theirs = client.socketpair()
        self.control, self.control_theirs = client.socketpair()
        for sock in (self.exit_socket, self.exit_theirs, self.control, self.control_theirs):
            self.stack.callback(sock.close)
        self.on_end: Callable[[Exit | None], None] | None = None
        self.exit: Exit | None = None
        self._released = False
        self._owner = os.getpid()

    def hear_started(self) -> None:
        """Take the pid and the pidfd from the launcher; where it could not clone, `control` tells why."""
        if self.pidfd >= 0:
            return
        message, descriptors = handshake.receive_with_descriptors(self.exit_socket)
        if message is not None:
            _, self.pid, calls = message
            self.pidfd = descriptors[0]
            self.stack.callback(os.close, self.pidfd)
            trace.extend(calls)

    def ended(self, message: tuple[Any, ...]) -> Exit:
        """Take note of how it ended, from the launcher's ("exited", status, usage)."""
        _, status, figures = message
        self.exit = exit_of(status, figures, self.group)
        return self.exit

    @property
    def alive(self) -> bool:
        """Whether it has not ended; for one that was heard to have started."""
        return self.pidfd >= 0 and not readable(self.exit_socket, 0)

    def kill_the_rest(self) -> None:
        """Kill what outlived PID 1: only a container without a pid namespace of its own has such processes."""
        if self.group is not None and self.owns_group and cgroup.events(self.group)["populated"]:
            cgroup.kill(self.group)

    def release(self) -> None:
        """End the process, wait until the launcher has collected it, and undo all that was made."""
        if self._released or self._owner != os.getpid():
            return  # after a fork, what was born is still the parent's
        with held_back():
            self._released = True
            self.hear_started()
            if self.pidfd >= 0 and self.exit is None:
                with suppress(ProcessLookupError):  # it may have ended meanwhile
                    signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
                while (message := handshake.receive(self.exit_socket)) is not None:
                    self.ended(message)
            self.stack.close()
            if self.on_end is not None:
                self.on_end(self.exit)

    def __del__(self) -> None:
        """Forgotten is released: a cell that runs again and rebinds its name leaves nothing running."""
        self.release()


def bear(
    request: dict[str, Any],
    places: Places,
    argv: tuple[str, ...],
    container_id: str = "",
    target: Target | None = None,
) -> Born:
    """Have an init made in a cgroup of its own, or with a `target` in that container. Raises; nothing is left.

    `request` is of `spec.birth`; `argv` is for the record alone.
    """
    born = Born(container_id or os.urandom(32).hex(), client.launcher())
    try:
        if target is None:
            make_group(born, places, argv)
        else:
            born.group = target[2]
        message = {
            **request,
            "trace": trace.active(),
            "group": str(born.group) if born.owns_group else "",
            "record": "" if target else str(records.path_of(places.run_dir, born.id)),
            "in_group": born.group is not None,
            "join": target[1] if target else 0,
        }
        send_request(born, message, target)
    except BaseException:
        born.exit_theirs.close()  # nobody will answer: `release` must not wait for it
        born.release()
        raise
    return born


def make_group(born: Born, places: Places, argv: tuple[str, ...]) -> None:
    """Write the record and make the cgroup. Removing them goes onto the stack."""
    group = places.parent / born.id if places.parent is not None else None
    path = records.write(
        places.run_dir, records.Record(born.id, str(group or ""), born.launcher.identity, argv)
    )
    born.stack.callback(path.unlink, missing_ok=True)
    if places.parent is not None:
        born.group = cgroup.create(places.parent, born.id)
        born.owns_group = True
        born.stack.callback(remove_group, born.group)


def remove_group(group: Path) -> None:
    """Remove a container's cgroup; what is still in it is killed first."""
    try:
        os.rmdir(group)
    except FileNotFoundError:
        return
    except OSError:
        cgroup.kill(group)
        cgroup.delete(group)


def send_request(born: Born, message: dict[str, Any], target: Target | None) -> None:
    """Send the request with the launcher's and init's ends of the sockets, then close them here."""
    descriptors = [born.exit_theirs.fileno(), born.control_theirs.fileno()]
    with ExitStack() as opened:
        if born.group is not None:
            group_fd = os.open(born.group, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened.callback(os.close, group_fd)
            descriptors.append(group_fd)
        if target is not None:
            descriptors.append(target[0])
        born.launcher.request(message, tuple(descriptors))
    born.exit_theirs.close()
    born.control_theirs.close()


def readable(sock: socket, timeout: float | None) -> bool:
    """Return whether the socket has something to read, waiting for at most `timeout` seconds."""
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(None if timeout is None else timeout * 1000))
