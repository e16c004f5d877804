"""What lies in an upper directory: the marks of overlayfs, as the kernel keeps them, and what each one means.

    draw_upper(upper)             every entry: what the kernel says that it is, how large, and what it does
    draw_upper(upper, lowers)     the same, and whether an entry is new or was copied up from a layer below

Nothing is mounted for this: the directory is read as it lies on the disk, where a deleted file is a character
device 0:0 and an emptied directory has an attribute. Reading trusted.* takes CAP_SYS_ADMIN. Left out: what
overlayfs notes for itself, to give a file the same inode number after copy-up (origin, impure).
See Documentation/filesystems/overlayfs.rst of the kernel, and container_lib.kernel.overlayfs.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from container_lib.errors import NotFound
from container_lib.kernel.overlayfs import OPAQUE
from container_lib.storage.layers.upper import is_whiteout
from container_lib.teaching.picture import BLUE, GREEN, ORANGE, PINK, VERMILION, Cell, Picture, table, tint

NEW, COPIED, WHITEOUT, EMPTIED, MERGED = "new", "copied up", "whiteout", "opaque", "merged"
MEANS = {
    NEW: (GREEN, "not in any layer below"),
    COPIED: (ORANGE, "a copy that hides the one below"),
    WHITEOUT: (VERMILION, "deleted: hides the name below"),
    EMPTIED: (PINK, "hides all that is in its namesakes below"),
    MERGED: (BLUE, "seen together with its namesakes below"),
}
MARKS = {f"trusted.overlay.{name}" for name in ("opaque", "redirect", "metacopy", "whiteout")}
_MONO = "font-family:monospace;white-space:pre"


def draw_upper(upper: Path, lowers: Sequence[Path] = (), title: str = "") -> Picture:
    """Return a table of the entries of `upper`, in the order of their names; sizes are bytes on the disk.

    Raises `NotFound` where there is no such directory.
    """
    if not upper.is_dir():
        raise NotFound(f"no such directory: {upper}")
    rows = [_row(upper, path, lowers) for path in _walk(upper)]
    total = sum(path.lstat().st_blocks * 512 for path in _walk(upper) if path.is_file())
    note = (
        f"{len(rows)} entries, {total:,} bytes in files"
        if rows
        else "empty: the container has changed nothing"
    )
    return table(
        title, ["in the upper directory", "what the kernel says", "bytes", "what it does"], rows, note
    )


def part_of(entry: Path, upper: Path, lowers: Sequence[Path] = ()) -> str:
    """Return which part an entry of an upper directory plays: NEW, COPIED, WHITEOUT, EMPTIED or MERGED."""
    status = entry.lstat()
    if is_whiteout(status):
        return WHITEOUT
    if stat.S_ISDIR(status.st_mode) and OPAQUE in os.listxattr(entry, follow_symlinks=False):
        return EMPTIED
    name = entry.relative_to(upper)
    below = next((lower / name for lower in lowers if os.path.lexists(lower / name)), None)
    if below is None or is_whiteout(below.lstat()):
        return NEW
    return MERGED if stat.S_ISDIR(status.st_mode) else COPIED


def _walk(directory: Path) -> Iterator[Path]:
    for entry in sorted(directory.iterdir()):
        yield entry
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry)


def _row(upper: Path, entry: Path, lowers: Sequence[Path]) -> list[str | Cell]:
    part = part_of(entry, upper, lowers)
    colour, meaning = MEANS[part]
    if not lowers and part == NEW:
        part, meaning = "in this layer", ""
    status = entry.lstat()
    size = f"{status.st_blocks * 512:,}" if stat.S_ISREG(status.st_mode) else ""
    name = str(entry.relative_to(upper)) + ("/" if stat.S_ISDIR(status.st_mode) else "")
    return [
        Cell(name, f"{_MONO};{tint(colour)}"),
        Cell(_kernels_words(entry, status), _MONO),
        Cell(size, "text-align:right"),
        f"{part}: {meaning}" if meaning else part,
    ]


def _kernels_words(entry: Path, status: os.stat_result) -> str:
    words = stat.filemode(status.st_mode)
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        words += f" {os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    if stat.S_ISLNK(status.st_mode):
        words += f" → {entry.readlink()}"
    for name in sorted(MARKS.intersection(os.listxattr(entry, follow_symlinks=False))):
        words += f" {name}={os.getxattr(entry, name, follow_symlinks=False).decode(errors='replace')}"
    return words
