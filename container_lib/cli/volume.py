"""`byhand volume create|ls|inspect|rm|prune`: directories that outlive the containers that write to them.

    DRIVER    VOLUME NAME
    local     data

`create` without a name chooses one; `prune` removes the nameless ones that no container uses, with -a the others
too. Left out: drivers and their options. See docker volume(1).
"""

import argparse

from container_lib.cli.confirm import confirmed
from container_lib.cli.each import each
from container_lib.cli.table import print_rows
from container_lib.cli.words import size
from container_lib.errors import InvalidValue

COLUMNS = {"Driver": "DRIVER", "Name": "VOLUME NAME"}
HEADERS = {"Mountpoint": "MOUNTPOINT", "Labels": "LABELS", "Scope": "SCOPE"}


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the one that was asked for."""
    flag, verb = parser.add_argument, parser.prog.split()[-1]
    if verb == "create":
        flag("--label", action="append", default=[], metavar="KEY=VALUE", help="a label")
        flag("name", nargs="?", default="", metavar="VOLUME")
    elif verb in ("ls", "list"):
        flag("-q", "--quiet", action="store_true", help="print names only")
        flag("--format", default="", metavar="FORMAT", help="table, json, a template, or 'table TEMPLATE'")
    elif verb == "inspect":
        flag(
            "-f",
            "--format",
            default="",
            metavar="TEMPLATE",
            help="print this of each, such as {{.Mountpoint}}",
        )
        flag("names", nargs="+", metavar="VOLUME")
    elif verb in ("rm", "remove"):
        flag("-f", "--force", action="store_true", help="no error for one that does not exist")
        flag("names", nargs="+", metavar="VOLUME")
    else:
        flag("-a", "--all", action="store_true", help="those with a name, too")
        flag("-f", "--force", action="store_true", help="do not ask")


def main(arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    return {"create": create, "ls": ls, "inspect": inspect, "rm": rm, "prune": prune}[
        arguments.invoked.split()[-1]
    ](arguments)


def create(arguments: argparse.Namespace) -> int:
    """Make a volume and print its name."""
    from container_lib.engine.engine import Engine

    labels = dict(word.partition("=")[::2] for word in arguments.label)
    if "" in labels:
        raise InvalidValue(f"invalid label {'='.join(['', labels['']])!r}", "KEY=VALUE")
    print(Engine().volumes.create(arguments.name, labels).name)
    return 0


def ls(arguments: argparse.Namespace) -> int:
    """Print the volumes."""
    from container_lib.engine.engine import Engine

    volumes = Engine().volumes.all()
    if arguments.quiet:
        print("".join(f"{volume.name}\n" for volume in volumes), end="")
        return 0
    rows = [
        {
            "Driver": "local",
            "Name": volume.name,
            "Mountpoint": str(volume.data),
            "Labels": ",".join(f"{key}={value}" for key, value in sorted(volume.labels.items())),
            "Scope": "local",
        }
        for volume in volumes
    ]
    print_rows(rows, COLUMNS, arguments.format, HEADERS)
    return 0


def inspect(arguments: argparse.Namespace) -> int:
    """Print all about each."""
    from container_lib.cli.inspect import show
    from container_lib.engine.engine import Engine

    found: list[dict[str, object]] = []
    volumes = Engine().volumes
    code = each(arguments.names, lambda name: found.append(volumes.get(name).inspect()))
    show(found, arguments.format)
    return code


def rm(arguments: argparse.Namespace) -> int:
    """Remove each, and print its name."""
    from container_lib.engine.engine import Engine

    engine = Engine()

    def remove(name: str) -> None:
        engine.remove_volume(name, force=arguments.force)
        print(name)

    return each(arguments.names, remove)


def prune(arguments: argparse.Namespace) -> int:
    """Remove those that no container uses."""
    from container_lib.engine.engine import Engine

    which = "all volumes" if arguments.all else "all anonymous volumes"
    if confirmed(f"This will remove {which} that no container uses.", arguments.force):
        removed = Engine().prune_volumes(named=arguments.all)
        if removed.lines:
            print("\n".join(["Deleted Volumes:", *removed.lines, ""]))
        print(f"Total reclaimed space: {size(removed.reclaimed)}")
    return 0
