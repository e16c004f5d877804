"""The client's half of a start, in its order. (runtime.handshake draws both halves.)

    a birth, or the reserve ── limits ── the order ── "ready" ── ("go") ── end of file: it runs

A failure or an interrupt at any point releases what was born, as the release of the container later does.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from container_lib import errors
from container_lib.cgroups import limits
from container_lib.errors import ContainerError, KernelError, LauncherDied
from container_lib.kernel import trace
from container_lib.kernel.interrupts import held_back
from container_lib.runtime import handshake, reserve
from container_lib.runtime.birth import Born, Target, bear
from container_lib.runtime.outcome import Exit, Layer, Places
from container_lib.runtime.spec import Spec, birth, check, order

Stdio = tuple[int, int, int]
"""The descriptors that become 0, 1 and 2 of the command"""

JOINED: dict[str, Any] = {"time_offsets": None, "mounts": [], "hostname": ""}
"""What a process that joins a container does not do: all that was done when the container was made."""


def start(
    spec: Spec,
    places: Places,
    stdio: Stdio,
    before_exec: Callable[[int], None] | None = None,
    target: Target | None = None,
    keep_reserve: bool = True,
    layer: Layer | None = None,
) -> Born:
    """Start the container, or with a `target` a process inside of it. Raises; then nothing is left."""
    check(spec)
    places.make()
    born: Born | None = None
    try:
        with held_back():
            born = get_born(spec, places, target)
            if layer is not None:
                born.on_end = layer.end
                spec = replace(spec, writable=layer.begin(born.id))
            put_limits(spec, places, born)
            send_order(spec, places, born, stdio, wait=before_exec is not None, joins=target is not None)
            born.hear_started()
        hear_ready(born, before_exec)
        born.control.close()
        reserve.sign(born, places, spec.argv)
        if keep_reserve and target is None and reserve.fits(spec):
            reserve.refill_soon(spec, places)
        return born
    except BaseException:
        if born is not None:
            born.release()
        raise


def get_born(spec: Spec, places: Places, target: Target | None) -> Born:
    """Return the process that shall become the command: the one in reserve, or a new one."""
    if target is None and (spare := reserve.take(spec, places)) is not None:
        return spare
    kinds = {**birth(spec), **({"namespaces": 0, "cgroup_namespace": False} if target else {})}
    return bear(kinds, places, spec.argv, spec.id, target)


def put_limits(spec: Spec, places: Places, born: Born) -> None:
    """Check the limits against the parent's and put them in force, before the command exists."""
    if born.group is not None and born.owns_group and places.parent is not None:
        limits.check(spec.limits, places.parent)
        limits.apply(born.group, limits.plan(spec.limits))


def send_order(spec: Spec, places: Places, born: Born, stdio: Stdio, wait: bool, joins: bool) -> None:
    """Tell init what to become, and hand it the command's stdin, stdout and stderr."""
    made = order(spec.named(born.id), str(places.stage), born.from_reserve)
    whole = {**made, "wait": wait, **(JOINED if joins else {})}
    try:
        handshake.send(born.control, whole, stdio)
    except OSError:
        return  # it has ended: `hear_ready` hears why, or that nobody says why


def hear_ready(born: Born, before_exec: Callable[[int], None] | None) -> None:
    """Follow init until it has become the command. Raises what it reports."""
    ready = False
    while (message := handshake.receive(born.control)) is not None:
        if message[0] == "failed":
            trace.extend(message[-1])
            if born.pidfd >= 0:
                collect(born)  # it ends by itself, with the exit code that says why
            raise error_of(message)
        ready = True
        trace.extend(message[1])
        if before_exec is not None:
            before_exec(born.pid)
            handshake.send(born.control, "go")
    if not ready:
        raise LauncherDied("the launcher or the container's init was killed before the command was executed")


def error_of(message: tuple[Any, ...]) -> ContainerError:
    """Return the exception that init or the launcher reported, as it was raised there."""
    _, kind, text, hint, call, errno, _ = message
    if kind == "KernelError":
        return KernelError(call, errno, text, hint)
    made: ContainerError = getattr(errors, kind)(text, hint)
    return made


def collect(born: Born) -> Exit:
    """Take the exit status from the launcher. Raises `LauncherDied` if it was killed."""
    message = handshake.receive(born.exit_socket)
    if message is None:
        raise LauncherDied(f"the launcher was killed, and its container (pid {born.pid}) with it")
    return born.ended(message)
