"""`byhand prune`, `byhand image|container|system prune`: remove what is not used.

    byhand image prune          images without a name that no container uses
    byhand image prune -a       every image that no container uses
    byhand container prune      stopped containers
    byhand system prune         both, and what killed processes left; with -a, with --volumes (the nameless ones)
    byhand prune                the same as `byhand system prune`

See docker image prune(1), docker system prune(1).
"""

import argparse

from container_lib.cli.confirm import confirmed
from container_lib.cli.words import size


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the one that was asked for."""
    flag, group = parser.add_argument, parser.prog.split()[1]
    flag("-f", "--force", action="store_true", help="do not ask")
    if group != "container":
        flag(
            "-a",
            "--all",
            action="store_true",
            help="every image that no container uses, not the nameless only",
        )
        flag(
            "--filter",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help="label=…, until=…: only these images",
        )
    if group in ("prune", "system"):
        flag("--volumes", action="store_true", help="nameless volumes, too")


def main(arguments: argparse.Namespace) -> int:
    """Ask, remove, and say what was removed."""
    from container_lib.engine.engine import Engine

    group = arguments.invoked.split()[0]
    every = group in ("prune", "system")
    if not confirmed(warning(group, arguments), arguments.force):
        return 0
    engine, reclaimed = Engine(), 0
    if group != "image":
        removed = engine.prune_containers()
        reclaimed += told("Deleted Containers:", removed.lines, removed.reclaimed)
    if group != "container":
        removed = engine.prune_images(all=arguments.all, filters=arguments.filter)
        reclaimed += told("Deleted Images:", removed.lines, removed.reclaimed)
    if every and arguments.volumes:
        removed = engine.prune_volumes()
        reclaimed += told("Deleted Volumes:", removed.lines, removed.reclaimed)
    if every:
        told("Left-overs of killed processes:", engine.clean(), 0)
    print(f"Total reclaimed space: {size(reclaimed)}")
    return 0


def warning(group: str, arguments: argparse.Namespace) -> str:
    """Return what will be removed, in words."""
    if group == "container":
        return "This will remove all stopped containers."
    images = (
        "all images without at least one container associated to them"
        if arguments.all
        else "all dangling images"
    )
    if group == "image":
        return f"This will remove {images}."
    parts = [
        "all stopped containers",
        images,
        *(["all anonymous volumes not used"] if arguments.volumes else []),
    ]
    return "\n".join(
        ["This will remove:", *(f"  - {part}" for part in [*parts, "what killed processes left"]), ""]
    )


def told(title: str, lines: list[str], reclaimed: int) -> int:
    """Print the lines below their title, if there are any, and return `reclaimed`."""
    if lines:
        print("\n".join([title, *lines, ""]))
    return reclaimed
