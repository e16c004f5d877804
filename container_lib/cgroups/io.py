"""The io controller: how fast a group may read and write a block device.

    io.max     "254:0 rbps=1048576 wbps=max riops=max wiops=100": bytes and operations a second, one line a device
    io.stat    what was read and written, one line a device

It counts what reaches the device: reads that the page cache answers are free, and a buffered write is charged
when it is written back. tmpfs and overlay have no device of their own. Left out: io.weight, io.latency.
See cgroup-v2.rst, "IO".
"""

from dataclasses import dataclass
from pathlib import Path

from container_lib.cgroups.group import need
from container_lib.kernel.pseudofiles import read, write


@dataclass(frozen=True)
class IoLimit:
    """Limits for one device ("major:minor"): bytes per second and operations per second, None for no limit."""

    device: str
    rbps: int | None = None
    wbps: int | None = None
    riops: int | None = None
    wiops: int | None = None


def max_value(limit: IoLimit) -> str:
    """Return the line for io.max.

    >>> max_value(IoLimit("254:0", wbps=1048576))
    '254:0 rbps=max wbps=1048576 riops=max wiops=max'
    """
    words = (f"{key}={_or_max(getattr(limit, key))}" for key in ("rbps", "wbps", "riops", "wiops"))
    return f"{limit.device} {' '.join(words)}"


def set_max(group: Path, limit: IoLimit) -> None:
    """Limit the group on one device; a limit of None takes that one away."""
    write(need(group, "io.max"), max_value(limit))


def usage(group: Path) -> dict[str, dict[str, int]]:
    """Return io.stat: {"254:0": {"rbytes": …, "wbytes": …, "rios": …, "wios": …}}."""
    found = {}
    for line in read(need(group, "io.stat")).splitlines():
        device, *pairs = line.split()
        found[device] = {key: int(value) for key, _, value in (pair.partition("=") for pair in pairs)}
    return found


def _or_max(value: int | None) -> str:
    return "max" if value is None else str(value)
