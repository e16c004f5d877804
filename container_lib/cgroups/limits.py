"""A container's limits as data: checked, then turned into a plan of writes, then written.

    Limits(memory=64 << 20, cpus=0.5, pids=100)
      │ check()      against sense, this machine, and what the parent group allows
      ▼
    [Write("memory.max", "67108864"), Write("memory.swap.max", "0"), Write("cpu.max", "50000 100000"), …]
      │ apply()
      ▼
    files in the group's directory

Words and defaults are Docker's: `memory_swap` is memory plus swap; without it a container with a memory limit
may swap as much again. See https://docs.docker.com/engine/containers/resource_constraints/
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from container_lib.cgroups import cpu
from container_lib.cgroups import io as io_controller
from container_lib.cgroups.group import need
from container_lib.errors import InvalidValue
from container_lib.kernel.pseudofiles import read, write

MINIMUM_MEMORY = 6 << 20
_SIZE = re.compile(r"(?P<number>[0-9.]+) ?(?P<unit>[kmgt]?)(i?b)?")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True)
class Limits:
    """What a container may use: bytes, processors (a fraction), tasks. None is no limit."""

    memory: int | None = None
    memory_swap: int | None = None
    memory_high: int | None = None
    cpus: float | None = None
    cpu_weight: int | None = None
    pids: int | None = None
    io: tuple[io_controller.IoLimit, ...] = ()


@dataclass(frozen=True)
class Write:
    """One write into the group: `file` gets `value`."""

    file: str
    value: str

    @property
    def controller(self) -> str:
        """The controller that the file belongs to."""
        return self.file.partition(".")[0]


def parse_size(text: str | int) -> int:
    """Return a number of bytes from Docker's notation: "64m", "1.5g", "4096". Raises `InvalidValue`.

    >>> parse_size("64m")
    67108864
    """
    match = _SIZE.fullmatch(str(text).strip().lower())
    try:
        value = float(match["number"]) * _UNITS[match["unit"]] if match else float("nan")
    except ValueError:  # "1.2.3"
        value = float("nan")
    if not 0 <= value < 1 << 63:  # also false for "not a number"
        raise InvalidValue(f"invalid size: {text!r}", "a positive number with b, k, m or g, such as 64m")
    return int(value)


def check(limits: Limits, parent: Path | None = None) -> None:
    """Raise `InvalidValue` for a limit that makes no sense, or that `parent` and its ancestors don't allow."""
    processors = os.cpu_count() or 1
    if limits.cpus is not None and not 0.01 <= limits.cpus <= processors:
        message = f"invalid cpus {limits.cpus:g}: range of CPUs is from 0.01 to {processors:.2f}"
        raise InvalidValue(message, f"this machine has {processors}")
    if limits.memory is not None and limits.memory < MINIMUM_MEMORY:
        raise InvalidValue(f"invalid memory limit {limits.memory}: minimum memory limit allowed is 6MB")
    if limits.pids is not None and limits.pids < 1:
        raise InvalidValue(f"invalid pids limit {limits.pids}: must be at least 1")
    if limits.cpu_weight is not None and not 1 <= limits.cpu_weight <= 10000:
        raise InvalidValue(f"invalid cpu weight {limits.cpu_weight}: range is from 1 to 10000")
    if limits.memory_swap is not None and limits.memory_swap >= 0:
        if limits.memory is None:
            raise InvalidValue("memory-swap needs a memory limit too", "set --memory as well")
        if limits.memory_swap < limits.memory:
            message = f"invalid memory-swap {limits.memory_swap}: smaller than memory {limits.memory}"
            raise InvalidValue(message, "memory-swap is memory and swap together")
    known = [int(part) for entry in limits.io for part in entry.device.split(":") if part.isdigit()]
    if len(known) != 2 * len(limits.io):
        raise InvalidValue(f"invalid device in {limits.io}", 'a device is "major:minor", such as "254:0"')
    if parent is not None:
        _check_against(limits, parent)


def plan(limits: Limits) -> list[Write]:
    """Return the writes that put the limits in force, in order."""
    writes = []
    if limits.memory is not None:
        writes.append(Write("memory.max", str(limits.memory)))
        total = limits.memory * 2 if limits.memory_swap is None else limits.memory_swap
        writes.append(Write("memory.swap.max", "max" if total < 0 else str(total - limits.memory)))
    if limits.memory_high is not None:
        writes.append(Write("memory.high", str(limits.memory_high)))
    if limits.cpus is not None:
        writes.append(Write("cpu.max", cpu.max_value(limits.cpus)))
    if limits.cpu_weight is not None:
        writes.append(Write("cpu.weight", str(limits.cpu_weight)))
    if limits.pids is not None:
        writes.append(Write("pids.max", str(limits.pids)))
    writes += [Write("io.max", io_controller.max_value(entry)) for entry in limits.io]
    return writes


def apply(group: Path, writes: list[Write]) -> None:
    """Carry the plan out. Raises `AbilityMissing` for a controller that the group lacks."""
    for step in writes:
        if step.file == "memory.swap.max" and not (group / step.file).exists():
            continue  # a kernel without swap accounting: nothing can be swapped on its account
        write(need(group, step.file), step.value)


def _check_against(limits: Limits, parent: Path) -> None:
    asked = {"memory.max": limits.memory, "pids.max": limits.pids}
    directory = parent
    while any(asked.values()) and (directory / "cgroup.procs").exists():
        for file, value in asked.items():
            allowed = read(directory / file) if (directory / file).exists() else "max"
            if value is not None and allowed != "max" and value > int(allowed):
                message = f"invalid limit {value} for {file}: {directory / file} allows {allowed}"
                raise InvalidValue(message, "ask for less, or raise the parent's limit")
        directory = directory.parent
