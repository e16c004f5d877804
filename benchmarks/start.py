"""From "run it" to "it has ended and this is its output": /bin/true in a container, ours and the peers'.

The same for all: the busybox root filesystem, the namespaces mnt, pid, net, uts, ipc and cgroup, a cgroup of
its own, /proc, /sys, /dev, masked and read-only paths, 14 capabilities, no_new_privileges, no seccomp, captured
output. State (records, crun's and runc's own) is on a tmpfs.

Three tables: from a Python process that runs already (ours starts by its launcher, the peers by posix_spawn),
each start after a rest, as a person or a CI job starts one, and one right after the other; and as a whole process,
as somebody at a shell waits for it.

Ours runs once more with what the peers weren't asked for (a writable layer), and with two more namespaces; crun
also with the bundle that `crun spec` writes, which has no cgroup namespace (and a rule for devices that crun can't
set up where CAP_SYS_RESOURCE is missing, so it leaves cgroups alone).
"""

import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks import peers
from benchmarks.compare import ratios, summarize, take_turns
from benchmarks.report import Report, Table
from container_lib.cgroups import group as cgroup
from container_lib.cgroups import hierarchy
from container_lib.engine import places
from container_lib.errors import ContainerError, NotFound
from container_lib.isolation import namespaces
from container_lib.runtime import client, lifecycle, reserve
from container_lib.runtime.outcome import Places
from container_lib.runtime.spec import Spec

MEMORY = Path("/dev/shm")
PAUSE = 0.06
"""Seconds of rest before a run."""
OURS, PEER = "byhand", "crun"
COLUMNS = ("what", "ms: median (quartiles)", "× crun: median (quartiles)")
TIME = (*namespaces.DEFAULT, "user", "time")
Contenders = dict[str, Callable[[], object]]


def measure(rounds: int) -> Report:
    """Measure both tables."""
    with ExitStack() as stack:
        peers.one_cgroup_tree()
        directory = Path(tempfile.mkdtemp(prefix="byhand-bench-", dir=MEMORY))
        stack.callback(shutil.rmtree, directory)
        stack.callback(remove_groups, directory)
        stack.callback(client.close)
        stack.callback(reserve.drop)
        inside = checked(in_process(directory) | peer_runs(directory))
        whole = checked(as_command(directory) | peer_runs(directory))
        rested = take_turns(inside, rounds, pause=PAUSE)
        in_a_row = take_turns(inside, rounds)
        commands = take_turns(whole, rounds, pause=PAUSE)
    notes = [
        "× crun: how many times as long as `crun run` with the same namespaces and a cgroup, round by round",
        missing_peers(),
    ]
    return Report(
        "start",
        rounds,
        [
            Table("/bin/true from a running Python process, each after a rest", COLUMNS, rows(rested), notes),
            Table(
                "/bin/true from a running Python process, one right after the other", COLUMNS, rows(in_a_row)
            ),
            Table("/bin/true by `byhand run`, a whole process, each after a rest", COLUMNS, rows(commands)),
        ],
    )


def in_process(directory: Path) -> Contenders:
    """Ours, from this process: with the peers' isolation; and with more."""
    where = bench_places(directory)
    plain = Spec(("/bin/true",), rootfs=busybox(), scratch=False)
    specs = {
        OURS: plain,
        f"{OURS}, writable layer in memory": replace(plain, scratch=True),
        f"{OURS}, user namespace too": replace(plain, namespaces=("user", *namespaces.DEFAULT)),
        f"{OURS}, user and time namespaces too": replace(plain, namespaces=TIME),
    }
    return {name: lambda spec=spec: run_ours(spec, where) for name, spec in specs.items()}  # type: ignore[misc]


def run_ours(spec: Spec, where: Places) -> tuple[int, bytes, bytes]:
    """Run one container of ours; each has an id of its own."""
    result = lifecycle.run(spec.changed(), where)
    return result.code, result.stdout, result.stderr


def as_command(directory: Path) -> Contenders:
    """Ours, as the command that is installed beside this interpreter."""
    byhand = Path(sys.executable).with_name("byhand")
    if not byhand.exists():
        raise NotFound(f"no command {byhand}", "make setup")
    argv = [str(byhand), "run", str(busybox()), "/bin/true"]
    return {f"{OURS} run": lambda: peers.run(argv)}


def peer_runs(directory: Path) -> Contenders:
    """The peers, asked for the same; crun also without a cgroup, with its default, with a user namespace."""
    same, user, default = bundles(directory)
    commands = {peer: peers.command(peer, same, directory / peer) for peer in peers.installed()}
    if PEER in commands:
        state = directory / PEER
        commands |= {
            f"{PEER}, no cgroup": peers.command(PEER, same, state, with_cgroup=False),
            f"{PEER}, no cgroup, as `crun spec` has it": peers.command(
                PEER, default, state, with_cgroup=False
            ),
            f"{PEER}, user namespace too": peers.command(PEER, user, state),
        }
    return {name: lambda argv=argv: peers.run(argv) for name, argv in commands.items()}  # type: ignore[misc]


def bundles(directory: Path) -> tuple[Path, Path, Path]:
    """Write the peers' bundles, once: what ours has, the same in a user namespace, and crun's default."""
    found = directory / "same", directory / "user", directory / "default"
    if not directory.joinpath("same").exists():
        peers.write_bundle(found[0], busybox(), namespaces.DEFAULT)
        peers.write_bundle(found[1], busybox(), (*namespaces.DEFAULT, "user"))
        if PEER in peers.installed():
            peers.write_default_bundle(found[2], busybox())
    return found


def checked(contenders: Contenders) -> Contenders:
    """Run each once and see that it did what was asked. Raises `ContainerError` with what it said instead."""
    for name, run in contenders.items():
        outcome = run()
        if outcome != (0, b"", b""):
            raise ContainerError(f"{name}: /bin/true gave {outcome}")
    return contenders


def rows(samples: dict[str, list[float]]) -> list[tuple[object, ...]]:
    """Return a row for each contender: milliseconds, and how many times as long as crun."""
    return [
        (
            name,
            summarize([value / 1000 for value in values]),
            summarize(ratios(samples, name, PEER)) if PEER in samples else "no crun here",
        )
        for name, values in samples.items()
    ]


def busybox() -> Path:
    """Return the root filesystem that everybody runs. Raises `NotFound`."""
    path = (places.root_dir() / "rootfs" / "busybox").resolve()
    if not (path / "bin" / "true").exists():
        raise NotFound(f"no root filesystem at {path}", "python -m machine.base_image busybox")
    return path


def bench_places(directory: Path) -> Places:
    """Return places of our own for records, in memory, below a cgroup of our own."""
    return places.runtime_places(directory / "run", hierarchy.require())


def remove_groups(directory: Path) -> None:
    """Remove the cgroups above the containers that were run: ours and the peers'."""
    tree = hierarchy.require()
    for name in (places.parent_name(directory / "run"), peers.PARENT):
        cgroup.delete(tree.root / name)


def missing_peers() -> str:
    """Return a note on the peers that this machine lacks."""
    missing = [name for name in ("crun", "runc") if name not in peers.installed()]
    return f"not installed here: {', '.join(missing)}" if missing else "crun and runc are Debian's"
