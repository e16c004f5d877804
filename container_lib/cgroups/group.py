"""One cgroup: a directory. Processes are moved by writing their number into it.

    create(parent, name)         mkdir
    add(group, pid)              cgroup.procs      (a process born by clone3 can start inside: CLONE_INTO_CGROUP)
    freeze(group), thaw(group)   cgroup.freeze     stops every process of the group, where it stands
    kill(group)                  cgroup.kill       SIGKILL to all of them at once; a fork bomb cannot outrun it
    delete(group)                rmdir             works once the group is empty; below first

What happens in a group is told by cgroup.events, on which one can wait with poll(2).
See cgroups(7), and cgroup-v2.rst, "Core Interface Files".
"""

import os
import select
from contextlib import suppress
from errno import ENODEV, ENOENT
from pathlib import Path
from time import monotonic

from container_lib.errors import AbilityMissing, ContainerError, InvalidValue, KernelError, NotFound
from container_lib.kernel.pseudofiles import read, write


def create(parent: Path, name: str) -> Path:
    """Make the group `name` below `parent` and return its directory. Raises if it exists already."""
    if not name or "/" in name or name in (".", "..") or name.startswith("cgroup."):
        raise InvalidValue(f"invalid cgroup name {name!r}", "one path component, such as 'web-1'")
    group = parent / name
    try:
        group.mkdir()
    except PermissionError as error:
        raise AbilityMissing(f"cannot make the cgroup {group}: {error.strerror}", "needs root") from None
    except OSError as error:
        raise KernelError(
            "mkdir", error.errno or 0, f"cannot make the cgroup {group}: {error.strerror}"
        ) from None
    return group


def add(group: Path, pid: int) -> None:
    """Move the process, with all its threads, into the group. Its children will be born there."""
    write(group / "cgroup.procs", pid)


def processes(group: Path) -> list[int]:
    """Return the processes in this group and in every group below it."""
    found = [int(word) for word in read(group / "cgroup.procs").split()]
    for child in _children(group):
        found += processes(child)
    return sorted(found)


def events(group: Path) -> dict[str, int]:
    """Return cgroup.events: {"populated": 1, "frozen": 0}."""
    return keyed(group / "cgroup.events")


def freeze(group: Path, timeout: float = 5.0) -> None:
    """Stop every process of the group, and return when all have stopped. `timeout` is in seconds."""
    write(group / "cgroup.freeze", 1)
    wait_for(group, "frozen", 1, timeout)


def thaw(group: Path, timeout: float = 5.0) -> None:
    """Let the processes of a frozen group go on."""
    write(group / "cgroup.freeze", 0)
    wait_for(group, "frozen", 0, timeout)


def kill(group: Path, timeout: float = 5.0) -> None:
    """Kill every process of the group and of those below it, and return when it is empty, or gone."""
    try:
        write(group / "cgroup.kill", 1)
    except KernelError as error:
        if error.errno not in (ENOENT, ENODEV):
            raise
    wait_for(group, "populated", 0, timeout)


def delete(group: Path, timeout: float = 5.0) -> None:
    """Remove the group and the groups below it; all must be empty, or become so within `timeout` seconds.

    Somebody else (the launcher, a second `doctor --clean`) may be removing it at the same time: gone is gone.
    """
    with suppress(FileNotFoundError):
        for child in _children(group):
            delete(child, timeout)
        try:
            os.rmdir(group)
        except FileNotFoundError:
            return
        except OSError:
            # what was killed may still be on its way out; what lives on stays until the time is over
            wait_for(group, "populated", 0, timeout)
            os.rmdir(group)


def wait_for(group: Path, key: str, value: int, timeout: float) -> None:
    """Wait until cgroup.events says `key value`; a group that is gone is not populated.

    Raises `ContainerError` after `timeout` seconds, `NotFound` if the group is gone.
    """
    try:
        _wait_for(group, key, str(value), timeout)
    except OSError as error:
        if error.errno not in (ENOENT, ENODEV):
            raise
        if (key, value) != ("populated", 0):
            raise NotFound(f"the cgroup {group} is gone") from None


def _wait_for(group: Path, key: str, value: str, timeout: float) -> None:
    deadline = monotonic() + timeout
    with open(group / "cgroup.events", encoding="ascii") as file:
        poll = select.poll()
        poll.register(file, select.POLLPRI)
        while True:
            file.seek(0)
            if dict(line.split() for line in file.read().splitlines()).get(key) == value:
                return
            left = deadline - monotonic()
            if left <= 0:
                message = f"{group}/cgroup.events: {key} did not become {value} in {timeout:g} s"
                raise ContainerError(message, f"the group holds the processes {processes(group)}")
            poll.poll(left * 1000)


def keyed(path: Path) -> dict[str, int]:
    """Return a flat keyed file ("name number" a line, as most *.stat and *.events are) as a dictionary."""
    pairs = (line.split() for line in read(path).splitlines())
    return {key: int(value) for key, value in pairs}


def need(group: Path, file: str) -> Path:
    """Return the path of a controller's file. Raises `AbilityMissing` where the controller is not enabled."""
    path = group / file
    if not path.exists():
        controller = file.partition(".")[0]
        hint = (
            f"the {controller} controller is not handed down to this group; where it is: make lab WHERE=guest"
        )
        raise AbilityMissing(f"{path} does not exist", hint)
    return path


def _children(group: Path) -> list[Path]:
    return [Path(entry.path) for entry in os.scandir(group) if entry.is_dir(follow_symlinks=False)]
