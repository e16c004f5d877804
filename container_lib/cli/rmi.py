"""`byhand rmi [-f] [--no-prune] IMAGE...`: take a name from an image; with its last name the image goes.

    Untagged: busybox:latest
    Deleted: sha256:a416a98b71e2…

An image that a container uses stays, and one with several names that is named by its id, unless -f is given.
See docker rmi(1).
"""

import argparse

from container_lib.cli.each import each


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("-f", "--force", action="store_true", help="also where a stopped container uses it")
    parser.add_argument(
        "--no-prune", action="store_true", help="for docker's sake: images have no parents here"
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE")


def main(arguments: argparse.Namespace) -> int:
    """Remove each image, and print what was untagged and deleted."""
    from container_lib.engine.engine import Engine

    engine = Engine()

    def remove(name: str) -> None:
        for line in engine.remove_image(name, force=arguments.force):
            print(line)

    return each(arguments.images, remove)
