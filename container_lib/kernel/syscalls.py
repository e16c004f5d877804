"""System calls, one thin function each: the man page's name, the man page's order of arguments.

This is the only module that uses ctypes. What the standard library has (`os.mkdir`, `os.execve`, …) is
wrapped too, so that each call of ours goes through one path, `_call`, which checks errno, raises
`KernelError` with the arguments inside, and tells the tracer (`kernel.trace`).

Left out: whatever nobody here calls. See syscalls(2).
"""

from __future__ import annotations

import ctypes
import os
from time import perf_counter_ns

from container_lib.errors import AbilityMissing, KernelError
from container_lib.kernel import flags, trace
from container_lib.kernel.explain import explain

TYPE_CHECKING = False
if TYPE_CHECKING:  # not in the launcher: see there
    from collections.abc import Callable
    from typing import Any

# One table per machine; a machine that is not in it is refused, never guessed at.
_NUMBERS = {
    "x86_64": {"pivot_root": 155, "capget": 125, "capset": 126, "clone3": 435},
    "aarch64": {"pivot_root": 41, "capget": 90, "capset": 91, "clone3": 435},
}

_int, _ulong, _string = ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p
_PROTOTYPES: dict[str, list[Any]] = {
    "close_range": [ctypes.c_uint, ctypes.c_uint, _int],
    "mount": [_string, _string, _string, _ulong, _string],
    "prctl": [_int, _ulong, _ulong, _ulong, _ulong],
    "sethostname": [_string, ctypes.c_size_t],
    "setns": [_int, _int],
    "setrlimit": [_int, ctypes.c_void_p],
    "syncfs": [_int],
    "umount2": [_string, _int],
    "unshare": [_int],
}
_libc = ctypes.CDLL(None, use_errno=True)
# subtle: ctypes looks a function up when it is first named. Named here, it is found once, in the launcher, and not
# anew by the init of each container.
for _name, _arguments in _PROTOTYPES.items():
    getattr(_libc, _name).argtypes = _arguments
_libc.syscall.restype = ctypes.c_long
# subtle: PyDLL keeps the interpreter's lock across the call. The child of clone3 needs to be born holding it.
_libc_with_gil = ctypes.PyDLL(None, use_errno=True)
_libc_with_gil.syscall.restype = ctypes.c_long
_before_fork = ctypes.pythonapi.PyOS_BeforeFork
_after_fork_in_parent = ctypes.pythonapi.PyOS_AfterFork_Parent
_after_fork_in_child = ctypes.pythonapi.PyOS_AfterFork_Child


def _call(name: str, function: Callable[[], Any], *arguments: Any) -> Any:
    """Run `function`, which is one system call; raise `KernelError` where it fails."""
    begin = perf_counter_ns() if trace.active() else 0
    try:
        result = function()
        failed = ctypes.get_errno() if result == -1 else 0
    except OSError as error:
        result, failed = None, error.errno or 0
    if begin:
        value = -failed if failed else result if isinstance(result, int) else 0
        trace.record(name, arguments, value, (perf_counter_ns() - begin) / 1000)
    if failed:
        shown = ", ".join(_show(argument) for argument in arguments)
        raise KernelError(name, failed, f"{name}({shown}): {os.strerror(failed)}", explain(name, failed))
    return result


def _show(argument: Any) -> str:
    return argument if isinstance(argument, str) and argument else repr(argument)


def _number(name: str) -> int:
    machine = os.uname().machine
    try:
        return _NUMBERS[machine][name]
    except KeyError:
        message = f"{name}(2) on the machine {machine}: number not known"
        raise AbilityMissing(message, f"known: {', '.join(_NUMBERS)}") from None


# ---- processes and namespaces


def clone3(namespaces: int, exit_signal: int = 17, cgroup: int = -1) -> tuple[int, int]:
    """Fork into new namespaces, and into the cgroup whose directory is open as `cgroup`, in one step.

    Returns (pid, pidfd) in the parent and (0, -1) in the child. The caller must be single-threaded, as
    the launcher is: only the calling thread lives on in the child. See clone(2), "clone3()".
    """
    pidfd = ctypes.c_int(-1)
    kinds = namespaces | flags.CLONE_PIDFD | (flags.CLONE_INTO_CGROUP if cgroup >= 0 else 0)
    if namespaces & flags.CLONE_PARENT:
        exit_signal = 0  # the kernel insists: the signal is then the caller's own
    # struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
    # set_tid, set_tid_size, cgroup
    arguments = (ctypes.c_uint64 * 11)(
        kinds, ctypes.addressof(pidfd), 0, 0, exit_signal, 0, 0, 0, 0, 0, max(cgroup, 0)
    )
    number, size = _number("clone3"), ctypes.sizeof(arguments)
    _before_fork()
    pid = -1
    try:
        pid = _call(
            "clone3",
            lambda: _libc_with_gil.syscall(ctypes.c_long(number), arguments, ctypes.c_size_t(size)),
            flags.spell(kinds, "CLONE_") if trace.active() else hex(kinds),
        )
    finally:
        if pid == 0:
            _after_fork_in_child()
        else:
            _after_fork_in_parent()
    return pid, pidfd.value if pid else -1


def unshare(namespaces: int) -> None:
    """Move this process (for pid and time: its next child) into new namespaces. See unshare(2)."""
    _call("unshare", lambda: _libc.unshare(namespaces), flags.spell(namespaces, "CLONE_NEW"))


def setns(fd: int, namespaces: int) -> None:
    """Join the namespaces that `fd` (of /proc/PID/ns/…, or a pidfd) stands for. See setns(2)."""
    _call("setns", lambda: _libc.setns(fd, namespaces), fd, flags.spell(namespaces, "CLONE_NEW"))


