"""docker run's options as one value, and their translation to a `Spec`.

The names are the flags' names with `_` for `-`; the values are what one types (memory="64m", cpus="0.5") or the
numbers themselves. Where this machine cannot do what an option asks, Docker's rule holds: a limit without its
controller is discarded with a warning, and the container runs.

Left out so far: --network other than none and host, -t, -d. See docker run(1).
"""

import os
import resource
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from container_lib.cgroups.hierarchy import Hierarchy
from container_lib.cgroups.io import IoLimit
from container_lib.cgroups.limits import Limits, check, parse_size
from container_lib.engine import users
from container_lib.errors import InvalidValue, NotFound
from container_lib.isolation import capabilities, identity, rlimits
from container_lib.isolation.mounts import Bind
from container_lib.isolation.namespaces import DEFAULT
from container_lib.kernel.syscalls import capget
from container_lib.runtime.spec import Spec

DISCARDED = {
    "memory": "Your kernel does not support memory limit capabilities or the cgroup is not mounted. "
    "Limitation discarded.",
    "cpu": "Your kernel does not support CPU CFS scheduler or the cgroup is not mounted. Limitation discarded.",
    "pids": "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. "
    "PIDs limit discarded.",
    "io": "Your kernel does not support IO limit capabilities or the cgroup is not mounted. Limitation discarded.",
}


@dataclass(frozen=True)
class Options:
    """What one can say about a container besides its image and command."""

    memory: str | int | None = None
    memory_swap: str | int | None = None
    cpus: str | float | None = None
    pids_limit: str | int | None = None
    io: tuple[IoLimit, ...] = ()
    hostname: str = ""
    env: Sequence[str] = ()
    workdir: str = ""
    user: str = ""
    volume: Sequence[str] = ()
    read_only: bool = False
    network: str = "none"
    pid: str = ""
    uts: str = ""
    ipc: str = ""
    cgroupns: str = "private"
    userns: str = ""
    cap_add: Sequence[str] = ()
    cap_drop: Sequence[str] = ()
    ulimit: Sequence[str] = ()
    entrypoint: str = ""
    time_offsets: dict[str, int] = field(default_factory=dict)


def to_spec(
    argv: Sequence[str], layers: Sequence[Path], options: Options, tree: Hierarchy | None
) -> tuple[Spec, list[str]]:
    """Return the `Spec` and the warnings that go with it. Raises `InvalidValue`, `NotFound`.

    `layers` are the directories of the root filesystem, topmost first; one is enough.
    """
    limits, warnings = limits_of(options, tree)
    kept, missing = capabilities.keep(options.cap_add, options.cap_drop)
    if missing:
        names = ", ".join("CAP_" + name for name in missing)
        warnings.append(
            f"this process does not hold {names}: the container gets the rest of what was asked for"
        )
    given_rlimits, lowered = rlimits_of(options)
    uid, gid = users.find(layers, options.user)
    id_map = identity.REMAPPED if options.userns == "remap" else identity.ROOT_TO_SELF
    spec = Spec(
        argv=tuple(argv),
        rootfs=layers[0],
        lowers=tuple(layers[1:]),
        hostname=options.hostname,
        env=environment(options.env),
        cwd=options.workdir,
        user=(uid, gid),
        namespaces=namespaces_of(options),
        uid_map=id_map,
        gid_map=id_map,
        time_offsets=options.time_offsets,
        binds=tuple(bind_of(text) for text in options.volume),
        read_only=options.read_only,
        limits=limits,
        capabilities=tuple(capabilities.spell(kept)),
        rlimits=given_rlimits,
    )
    return spec, warnings + lowered


def limits_of(options: Options, tree: Hierarchy | None) -> tuple[Limits, list[str]]:
    """Return the limits that can be kept here, and Docker's warning for each that cannot."""
    wanted = Limits(
        memory=None if options.memory is None else parse_size(options.memory),
        memory_swap=_swap(options.memory_swap),
        cpus=None if options.cpus is None else _number(options.cpus, "cpus", float),
        pids=_pids(options.pids_limit),
        io=options.io,
    )
    check(wanted)
    have = tree.controllers if tree is not None else frozenset()
    asked = {
        "memory": wanted.memory is not None,
        "cpu": wanted.cpus is not None,
        "pids": wanted.pids is not None,
        "io": bool(wanted.io),
    }
    kept = Limits(
        memory=wanted.memory if "memory" in have else None,
        memory_swap=wanted.memory_swap if "memory" in have else None,
        cpus=wanted.cpus if "cpu" in have else None,
        pids=wanted.pids if "pids" in have else None,
        io=wanted.io if "io" in have else (),
    )
    return kept, [DISCARDED[name] for name, is_asked in asked.items() if is_asked and name not in have]


def namespaces_of(options: Options) -> tuple[str, ...]:
    """Return the namespaces of the container: Docker's six, less what it shares with the machine."""
    if options.network not in ("none", "host"):
        raise InvalidValue(f"invalid network {options.network!r}", "none or host")
    shared = {
        name
        for name, value in (
            ("net", options.network), ("pid", options.pid), ("uts", options.uts), ("ipc", options.ipc),
            ("cgroup", options.cgroupns),
        )
        if value == "host"
    }  # fmt: skip
    if options.userns not in ("", "host", "remap"):
        raise InvalidValue(f"invalid userns {options.userns!r}", "host or remap")
    extra = (["user"] if options.userns == "remap" else []) + (["time"] if options.time_offsets else [])
    return (*(name for name in DEFAULT if name not in shared), *extra)


def rlimits_of(options: Options) -> tuple[tuple[rlimits.Rlimit, ...], list[str]]:
    """Return the resource limits that can be given, and a warning for each that had to be lowered."""
    privileged = "SYS_RESOURCE" in capabilities.spell(capget()[0])
    decided = []
    for text in options.ulimit:
        wanted = rlimits.parse(text)
        own_hard = resource.getrlimit(rlimits.NUMBERS[wanted.name])[1]
        decided.append(rlimits.decide(wanted, own_hard, privileged))
    return tuple(limit for limit, _ in decided), [warning for _, warning in decided if warning]


def environment(words: Sequence[str]) -> dict[str, str]:
    """Return docker run's -e words as a dictionary: "NAME=value", or "NAME" for the caller's own value."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name:
            raise InvalidValue(f"invalid environment variable: {word}", "NAME=value")
        if equals:
            found[name] = value
        elif name in os.environ:
            found[name] = os.environ[name]
    return found


def bind_of(text: str) -> Bind:
    """Return the mount that docker run's -v source:target[:ro|rw] means."""
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not source.startswith("/") or not target.startswith("/") or mode not in ("", "ro", "rw"):
        raise InvalidValue(f"invalid volume specification: {text!r}", "/path/here:/path/there or …:ro")
    if not os.path.lexists(source):
        raise NotFound(f"invalid mount config: bind source path does not exist: {source}", "make it first")
    real = os.path.realpath(source)
    return Bind(real, os.path.normpath(target), mode == "ro", os.path.isdir(real))


def _swap(value: str | int | None) -> int | None:
    return None if value is None else -1 if str(value) == "-1" else parse_size(value)


def _pids(value: str | int | None) -> int | None:
    number = -1 if value is None else int(_number(value, "pids-limit", int))
    return None if number in (0, -1) else number  # Docker's two words for "no limit"


def _number(value: str | float, name: str, kind: type[float] | type[int]) -> float:
    try:
        return kind(value)
    except ValueError:
        raise InvalidValue(f"invalid {name} {value!r}: not a number", f"such as --{name} 2") from None
