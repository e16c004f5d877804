"""Layers of random trees, taken by others: GNU tar, bsdtar and umoci make of them what we packed, entry by entry.

umoci is given an image of two layers, put together by hand: a tree, and what a real overlay wrote on it.
"""

import hashlib
import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from container_lib.storage import overlay
from container_lib.storage.layers.packing import pack, pack_changes
from container_lib.storage.layers.stream import Packed
from tests.kernel.storage.random_trees import STEPS, Step, carry_out, describe
from tests.kernel.storage.test_round_trip import copied, made, workbench

pytestmark = pytest.mark.usefixtures("root")

EXTRACT = {
    "tar": "tar --xattrs --xattrs-include=* -xp --same-owner --numeric-owner --delay-directory-restore",
    "bsdtar": "bsdtar -xp --same-owner --numeric-owner --xattrs",
}
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def needs(peer: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(peer), reason=f"needs {peer}: make test installs it")


def run(*argv: object) -> str:
    done = subprocess.run(
        [str(word) for word in argv], capture_output=True, errors="surrogateescape", timeout=120
    )
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize("peer", [pytest.param(peer, marks=needs(peer)) for peer in EXTRACT])
@few
@given(STEPS)
def test_a_tar_of_ours_is_extracted_to_the_same_tree(peer: str, steps: list[Step]) -> None:
    with workbench() as bench:
        tree, to = made(bench / "tree", steps), made(bench / "to", [])
        with open(bench / "layer.tar", "wb") as layer:
            packed = pack(tree, layer, compression="none")
        assert len(run(peer, "-tf", bench / "layer.tar").splitlines()) == packed.entries
        run(*EXTRACT[peer].split(), "-C", to, "-f", bench / "layer.tar")
        ours, theirs = describe(tree), describe(to)
        if peer == "bsdtar":  # it leaves the directory that it extracts into as it is
            del ours[b"."], theirs[b"."]
            theirs = {name: (*facts[:3], as_meant(facts[3]), *facts[4:]) for name, facts in theirs.items()}
        assert theirs == ours


def as_meant(moment: object) -> object:
    """Return the mtime that was said: bsdtar reads -1.5 s as one second back and half a second on."""
    return -1_500_000_000 if moment == -500_000_000 else moment


@needs("umoci")
@few
@given(STEPS, STEPS)
def test_what_an_overlay_wrote_is_applied_by_umoci_to_the_merged_tree(
    first: list[Step], then: list[Step]
) -> None:
    with workbench() as bench:
        lower = made(bench / "lower", first)
        whole = overlay.create(bench / "rw", [lower])
        assert whole.upper is not None
        (bench / "merged").mkdir()
        with whole.mounted(bench / "merged") as merged:
            carry_out(merged, then)
            seen = describe(merged)
        base, layer = io.BytesIO(), io.BytesIO()
        packed = [pack(lower, base), pack(whole.upper, layer, overlay=True)]
        write_image(bench / "image", [base.getvalue(), layer.getvalue()], packed)
        run("umoci", "raw", "unpack", "--image", f"{bench}/image:made", bench / "rootfs")
        assert describe(bench / "rootfs") == seen


@needs("umoci")
@few
@given(STEPS, STEPS)
def test_the_changes_between_two_trees_are_applied_by_umoci(first: list[Step], then: list[Step]) -> None:
    with workbench() as bench:
        before = made(bench / "before", first)
        after = copied(before, bench / "after")
        carry_out(after, then)
        base, layer = io.BytesIO(), io.BytesIO()
        packed = [pack(before, base), pack_changes(before, after, layer)]
        write_image(bench / "image", [base.getvalue(), layer.getvalue()], packed)
        run("umoci", "raw", "unpack", "--image", f"{bench}/image:made", bench / "rootfs")
        assert describe(bench / "rootfs") == describe(after)


def write_image(directory: Path, layers: list[bytes], packed: list[Packed]) -> None:
    """Write an OCI image layout with one image, "made", by hand."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(data: bytes, media_type: str) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        media_type = f"application/vnd.oci.image.{media_type}"
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    rootfs = {"type": "layers", "diff_ids": [layer.diff_id for layer in packed]}
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}
    manifest = {
        "schemaVersion": 2,
        "config": put(json.dumps(config).encode(), "config.v1+json"),
        "layers": [put(layer, "layer.v1.tar+gzip") for layer in layers],
    }
    assert [layer["digest"] for layer in manifest["layers"]] == [layer.digest for layer in packed]
    named = put(json.dumps(manifest).encode(), "manifest.v1+json")
    named["annotations"] = {"org.opencontainers.image.ref.name": "made"}
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
