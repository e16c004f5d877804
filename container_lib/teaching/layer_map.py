"""Which layer each file of the merged tree comes from: one column for each layer, one line for each name.

    draw_layer_map({"container": upper, "app": app, "debian": debian})     topmost first, as overlayfs stacks them

    ●  the file that is seen              ✕  a whiteout: deleted here, so what is below is hidden
    ○  there, but hidden by a layer above ⊘  an opaque directory: nothing of its namesakes below is seen
    ◐  a directory, merged of several layers

The picture is computed from the directories alone, by the rules of overlayfs, so that it can be drawn of layers
that are not mounted anywhere. Left out: metacopy and redirects, which the library turns off.
See Documentation/filesystems/overlayfs.rst of the kernel, and container_lib.storage.overlay.
"""

import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from container_lib.kernel.overlayfs import OPAQUE
from container_lib.storage.layers.upper import is_whiteout
from container_lib.teaching.picture import COLOURS, VERMILION, Cell, Picture, table, tint

SEEN, HIDDEN, MERGED, WHITEOUT, EMPTIED = "●", "○", "◐", "✕", "⊘"
SIGNS = {SEEN: "seen", HIDDEN: "hidden", MERGED: "merged", WHITEOUT: "whiteout", EMPTIED: "opaque directory"}
FOLDED = 8

_MONO = "font-family:monospace;white-space:pre"


@dataclass(frozen=True)
class Line:
    """One name of the tree: its mark in each layer, topmost first ("" where it is not), and whose is seen."""

    name: str
    marks: tuple[str, ...]

    @property
    def seen(self) -> int | None:
        """The layer whose entry is seen, or None: deleted."""
        numbers = (number for number, mark in enumerate(self.marks) if mark in (SEEN, MERGED, EMPTIED))
        return next(numbers, None)

    @property
    def layers(self) -> list[int]:
        """The layers that have an entry of this name."""
        return [number for number, mark in enumerate(self.marks) if mark]


def draw_layer_map(layers: Mapping[str, Path], fold: int = FOLDED) -> Picture:
    """Return the table. More than `fold` neighbours that are of one layer alone are told in one line."""
    lines = list(layer_lines([*layers.values()]))
    rows = [_row(line, list(layers), text) for line, text in _fold(lines, fold)]
    note = " · ".join(f"{sign} {word}" for sign, word in SIGNS.items())
    return table("", ["in the merged tree", *layers, "seen from"], rows, note)


def layer_lines(layers: Sequence[Path]) -> Iterator[Line]:
    """Return a line for each name that is in any of the layers, a directory before what is in it."""
    return _below("", list(layers), range(len(layers)))


def _below(parent: str, directories: Sequence[Path | None], alive: Collection[int]) -> Iterator[Line]:
    """The names below a directory, given where it is in each layer; those in `alive` take part in the merge."""
    for name in sorted({name for directory in directories if directory for name in os.listdir(directory)}):
        entries = [_entry(directory, name) for directory in directories]
        marks, merged = _marks(entries, alive)
        inside = [entry if entry and _is_directory(entry) else None for entry in entries]
        line = Line(f"{parent}{name}", tuple(marks))
        # the slash tells what is seen; of a name that is deleted, what it was
        slash = any(inside) if line.seen is None else inside[line.seen] is not None
        yield Line(f"{parent}{name}/", line.marks) if slash else line
        if any(inside):
            yield from _below(f"{parent}{name}/", inside, merged)


def _marks(entries: Sequence[Path | None], alive: Collection[int]) -> tuple[list[str], list[int]]:
    """Return the mark of one name in each layer, and the layers whose directories are merged."""
    marks = ["" for _ in entries]
    merged: list[int] = []
    covered = False
    for number, entry in enumerate(entries):
        if entry is None:
            continue
        directory = _is_directory(entry)
        marks[number] = _mark(entry, covered or number not in alive or (bool(merged) and not directory))
        if directory and marks[number] != HIDDEN:
            merged.append(number)
        # a directory lets what is below through; everything else, and an opaque one, covers it
        covered = covered or (number in alive and (marks[number] == EMPTIED or not directory))
    if len(merged) > 1:
        marks = [MERGED if number in merged and mark == SEEN else mark for number, mark in enumerate(marks)]
    return marks, merged


def _mark(entry: Path, hidden: bool) -> str:
    if is_whiteout(entry.lstat()):
        return WHITEOUT
    if hidden:
        return HIDDEN
    opaque = _is_directory(entry) and OPAQUE in os.listxattr(entry, follow_symlinks=False)
    return EMPTIED if opaque else SEEN


def _entry(directory: Path | None, name: str) -> Path | None:
    return directory / name if directory and os.path.lexists(directory / name) else None


def _is_directory(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)


def _fold(lines: list[Line], most: int) -> Iterator[tuple[Line, str]]:
    """Give each line with its text. More than `most` neighbours of one layer alone are told in one line."""
    for (parent, layers, alone), group in groupby(_fold_directories(lines, most), _neighbourhood):
        neighbours = list(group)
        if alone and len(layers) == 1 and len(neighbours) > most:
            yield neighbours[0][0], f"{parent}…  {len(neighbours)} entries"
        else:
            yield from neighbours


def _fold_directories(lines: list[Line], most: int) -> Iterator[tuple[Line, str]]:
    """The same, for a directory that is in one layer alone with all that is in it."""
    folded = ""
    for number, line in enumerate(lines):
        if folded and line.name.startswith(folded):
            continue
        folded, text = "", line.name
        if line.name.endswith("/") and len(line.layers) == 1:
            below = [each for each in lines[number + 1 :] if each.name.startswith(line.name)]
            if len(below) > most and all(each.layers == line.layers for each in below):
                folded, text = line.name, f"{line.name}  … {len(below)} entries"
        yield line, text


def _neighbourhood(told: tuple[Line, str]) -> tuple[str, tuple[int, ...], bool]:
    """The directory of a line, its layers, and whether nothing is below it."""
    line, _ = told
    parent, slash, _ = line.name.rstrip("/").rpartition("/")
    return parent + slash, tuple(line.layers), not line.name.endswith("/")


def _row(line: Line, names: Sequence[str], text: str) -> list[str | Cell]:
    colours = [COLOURS[number % len(COLOURS)] for number in range(len(names))]
    style = "text-decoration:line-through" if line.seen is None else tint(colours[line.seen])
    marks = [_sign(mark, colour) for mark, colour in zip(line.marks, colours, strict=True)]
    return [Cell(text, f"{_MONO};{style}"), *marks, "deleted" if line.seen is None else names[line.seen]]


def _sign(mark: str, colour: str) -> Cell:
    tinted = {"": "", HIDDEN: ""}.get(mark, tint(VERMILION if mark == WHITEOUT else colour))
    return Cell(mark, f"text-align:center;{tinted}")
