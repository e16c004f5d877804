"""`byhand history [OPTIONS] IMAGE`: how an image was made, the last step first.

    IMAGE          CREATED       CREATED BY                                      SIZE      COMMENT
    1f5a3c77f2bc   3 hours ago   RUN apt-get install -y curl                     24.1MB
    <missing>      2 weeks ago   CMD ["bash"]                                    0B

Only the image itself has an id: the steps below are kept in its history and as layers, not as images (<missing>).
SIZE is what the step's layer holds, unpacked; a step that changed no file made none (0B). See docker history(1).
"""

import argparse
from datetime import UTC
from typing import TYPE_CHECKING

from container_lib.cli.table import print_rows
from container_lib.cli.words import ago, short_id, size

if TYPE_CHECKING:
    from container_lib.engine.images import HistoryLine

HEADERS = {"ID": "IMAGE", "CreatedAt": "CREATED AT", "CreatedSince": "CREATED", "CreatedBy": "CREATED BY",
           "Size": "SIZE", "Comment": "COMMENT"}  # fmt: skip
LONGEST = 45
"""Characters of a step that a table shows"""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    flag = parser.add_argument
    flag("-q", "--quiet", action="store_true", help="print ids only")
    flag("--no-trunc", action="store_true", help="print ids and steps whole")
    flag(
        "-H",
        "--human",
        "--human=true",
        action="store_true",
        default=True,
        help="sizes and dates in words (default)",
    )
    flag("-H=false", "--human=false", dest="human", action="store_false", help="bytes and dates as they are")
    flag("--format", default="", metavar="FORMAT", help="table, json, a template, or 'table TEMPLATE'")
    flag("image", metavar="IMAGE")


def main(arguments: argparse.Namespace) -> int:
    """Print the history."""
    from container_lib.engine.engine import Engine

    rows = [row(line, arguments.no_trunc, arguments.human) for line in Engine().history(arguments.image)]
    if arguments.quiet and not arguments.format:
        print("".join(f"{fields['ID']}\n" for fields in rows), end="")
    else:
        show(rows, arguments.human, arguments.format)
    return 0


def show(rows: list[dict[str, str]], human: bool, wanted: str) -> None:
    """Print the steps in the format `wanted`."""
    names = ("ID", "CreatedSince" if human else "CreatedAt", "CreatedBy", "Size", "Comment")
    print_rows(rows, {name: HEADERS[name] for name in names}, wanted, HEADERS)


def row(line: "HistoryLine", whole: bool, human: bool) -> dict[str, str]:
    """Return a step's fields, in docker's words."""
    step = line.created_by.replace("\t", " ")
    at = line.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if line.created else "N/A"
    return {
        "ID": line.id if whole else short_id(line.id),
        "CreatedAt": at,
        "CreatedSince": ago(line.created) if human else at,
        "CreatedBy": step if whole or len(step) <= LONGEST else step[: LONGEST - 1] + "…",
        "Size": size(line.size) if human else str(line.size),
        "Comment": line.comment,
    }
