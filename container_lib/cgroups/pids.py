"""The pids controller: how many tasks (processes and threads) a group may hold. Docker's --pids-limit.

    pids.max       at this number fork(2) and clone(2) fail with EAGAIN: a fork bomb stops here
    pids.current   the number now
    pids.events    "max N": how often a fork was refused

See cgroup-v2.rst, "PID".
"""

from pathlib import Path

from container_lib.cgroups.group import keyed, need
from container_lib.kernel.pseudofiles import read, write


def set_max(group: Path, limit: int | None) -> None:
    """Set the largest number of tasks (None: no limit). A lower limit than what runs ends nothing."""
    write(need(group, "pids.max"), "max" if limit is None else limit)


def get_max(group: Path) -> int | None:
    """Return the largest number of tasks, or None for no limit."""
    value = read(need(group, "pids.max"))
    return None if value == "max" else int(value)


def current(group: Path) -> int:
    """Return the number of tasks in the group and below."""
    return int(read(need(group, "pids.current")))


def events(group: Path) -> dict[str, int]:
    """Return pids.events: {"max": how often a fork was refused}."""
    return keyed(need(group, "pids.events"))
