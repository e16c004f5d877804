"""Reading a group's usage again and again, cheaply: what a live graph needs.

Opening a cgroup file costs ten times as much as reading it, so a `Sampler` keeps its files open and reads them
with pread(2). Files of controllers that are not enabled are left out, and their numbers stay 0.
A group that is gone makes `sample` raise `NotFound`.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from container_lib.errors import NotFound

FILES = ("cpu.stat", "memory.current", "pids.current", "io.stat")


@dataclass(frozen=True)
class Sample:
    """One look at a group: `time` in seconds (monotonic), processor times in µs, memory and io in bytes."""

    time: float
    cpu: int = 0
    throttled: int = 0
    memory: int = 0
    pids: int = 0
    io_read: int = 0
    io_write: int = 0


class Sampler:
    """Open the group's files once; `sample()` reads them all. Close it, or use it in a `with` statement."""

    def __init__(self, group: Path) -> None:
        self.group = group
        self._fds: dict[str, int] = {}
        if not group.is_dir():
            raise NotFound(f"no such cgroup: {group}")
        for name in FILES:
            if (group / name).exists():
                self._fds[name] = os.open(group / name, os.O_RDONLY | os.O_CLOEXEC)

    def sample(self) -> Sample:
        """Read all files once. Raises `NotFound` when the group has been removed."""
        try:
            text = {name: os.pread(fd, 65536, 0).decode() for name, fd in self._fds.items()}
        except OSError as error:  # ENODEV: the group behind the open file is gone
            raise NotFound(f"the cgroup {self.group} is gone: {error.strerror}") from None
        cpu = dict(line.split() for line in text["cpu.stat"].splitlines())
        return Sample(
            time=monotonic(),
            cpu=int(cpu["usage_usec"]),
            throttled=int(cpu.get("throttled_usec", 0)),
            memory=int(text.get("memory.current", 0)),
            pids=int(text.get("pids.current", 0)),
            io_read=_total(text.get("io.stat", ""), "rbytes="),
            io_write=_total(text.get("io.stat", ""), "wbytes="),
        )

    def close(self) -> None:
        """Close the files."""
        for fd in self._fds.values():
            os.close(fd)
        self._fds = {}

    def __enter__(self) -> "Sampler":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def cpus(before: Sample, after: Sample) -> float:
    """Return the processors in use between two samples, as a fraction: 0.5 is half of one."""
    elapsed = after.time - before.time
    return (after.cpu - before.cpu) / 1e6 / elapsed if elapsed > 0 else 0.0


def _total(text: str, key: str) -> int:
    return sum(int(word[len(key) :]) for word in text.split() if word.startswith(key))
