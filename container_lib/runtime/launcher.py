"""The process that forks: small, single-threaded, and with almost nothing imported.

A notebook's kernel has threads and a hundred megabytes mapped: forking it is slow, and unsharing it is refused.
So it starts one launcher, a fresh interpreter that imports only what is below, and sends it requests over a
socket (runtime.handshake draws the protocol; runtime.client is the other end).

    serve: poll ──┬── a request    → bear: clone3 → the child waits for its order (runtime.init)
                  ├── a pidfd      → reap: wait4 → ("exited", status, usage)
                  └── end of file  → the client is gone: end and remove everything that was started

What it imports names types for the checker alone (`if TYPE_CHECKING`): `typing` and what that pulls in would take
as long to import as all the rest together, and be there to be copied at each fork.

It keeps no state that matters: the cgroups hold the processes, and `engine.clean` finds what a `kill -9` leaves.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` without its enums
import os
import select
import sys
from _socket import socket
from time import monotonic, sleep

from container_lib.errors import ContainerError, KernelError
from container_lib.kernel import flags, syscalls, trace
from container_lib.kernel.pseudofiles import write
from container_lib.runtime import handshake, init, joining

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SIGKILL, SIGPIPE = 9, 13


class Child:
    """A container's init that runs: its number, the client's exit socket, and what it leaves behind."""

    def __init__(self, pid: int, exit_socket: socket, birth: dict[str, Any]) -> None:
        self.pid = pid
        self.exit_socket = exit_socket
        self.group: str = birth["group"]
        self.record: str = birth["record"]


def main(descriptor: int) -> None:
    """Serve requests from the socket `descriptor` until its other end is closed."""
    forget_signals()
    requests = socket(fileno=descriptor)
    children: dict[int, Child] = {}
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready != descriptor:
                poll.unregister(ready)
                reap(ready, children.pop(ready))
                continue
            birth, descriptors = handshake.receive_with_descriptors(requests)
            if birth is None:
                end_all(list(children.values()))
                return
            pidfd, child = bear(birth, descriptors)
            if child is not None:
                children[pidfd] = child
                poll.register(pidfd, select.POLLIN)


def forget_signals() -> None:
    """Undo what our parent ignores or blocks (nohup, a test runner): a container's command starts with neither."""
    _signal.pthread_sigmask(_signal.SIG_SETMASK, [])
    for number in _signal.valid_signals():
        if _signal.getsignal(number) == _signal.SIG_IGN and number != SIGPIPE:
            _signal.signal(number, _signal.SIG_DFL)


def bear(birth: dict[str, Any], descriptors: list[int]) -> tuple[int, Child | None]:
    """Clone one init; return its pidfd and what is known of it, or (-1, None) where clone3 failed."""
    exit_socket, control = socket(fileno=descriptors[0]), socket(fileno=descriptors[1])
    rest = iter(descriptors[2:])
    group = next(rest) if birth["in_group"] else -1
    target = next(rest) if birth["join"] else -1
    if birth["trace"]:
        trace.start("launcher")
    try:
        if target >= 0:
            pid, pidfd = joining.clone_into(birth, group, target, control)
        else:
            pid, pidfd = clone(birth, group, control)
    except ContainerError as error:
        init.report(error, control)
        return -1, None
    finally:
        control.close()
        for descriptor in descriptors[2:]:
            os.close(descriptor)
    handshake.send(exit_socket, ("started", pid, trace.stop()), (pidfd,))
    return pidfd, Child(pid, exit_socket, birth)


def clone(birth: dict[str, Any], group: int, control: socket) -> tuple[int, int]:
    """Clone init into new namespaces and the cgroup that is open as `group`; write its id maps."""
    if not birth["namespaces"] & flags.CLONE_NEWUSER:
        pid, pidfd = syscalls.clone3(birth["namespaces"], cgroup=group)
        if pid == 0:
            init.become(birth, control, -1)
        return pid, pidfd
    reader, writer = os.pipe()
    pid, pidfd = syscalls.clone3(birth["namespaces"], cgroup=group)
    if pid == 0:
        os.close(writer)
        init.become(birth, control, reader)
    os.close(reader)
    try:
        write(f"/proc/{pid}/uid_map", birth["uid_map"])
        write(f"/proc/{pid}/gid_map", birth["gid_map"])
        os.write(writer, b"m")
    except KernelError as error:
        # init finds the pipe empty, and exits; the client hears the reason from here
        init.report(error, control)
    finally:
        os.close(writer)
    return pid, pidfd


def reap(pidfd: int, child: Child) -> None:
    """Collect a child that has ended, and tell its client: (user µs, system µs, largest memory in KiB)."""
    os.close(pidfd)
    _, status, usage = os.wait4(child.pid, 0)
    figures = (round(usage.ru_utime * 1e6), round(usage.ru_stime * 1e6), usage.ru_maxrss)
    try:
        handshake.send(child.exit_socket, ("exited", status, figures))
    except OSError:
        remove(child)  # nobody listens any more: then nobody else will remove it
    finally:
        child.exit_socket.close()


def end_all(children: list[Child]) -> None:
    """The client is gone: kill what it started, and take the cgroups and records away."""
    for child in children:
        os.kill(child.pid, SIGKILL)
    for child in children:
        os.waitpid(child.pid, 0)
        remove(child)


def remove(child: Child) -> None:
    """Remove a dead container's cgroup and record; processes that outlived its PID 1 are killed first."""
    deadline = monotonic() + 5
    while child.group and os.path.isdir(child.group) and monotonic() < deadline:
        try:
            write(f"{child.group}/cgroup.kill", 1)
            os.rmdir(child.group)
        except (KernelError, OSError):
            sleep(0.01)  # still on its way out
    if child.record and os.path.exists(child.record):
        os.unlink(child.record)


if __name__ == "__main__":
    main(int(sys.argv[1]))
