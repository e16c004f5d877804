"""What a container is, read from top to bottom: `become` is its table of contents.

This runs in the new process, between clone3 and execve. It was born in its namespaces and its cgroup; here it
takes its identity, arranges its view, gives up its power, and becomes the command. Everything was decided
outside (`spec`): `order` is a dictionary of plain values. Whatever fails is told over `control`, then `_exit`.

What comes when is not free: mounts need the capabilities that are dropped later, and /proc/self must be the
machine's for the time namespace. See runtime.handshake for the other side.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` without its enums
import os
from _socket import socket
from errno import EACCES, ENOENT, ENOEXEC, ENOTDIR

from container_lib.errors import CommandNotExecutable, CommandNotFound, ContainerError, KernelError
from container_lib.isolation import capabilities, loopback
from container_lib.isolation.execute import ensure_directory, execute
from container_lib.kernel import flags, syscalls, trace
from container_lib.kernel.pseudofiles import read, write
from container_lib.runtime import handshake

TYPE_CHECKING = False
if TYPE_CHECKING:  # not in the launcher: see there
    from typing import Any, NoReturn

SIGKILL, SIGPIPE, SIGXFSZ = 9, 13, 25


def become(birth: dict[str, Any], control: socket, mapped: int) -> NoReturn:
    """Become the container's command. Never returns: execve or `_exit`."""
    try:
        if birth["trace"]:
            trace.start("init")
        die_with_launcher()
        let_go_of_launcher(control, mapped)
        wait_until_mapped(mapped)
        take_root(birth)
        syscalls.setsid()
        enter_cgroup_namespace(birth)
        bring_loopback_up(birth)
        bound_capabilities(birth)
        furnish(birth)
        order, stdio = hear_order(control)
        take_stdio(stdio)
        enter_time_namespace(order)
        set_hostname(order)
        syscalls.umask(0)
        execute(order["mounts"])
        syscalls.umask(0o022)
        enter_working_directory(order)
        set_resource_limits(order)
        drop_privileges(order)
        die_with_launcher()
        tell_ready(order, control)
        execute_command(order)
    except ContainerError as error:
        report(error, control)
        os._exit(error.exit_code)
    except BaseException as error:  # noqa: BLE001
        # nothing may return into the launcher's loop: this process is a copy of it
        report(ContainerError(f"{type(error).__name__} in the container's init: {error}"), control)
    os._exit(125)


def let_go_of_launcher(control: socket, mapped: int) -> None:
    """Close what we inherited, but for our own two: as long as we hold another's socket, it has no end of file."""
    first = 3
    for kept in sorted({control.fileno(), mapped} - {-1}):
        if kept > first:
            syscalls.close_range(first, kept - 1, 0)
        first = kept + 1
    syscalls.close_range(first, 0xFFFFFFFF, 0)


def wait_until_mapped(mapped: int) -> None:
    """In a user namespace, wait for the launcher to write the maps: until then we are nobody."""
    if mapped >= 0 and os.read(mapped, 1) != b"m":
        raise ContainerError("the launcher could not write the id maps of the user namespace")


def take_root(birth: dict[str, Any]) -> None:
    """In a user namespace, become its root: the identity that the maps give to 0."""
    if birth["namespaces"] & flags.CLONE_NEWUSER:
        syscalls.setgroups([])
        syscalls.setresgid(0)
        syscalls.setresuid(0)
        die_with_launcher()


def enter_cgroup_namespace(birth: dict[str, Any]) -> None:
    """Make the cgroup that we are in the root of what we see. Not at birth: then it would be the launcher's."""
    if birth["cgroup_namespace"]:
        syscalls.unshare(flags.CLONE_NEWCGROUP)


def bring_loopback_up(birth: dict[str, Any]) -> None:
    """A new network namespace holds a loopback interface that is down."""
    if birth["namespaces"] & flags.CLONE_NEWNET:
        loopback.bring_up()


def bound_capabilities(birth: dict[str, Any]) -> None:
    """Say what exec may ever give. What we hold ourselves stays, for the mounts, until `drop_privileges`."""
    if birth["capabilities"] is not None:
        capabilities.drop_bounding(birth["capabilities"])


def furnish(birth: dict[str, Any]) -> None:
    """In reserve, do ahead what does not depend on the order: /proc, /dev and /sys, on the stage."""
    if birth["furniture"] is None:
        return
    syscalls.umask(0)
    execute(birth["furniture"])
    touch_memory()


def touch_memory() -> None:
    """Copy now what is still shared with the launcher: later it would be a page fault at a time."""
    for line in read("/proc/self/maps").splitlines():
        span, access = line.split()[:2]
        start, _, end = span.partition("-")
        how = flags.MADV_POPULATE_WRITE if access[1] == "w" else flags.MADV_POPULATE_READ
        try:
            syscalls.madvise(int(start, 16), int(end, 16) - int(start, 16), how)
        except KernelError:
            continue  # the kernel's own pages, or a kernel before 5.14: the faults come later


