"""A container's life, from here: start, wait, kill, release; `run` does all four.

    with start(spec, places) as container:      running when this returns: the command has been executed
        container.pid                           its PID 1, as the machine numbers it
        container.wait()                        Exit(code=0, …)
                                                leaving the block kills what is left and removes every trace
    run(spec, places)                           the same with stdout and stderr captured: Result(code, stdout, …)

Whatever is made is released by one ExitStack, in reverse order: record, cgroup, sockets, process.
An interrupt at any point goes through the same stack, and so does a container that nobody refers to any more.
"""

import os
import select
import signal
from collections.abc import Callable
from contextlib import ExitStack
from time import monotonic
from typing import Any

from container_lib.isolation import namespaces
from container_lib.kernel.interrupts import held_back
from container_lib.runtime import starting
from container_lib.runtime.birth import Born, readable
from container_lib.runtime.outcome import Exit, Layer, Places, Result
from container_lib.runtime.spec import Spec


class Container:
    """A running container. Use it in a `with` statement, or call `release` when done."""

    def __init__(self, spec: Spec, places: Places, born: Born) -> None:
        self.spec = spec.named(born.id)
        self.id = born.id
        self.pid = born.pid
        self.group = born.group
        self.exit: Exit | None = None
        self._places = places
        self._born = born

    def wait(self, timeout: float | None = None) -> Exit:
        """Wait for PID 1 to end. Raises `TimeoutError` after `timeout` seconds, and the container runs on."""
        if self.exit is None:
            if not readable(self._born.exit_socket, timeout):
                raise TimeoutError(f"container {self.id[:12]} still runs after {timeout} s")
            self.exit = starting.collect(self._born)
        return self.exit

    @property
    def running(self) -> bool:
        """Whether PID 1 has not ended yet."""
        return self.exit is None and not readable(self._born.exit_socket, 0)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to PID 1. Like all PID 1s it ignores what it has no handler for, but for SIGKILL."""
        if self.running:
            signal.pidfd_send_signal(self._born.pidfd, number)

    def enter(self, *argv: str, stdio: tuple[int, int, int] = (0, 1, 2), **changes: Any) -> "Container":
        """Start another process in this container's namespaces and cgroup, as docker exec does."""
        kinds = tuple(namespaces.differing(self.pid))
        spec = self.spec.changed(argv=argv, **changes)
        join = namespaces.flags_of(kinds)
        target = (self._born.pidfd, join, self.group)
        return Container(spec, self._places, starting.start(spec, self._places, stdio, target=target))

    def enter_and_capture(self, *argv: str, **changes: Any) -> Result:
        """`enter`, wait, and return the exit and the output."""
        return _capture(lambda stdio: self.enter(*argv, stdio=stdio, **changes), None)

    def release(self) -> None:
        """Kill what is left of the container, and remove its cgroup and its record. May be called twice."""
        self._born.release()

    def __enter__(self) -> "Container":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def start(
    spec: Spec,
    places: Places,
    stdio: tuple[int, int, int] | None = None,
    before_exec: Callable[[int], None] | None = None,
    keep_reserve: bool = True,
    layer: Layer | None = None,
) -> Container:
    """Start a container; when this returns, its command has been executed.

    `stdio` are the descriptors for its 0, 1 and 2 (by default /dev/null). `before_exec` is called with the pid
    when all is built and nothing has been executed yet. `keep_reserve` prepares the next start (runtime.reserve);
    a process that starts only one has no use for it. `layer` keeps what the container writes. Raises
    `InvalidValue`, `NotFound`, `CommandNotFound`, `CommandNotExecutable`, `KernelError`; after any of them nothing
    is left behind.
    """
    with ExitStack() as stack:
        if stdio is None:
            with held_back():
                null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
                stack.callback(os.close, null)
            stdio = (null, null, null)
        born = starting.start(spec, places, stdio, before_exec, keep_reserve=keep_reserve, layer=layer)
        return Container(spec, places, born)


def run(
    spec: Spec,
    places: Places,
    timeout: float | None = None,
    stdin: int | None = None,
    layer: Layer | None = None,
    keep_reserve: bool = True,
) -> Result:
    """Run a container to its end and return its exit and its output.

    Raises what `start` raises, and `TimeoutError` after `timeout` seconds (the container is then killed).
    """

    def begin(stdio: tuple[int, int, int]) -> Container:
        whole = stdio if stdin is None else (stdin, *stdio[1:])
        return start(spec, places, whole, keep_reserve=keep_reserve, layer=layer)

    return _capture(begin, timeout)


def _capture(begin: Callable[[tuple[int, int, int]], Container], timeout: float | None) -> Result:
    """Start by `begin` with two pipes for output, read them to their ends, wait."""
    deadline = None if timeout is None else monotonic() + timeout
    with ExitStack() as stack, ExitStack() as given:
        with held_back():
            readers, writers = zip(os.pipe(), os.pipe(), strict=True)
            null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            for reader in readers:
                stack.callback(os.close, reader)
            for descriptor in (null, *writers):
                given.callback(os.close, descriptor)
        container = stack.enter_context(begin((null, *writers)))
        given.close()  # the container alone holds the writing ends now: its end is theirs
        output = _read_all(readers, container, deadline)
        return Result(container.wait(), output[readers[0]], output[readers[1]])


def _read_all(readers: tuple[int, ...], container: Container, deadline: float | None) -> dict[int, bytes]:
    """Read until both pipes end; a process that outlives PID 1 and holds them open is killed."""
    chunks: dict[int, list[bytes]] = {reader: [] for reader in readers}
    poll = select.poll()
    for reader in readers:
        poll.register(reader, select.POLLIN)
    exit_socket = container._born.exit_socket.fileno()
    poll.register(exit_socket, select.POLLIN)
    open_readers = set(readers)
    while open_readers:
        left = None if deadline is None else max(deadline - monotonic(), 0) * 1000
        ready = poll.poll(left)
        if not ready:
            raise TimeoutError(f"container {container.id[:12]} did not end in time and was killed")
        for descriptor, _ in ready:
            if descriptor == exit_socket:
                poll.unregister(exit_socket)
                container.wait()
                container._born.kill_the_rest()
            elif chunk := os.read(descriptor, 65536):
                chunks[descriptor].append(chunk)
            else:
                poll.unregister(descriptor)
                open_readers.discard(descriptor)
    return {reader: b"".join(chunks[reader]) for reader in readers}
