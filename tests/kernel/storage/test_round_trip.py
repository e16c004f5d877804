"""Random trees and random changes of them: packed, unpacked, compared, with a real overlay in between.

tree ──pack──▶ layer ──unpack──▶ the same tree
before, after ──pack_changes──▶ layer ──apply to before──▶ after
merged tree of an overlay, changed ──pack its upper──▶ layer ──apply, or mount on top──▶ the same merged tree
"""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from container_lib.storage import overlay
from container_lib.storage.layers.packing import pack, pack_changes
from container_lib.storage.layers.unpacking import Unpacked, unpack
from container_lib.storage.overlay import Overlay
from tests.kernel.storage.random_trees import STEPS, Step, carry_out, describe

pytestmark = pytest.mark.usefixtures("root")

MEMORY = Path("/dev/shm")
some = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@contextmanager
def workbench() -> Iterator[Path]:
    """A directory in memory, which is quick to fill and to empty."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as directory:
        yield Path(directory)


def made(place: Path, steps: list[Step]) -> Path:
    """Return a new directory with the tree that the steps make."""
    place.mkdir()
    carry_out(place, steps)
    return place


def copied(tree: Path, place: Path) -> Path:
    """Return a copy, made by cp(1)."""
    subprocess.run(["cp", "-a", tree, place], check=True)
    return place


def unpacked(layer: io.BytesIO, place: Path, **how: object) -> Unpacked:
    """Unpack from the beginning."""
    layer.seek(0)
    place.mkdir(exist_ok=True)
    return unpack(layer, place, **how)  # type: ignore[arg-type]


@some
@given(STEPS)
def test_a_tree_comes_back_as_it_was(steps: list[Step]) -> None:
    with workbench() as bench:
        tree, layer, again = made(bench / "tree", steps), io.BytesIO(), io.BytesIO()
        packed = pack(tree, layer)
        done = unpacked(layer, bench / "back", digest=packed.digest, diff_id=packed.diff_id)
        assert describe(bench / "back") == describe(tree)
        assert (done.bytes, done.entries) == (packed.bytes, packed.entries)
        assert pack(copied(tree, bench / "copy"), again, compression="zstd").diff_id == packed.diff_id
        unpacked(again, bench / "applied", whiteouts="apply")
        assert describe(bench / "applied") == describe(tree)


@some
@given(STEPS, STEPS)
def test_changes_applied_to_before_give_after(first: list[Step], then: list[Step]) -> None:
    with workbench() as bench:
        before, layer = made(bench / "before", first), io.BytesIO()
        after = copied(before, bench / "after")
        carry_out(after, then)
        pack_changes(before, after, layer, compression="none")
        unpacked(layer, before, whiteouts="apply")
        assert describe(before) == describe(after)


@some
@given(STEPS, STEPS)
def test_what_a_real_overlay_wrote_is_a_layer(first: list[Step], then: list[Step]) -> None:
    with workbench() as bench:
        lower, layer = made(bench / "lower", first), io.BytesIO()
        whole = overlay.create(bench / "rw", [lower])
        (bench / "merged").mkdir()
        with whole.mounted(bench / "merged") as merged:
            carry_out(merged, then)
            seen = describe(merged)
        assert whole.upper is not None
        packed = pack(whole.upper, layer, overlay=True)
        unpacked(layer, bench / "diff", parents=[lower], diff_id=packed.diff_id)
        with Overlay((bench / "diff", lower)).mounted(bench / "merged") as stacked:
            assert describe(stacked) == seen
        unpacked(layer, lower, whiteouts="apply")
        assert describe(lower) == seen


def test_a_layer_of_two_hundred_trees_deep(tmp_path: Path) -> None:
    """Two hundred layers, each with one file more, one less, stacked by a real overlay."""
    lowers: list[Path] = []
    for number in range(200):
        tree = tmp_path / "tree"
        tree.mkdir()
        (tree / f"file{number}").write_text(f"{number}\n")
        layer = io.BytesIO()
        pack(tree, layer)
        shutil.rmtree(tree)
        unpacked(layer, tmp_path / f"layer{number}", parents=lowers)
        lowers.insert(0, tmp_path / f"layer{number}")
    (tmp_path / "merged").mkdir()
    with Overlay(tuple(lowers)).mounted(tmp_path / "merged") as merged:
        assert sorted(path.name for path in merged.iterdir()) == sorted(
            f"file{number}" for number in range(200)
        )
