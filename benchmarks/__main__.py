"""`python -m benchmarks [NAME…] [--rounds N] [--output DIR]`: measure, print the tables, write DIR/NAME.json."""

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from benchmarks import containers, live, pack, sample, start, steps, unpack
from benchmarks.report import Report, save, show
from container_lib.errors import ContainerError

BENCHMARKS: dict[str, Callable[[int], Report]] = {
    "start": start.measure,
    "steps": steps.measure,
    "containers": containers.measure,
    "unpack": unpack.measure,
    "pack": pack.measure,
    "sample": sample.measure,
    "live": live.measure,
}
DIRECTORY = Path(__file__).parent.parent / "artefacts" / "bench"


def main() -> int:
    """Run the benchmarks named, by default all; return 125 where the machine can't."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measured against the peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}")
    parser.add_argument("--rounds", type=int, default=60, help="how often each contender runs (default 60)")
    parser.add_argument("--output", type=Path, default=DIRECTORY, metavar="DIR", help="where the JSON goes")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHMARKS]
    if unknown or arguments.rounds < 2:
        parser.error(f"no such benchmark: {' '.join(unknown)}" if unknown else "at least 2 rounds")
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # what was made is removed
    try:
        for name in arguments.names or BENCHMARKS:
            report = BENCHMARKS[name](arguments.rounds)
            show(report, Console())
            save(report, arguments.output)
    except ContainerError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
