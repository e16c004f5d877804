"""From a directory with a root filesystem to what a container's process sees as "/".

    rootfs/                       a template: one directory or some layers, any number of containers
      │ OverlayRoot or BindRoot   a mount of its own
      ▼
    /                             EnterRoot: build inside
    ├── proc    proc              a fresh one shows the new pid namespace; parts are masked or read-only
    ├── dev     tmpfs             null zero full random urandom tty, pts, shm, mqueue, links to /proc/self/fd
    ├── sys     sysfs, read-only  ├── fs/cgroup   cgroup2, read-only
    └── …       binds             then PivotRoot, DetachOldRoot, and the machine's tree is gone

`plan` is pure: it returns the steps, and `mounts.compile_steps` makes them calls. The lists are Docker's, so
that what people know of a container's /proc and /dev holds here. See pivot_root(2), proc(5).
"""

from container_lib.isolation.mounts import (
    Bind,
    Device,
    MakePrivate,
    Mask,
    Mount,
    ReadOnly,
    ReadOnlyRoot,
    Step,
    Symlink,
)
from container_lib.isolation.newroot import (
    BindRoot,
    DetachOldRoot,
    EnterRoot,
    LeaveRoot,
    MoveIn,
    OverlayRoot,
    PivotRoot,
    Stage,
)
from container_lib.kernel.flags import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_STRICTATIME

_SAFE = MS_NOSUID | MS_NOEXEC | MS_NODEV

DEVICES = (
    Device("/dev/null", 1, 3), Device("/dev/zero", 1, 5), Device("/dev/full", 1, 7),
    Device("/dev/random", 1, 8), Device("/dev/urandom", 1, 9), Device("/dev/tty", 5, 0),
)  # fmt: skip
LINKS = (
    Symlink("/proc/self/fd", "/dev/fd"), Symlink("/proc/self/fd/0", "/dev/stdin"),
    Symlink("/proc/self/fd/1", "/dev/stdout"), Symlink("/proc/self/fd/2", "/dev/stderr"),
    Symlink("pts/ptmx", "/dev/ptmx"), Symlink("/proc/kcore", "/dev/core"),
)  # fmt: skip
MASKED = (
    "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
    "/sys/firmware", "/sys/devices/virtual/powercap",
)  # fmt: skip
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


STAGED = ("proc", "dev", "sys")
"""what is furnished: each is one mount, with others on it"""


def plan(
    rootfs: str,
    stage: str = "",
    binds: tuple[Bind, ...] = (),
    read_only: bool = False,
    namespaces: tuple[str, ...] = (),
    masked: tuple[str, ...] = MASKED,
    protected: tuple[str, ...] = READ_ONLY,
    lowers: tuple[str, ...] = (),
    writable: str = "",
    furnished_on: str = "",
) -> list[Step]:
    """Return the steps that turn the directory `rootfs` into a container's root.

    `stage` is an empty directory of the machine, to build on; with it the container gets a writable layer, in
    memory or in the directory `writable`; without it the container writes into `rootfs` itself. `lowers` are
    further layers below `rootfs`, topmost first. `namespaces` are the container's: what it lacks changes what can
    be mounted. `masked` and `protected` are what to hide and what to make read-only. `furnished_on` is a stage
    where `furnish` was carried out before: then its furniture is moved in.
    """
    root: OverlayRoot | BindRoot = BindRoot(rootfs)
    if stage:
        root = OverlayRoot((rootfs, *lowers), stage, writable, "user" in namespaces)
    new_root = root.merged if isinstance(root, OverlayRoot) else rootfs
    steps: list[Step] = []
    if not furnished_on:
        steps += [MakePrivate(), *([Stage(stage)] if stage else [])]
    steps += [root, EnterRoot(new_root)]
    if furnished_on:
        steps.append(MoveIn(furnished_on, STAGED))
    else:
        steps += furniture(namespaces, masked, protected)
    steps += binds
    steps += [ReadOnlyRoot()] if read_only else []
    return [*steps, PivotRoot(new_root), DetachOldRoot()]


def furniture(
    namespaces: tuple[str, ...] = (),
    masked: tuple[str, ...] = MASKED,
    protected: tuple[str, ...] = READ_ONLY,
) -> list[Step]:
    """Return the steps for what no image brings: /proc, /dev and /sys, in part masked or read-only."""
    steps = [_proc(namespaces), *_dev("user" in namespaces), *_sys(namespaces)]
    return [*steps, *(ReadOnly(path) for path in protected), *(Mask(path) for path in masked)]


def furnish(
    stage: str,
    namespaces: tuple[str, ...],
    masked: tuple[str, ...] = MASKED,
    protected: tuple[str, ...] = READ_ONLY,
) -> list[Step]:
    """Return the steps that put the furniture on an empty stage, for a container whose image isn't known yet."""
    inside = furniture(namespaces, masked, protected)
    return [MakePrivate(), Stage(stage), EnterRoot(stage), *inside, LeaveRoot()]


def host_plan(namespaces: tuple[str, ...]) -> list[Step]:
    """Return the steps for a process that keeps the machine's tree: private mounts, and a /proc of its own."""
    if "mnt" not in namespaces:
        return []
    return [MakePrivate(), *([Mount("proc", "/proc", _SAFE)] if "pid" in namespaces else [])]


def _proc(namespaces: tuple[str, ...]) -> Step:
    if "user" in namespaces and "pid" not in namespaces:
        # procfs shows the pid namespace, and only its owner may mount it: show the machine's
        return Bind("/proc", "/proc")
    return Mount("proc", "/proc", _SAFE)


def _dev(in_user_namespace: bool) -> list[Step]:
    steps: list[Step] = [Mount("tmpfs", "/dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k")]
    for device in DEVICES:
        # mknod needs the machine's root: in a user namespace the machine's own nodes are shown instead
        steps.append(Bind(device.path, device.path, directory=False) if in_user_namespace else device)
    return [
        *steps,
        *LINKS,
        Mount("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"),
        Mount("tmpfs", "/dev/shm", _SAFE, "mode=1777,size=65536k"),
        Mount("mqueue", "/dev/mqueue", _SAFE),
    ]


def _sys(namespaces: tuple[str, ...]) -> list[Step]:
    if "user" in namespaces and "net" not in namespaces:
        # sysfs shows the network namespace, and only its owner may mount it: show the machine's, read-only
        return [Bind("/sys", "/sys", read_only=True)]
    steps: list[Step] = [Mount("sysfs", "/sys", _SAFE | MS_RDONLY)]
    if "cgroup" in namespaces:
        steps.append(Mount("cgroup2", "/sys/fs/cgroup", _SAFE | MS_RDONLY))
    return steps