def hear_order(control: socket) -> tuple[dict[str, Any], list[int]]:
    """Wait for what to become. The client may be gone, or have let its reserve go: then there is nothing to do."""
    order, stdio = handshake.receive_with_descriptors(control)
    if order is None:
        os._exit(0)
    return order, stdio


def take_stdio(stdio: list[int]) -> None:
    """Make the three descriptors that came with the order 0, 1 and 2; signals as a fresh program has them."""
    for number, descriptor in enumerate(stdio):
        os.dup2(descriptor, number, inheritable=True)
    _signal.signal(SIGPIPE, _signal.SIG_DFL)  # Python ignores these two, and exec would hand that on
    _signal.signal(SIGXFSZ, _signal.SIG_DFL)


def enter_time_namespace(order: dict[str, Any]) -> None:
    """Shift the clocks and enter: offsets can be written only as long as nobody is inside."""
    if order["time_offsets"] is None:
        return
    syscalls.unshare(flags.CLONE_NEWTIME)
    for clock, seconds in order["time_offsets"]:
        write("/proc/self/timens_offsets", f"{clock} {seconds} 0")
    fd = os.open("/proc/self/ns/time_for_children", os.O_RDONLY | os.O_CLOEXEC)
    syscalls.setns(fd, flags.CLONE_NEWTIME)
    os.close(fd)


def set_hostname(order: dict[str, Any]) -> None:
    """Set the name, where the uts namespace is ours to name."""
    if order["hostname"]:
        syscalls.sethostname(order["hostname"])


def enter_working_directory(order: dict[str, Any]) -> None:
    """Go where the command is to start; as Docker does, make the directory if the image has none."""
    if order["rootfs"] and order["cwd"] != "/":
        ensure_directory(order["cwd"])
    if order["cwd"]:
        syscalls.chdir(order["cwd"])


def set_resource_limits(order: dict[str, Any]) -> None:
    """Set the limits of setrlimit(2); execve keeps them."""
    for resource, soft, hard in order["rlimits"]:
        syscalls.setrlimit(resource, soft, hard)


def drop_privileges(order: dict[str, Any]) -> None:
    """Give up what the command must not have: capabilities, identity, and any way to get them back."""
    if order["user"] is not None:
        uid, gid, groups = order["user"]
        syscalls.setgroups(groups)
        syscalls.setresgid(gid)
        syscalls.setresuid(uid)
    if order["capabilities"] is not None:
        capabilities.drop_to(order["capabilities"])
    if order["no_new_privileges"]:
        syscalls.prctl(flags.PR_SET_NO_NEW_PRIVS, 1)


def die_with_launcher() -> None:
    """If the launcher is killed, so are we. Said again after a change of identity: the kernel forgets it then."""
    syscalls.prctl(flags.PR_SET_PDEATHSIG, SIGKILL)


def tell_ready(order: dict[str, Any], control: socket) -> None:
    """Tell the client that all is built; wait for its "go" if it has something to do first."""
    handshake.send(control, ("ready", trace.stop()))
    if order["wait"] and handshake.receive(control) != "go":
        raise ContainerError("the client went away before the container was to start")


def execute_command(order: dict[str, Any]) -> None:
    """Find argv[0] as a shell would and execute it; everything but 0, 1 and 2 closes on the way."""
    syscalls.close_range(3, 0xFFFFFFFF, flags.CLOSE_RANGE_CLOEXEC)
    argv, env = order["argv"], order["env"]
    command = argv[0]
    found_but = 0
    for path in candidates(command, env.get("PATH", "")):
        try:
            syscalls.execve(path, argv, env)
        except KernelError as error:
            if error.errno in (ENOENT, ENOTDIR) and not os.path.lexists(path):
                continue
            found_but = error.errno
            if error.errno != EACCES:
                break
    if found_but == ENOEXEC:
        raise CommandNotExecutable(
            f'exec: "{command}": exec format error', "a script needs a first line #!/bin/sh"
        )
    if found_but == ENOENT:
        message = f'exec: "{command}": no such file or directory'
        raise CommandNotFound(message, "the file is there; its interpreter or dynamic loader is not")
    if found_but:
        raise CommandNotExecutable(f'exec: "{command}": {os.strerror(found_but).lower()}')
    if "/" in command:
        raise CommandNotFound(f'exec: "{command}": stat {command}: no such file or directory')
    raise CommandNotFound(f'exec: "{command}": executable file not found in $PATH')


def candidates(command: str, path: str) -> list[str]:
    """Return where to look for the command: itself if it has a slash, otherwise in each part of PATH."""
    if "/" in command or not command:
        return [command]
    return [f"{directory or '.'}/{command}" for directory in path.split(":")]


def report(error: ContainerError, control: socket) -> None:
    """Tell the client why; it may be gone, and then there is nobody to tell."""
    call, errno = (error.call, error.errno) if isinstance(error, KernelError) else ("", 0)
    message = ("failed", type(error).__name__, error.message, error.hint, call, errno, trace.stop())
    try:
        handshake.send(control, message)
    except OSError:
        os._exit(error.exit_code)
