"""`byhand load [-i FILE] [-q]`: images from an archive that `byhand save`, docker, podman or skopeo wrote.

    Loaded image: busybox:latest

Docker's format or an OCI layout, plain or compressed, from a file, a directory or stdin. See docker load(1).
"""

import argparse
import os
import sys
from pathlib import Path

from container_lib.cli.progress import bar
from container_lib.errors import InvalidImage, InvalidValue, NotFound


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("-i", "--input", default="", metavar="FILE", help="read this instead of stdin")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar")


def main(arguments: argparse.Namespace) -> int:
    """Load, and print a line for each image."""
    from container_lib.engine.engine import Engine

    if not arguments.input and sys.stdin.isatty():
        raise InvalidValue("requested load from stdin, but stdin is empty", "give a file: -i FILE")
    path = Path(arguments.input)
    if arguments.input and not path.exists():
        raise NotFound(f"open {arguments.input}: no such file or directory")
    total = path.stat().st_size if arguments.input and path.is_file() else None
    with bar("loading", total, arguments.quiet) as advance:
        source = path if arguments.input else os.fdopen(0, "rb", closefd=False)
        try:
            lines = Engine().load(source, progress=advance)
        except InvalidImage as error:
            raise InvalidImage(f"{arguments.input or 'stdin'}: {error.message}", error.hint) from error
    print("\n".join(lines))
    return 0
