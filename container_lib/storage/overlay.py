"""A tree made of layers: read-only ones, shared by many, and at most one on top that takes what is written.

    create(directory, lowers)   directory/upper, directory/work      for a container: the engine's containers/<id>/
    Overlay.mounted(target)     the merged tree, as long as the `with` block lasts, in this mount namespace
    Overlay.layer_of(path)      which layer a file of the merged tree comes from
    Overlay.origins()           the same for every path of it

The last two read the layers' directories and need no mount. From the top down, per name: the first layer that has
it decides. A whiteout (character device 0:0) says that there is nothing; a file is the answer; a directory is
merged with its namesakes below, until one is opaque, or is no directory. A path is never followed through a
symbolic link: the link is what the merged tree holds there.

Left out: whiteouts kept as attributes of files, which only an overlay of overlays has; the marks of a user
namespace (user.overlay.*), as layers are unpacked outside of one. See kernel/overlayfs.py for the options.
"""

import os
import stat
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from errno import EBUSY
from pathlib import Path, PurePosixPath

from container_lib.errors import KernelError, NotFound
from container_lib.kernel import flags, overlayfs, syscalls


@dataclass(frozen=True)
class Overlay:
    """Layers over each other: `lowers` topmost first, none of which changes; `upper` and `work`, or neither."""

    lowers: tuple[Path, ...]
    upper: Path | None = None
    work: Path | None = None

    @property
    def layers(self) -> tuple[Path, ...]:
        """All layers, topmost first: a layer's number is its place here."""
        return (self.upper, *self.lowers) if self.upper else self.lowers

    @contextmanager
    def mounted(self, target: Path) -> Iterator[Path]:
        """Mount the merged tree at the directory `target`; unmount it at the end of the block, whatever happens.

        Where it is still in use by then it is detached, goes with its last user, and a `RuntimeWarning` says so.
        Raises `KernelError`, `InvalidValue` for more layers than the kernel takes.
        """
        place = str(target.resolve())
        with ExitStack() as mounts:
            lowers = [str(lower.resolve()) for lower in self.lowers]
            if not self.upper and len(lowers) == 1:
                _stage(place, mounts)
                os.mkdir(
                    f"{place}/empty"
                )  # the kernel wants two where nothing is written: this is the second
                lowers.append(f"{place}/empty")
            upper, work = (str(path.resolve()) if path else "" for path in (self.upper, self.work))
            options, links = overlayfs.plan(lowers, upper, work)
            if links:
                _stage(place, mounts)
                # subtle: a working directory belongs to the whole process, unless a thread asks for its own. That
                # one is never given back: the thread is new, and ends with this block.
                with ThreadPoolExecutor(1) as thread:
                    thread.submit(_mount_by_links, place, options, links).result()
            else:
                syscalls.mount("overlay", place, "overlay", 0, options)
            mounts.callback(_unmount, place)
            yield target

    def layer_of(self, path: str | PurePosixPath) -> int:
        """Return the number of the layer that a path of the merged tree comes from; for a directory, the topmost.

        Raises `NotFound` for a path that the merged tree does not have.
        """
        candidates, number = list(enumerate(map(str, self.layers))), 0
        for part in filter(None, os.path.normpath(f"/{path}").split("/")):
            found = _look_up(candidates, part)
            if not found:
                raise NotFound(f"no such path in the merged tree: {path}")
            number, candidates = (
                found[0][0],
                [(layer, place) for layer, place in found if _is_directory(place)],
            )
        return number

    def origins(self) -> dict[str, int]:
        """Return for every path of the merged tree, such as "etc/passwd", the number of its layer.

        >>> Overlay((Path("/usr/share/zoneinfo"),)).origins()["Asia/Seoul"]    # doctest: +SKIP
        0
        """
        origins: dict[str, int] = {}
        unread = [("", list(enumerate(map(str, self.layers))))]
        while unread:
            prefix, directories = unread.pop()
            for name in {name for _, directory in directories for name in os.listdir(directory)}:
                found = _look_up(directories, name)
                if found:
                    origins[prefix + name] = found[0][0]
                    if _is_directory(found[0][1]):
                        unread.append((f"{prefix}{name}/", found))
        return origins


def create(directory: Path, lowers: Sequence[Path]) -> Overlay:
    """Make an empty upper and a work directory in `directory`, and return the overlay of all.

    The root of the merged tree is the upper directory itself, so that is given the mode, owner and times of the
    topmost lower one.
    """
    upper, work = directory / "upper", directory / "work"
    upper.mkdir(parents=True)
    work.mkdir(mode=0o700)
    if lowers:
        of = os.stat(lowers[0])
        os.chown(upper, of.st_uid, of.st_gid)
        os.chmod(upper, stat.S_IMODE(of.st_mode))
        os.utime(upper, ns=(of.st_atime_ns, of.st_mtime_ns))
    return Overlay(tuple(lowers), upper, work)


# ---- mounting


def _stage(place: str, mounts: ExitStack) -> None:
    """Cover the target with a small filesystem in memory: what is made there goes with it, even after kill -9."""
    syscalls.mount("tmpfs", place, "tmpfs", 0, "mode=700")
    mounts.callback(_unmount, place)


def _mount_by_links(place: str, options: str, links: dict[str, str]) -> None:
    syscalls.unshare(flags.CLONE_FS)
    syscalls.chdir(place)
    try:
        for name, path in links.items():
            syscalls.symlink(path, name)
        syscalls.mount("overlay", place, "overlay", 0, options)
    finally:
        # subtle: a thread may outlive its join by a moment, and its working directory would keep the stage busy
        syscalls.chdir("/")


def _unmount(place: str) -> None:
    try:
        syscalls.umount2(place)
    except KernelError as error:
        if error.errno != EBUSY:
            raise
        syscalls.umount2(place, flags.MNT_DETACH)
        warnings.warn(f"{place} was busy: detached, it goes with its last user", RuntimeWarning, stacklevel=2)


# ---- reading the layers


def _look_up(directories: list[tuple[int, str]], name: str) -> list[tuple[int, str]]:
    """Return which of these have a part in the merged `name`, topmost first: one file, or some directories."""
    found: list[tuple[int, str]] = []
    for number, directory in directories:
        path = f"{directory}/{name}"
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
            break
        if not stat.S_ISDIR(status.st_mode):
            return found or [(number, path)]
        found.append((number, path))
        if _is_opaque(path):
            break
    return found


def _is_directory(path: str) -> bool:
    return stat.S_ISDIR(os.lstat(path).st_mode)


def _is_opaque(directory: str) -> bool:
    return overlayfs.OPAQUE in os.listxattr(directory) and os.getxattr(directory, overlayfs.OPAQUE) == b"y"
