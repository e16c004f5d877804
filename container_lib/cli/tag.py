"""`byhand tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]`: one more name for an image; nothing is copied.

A name that another image had is taken from it. See docker tag(1).
"""

import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("source", metavar="SOURCE_IMAGE", help="a name, an id or the beginning of one")
    parser.add_argument("target", metavar="TARGET_IMAGE", help="the new name; without a tag: latest")


def main(arguments: argparse.Namespace) -> int:
    """Add the name."""
    from container_lib.engine.engine import Engine

    Engine().tag(arguments.source, arguments.target)
    return 0
