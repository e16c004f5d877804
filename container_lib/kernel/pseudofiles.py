"""Reading and writing the files that are the kernel's second interface: /proc, /sys, cgroups.

A write to such a file is a request, and a failed one must say what was asked of whom: errors carry the path
and the value. One `write` is one write(2): the kernel parses what a single call brings.
See proc(5), cgroups(7).
"""

import os
from time import perf_counter_ns

from container_lib.errors import KernelError
from container_lib.kernel import trace
from container_lib.kernel.explain import explain


def read(path: str | os.PathLike[str]) -> str:
    """Return the file's text without its last newline. Raises `KernelError` with the path."""
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.readall()
    except OSError as error:
        raise _error("read", error, f"cannot read {os.fspath(path)}") from None
    return os.fsdecode(data).rstrip("\n")


def write(path: str | os.PathLike[str], value: str | int) -> None:
    """Write `value` in one write(2). Raises `KernelError` with the path and the value."""
    begin = perf_counter_ns() if trace.active() else 0
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, os.fsencode(str(value)))
        finally:
            os.close(fd)
    except OSError as error:
        raise _error("write", error, f"cannot write {str(value)!r} to {os.fspath(path)}") from None
    if begin:
        trace.record(
            "write", (os.fspath(path), str(value)), len(str(value)), (perf_counter_ns() - begin) / 1000
        )


def _error(call: str, error: OSError, message: str) -> KernelError:
    number = error.errno or 0
    return KernelError(call, number, f"{message}: {os.strerror(number)}", explain(call, number))
