"""The client's half of a start, in its order. (runtime.handshake draws both halves.)

    record ── cgroup ── limits ── request ── "started" ── "ready" ── ("go") ── end of file: it runs

Everything that is made goes onto one ExitStack, so that a failure or an interrupt at any point undoes it, and so
does the release of the container later.
"""

import os
import select
import signal
from _socket import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from container_lib import errors
from container_lib.cgroups import group as cgroup
from container_lib.cgroups import limits
from container_lib.errors import ContainerError, KernelError, LauncherDied
from container_lib.kernel import trace
from container_lib.runtime import client, handshake, records
from container_lib.runtime.interrupts import held_back
from container_lib.runtime.outcome import Exit, Places, exit_of
from container_lib.runtime.spec import Spec, check, order

JOINED: dict[str, Any] = {
    "namespaces": 0,
    "cgroup_namespace": False,
    "time_offsets": None,
    "mounts": [],
    "hostname": "",
}
"""What a process that joins a container does not do: all that was done when the container was made."""

Target = tuple[int, int, Path | None]
"""A running container to join: (pidfd of its PID 1, namespaces as flags, its cgroup)"""


class Started:
    """What is known of a process that was started: its pid and pidfd, its cgroup, and how to undo it."""

    def __init__(self, group: Path | None, owns_group: bool, exit_socket: socket, stack: ExitStack) -> None:
        self.pid = 0
        self.pidfd = -1
        self.group = group
        self.owns_group = owns_group  # a process that entered is only a guest in it
        self.exit_socket = exit_socket
        self.collected = False
        self.released = False
        self.stack = stack

    def kill_the_rest(self) -> None:
        """Kill what outlived PID 1: only a container without a pid namespace of its own has such processes."""
        if self.group is not None and self.owns_group and cgroup.events(self.group)["populated"]:
            cgroup.kill(self.group)

    def release(self) -> None:
        """End PID 1, wait until the launcher has collected it, and undo all that was made. Once is enough."""
        if self.released:
            return
        with held_back():
            self.released = True
            if self.pidfd >= 0 and not self.collected:
                with suppress(ProcessLookupError):  # it may have ended meanwhile
                    signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
                while handshake.receive(self.exit_socket) is not None:
                    continue
            self.stack.close()

    def __del__(self) -> None:
        """Forgotten is released: a cell that runs again and rebinds its name leaves nothing running."""
        self.release()


def start(
    spec: Spec,
    places: Places,
    stdio: tuple[int, int, int],
    before_exec: Callable[[int], None] | None = None,
    target: Target | None = None,
) -> Started:
    """Start the container, or with a `target` a process inside of it. Raises; then nothing is left."""
    check(spec)
    places.make()
    stack = ExitStack()
    started: Started | None = None
    try:
        with held_back():
            launcher = client.launcher()
            group = target[2] if target else make_group(spec, places, launcher, stack)
            exit_socket, exit_theirs = client.socketpair()
            control, control_theirs = client.socketpair()
            for sock in (exit_socket, control, exit_theirs, control_theirs):
                stack.callback(sock.close)
            started = Started(group, target is None, exit_socket, stack)
            message = complete_order(spec, places, group, target, wait=before_exec is not None)
            send_order(launcher, message, (exit_theirs, control_theirs), stdio, group, target)
            hear_started(started)
        hear_ready(control, started, before_exec)
        control.close()
        return started
    except BaseException:
        if started is not None:
            started.release()
        stack.close()
        raise


def complete_order(
    spec: Spec, places: Places, group: Path | None, target: Target | None, wait: bool
) -> dict[str, Any]:
    """Return the spec's order with what this start adds: who waits, what to remove, whom to join."""
    own = {
        "trace": trace.active(),
        "wait": wait,
        "group": "" if target or group is None else str(group),
        "record": "" if target else str(records.path_of(places.run_dir, spec.id)),
        "join": target[1] if target else 0,
        "in_group": group is not None,
    }
    return {**order(spec, str(places.stage)), **own, **(JOINED if target else {})}


def make_group(spec: Spec, places: Places, launcher: client.Launcher, stack: ExitStack) -> Path | None:
    """Write the record, make the cgroup, put the limits in force. Removing them goes onto the stack."""
    group = places.parent / spec.id if places.parent is not None else None
    record = records.Record(spec.id, str(group or ""), launcher.identity, spec.argv)
    path = records.write(places.run_dir, record)
    stack.callback(path.unlink, missing_ok=True)
    if places.parent is not None and group is not None:
        limits.check(spec.limits, places.parent)
        cgroup.create(places.parent, spec.id)
        stack.callback(remove_group, group)
        limits.apply(group, limits.plan(spec.limits))
    return group


def remove_group(group: Path) -> None:
    """Remove the container's cgroup; what is still in it is killed first."""
    try:
        os.rmdir(group)
    except FileNotFoundError:
        return
    except OSError:
        cgroup.kill(group)
        cgroup.delete(group)


def send_order(
    launcher: client.Launcher,
    message: dict[str, Any],
    theirs: tuple[socket, socket],
    stdio: tuple[int, int, int],
    group: Path | None,
    target: Target | None,
) -> None:
    """Send the order with the launcher's and init's ends of the sockets, then close them here."""
    descriptors = [*(sock.fileno() for sock in theirs), *stdio]
    group_fd = -1 if group is None else os.open(group, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        descriptors += [group_fd] if group is not None else []
        descriptors += [target[0]] if target else []
        launcher.request(message, tuple(descriptors))
    finally:
        if group_fd >= 0:
            os.close(group_fd)
        for sock in theirs:
            sock.close()


def hear_started(started: Started) -> None:
    """Take the pid and the pidfd from the launcher; where it could not clone, `hear_ready` hears why."""
    message, descriptors = handshake.receive_with_descriptors(started.exit_socket)
    if message is not None:
        _, started.pid, calls = message
        started.pidfd = descriptors[0]
        started.stack.callback(os.close, started.pidfd)
        trace.extend(calls)


def hear_ready(control: socket, started: Started, before_exec: Callable[[int], None] | None) -> None:
    """Follow init until it has become the command. Raises what it reports."""
    ready = False
    while (message := handshake.receive(control)) is not None:
        if message[0] == "failed":
            trace.extend(message[-1])
            raise error_of(message)
        ready = True
        trace.extend(message[1])
        if before_exec is not None:
            before_exec(started.pid)
            handshake.send(control, "go")
    if not ready:
        raise LauncherDied("the launcher or the container's init was killed before the command was executed")


def error_of(message: tuple[Any, ...]) -> ContainerError:
    """Return the exception that init or the launcher reported, as it was raised there."""
    _, kind, text, hint, call, errno, _ = message
    if kind == "KernelError":
        return KernelError(call, errno, text, hint)
    made: ContainerError = getattr(errors, kind)(text, hint)
    return made


def readable(sock: socket, timeout: float | None) -> bool:
    """Return whether the socket has something to read, waiting for at most `timeout` seconds."""
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(None if timeout is None else timeout * 1000))


def collect(started: Started) -> Exit:
    """Take the exit status from the launcher. Raises `LauncherDied` if it was killed."""
    message = handshake.receive(started.exit_socket)
    if message is None:
        raise LauncherDied(f"the launcher was killed, and its container (pid {started.pid}) with it")
    started.collected = True
    _, status, figures = message
    return exit_of(status, figures, started.group)
