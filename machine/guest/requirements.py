"""What the host must have for the guest to start; asked before anything is started.

    user-mode-linux   linux.uml, a kernel that is a program, and its modules
    kmod              insmod and modprobe, which the guest runs
    iproute2          ip, which the guest runs
    e2fsprogs         mkfs.ext4, for the state disk
    busybox-static    the base image that the guest puts on it
    slirp4netns       the network of `lab`; nothing else needs it

All of them are ordinary programs: no root, no kernel module, no group is needed on the host. A host that
forbids ptrace(2) altogether cannot run User-mode Linux.
"""

import os
import platform
import shutil
from pathlib import Path

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin"
PROGRAMS = {
    "linux.uml": "user-mode-linux",
    "modprobe": "kmod",
    "ip": "iproute2",
    "mkfs.ext4": "e2fsprogs",
    "busybox": "busybox-static",
}
NETWORK_PROGRAMS = {"slirp4netns": "slirp4netns"}


class GuestError(Exception):
    """The guest could not start, or died; the message ends with what to do about it."""


def find_program(name: str) -> str:
    """The path of a program, looked for in the administrator's directories too."""
    found = shutil.which(name, path=PATH)
    if found is None:
        package = {**PROGRAMS, **NETWORK_PROGRAMS}.get(name, name)
        raise GuestError(f"{name} is not installed\nhint: sudo apt-get install {package}")
    return found


def what_is_missing(network: bool = False) -> str:
    """Why no guest can start here and the remedy, in one message; empty where it can.

    >>> what_is_missing()
    ''
    """
    if platform.machine() != "x86_64":
        return (
            f"the embedded guest needs an x86-64 processor, this one is {platform.machine()}\n"
            "hint: use the Vagrant machine (vagrant up), or root on a Linux with cgroup v2"
        )
    wanted = {**PROGRAMS, **NETWORK_PROGRAMS} if network else PROGRAMS
    missing = {name: package for name, package in wanted.items() if not shutil.which(name, path=PATH)}
    if missing:
        return (
            f"the embedded guest needs {', '.join(missing)}\n"
            f"hint: sudo apt-get install --no-install-recommends {' '.join(missing.values())}"
        )
    return ""


def find_memory_dir(size: int) -> Path:
    """Where the guest's memory, a file of at most `size` bytes without a name, can live.

    The kernel maps it executable, so it cannot be a file system mounted noexec. /dev/shm keeps it off
    the disk, if it is large enough (in many Docker containers it has 64 MB).
    """
    places = ["/dev/shm", os.environ.get("TMPDIR", "/tmp"), "/var/tmp"]
    for place in places:
        if os.access(place, os.W_OK):
            space = os.statvfs(place)
            if not space.f_flag & os.ST_NOEXEC and space.f_bavail * space.f_frsize >= size:
                return Path(place)
    raise GuestError(
        f"no room for {size >> 20} MB of guest memory in {', '.join(places)} (writable, not noexec)\n"
        "hint: ask for less with --memory, or set TMPDIR to a directory on a disk"
    )
