"""`byhand export [-o FILE] CONTAINER`: a container's whole filesystem as one tar archive, without layers.

Volumes and what the kernel shows in /proc and /sys are no part of it. See docker export(1).
"""

import argparse

from container_lib.cli.output import output
from container_lib.cli.progress import bar


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("-o", "--output", default="", metavar="FILE", help="write to this instead of stdout")
    parser.add_argument("container", metavar="CONTAINER")


def main(arguments: argparse.Namespace) -> int:
    """Write the archive."""
    from container_lib.engine.engine import Engine

    engine = Engine()
    with output(arguments.output) as sink, bar("exporting") as advance:
        engine.export(arguments.container, sink, progress=advance)
    return 0
