"""What to run, as one frozen value; and how it becomes what launcher and init are told.

    Spec(argv=("sh", "-c", "echo hi"), rootfs=Path("…/busybox"), limits=Limits(memory=64 << 20))
      │ check()    raises for what cannot be meant, before anything is made
      │ birth()    what the launcher needs, to clone: {"namespaces": 0x2c020000, "uid_map": …, …}
      │ order()    what init needs, to become the command: {"argv": […], "mounts": [("mount", …), …], …}
      ▼
    plain values only: numbers, strings, lists

Everything that can be decided outside of the container is decided here, by a process that has the time.
Left out: images (the engine resolves a name to a `rootfs` path). See the OCI runtime specification, config.md.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from container_lib.cgroups.limits import Limits
from container_lib.errors import InvalidValue, NotFound
from container_lib.isolation import capabilities, identity, mounts, namespaces, rootfs
from container_lib.isolation.capabilities import DEFAULT as DEFAULT_CAPABILITIES
from container_lib.isolation.execute import Call
from container_lib.isolation.namespaces import DEFAULT
from container_lib.isolation.rlimits import NUMBERS, Rlimit
from container_lib.kernel import flags

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CLOCKS = ("monotonic", "boottime")


@dataclass(frozen=True)
class Spec:
    """A container to be. Only `argv` is needed; the defaults are Docker's.

    `rootfs` None keeps the machine's own files (an experiment with namespaces alone). `lowers` are further layers
    below it, topmost first. `scratch` lays a writable layer over them, in memory, or in the directory `writable`
    that has an upper/ and a work/; without it the container writes into `rootfs` itself. `time_offsets` are
    seconds for the clocks "monotonic" and "boottime". `capabilities` None drops nothing. `id` "" lets the
    runtime choose one at the start.
    """

    argv: tuple[str, ...]
    rootfs: Path | None = None
    hostname: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""
    user: tuple[int, int] = (0, 0)
    groups: tuple[int, ...] = ()
    namespaces: tuple[str, ...] = DEFAULT
    uid_map: tuple[identity.IdMap, ...] = identity.ROOT_TO_SELF
    gid_map: tuple[identity.IdMap, ...] = identity.ROOT_TO_SELF
    time_offsets: Mapping[str, int] = field(default_factory=dict)
    binds: tuple[mounts.Bind, ...] = ()
    read_only: bool = False
    lowers: tuple[Path, ...] = ()
    scratch: bool = True
    writable: Path | None = None
    limits: Limits = field(default_factory=Limits)
    capabilities: tuple[str, ...] | None = DEFAULT_CAPABILITIES
    no_new_privileges: bool = True
    rlimits: tuple[Rlimit, ...] = ()
    id: str = ""

    def changed(self, **changes: Any) -> "Spec":
        """Return a copy with some fields changed; it is another container, so the id is open again."""
        return replace(self, **{"id": "", **changes})

    def named(self, container_id: str) -> "Spec":
        """Return this spec with an id, if it has none yet."""
        return self if self.id else replace(self, id=container_id)


def check(spec: Spec) -> None:
    """Raise `InvalidValue` or `NotFound` for what cannot be meant. Looks at paths, changes nothing."""
    if not spec.argv:
        raise InvalidValue("no command specified", "give at least one word, such as /bin/sh")
    for word in (*spec.argv, *spec.env, *spec.env.values(), spec.hostname, spec.cwd):
        if "\0" in word:
            raise InvalidValue(f"invalid string {word!r}: it holds a NUL byte")
    namespaces.flags_of(spec.namespaces)
    if len(spec.hostname.encode()) > 64:
        raise InvalidValue(f"invalid hostname {spec.hostname!r}: longer than 64 bytes")
    if spec.hostname and "uts" not in spec.namespaces:
        raise InvalidValue(f"hostname {spec.hostname!r} without a uts namespace would rename the machine")
    if spec.cwd and not spec.cwd.startswith("/"):
        raise InvalidValue(f"the working directory {spec.cwd!r} is invalid, it needs to be an absolute path")
    unknown = [clock for clock in spec.time_offsets if clock not in CLOCKS]
    if unknown or (spec.time_offsets and "time" not in spec.namespaces):
        raise InvalidValue(f"invalid time offsets {dict(spec.time_offsets)}", "needs the time namespace")
    if spec.rootfs is not None:
        _check_rootfs(spec, spec.rootfs)


def birth(spec: Spec) -> dict[str, Any]:
    """Return what has to be known when the process is made: its namespaces, whose root it is, its bounds."""
    kinds = namespaces.flags_of(spec.namespaces)
    return {
        # these two are entered later, by init itself: at birth would be too early
        "namespaces": kinds & ~(flags.CLONE_NEWCGROUP | flags.CLONE_NEWTIME),
        "cgroup_namespace": "cgroup" in spec.namespaces,
        "uid_map": identity.lines(spec.uid_map),
        "gid_map": identity.lines(spec.gid_map),
        "capabilities": capability_set(spec),
        "furniture": None,
    }


def birth_in_reserve(spec: Spec, stage: str) -> dict[str, Any]:
    """Return the same for one that waits to be needed: it builds ahead what no image brings."""
    furniture = _furniture(stage, spec.namespaces, *_hidden()) if spec.rootfs is not None else []
    return {**birth(spec), "furniture": furniture}


def order(spec: Spec, stage: str, furnished: bool = False) -> dict[str, Any]:
    """Return what init is to become. `stage` is an empty directory to build on; or `furnished` by init already."""
    kept = capability_set(spec)
    identical = spec.user == (0, 0) and spec.capabilities is None
    return {
        "argv": list(spec.argv),
        "env": environment(spec),
        "cwd": spec.cwd or ("/" if spec.rootfs is not None else ""),
        "rootfs": spec.rootfs is not None,
        "hostname": hostname(spec),
        "time_offsets": list(spec.time_offsets.items()) if "time" in spec.namespaces else None,
        "mounts": mount_calls(spec, stage, furnished),
        "rlimits": [(NUMBERS[entry.name], entry.soft, entry.hard) for entry in spec.rlimits],
        "user": None if identical else (*spec.user, list(spec.groups)),
        "capabilities": kept,
        "no_new_privileges": spec.no_new_privileges,
    }


def capability_set(spec: Spec) -> int | None:
    """Return the capabilities that the container gets as a bit set; None to leave them as they are."""
    return None if spec.capabilities is None else capabilities.keep(spec.capabilities, ["ALL"])[0]


def mount_plan(spec: Spec, stage: str = "/run/container_lib/stage") -> list[mounts.Step]:
    """Return the steps that give the container its view of files: printable, see `isolation.mounts.describe`."""
    if spec.rootfs is None:
        return rootfs.host_plan(spec.namespaces)
    return rootfs.plan(*_plan_arguments(spec, spec.rootfs, stage, False))


def mount_calls(spec: Spec, stage: str, furnished: bool = False) -> list[Call]:
    """Return the same, compiled to calls; the next container like this one gets it from a cache."""
    if spec.rootfs is None:
        return mounts.compile_steps(mount_plan(spec, stage))
    return _compiled(*_plan_arguments(spec, spec.rootfs, stage, furnished))


def hostname(spec: Spec) -> str:
    """Return the name that the container gets: as with Docker, the short id if nobody gave one."""
    if spec.hostname or "uts" not in spec.namespaces:
        return spec.hostname
    return spec.id[:12]


def environment(spec: Spec) -> dict[str, str]:
    """Return the command's whole environment: nothing of ours leaks into it."""
    base = {"PATH": DEFAULT_PATH, "HOSTNAME": hostname(spec) or os.uname().nodename}
    home = {} if "HOME" in spec.env else {"HOME": "/root" if spec.user[0] == 0 else "/"}
    return {**base, **spec.env, **home}


