"""`byhand ps [-a] [-q] [--no-trunc] [--format FORMAT]`: a line for each container, the newest first.

    CONTAINER ID   IMAGE     COMMAND        CREATED         STATUS                     PORTS     NAMES
    3b1d9c0a4e5f   busybox   "sleep 60"     2 minutes ago   Exited (0) 1 minute ago              wise_hopper

Without -a those that run. Left out so far: --filter, --size, ports. See docker ps(1).
"""

import argparse
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from container_lib.cli.table import print_rows
from container_lib.cli.words import ago, duration, short_id, when

if TYPE_CHECKING:
    from container_lib.engine.kept import Kept

COLUMNS = {
    "ID": "CONTAINER ID", "Image": "IMAGE", "Command": "COMMAND", "RunningFor": "CREATED", "Status": "STATUS",
    "Ports": "PORTS", "Names": "NAMES",
}  # fmt: skip
HEADERS = {"CreatedAt": "CREATED AT", "State": "STATE"}
LONGEST = 20
"""characters of a command that are shown"""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    flag = parser.add_argument
    flag("-a", "--all", action="store_true", help="those that have ended, too")
    flag("-q", "--quiet", action="store_true", help="print ids only")
    flag("--no-trunc", action="store_true", help="print ids and commands whole")
    flag("--format", default="", metavar="FORMAT", help="table, json, a template, or 'table TEMPLATE'")


def main(arguments: argparse.Namespace) -> int:
    """Print the containers."""
    from container_lib.engine.engine import Engine

    found = [kept for kept in Engine().containers.all() if arguments.all or kept.state == "running"]
    rows = [row(kept, arguments.no_trunc) for kept in found]
    if arguments.quiet and not arguments.format:
        print("".join(f"{fields['ID']}\n" for fields in rows), end="")
    else:
        print_rows(rows, COLUMNS, arguments.format, HEADERS)
    return 0


def row(kept: "Kept", whole: bool) -> dict[str, str]:
    """Return a container's fields, in docker's words."""
    command = json.dumps(" ".join(kept.argv), ensure_ascii=False)
    if not whole and len(command) > LONGEST + 2:
        command = command[:LONGEST] + '…"'
    created = datetime.fromisoformat(kept.created)
    return {
        "ID": kept.id if whole else short_id(kept.id),
        "Image": kept.image,
        "Command": command,
        "RunningFor": ago(created),
        "CreatedAt": when(created),
        "Status": status(kept),
        "State": kept.state,
        "Ports": "",
        "Names": kept.name,
    }


def status(kept: "Kept") -> str:
    """Return "Up 3 minutes", or "Exited (1) 2 hours ago"; of one whose end nobody saw, the code alone."""
    if kept.state == "running":
        return f"Up {duration(datetime.now(UTC) - datetime.fromisoformat(kept.created))}"
    since = f" {ago(datetime.fromisoformat(kept.finished))}" if kept.finished else ""
    return f"Exited ({kept.exit_code}){since}"
