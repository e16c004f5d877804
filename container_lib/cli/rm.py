"""`byhand rm [-f] [-v] CONTAINER...`: remove containers, with what they wrote.

A running one is removed with -f only. -v removes its nameless volumes too. See docker rm(1).
"""

import argparse

from container_lib.cli.each import each


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("-f", "--force", action="store_true", help="kill it first, if it runs")
    parser.add_argument("-v", "--volumes", action="store_true", help="its nameless volumes too")
    parser.add_argument("containers", nargs="+", metavar="CONTAINER")


def main(arguments: argparse.Namespace) -> int:
    """Remove each, and print its name."""
    from container_lib.engine.engine import Engine

    engine = Engine()

    def remove(name: str) -> None:
        engine.remove_container(name, force=arguments.force, volumes=arguments.volumes)
        print(name)

    return each(arguments.containers, remove)
