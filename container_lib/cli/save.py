"""`byhand save [-o FILE] [--format docker|oci] IMAGE...`: images as one archive, which any engine loads.

Layers that images share are in it once. A file appears when it is whole. See docker save(1).
"""

import argparse

from container_lib.cli.output import output
from container_lib.cli.progress import bar


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    flag = parser.add_argument
    flag("-o", "--output", default="", metavar="FILE", help="write to this instead of stdout")
    flag(
        "--format",
        default="docker",
        choices=("docker", "oci"),
        help="docker's (the default), or an OCI layout alone",
    )
    flag("-q", "--quiet", action="store_true", help="no progress bar")
    flag("images", nargs="+", metavar="IMAGE")


def main(arguments: argparse.Namespace) -> int:
    """Write the archive."""
    from container_lib.engine.engine import Engine

    engine = Engine()
    with output(arguments.output) as sink, bar("saving", None, arguments.quiet) as advance:
        engine.save(arguments.images, sink, format=arguments.format, progress=advance)
    return 0
