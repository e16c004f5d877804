"""Unpacking a layer: 200 MB in 20,000 files, gzip. Ours, GNU tar, Python's tarfile, umoci, podman.

The layer is made up, the same each time: directories of files of some KB up to 100 KB, text-like and random parts
mixed so that gzip makes a third of it, symbolic links among them. All files are on a tmpfs. Ours verifies both
digests, of the blob and of the tar; so do umoci and podman, which store the image besides; tar and tarfile verify
nothing.

A second table: the largest memory of a process of ours for layers of 50 and 400 MB, less that of one that unpacks
a layer of 26 small files.
"""

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import start
from benchmarks.compare import ratios, summarize, take_turns
from benchmarks.report import Report, Table
from container_lib.storage.layers.unpacking import unpack

MEBI = 1 << 20
FILES, BYTES = 20_000, 200 * MEBI
PEER = "tar xzf"
WORDS = b"the of to and in is mode uid mount layer image digest kernel cgroup overlay lower upper 01 23 45".split()
CHILD = """
import sys
from pathlib import Path
from container_lib.storage.layers.unpacking import unpack
with open(sys.argv[1], "rb", buffering=0) as blob:
    unpack(blob, Path(sys.argv[2]), digest=sys.argv[3], diff_id=sys.argv[4])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@dataclass(frozen=True)
class Layer:
    """A layer in a file, and what it is."""

    path: Path
    digest: str
    diff_id: str
    size: int


def measure(rounds: int) -> Report:
    """Unpack by each of the ways in turns; then look at the memory."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="byhand-bench-", dir=start.MEMORY))
        stack.callback(shutil.rmtree, directory)
        layer = make_layer(directory / "layer.tar.gz", FILES, BYTES)
        ways = contenders(layer, directory)
        samples = take_turns(ways, min(rounds, 12), warm_up=1, before=lambda: clear(directory))
        memory = [(f"{size} MB", *peak(directory, size)) for size in (50, 400)]
    rows = [
        (name, summarize([value / 1e6 for value in values]), summarize(ratios(samples, name, PEER)))
        for name, values in samples.items()
    ]
    columns = ("what", "seconds: median (quartiles)", "× tar xzf: median (quartiles)")
    notes = [f"{FILES} files, {BYTES // MEBI} MiB of tar, {layer.size / MEBI:.0f} MiB of gzip; on a tmpfs"]
    return Report(
        "unpack",
        min(rounds, 12),
        [
            Table("one gzip layer, unpacked", columns, rows, notes),
            Table(
                "largest memory of the process",
                ("layer", "MiB", "MiB above a layer of 26 small files"),
                memory,
            ),
        ],
    )


def contenders(layer: Layer, directory: Path) -> dict[str, Callable[[], object]]:
    """Return the ways that there are here; each removes what it made before."""
    layout = write_layout(layer, directory / "layout")
    place = directory / "out"
    ways: dict[str, Callable[[], object]] = {
        "byhand, both digests verified": lambda: ours(layer, new(place)),
        PEER: lambda: run("tar", "-xzf", layer.path, "-C", new(place)),
        "Python's tarfile": lambda: by_tarfile(layer, new(place)),
    }
    if shutil.which("umoci"):
        ways["umoci unpack"] = lambda: run("umoci", "unpack", "--image", f"{layout}:layer", place)
    if shutil.which("podman"):
        store = directory / "podman"
        words = ("podman", f"--root={store}", f"--runroot={directory}/pr", "--storage-driver=vfs")
        ways["podman pull oci:"] = lambda: run(*words, "pull", "-q", f"oci:{layout}:layer")
    return ways


def ours(layer: Layer, place: Path) -> None:
    """Unpack as the engine does."""
    with open(layer.path, "rb", buffering=0) as blob:
        unpack(blob, place, digest=layer.digest, diff_id=layer.diff_id)


