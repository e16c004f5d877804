"""A root filesystem out of one file: Debian's static busybox, and a name for each of its tools.

    build_busybox(Path("/var/lib/container_lib/rootfs/busybox"))
    python -m machine.base_image [--check] busybox [TARGET]

What a container needs to start is little: a program that needs no library from outside, a shell under the
name that everybody calls, places to mount /proc, /sys and /dev on, and two texts that give user 0 a name:

    bin/busybox             the one program: a static ELF file, so it runs under any root
    bin/sh, bin/ls, …       symbolic links to it; it looks at argv[0] to know which tool it is
    sbin, usr/bin, …        links to bin, for whoever says /usr/bin/env
    etc/passwd, etc/group   root and nobody
    proc sys dev run tmp    empty: the runtime mounts on them

The tree is a plan first (`plan_busybox`), which can be printed and compared, and is written second: beside
the target, then renamed into place, so that no one ever sees half of it. A tree that is as planned already is
left alone. Every time stamp is 0, so that the same busybox always gives the same bytes, whoever builds it.

Left out: device nodes (they need root; the runtime makes /dev), a package manager, a libc.
See busybox(1), elf(5), rename(2).
"""

import argparse
import fcntl
import os
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

BUSYBOX_PLACES = (Path("/bin/busybox"), Path("/usr/bin/busybox"))
PT_INTERP = 3  # the program header that names a dynamic loader, elf(5)

DIRECTORIES = {
    "bin": 0o755,
    "dev": 0o755,
    "etc": 0o755,
    "home": 0o755,
    "proc": 0o555,
    "root": 0o700,
    "run": 0o755,
    "sys": 0o555,
    "tmp": 0o1777,
    "usr": 0o755,
    "var": 0o755,
    "var/log": 0o755,
    "var/tmp": 0o1777,
}
LINKS = {"sbin": "bin", "usr/bin": "../bin", "usr/sbin": "../bin", "var/run": "../run"}
TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost\n",
}


class BaseImageError(Exception):
    """A base image could not be built; the message says which path and why."""


@dataclass(frozen=True)
class Entry:
    """One name in the root filesystem: a directory, a symbolic link (`link`) or a file (`content`)."""

    path: str
    mode: int = 0o777
    link: str | None = None
    content: bytes | None = None


def build_busybox(target: Path, busybox: Path | None = None) -> Path:
    """Make `target` a busybox root filesystem, unless it is one already; return `target`.

    Needs no root and no network. Raises BaseImageError where there is no static busybox, or where something
    is mounted inside the tree that is to be replaced.
    """
    plan = plan_busybox(busybox or find_busybox())
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.parent):
        if not is_as_planned(target, plan):
            _replace(target, plan)
    return target


def find_busybox() -> Path:
    """The busybox of Debian's busybox-static; the dynamic one would miss its C library under a new root."""
    for place in BUSYBOX_PLACES:
        if place.exists() and is_static_elf(place):
            return place
    raise BaseImageError(
        f"no static busybox at {' or '.join(map(str, BUSYBOX_PLACES))}\nhint: apt-get install busybox-static"
    )


def is_static_elf(program: Path) -> bool:
    """Whether `program` is a 64-bit ELF file that asks for no dynamic loader (no PT_INTERP header)."""
    data = program.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":  # 64 bits, little endian: amd64 and arm64 are both
        return False
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    kinds = [struct.unpack_from("<I", data, table + i * size)[0] for i in range(count)]
    return PT_INTERP not in kinds


def plan_busybox(busybox: Path) -> list[Entry]:
    """The tree as data, parents before children. `busybox` itself is asked which tools it has."""
    tools = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
    plan = [Entry(path, mode) for path, mode in DIRECTORIES.items()]
    plan += [Entry("bin/busybox", 0o755, content=busybox.read_bytes())]
    plan += [Entry(f"bin/{tool}", link="busybox") for tool in sorted(tools) if tool != "busybox"]
    plan += [Entry(path, link=to) for path, to in LINKS.items()]
    plan += [Entry(path, 0o644, content=text.encode()) for path, text in TEXTS.items()]
    return plan


def is_as_planned(target: Path, plan: Iterable[Entry]) -> bool:
    """Whether all that is planned is there. What a container has added besides does not count."""
    return all(_entry_is_there(target / entry.path, entry) for entry in plan)


def _entry_is_there(path: Path, entry: Entry) -> bool:
    try:
        mode = path.lstat().st_mode
        if entry.link is not None:
            return stat.S_ISLNK(mode) and os.readlink(path) == entry.link
        if stat.S_IMODE(mode) != entry.mode:
            return False
        if entry.content is None:
            return stat.S_ISDIR(mode)
        return stat.S_ISREG(mode) and path.read_bytes() == entry.content
    except FileNotFoundError:
        return False


def _replace(target: Path, plan: list[Entry]) -> None:
    _refuse_if_mounted_on(target)
    with ExitStack() as cleanup:
        aside = Path(tempfile.mkdtemp(prefix=_leftover_prefix(target), dir=target.parent))
        cleanup.callback(shutil.rmtree, aside)
        _write(aside / "new", plan)
        if target.exists():
            target.rename(aside / "old")
        (aside / "new").rename(target)


def _write(root: Path, plan: list[Entry]) -> None:
    root.mkdir(mode=0o755)
    for entry in plan:
        path = root / entry.path
        if entry.link is not None:
            path.symlink_to(entry.link)
        elif entry.content is not None:
            path.write_bytes(entry.content)
        else:
            path.mkdir()
        if entry.link is None:
            path.chmod(entry.mode)  # subtle: mkdir(2) and open(2) subtract the umask, chmod(2) does not
    # Children first: writing a child into a directory renews the directory's time stamp.
    for path in [*(root / entry.path for entry in reversed(plan)), root]:
        os.utime(path, (0, 0), follow_symlinks=False)


def _refuse_if_mounted_on(target: Path) -> None:
    """Removing an old tree with the machine's /dev still mounted in it would empty the machine's /dev."""
    real = str(target.resolve())
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount_point = line.split()[4]
        if mount_point == real or mount_point.startswith(real + "/"):
            raise BaseImageError(
                f"{mount_point} is mounted, won't replace {target}\nhint: byhand doctor --clean"
            )


def _leftover_prefix(target: Path) -> str:
    return f".{target.name}.being-built."


@contextmanager
def _locked(parent: Path) -> Iterator[None]:
    """One builder at a time. Whoever holds the lock may remove what a killed builder left behind."""
    handle = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for leftover in parent.glob(".*.being-built.*"):
            shutil.rmtree(leftover)
        yield
    finally:
        os.close(handle)


def default_target() -> Path:
    """Where the engine looks for its base image."""
    return Path(os.environ.get("CONTAINER_LIB_ROOT", "/var/lib/container_lib")) / "rootfs" / "busybox"


def main(argv: list[str] | None = None) -> int:
    """The command line: build the image, print where it is."""
    parser = argparse.ArgumentParser(
        prog="python -m machine.base_image", description="build a base image offline"
    )
    parser.add_argument("--check", action="store_true", help="build nothing: exit 0 if it is there, 1 if not")
    parser.add_argument("image", choices=["busybox"], help="which image")
    parser.add_argument("target", nargs="?", type=Path, default=default_target(), help="directory to make")
    wish = parser.parse_args(argv)
    try:
        if wish.check:
            return 0 if is_as_planned(wish.target, plan_busybox(find_busybox())) else 1
        print(build_busybox(wish.target))
    except (BaseImageError, OSError) as error:
        print(f"base_image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
