"""The picture of a stack of layers, against what overlayfs shows of the same stack."""

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container_lib.kernel.overlayfs import OPAQUE, options
from container_lib.teaching.layer_map import layer_lines
from container_lib.teaching.upper_view import EMPTIED, WHITEOUT, draw_upper, part_of

NAMES = st.sampled_from(["a", "b", "c"])
KINDS = st.sampled_from(["file", "directory", "whiteout", "opaque"])
LAYER = st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map("/".join), KINDS, max_size=6)

LOOK = """
mount -t overlay overlay -o "$1" "$2" && cd "$2" && find . -mindepth 1 -printf '%P %y ' \\
    \\( -type f -exec cat {} \\; -o -printf '\\n' \\)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory for stacks of layers."""
    with tempfile.TemporaryDirectory(dir=tmp_path_factory.mktemp("layers")) as directory:
        yield Path(directory)


def build(layer: Path, entries: dict[str, str]) -> None:
    """Make a layer; each file holds the layer's name. What lies below a file or a whiteout is left out."""
    layer.mkdir()
    for name, kind in sorted(entries.items()):
        path = layer / name
        above = list(path.relative_to(layer).parents)[-2::-1]
        if any((layer / each).exists() and not (layer / each).is_dir() for each in above) or path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "file":
            path.write_text(f"{layer.name}\n")
        elif kind == "whiteout":
            os.mknod(path, stat.S_IFCHR, 0)
        else:
            path.mkdir()
            if kind == "opaque":
                os.setxattr(path, OPAQUE, b"y")


def seen_by_the_kernel(layers: list[Path], target: Path) -> dict[str, str]:
    """Return what a mount of these layers shows: "" for a directory, or which layer the file is from."""
    target.mkdir()
    argv = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        LOOK,
        "sh",
        options([str(layer) for layer in layers]),
        str(target),
    ]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    found = {}
    for name, kind, *layer in (line.split() for line in shown):
        # readdir lists a whiteout in a directory of one layer alone, though nobody can open it: kind is not f or d
        if kind in "fd":
            found[name + "/" * (kind == "d")] = "".join(layer)
    return found


@pytest.mark.usefixtures("root")
@settings(max_examples=60, deadline=None)
@given(stack=st.lists(LAYER, min_size=2, max_size=4))
def test_what_is_seen_is_what_the_kernel_shows(place: Path, stack: list[dict[str, str]]) -> None:
    directory = Path(tempfile.mkdtemp(dir=place))
    layers = [directory / str(number) for number in range(len(stack))]
    for layer, entries in zip(layers, stack, strict=True):
        build(layer, entries)
    lines = {line.name: line.seen for line in layer_lines(layers)}
    seen = {
        name: "" if name.endswith("/") else str(layer) for name, layer in lines.items() if layer is not None
    }
    assert seen == seen_by_the_kernel(layers, directory / "merged")


@pytest.mark.usefixtures("root")
def test_the_marks_in_an_upper_directory_are_told(tmp_path: Path) -> None:
    build(tmp_path / "upper", {"gone": "whiteout", "emptied": "opaque", "emptied/new": "file"})
    upper = tmp_path / "upper"
    assert part_of(upper / "gone", upper) == WHITEOUT
    assert part_of(upper / "emptied", upper) == EMPTIED
    text = repr(draw_upper(upper))
    assert "c--------- 0:0" in text
    assert "trusted.overlay.opaque=y" in text