def sethostname(name: str) -> None:
    """Set the host name of this process's uts namespace. See sethostname(2)."""
    raw = os.fsencode(name)
    _call("sethostname", lambda: _libc.sethostname(raw, len(raw)), name)


def prctl(option: int, value: int = 0, third: int = 0) -> int:
    """Change or read one attribute of this process. See prctl(2)."""
    return int(_call("prctl", lambda: _libc.prctl(option, value, third, 0, 0), option, value))


def close_range(first: int, last: int, how: int) -> None:
    """Close, or mark for closing at exec, each descriptor from `first` to `last`. See close_range(2)."""
    _call("close_range", lambda: _libc.close_range(first, last, how), first, last, how)


def madvise(address: int, length: int, advice: int) -> None:
    """Tell the kernel what will be needed of a range of our memory. See madvise(2)."""
    _call("madvise", lambda: _libc.madvise(address, length, advice), hex(address), length, advice)


def setsid() -> None:
    """Start a session of one's own, without a controlling terminal. See setsid(2)."""
    _call("setsid", os.setsid)


def setgroups(groups: list[int]) -> None:
    """Replace the supplementary groups. See setgroups(2)."""
    _call("setgroups", lambda: os.setgroups(groups), groups)


def setresgid(gid: int) -> None:
    """Become the group `gid`: real, effective and saved. See setresgid(2)."""
    _call("setresgid", lambda: os.setresgid(gid, gid, gid), gid)


def setresuid(uid: int) -> None:
    """Become the user `uid`: real, effective and saved; capabilities go with root. See setresuid(2)."""
    _call("setresuid", lambda: os.setresuid(uid, uid, uid), uid)


def setrlimit(resource: int, soft: int, hard: int) -> None:
    """Set one limit of this process; -1 is "unlimited". See setrlimit(2)."""
    pair = (ctypes.c_uint64 * 2)(soft & 0xFFFFFFFFFFFFFFFF, hard & 0xFFFFFFFFFFFFFFFF)
    _call("setrlimit", lambda: _libc.setrlimit(resource, pair), resource, soft, hard)


def execve(path: str, argv: list[str], env: dict[str, str]) -> None:
    """Become another program. Returns only by an error. See execve(2)."""
    _call("execve", lambda: os.execve(path, argv, env), path, argv)


# ---- mounts and files


def mount(source: str, target: str, fstype: str = "", flags_: int = 0, data: str = "") -> None:
    """Attach a filesystem, or change how one is attached. See mount(2)."""
    encode = os.fsencode
    _call(
        "mount",
        lambda: _libc.mount(encode(source), encode(target), encode(fstype), flags_, encode(data)),
        source, target, fstype, flags.spell(flags_, "MS_") if trace.active() else hex(flags_), data,
    )  # fmt: skip


def umount2(target: str, how: int = 0) -> None:
    """Detach a filesystem. See umount(2)."""
    _call("umount2", lambda: _libc.umount2(os.fsencode(target), how), target, how)


def pivot_root(new_root: str, put_old: str) -> None:
    """Swap the root mount of this mount namespace. See pivot_root(2)."""
    number = _number("pivot_root")
    new, old = os.fsencode(new_root), os.fsencode(put_old)
    _call("pivot_root", lambda: _libc.syscall(ctypes.c_long(number), new, old), new_root, put_old)


def chroot(path: str) -> None:
    """Change what "/" means to this process, and nothing else. See chroot(2)."""
    _call("chroot", lambda: os.chroot(path), path)


def chdir(path: str) -> None:
    """Change the working directory. See chdir(2)."""
    _call("chdir", lambda: os.chdir(path), path)


def fchdir(fd: int) -> None:
    """Change the working directory to an open one. See fchdir(2)."""
    _call("fchdir", lambda: os.fchdir(fd), fd)


def mkdir(path: str, mode: int = 0o755) -> None:
    """Make a directory. See mkdir(2)."""
    _call("mkdir", lambda: os.mkdir(path, mode), path, oct(mode))


def mknod(path: str, mode: int, device: int) -> None:
    """Make a device node or an empty file; `device` is `os.makedev(major, minor)`. See mknod(2)."""
    _call("mknod", lambda: os.mknod(path, mode, device), path, oct(mode), device)


def symlink(target: str, path: str) -> None:
    """Make a symbolic link at `path`. See symlink(2)."""
    _call("symlink", lambda: os.symlink(target, path), target, path)


def syncfs(fd: int) -> None:
    """Write to disk what the filesystem of an open file has not written yet: all of it. See syncfs(2)."""
    _call("syncfs", lambda: _libc.syncfs(fd), fd)


def umask(mask: int) -> None:
    """Set which permission bits new files lack. See umask(2)."""
    _call("umask", lambda: os.umask(mask), oct(mask))


# ---- capabilities

_CAPABILITY_VERSION_3 = 0x20080522


def capget() -> tuple[int, int, int]:
    """Return this process's capabilities as bit sets: (effective, permitted, inheritable). See capget(2)."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    _call("capget", lambda: _libc.syscall(ctypes.c_long(_number("capget")), header, data))
    return data[0] | data[3] << 32, data[1] | data[4] << 32, data[2] | data[5] << 32


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set this process's capabilities from three bit sets. See capset(2)."""
    sets = (effective, permitted, inheritable)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(*(s & 0xFFFFFFFF for s in sets), *(s >> 32 for s in sets))
    _call("capset", lambda: _libc.syscall(ctypes.c_long(_number("capset")), header, data), *map(hex, sets))