def _plan_arguments(spec: Spec, root: Path, stage: str, furnished: bool) -> tuple[Any, ...]:
    return (
        os.path.realpath(root),
        stage if spec.scratch else "",
        spec.binds,
        spec.read_only,
        spec.namespaces,
        *_hidden(),
        tuple(os.path.realpath(lower) for lower in spec.lowers),
        os.path.realpath(spec.writable) if spec.writable is not None else "",
        stage if furnished else "",
    )


@lru_cache(maxsize=64)
def _compiled(*arguments: Any) -> list[Call]:
    return mounts.compile_steps(rootfs.plan(*arguments))


@lru_cache(maxsize=8)
def _furniture(*arguments: Any) -> list[Call]:
    return mounts.compile_steps(rootfs.furnish(*arguments))


@lru_cache(maxsize=1)
def _hidden() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What to mask and what to make read-only: no kernel has all of it, and the container's is this one."""
    return tuple(filter(os.path.lexists, rootfs.MASKED)), tuple(filter(os.path.lexists, rootfs.READ_ONLY))


def _check_rootfs(spec: Spec, path: Path) -> None:
    if not path.exists():
        raise NotFound(
            f"root filesystem {path} does not exist", "make one: python -m machine.base_image busybox"
        )
    if not path.is_dir():
        raise InvalidValue(f"root filesystem {path} is not a directory")
    if "mnt" not in spec.namespaces:
        raise InvalidValue("a root filesystem needs a mount namespace", "add 'mnt' to namespaces")
    for lower in spec.lowers:
        if not lower.is_dir():
            raise NotFound(f"layer {lower} of the root filesystem does not exist")
    for bind in spec.binds:
        if not os.path.lexists(bind.source):
            message = f"invalid mount config: bind source path does not exist: {bind.source}"
            raise NotFound(message, "make it first")
