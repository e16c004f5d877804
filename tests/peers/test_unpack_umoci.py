"""The same images unpacked by umoci and by us, compared entry by entry: owner, mode, time, content, links, all.

Ours is compared twice: the layers applied to a directory, one after the other, and each in overlay form, merged by
a real overlay. One thing differs and is said here: a directory of which no entry tells is as old as umoci's run;
ours is of 1970, the same each time.
"""

import gzip
import io
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from container_lib.storage.layers.unpacking import Unpacked, unpack
from container_lib.storage.overlay import Overlay
from tests.kernel.storage.random_trees import STEPS, Step, describe
from tests.kernel.storage.test_round_trip import made, workbench
from tests.kernel.storage.test_unpacking_as_root import BELOW, LAYERS
from tests.peers.test_pack_umoci import needs, run, write_image

pytestmark = [pytest.mark.usefixtures("root"), needs("umoci")]
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HOUR = 3600 * 10**9
Tree = dict[bytes, tuple[object, ...]]


def by_umoci(directory: Path, blobs: list[bytes], layers: list[Unpacked]) -> Tree:
    """Return what umoci makes of an image; a directory that is younger than the call gets the time 0."""
    write_image(directory / "image", blobs, layers)
    begin = time.time_ns()
    run("umoci", "raw", "unpack", "--image", f"{directory}/image:made", directory / "rootfs")
    return {name: timeless(name, entry, begin) for name, entry in describe(directory / "rootfs").items()}


def timeless(name: bytes, entry: tuple[object, ...], begin: int) -> tuple[object, ...]:
    """Give a directory that somebody made just now the time that ours would have."""
    mode, uid, gid, mtime, *rest = entry
    now = name == b"." or (
        str(mode).startswith("0o4") and isinstance(mtime, int) and 0 <= mtime - begin < HOUR
    )
    return (mode, uid, gid, 0 if now else mtime, *rest)


def applied(place: Path, blobs: list[bytes]) -> list[Unpacked]:
    """Unpack layers onto each other."""
    place.mkdir()
    return [unpack(io.BytesIO(blob), place, whiteouts="apply") for blob in blobs]


def merged(directory: Path, blobs: list[bytes]) -> Tree:
    """Unpack layers beside each other, and return what an overlay makes of them."""
    layers: list[Path] = []
    for number, blob in enumerate(blobs):
        place = directory / f"layer{number}"
        place.mkdir()
        unpack(io.BytesIO(blob), place, parents=layers)
        layers.insert(0, place)
    for name in ("upper", "work", "merged"):
        (directory / name).mkdir()
    overlay = Overlay(layers, directory / "upper", directory / "work")
    with overlay.mounted(directory / "merged") as target:
        return describe(target)


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_two_layers(layer: bytes, tmp_path: Path) -> None:
    blobs = [gzip.compress(tar, 1, mtime=0) for tar in (BELOW, layer)]
    theirs = by_umoci(tmp_path, blobs, applied(tmp_path / "ours", blobs))
    ours = {name: timeless(name, entry, 1 << 64) for name, entry in describe(tmp_path / "ours").items()}
    assert ours == theirs
    seen = {name: timeless(name, entry, 1 << 64) for name, entry in merged(tmp_path, blobs).items()}
    if (
        layer == LAYERS["a hard link to below"]
    ):  # two layers are two inodes: overlayfs copies up, the bond is cut
        assert seen.pop(b"h")[:-1] == theirs.pop(b"h")[:-1]
    assert seen == theirs


@few
@given(STEPS)
def test_whatever_gnu_tar_packs(steps: list[Step]) -> None:
    with workbench() as bench:
        tree = made(bench / "tree", steps)
        run(
            "tar",
            "-C",
            tree,
            "--format=pax",
            "--xattrs",
            "--xattrs-include=*",
            "--sparse",
            "-cf",
            bench / "tar",
            ".",
        )
        blobs = [gzip.compress((bench / "tar").read_bytes(), 1, mtime=0)]
        theirs = by_umoci(bench, blobs, applied(bench / "ours", blobs))
        (bench / "flat").mkdir()
        unpack(io.BytesIO(blobs[0]), bench / "flat")
        for ours in (describe(bench / "ours"), describe(bench / "flat")):
            assert ours == describe(tree)
            assert {name: timeless(name, entry, 1 << 64) for name, entry in ours.items()} == theirs
