"""crun and runc, asked for the same container as ours: an OCI bundle, and a process started and read to its end.

    write_bundle(directory, rootfs, namespaces)      config.json, made from the library's own lists
    write_default_bundle(directory, rootfs)          config.json as `crun spec` writes it
    command("crun", bundle, state, with_cgroup=True) ["crun", "--root", …, "run", "--bundle", …, "NAME"]
    run(command)                                     posix_spawn, both outputs captured, waited for

The peers refuse a machine with hybrid cgroups. `one_cgroup_tree` moves the benchmark into a mount namespace of
its own where /sys/fs/cgroup is cgroup2 alone; outside of it nothing changes, and ours runs in the same one.
Left out: seccomp, for all alike. See config.md and config-linux.md of the OCI runtime specification, crun(1).
"""

import json
import os
import select
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from container_lib.cgroups import hierarchy
from container_lib.isolation import capabilities, namespaces
from container_lib.isolation.rootfs import MASKED, READ_ONLY
from container_lib.kernel import flags, procfs, syscalls
from container_lib.runtime.spec import DEFAULT_PATH

OCI_NAMES = {"mnt": "mount", "net": "network"}
"""The specification's words for namespaces, where they aren't the kernel's."""
MOUNTS = (
    ("/proc", "proc", "proc", "nosuid,noexec,nodev"),
    ("/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
    ("/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"),
    ("/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"),
    ("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
    ("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"),
    ("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,ro"),
)
PARENT = "byhand-peers"
"""The cgroup below which the peers make theirs."""


def installed(names: tuple[str, ...] = ("crun", "runc")) -> list[str]:
    """Return those of the peers that this machine has."""
    return [name for name in names if shutil.which(name)]


def one_cgroup_tree() -> None:
    """Move this process into a mount namespace where /sys/fs/cgroup is cgroup2, unless it is that already."""
    tree = hierarchy.require()
    if tree.root == Path("/sys/fs/cgroup"):
        return
    syscalls.unshare(flags.CLONE_NEWNS)
    syscalls.mount("", "/", "", flags.MS_REC | flags.MS_PRIVATE)
    stacked = [entry for entry in procfs.mountinfo() if entry.target == "/sys/fs/cgroup"]
    for _ in stacked:
        syscalls.umount2("/sys/fs/cgroup", flags.MNT_DETACH)
    syscalls.mount("cgroup2", "/sys/fs/cgroup", "cgroup2", flags.MS_NOSUID | flags.MS_NODEV | flags.MS_NOEXEC)


def write_bundle(directory: Path, rootfs: Path, kinds: tuple[str, ...] = namespaces.DEFAULT) -> Path:
    """Write an OCI bundle that runs /bin/true as our default `Spec` would, and return its directory."""
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(config(rootfs, kinds)))
    return directory


def write_default_bundle(directory: Path, rootfs: Path) -> Path:
    """Write the bundle that `crun spec` makes, with our root filesystem and /bin/true; return its directory."""
    directory.mkdir(parents=True)
    subprocess.run([shutil.which("crun") or "crun", "spec"], cwd=directory, check=True)
    made = json.loads((directory / "config.json").read_text())
    made["process"] |= {"terminal": False, "args": ["/bin/true"]}
    made["root"] = {"path": str(rootfs), "readonly": False}
    (directory / "config.json").write_text(json.dumps(made))
    return directory


def config(rootfs: Path, kinds: tuple[str, ...]) -> dict[str, Any]:
    """Return the bundle's config.json as a dictionary."""
    kept = [f"CAP_{name}" for name in capabilities.spell(capabilities.keep()[0])]
    mounts = [
        {"destination": target, "type": fstype, "source": source, "options": options.split(",")}
        for target, fstype, source, options in MOUNTS
    ]
    linux: dict[str, Any] = {
        "cgroupsPath": f"/{PARENT}/{'-'.join(kinds)}",
        "namespaces": [{"type": OCI_NAMES.get(kind, kind)} for kind in kinds],
        "maskedPaths": list(MASKED),
        "readonlyPaths": list(READ_ONLY),
    }
    if "user" in kinds:
        same = [{"containerID": 0, "hostID": 0, "size": 65536}]
        linux |= {"uidMappings": same, "gidMappings": same}
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/true"],
            "env": [f"PATH={DEFAULT_PATH}", "HOME=/root"],
            "cwd": "/",
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), kept),
            "noNewPrivileges": True,
        },
        "root": {"path": str(rootfs), "readonly": False},
        "hostname": "peer",
        "mounts": mounts,
        "linux": linux,
    }


def command(peer: str, bundle: Path, state: Path, with_cgroup: bool = True) -> list[str]:
    """Return the command line that runs the bundle; crun can also be told to leave cgroups alone."""
    options = ["--root", str(state), *([] if with_cgroup else ["--cgroup-manager=disabled"])]
    return [shutil.which(peer) or peer, *options, "run", "--bundle", str(bundle), bundle.name]


def run(argv: list[str]) -> tuple[int, bytes, bytes]:
    """Run a command to its end, and return its exit code and both outputs: what `lifecycle.run` gives for ours."""
    with ExitStack() as stack:
        out, err = os.pipe(), os.pipe()
        for reader, _ in (out, err):
            stack.callback(os.close, reader)
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, out[1], 1),
            (os.POSIX_SPAWN_DUP2, err[1], 2),
        ]
        try:
            pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)
        finally:
            os.close(out[1])
            os.close(err[1])
        output = read_to_end(out[0], err[0])
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), output[out[0]], output[err[0]]


def read_to_end(*readers: int) -> dict[int, bytes]:
    """Read several pipes at once until each has ended."""
    output = dict.fromkeys(readers, b"")
    poll = select.poll()
    for reader in readers:
        poll.register(reader, select.POLLIN)
    left = set(readers)
    while left:
        for reader, _ in poll.poll():
            chunk = os.read(reader, 65536)
            output[reader] += chunk
            if not chunk:
                poll.unregister(reader)
                left.discard(reader)
    return output
