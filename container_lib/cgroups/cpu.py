"""The cpu controller: how much processor time a group may have.

    cpu.max      "50000 100000": at most 50 ms in each 100 ms, which is 0.5 CPUs; then the group is *throttled*,
                 it waits for the next period. "max 100000": no limit. This is docker's --cpus.
    cpu.weight   1 … 10000, 100 by default: the share when groups compete. Nothing is lost when they don't.
    cpu.stat     what was used and for how long it was throttled, in microseconds

cpu.stat counts even where the controller is not enabled. Left out: cpu.max.burst, cpu.idle, pressure.
See cgroup-v2.rst, "CPU".
"""

from dataclasses import dataclass
from pathlib import Path

from container_lib.cgroups.group import keyed, need
from container_lib.kernel.pseudofiles import read, write

PERIOD = 100_000
"""The period that Docker uses, in microseconds."""


@dataclass(frozen=True)
class CpuUsage:
    """What a group has used since it was made: times in µs, `periods` and `throttled` in numbers of periods."""

    usage: int
    user: int
    system: int
    periods: int
    throttled: int
    throttled_time: int


def max_value(cpus: float | None, period: int = PERIOD) -> str:
    """Return the text for cpu.max that allows `cpus` processors (a fraction, or None for no limit).

    >>> max_value(0.5)
    '50000 100000'
    """
    return f"max {period}" if cpus is None else f"{max(round(cpus * period), 1000)} {period}"


def set_max(group: Path, cpus: float | None, period: int = PERIOD) -> None:
    """Limit the group to `cpus` processors; takes effect at once, also for what runs already."""
    write(need(group, "cpu.max"), max_value(cpus, period))


def get_max(group: Path) -> float | None:
    """Return the limit in processors, or None."""
    quota, period = read(need(group, "cpu.max")).split()
    return None if quota == "max" else int(quota) / int(period)


def set_weight(group: Path, weight: int) -> None:
    """Set the group's share against its siblings, 1 … 10000."""
    write(need(group, "cpu.weight"), weight)


def usage(group: Path) -> CpuUsage:
    """Return cpu.stat; the numbers of throttling are 0 where the controller is not enabled."""
    stat = keyed(group / "cpu.stat")
    return CpuUsage(
        stat["usage_usec"], stat["user_usec"], stat["system_usec"],
        stat.get("nr_periods", 0), stat.get("nr_throttled", 0), stat.get("throttled_usec", 0),
    )  # fmt: skip
