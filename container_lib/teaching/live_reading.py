"""What a live graph reads of a group at each update: its usage, its limits, and what happened to it.

    Reader(group).read() -> Reading

`cgroups.sample` reads the usage; here come the limits, which a slider or another cell may change at any
moment, and the counts of OOM kills and refused forks. All files stay open and are read with pread(2), so
that five updates a second cost nearly nothing. See cgroup-v2.rst.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from container_lib.cgroups.sample import Sample, Sampler
from container_lib.errors import NotFound

MIB = 1 << 20
FILES = ("cpu.max", "memory.max", "pids.max", "memory.events", "pids.events")


@dataclass(frozen=True)
class Reading:
    """One look at a group: `limits` in the units of the graph (None: no limit), and counts of events."""

    sample: Sample
    limits: dict[str, float | None]
    oom_kills: int = 0
    refused_forks: int = 0


class Reader:
    """Open a group's files once; `read()` reads them all. Raises `NotFound` when the group is gone."""

    def __init__(self, group: Path) -> None:
        self.group = group
        self._sampler = Sampler(group)
        self._fds = {
            name: os.open(group / name, os.O_RDONLY | os.O_CLOEXEC)
            for name in FILES
            if (group / name).exists()
        }
        # a controller that is not handed down has no files here: its graph stays empty, and says so
        self.present = {
            "cpu": (group / "cpu.stat").exists(),
            "memory": (group / "memory.current").exists(),
            "pids": (group / "pids.current").exists(),
        }

    def read(self) -> Reading:
        """Read everything once."""
        sample = self._sampler.sample()
        try:
            text = {name: os.pread(fd, 4096, 0).decode() for name, fd in self._fds.items()}
        except OSError as error:
            raise NotFound(f"the cgroup {self.group} is gone: {error.strerror}") from None
        limits = {
            "cpu": _processors(text.get("cpu.max", "max 1")),
            "memory": _limit(text.get("memory.max", "max"), MIB),
            "pids": _limit(text.get("pids.max", "max"), 1),
        }
        return Reading(
            sample, limits, _count(text, "memory.events", "oom_kill"), _count(text, "pids.events", "max")
        )

    def close(self) -> None:
        """Close the files."""
        self._sampler.close()
        for fd in self._fds.values():
            os.close(fd)
        self._fds = {}


def _processors(text: str) -> float | None:
    quota, period = text.split()
    return None if quota == "max" else int(quota) / int(period)


def _limit(text: str, unit: int) -> float | None:
    return None if text.strip() == "max" else int(text) / unit


def _count(text: dict[str, str], file: str, key: str) -> int:
    for line in text.get(file, "").splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return int(value)
    return 0
