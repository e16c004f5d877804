"""Packing a tree: 200 MB in 20,000 files, as one layer. Ours at its levels, and GNU tar.

The tree is that of the benchmark "unpack", unpacked. All files are on a tmpfs. Ours makes both digests on the
way, the blob's and the tar's; tar makes none. The size is part of each row: a level that is quick and makes large
layers is paid for at every pull.
"""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks import start, unpack
from benchmarks.compare import ratios, summarize, take_turns
from benchmarks.report import Report, Table
from container_lib.storage.layers.compression import Kind
from container_lib.storage.layers.packing import pack

MEBI = 1 << 20
PEER = "tar czf (zlib, level 6)"


def measure(rounds: int) -> Report:
    """Pack by each of the ways in turns."""
    rounds = min(rounds, 6)
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="byhand-bench-", dir=start.MEMORY))
        stack.callback(shutil.rmtree, directory)
        tree = make_tree(directory)
        ways = contenders(tree, directory)
        samples = take_turns(ways, rounds, warm_up=1)
        sizes = {name: (directory / name).stat().st_size / MEBI for name in ways}
    rows = [
        (
            name,
            summarize([value / 1e6 for value in values]),
            summarize(ratios(samples, name, PEER)),
            sizes[name],
        )
        for name, values in samples.items()
    ]
    columns = ("what", "seconds: median (quartiles)", "× tar czf: median (quartiles)", "MiB written")
    notes = [
        f"{unpack.FILES} files, {unpack.BYTES // MEBI} MiB of tar; on a tmpfs; ours hashes tar and blob too"
    ]
    return Report("pack", rounds, [Table("one tree, packed", columns, rows, notes)])


def make_tree(directory: Path) -> Path:
    """Make the tree, the same each time."""
    layer = unpack.make_layer(directory / "made.tar.gz", unpack.FILES, unpack.BYTES)
    unpack.ours(layer, unpack.new(directory / "tree"))
    layer.path.unlink()
    return directory / "tree"


def contenders(tree: Path, directory: Path) -> dict[str, Callable[[], object]]:
    """Return the ways that there are here; each writes a file of its own name."""
    ways: dict[str, Callable[[], object]] = {}

    def add_ours(name: str, kind: Kind, level: int | None = None) -> None:
        ways[name] = lambda: ours(tree, directory / name, kind, level)

    def add_peer(name: str, *words: str) -> None:
        if shutil.which(words[0]):
            ways[name] = lambda: unpack.run(*words, directory / name, "-C", tree, ".")

    add_ours("byhand, gzip (ISA-L, level 2)", "gzip")
    add_ours("byhand, gzip (ISA-L, level 1)", "gzip", 1)
    add_ours("byhand, zstd (level 3)", "zstd")
    add_ours("byhand, not compressed", "none")
    add_peer(PEER, "tar", "-czf")
    add_peer("tar, gzip -1", "tar", "-I", "gzip -1", "-cf")
    add_peer("tar cf, not compressed", "tar", "-cf")
    return ways


def ours(tree: Path, path: Path, kind: Kind, level: int | None) -> None:
    """Pack as the engine does."""
    with open(path, "wb", buffering=0) as file:
        pack(tree, file, compression=kind, level=level)
