"""A root filesystem out of one file: Debian's static busybox, and a name for each of its tools.

    build_busybox(Path("/var/lib/container_lib/rootfs/busybox"))      the tree, as a directory
    build_image(Store(Path("/var/lib/container_lib")))                the same as an image: busybox:latest

What a container needs to start is little: a program that needs no library from outside, a shell under the
name that everybody calls, places to mount /proc, /sys and /dev on, and two texts that give user 0 a name:

    bin/busybox             the one program: a static ELF file, so it runs under any root
    bin/sh, bin/ls, …       symbolic links to it; it looks at argv[0] to know which tool it is
    sbin, usr/bin, …        links to bin, for whoever says /usr/bin/env
    etc/passwd, etc/group   root and nobody
    proc sys dev run tmp    empty: the runtime mounts on them

The tree is a plan first (`plan_busybox`), which can be printed and compared. From the plan comes a directory:
written beside the target, then renamed into place, so that no one ever sees half of it; a tree that is as planned
already is left alone. Or a layer: tar entries, without a file being written. Every time stamp is 0 and every owner
is root, so that the same busybox always gives the same bytes, whoever builds it.

Left out: device nodes (they need root; the runtime makes /dev), a package manager, a libc.
See busybox(1), elf(5), rename(2), and image-spec layer.md.
"""

import io
import os
import stat
import struct
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from container_lib.errors import Conflict, NotFound
from container_lib.images.config import History, ImageConfig, timestamp
from container_lib.images.image import Image
from container_lib.images.store import Store
from container_lib.storage import digest, ingest
from container_lib.storage.layers import headers
from container_lib.storage.layers.compression import Kind, Writable
from container_lib.storage.layers.headers import Header
from container_lib.storage.layers.stream import Packed, Stream
from container_lib.storage.layers.writing import blocks, padding
from machine.base_image import adding

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


@dataclass(frozen=True)
class Entry:
    """One name in the root filesystem: a directory, a symbolic link (`link`) or a file (`content`)."""

    path: str
    mode: int = 0o777
    link: str | None = None
    content: bytes | None = None


def build_busybox(target: Path, busybox: Path | None = None) -> Path:
    """Make `target` a busybox root filesystem, unless it is one already; return `target`.

    Needs no root and no network. Raises `NotFound` where there is no static busybox, `Conflict` where something
    is mounted inside the tree that is to be replaced.
    """
    plan = plan_busybox(busybox or find_busybox())
    with ingest.holding(target.parent / f".{target.name}.being-built") as aside:
        if not is_as_planned(target, plan):
            _replace(target, plan, aside)
    return target


def build_image(store: Store) -> Image:
    """Put the tree into the store as busybox:latest. Raises `NotFound`, `KernelError`."""
    program = find_busybox()
    plan = plan_busybox(program)

    def configure(diff_id: str) -> ImageConfig:
        return configuration(diff_id, program)

    return adding.add(store, ["busybox:latest"], lambda sink: write_layer(plan, sink), configure)


def image_id(plan: Iterable[Entry], busybox: Path) -> str:
    """The ID that the image has or would have."""
    packed = write_layer(plan, io.BytesIO(), "none")
    return digest.of(configuration(packed.diff_id, busybox).to_json())


def write_layer(plan: Iterable[Entry], sink: Writable, compression: Kind = "gzip") -> Packed:
    """Write the tree as a layer into `sink`."""
    with Stream(sink, compression) as stream:
        entries = [Entry(".", 0o755), *plan]
        for entry in entries:
            content = entry.content or b""
            stream.write(blocks(_header(entry)) + content + padding(len(content)))
        return stream.finish(len(entries), ())


def configuration(diff_id: str, busybox: Path) -> ImageConfig:
    """What the image of the tree says of itself; its time is that of the program's release, as Debian dates it."""
    created = timestamp(datetime.fromtimestamp(int(busybox.stat().st_mtime), UTC))
    history = (
        History(created, f"ADD {busybox.name} and its names", comment="from Debian's busybox-static"),
        History(created, 'CMD ["sh"]', empty_layer=True),
    )
    run = {"Cmd": ["sh"], "Env": [adding.PATH]}
    return ImageConfig(adding.this_platform(), (diff_id,), run, history, created)


def find_busybox() -> Path:
    """The busybox of Debian's busybox-static; the dynamic one would miss its C library under a new root."""
    for place in BUSYBOX_PLACES:
        if place.exists() and is_static_elf(place):
            return place
    places = " or ".join(map(str, BUSYBOX_PLACES))
    raise NotFound(f"no static busybox at {places}", "apt-get install busybox-static")


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


def _header(entry: Entry) -> Header:
    """The same for a tar stream: owned by root, from 1970."""
    path = entry.path.encode()
    if entry.link is not None:
        return Header(path, headers.SYMLINK, entry.mode, link=entry.link.encode())
    if entry.content is not None:
        return Header(path, headers.FILE, entry.mode, size=len(entry.content))
    return Header(path + b"/", headers.DIRECTORY, entry.mode)


def _replace(target: Path, plan: list[Entry], aside: Path) -> None:
    _refuse_if_mounted_on(target)
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
            raise Conflict(f"{mount_point} is mounted, won't replace {target}", "byhand doctor --clean")
