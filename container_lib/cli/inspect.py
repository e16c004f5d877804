"""`byhand inspect [-f TEMPLATE] [--type image|container|volume] [-s] NAME...`: all there is to know, as JSON.

The keys are docker's. A name is looked up among the containers, then the images, then the volumes; `byhand image
inspect` and `byhand container inspect` look among their own. What is found is printed even where another name is
not. See docker inspect(1).
"""

import argparse
import json
from collections.abc import Callable
from typing import Any

from container_lib.cli.each import each
from container_lib.errors import NotFound

KINDS = ("container", "image", "volume")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    flag = parser.add_argument
    flag(
        "-f", "--format", default="", metavar="TEMPLATE", help="print this of each, such as {{json .Config}}"
    )
    flag("-s", "--size", action="store_true", help="of containers: the size of what they wrote, too")
    flag("--type", default="", choices=KINDS, help="look among these only")
    flag("names", nargs="+", metavar="NAME")


def main(arguments: argparse.Namespace) -> int:
    """Print an array with an object for each name, or a line for each through the template."""
    from container_lib.engine.engine import Engine

    engine = Engine()
    group = arguments.invoked.partition(" ")[0]
    kinds = (
        (arguments.type or (group if group in KINDS else ""),) if arguments.type or group in KINDS else KINDS
    )
    look: dict[str, Callable[[str], dict[str, Any]]] = {
        "container": lambda name: engine.inspect_container(name, size=arguments.size),
        "image": engine.inspect_image,
        "volume": lambda name: engine.volumes.get(name).inspect(),
    }
    found: list[dict[str, Any]] = []
    code = each(arguments.names, lambda name: found.append(first(name, [look[kind] for kind in kinds])))
    show(found, arguments.format)
    return code


def first(name: str, look: list[Callable[[str], dict[str, Any]]]) -> dict[str, Any]:
    """Return what the first of these knows of the name. Raises `NotFound` when none knows it."""
    for ask in look[:-1]:
        try:
            return ask(name)
        except NotFound:
            continue
    try:
        return look[-1](name)
    except NotFound:
        if len(look) == 1:
            raise
        raise NotFound(f"No such object: {name}") from None


def show(found: list[dict[str, Any]], wanted: str) -> None:
    """Print the objects as docker does: an array indented by four, or each through the template."""
    if not wanted or wanted == "json":
        print(json.dumps(found, indent=4 if not wanted else None, ensure_ascii=False))
        return
    from container_lib.cli import template
    from container_lib.cli.table import with_tabs

    made = template.parse(with_tabs(wanted))
    for thing in found:
        print(made.render(thing))
