"""`byhand import [OPTIONS] FILE|DIRECTORY|- [REPOSITORY[:TAG]]`: a root filesystem becomes an image.

It gets one layer, and a configuration that says nothing but what -c says: -c 'CMD ["sh"]' -c 'ENV A=1'.
Prints the image's id. Left out: docker's URL as a source. See docker import(1).
"""

import argparse
import os
from pathlib import Path

from container_lib.cli.progress import bar
from container_lib.errors import InvalidValue, NotFound


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    flag = parser.add_argument
    flag("-c", "--change", action="append", default=[], metavar="INSTRUCTION", help="such as 'CMD [\"sh\"]'")
    flag("-m", "--message", default="", help="what the history says of it")
    flag("-q", "--quiet", action="store_true", help="no progress bar")
    flag("source", metavar="FILE|DIRECTORY|-", help="a tar archive, plain or compressed; - is stdin")
    flag("name", nargs="?", default="", metavar="REPOSITORY[:TAG]")


def main(arguments: argparse.Namespace) -> int:
    """Import, and print the id."""
    from container_lib.engine.engine import Engine

    name = arguments.source
    if name.startswith(("http://", "https://")):
        raise InvalidValue(f"cannot import from {name}: not from a URL", "download it, and import the file")
    path = Path(name)
    if name != "-" and not path.exists():
        raise NotFound(f"open {name}: no such file or directory")
    total = path.stat().st_size if name != "-" and path.is_file() else None
    with bar("importing", total, arguments.quiet) as advance:
        source = os.fdopen(0, "rb", closefd=False) if name == "-" else path
        image = Engine().import_image(
            source, arguments.name, changes=arguments.change, message=arguments.message, progress=advance
        )
    print(image)
    return 0
