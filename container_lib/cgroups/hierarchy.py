"""The cgroup v2 tree of this machine: where it is mounted, and which controllers it can use.

    /sys/fs/cgroup                   the root: on a pure v2 machine (on a hybrid one: /sys/fs/cgroup/unified)
    ├── cgroup.controllers           what the kernel offers here:          cpu io memory pids …
    ├── cgroup.subtree_control       what the children may use:            written as "+cpu +memory"
    └── byhand/                      ours, `parent_group`; holds no process itself, only groups
        └── 3f2a…/                   one group per container, a leaf, made by `group.create`

A controller is usable in a group only if every ancestor hands it down. On a host with v1 or hybrid cgroups
the v1 trees own the controllers and this tree has none: groups still hold, freeze and kill processes, but
limit nothing. Left out: v1. See cgroups(7), and the kernel's Documentation/admin-guide/cgroup-v2.rst.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from container_lib.errors import AbilityMissing, KernelError
from container_lib.kernel.procfs import mountinfo
from container_lib.kernel.pseudofiles import read, write

PARENT_NAME = "byhand"
WANTED = ("cpu", "io", "memory", "pids")
NO_CGROUP2 = (
    "mount it (mount -t cgroup2 none /sys/fs/cgroup), or use the embedded guest: make lab WHERE=guest"
)


@dataclass(frozen=True)
class Hierarchy:
    """A mounted cgroup v2 tree. `controllers` are the ones that its root offers."""

    root: Path
    controllers: frozenset[str]

    @property
    def missing(self) -> list[str]:
        """The controllers that a container's limits need and that this tree lacks."""
        return [name for name in WANTED if name not in self.controllers]


def find() -> Hierarchy | None:
    """Return this machine's cgroup v2 tree, or None where none is mounted."""
    for entry in mountinfo():
        if entry.fstype == "cgroup2" and entry.root == "/":
            root = Path(entry.target)
            return Hierarchy(root, frozenset(read(root / "cgroup.controllers").split()))
    return None


def require() -> Hierarchy:
    """Return this machine's cgroup v2 tree. Raises `AbilityMissing` where there is none."""
    hierarchy = find()
    if hierarchy is None:
        raise AbilityMissing("no cgroup v2 hierarchy in /proc/self/mountinfo", NO_CGROUP2)
    return hierarchy


def parent_group(hierarchy: Hierarchy, name: str = PARENT_NAME) -> Path:
    """Make the group that holds our containers' groups, hand it the controllers, and return its directory."""
    parent = hierarchy.root / name
    wanted = [controller for controller in WANTED if controller in hierarchy.controllers]
    try:
        if not parent.is_dir():
            parent.mkdir(exist_ok=True)
        for directory in (hierarchy.root, parent):
            hand_down(directory, wanted)
    except PermissionError as error:
        hint = "making a cgroup needs root; try: make lab WHERE=guest"
        raise AbilityMissing(f"cannot make the cgroup {parent}: {error.strerror}", hint) from None
    return parent


def hand_down(directory: Path, controllers: list[str]) -> None:
    """Let the children of `directory` use `controllers`: the write that enables them, if it is needed."""
    control = directory / "cgroup.subtree_control"
    enabled = read(control).split()
    missing = [f"+{name}" for name in controllers if name not in enabled]
    if not missing:
        return
    try:
        write(control, " ".join(missing))
    except KernelError as error:
        error.hint = error.hint or (
            "a group that holds processes cannot hand controllers down (the rule of no internal processes)"
            if os.access(control, os.W_OK)
            else "needs root"
        )
        raise


def devices() -> dict[str, str]:
    """Return the block devices that io.max can name: {"vda": "254:0", …}."""
    found = {}
    for name in sorted(os.listdir("/sys/block") if os.path.isdir("/sys/block") else []):
        found[name] = read(f"/sys/block/{name}/dev")
    return found