def by_tarfile(layer: Layer, place: Path) -> None:
    """Unpack by the standard library."""
    with tarfile.open(layer.path) as archive:
        archive.extractall(place, **({"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}))


def clear(directory: Path) -> None:
    """Remove what was unpacked before."""
    for name in ("out", "podman"):
        shutil.rmtree(directory / name, ignore_errors=True)


def new(place: Path) -> Path:
    """Return an empty directory."""
    place.mkdir()
    return place


def run(*words: object) -> None:
    """Run a peer. Raises `CalledProcessError`."""
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def make_layer(path: Path, files: int, size: int) -> Layer:
    """Write a layer of so many files with so many bytes, the same each time."""
    chance = random.Random(0)
    text = b" ".join(chance.choice(WORDS) for _ in range(400_000))
    noise = chance.randbytes(2 * MEBI)
    hashed, raw = hashlib.sha256(), io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number in range(files):
            if number % 25 == 0:
                entry = tarfile.TarInfo(f"usr/lib/package{number // 25}")
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
            add_file(archive, number, size // files, text, noise, chance)
    tar = raw.getvalue()
    hashed.update(tar)
    blob = gzip.compress(tar, 6, mtime=0)
    path.write_bytes(blob)
    return Layer(
        path, "sha256:" + hashlib.sha256(blob).hexdigest(), "sha256:" + hashed.hexdigest(), len(blob)
    )


def add_file(
    archive: tarfile.TarFile, number: int, mean: int, text: bytes, noise: bytes, chance: random.Random
) -> None:
    """Add one file; its size is around the mean, most of them small and some large, as in a distribution."""
    entry = tarfile.TarInfo(f"usr/lib/package{number // 25}/file{number:05}.py")
    entry.mtime = 1_700_000_000 + number
    if number % 20 == 7:
        entry.type, entry.linkname = tarfile.SYMTYPE, "file00000.py"
        archive.addfile(entry)
        return
    length = int(mean * 1.05 * (0.3 if number % 8 else 5.7) * chance.uniform(0.5, 1.5))
    random_part = length // 5
    at = chance.randrange(len(text) - 1)
    content = (text[at:] + text * (length // len(text) + 1))[: length - random_part]
    content += noise[: random_part % len(noise)]
    entry.size, entry.mode = len(content), 0o755 if number % 9 == 0 else 0o644
    archive.addfile(entry, io.BytesIO(content))


def write_layout(layer: Layer, layout: Path) -> Path:
    """Write an OCI layout with one image of the layer, for the peers."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    os.link(layer.path, blobs / layer.digest.partition(":")[2])

    def put(document: object) -> dict[str, object]:
        data = json.dumps(document).encode()
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    oci = "application/vnd.oci.image."
    config = put(
        {
            "os": "linux",
            "architecture": "amd64",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
        }
    )
    described = {"mediaType": f"{oci}layer.v1.tar+gzip", "digest": layer.digest, "size": layer.size}
    manifest = put(
        {"schemaVersion": 2, "config": {"mediaType": f"{oci}config.v1+json", **config}, "layers": [described]}
    )
    names = {"org.opencontainers.image.ref.name": "layer"}
    listed = {"mediaType": f"{oci}manifest.v1+json", **manifest, "annotations": names}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [listed]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return layout


def peak(directory: Path, size: int) -> tuple[str, str]:
    """Return the largest memory (MiB) of a process that unpacks `size` MB, and what of it is due to the layer."""
    small = memory_of(make_layer(directory / "small.tar.gz", 26, 1000), directory)
    large = memory_of(make_layer(directory / "large.tar.gz", size * 100, size * MEBI), directory)
    return f"{large / 1024:.1f}", f"{(large - small) / 1024:.1f}"


def memory_of(layer: Layer, directory: Path) -> int:
    """Return the KiB of the process at its largest."""
    clear(directory)
    words = [sys.executable, "-c", CHILD, layer.path, new(directory / "out"), layer.digest, layer.diff_id]
    done = subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True)
    return int(done.stdout)
