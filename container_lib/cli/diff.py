"""`byhand diff CONTAINER`: what changed in a container's filesystem since it was made.

    C /etc            changed: of a directory this may be an entry in it
    A /etc/motd       added
    D /bin/vi         deleted

Read from the container's upper directory, where overlayfs keeps just these. See docker diff(1).
"""

import argparse
import sys


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("container", metavar="CONTAINER")


def main(arguments: argparse.Namespace) -> int:
    """Print a line for each change."""
    from container_lib.engine.engine import Engine

    sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # a name need not be UTF-8
    for change in Engine().diff(arguments.container):
        print(change.kind, change.path)
    return 0
