"""`byhand images [OPTIONS] [REPOSITORY[:TAG]]`: a line for each name of each image, the newest first.

    REPOSITORY   TAG       IMAGE ID       CREATED      SIZE
    busybox      latest    a416a98b71e2   2 days ago   4.26MB

SIZE is that of the layers unpacked, each image's counted whole, also where images share layers; `byhand inspect`
tells which. An image that lost its last name is <none>. Left out: --tree. See docker images(1).
"""

import argparse
from typing import TYPE_CHECKING

from container_lib.cli.table import print_rows
from container_lib.cli.words import ago, short_id, size, when

if TYPE_CHECKING:
    from container_lib.engine.images import Listed

COLUMNS = {
    "Repository": "REPOSITORY",
    "Tag": "TAG",
    "ID": "IMAGE ID",
    "CreatedSince": "CREATED",
    "Size": "SIZE",
}
HEADERS = {
    "Digest": "DIGEST", "CreatedAt": "CREATED AT", "Containers": "CONTAINERS", "VirtualSize": "SIZE",
    "SharedSize": "SHARED SIZE", "UniqueSize": "UNIQUE SIZE",
}  # fmt: skip


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    flag = parser.add_argument
    flag("-a", "--all", action="store_true", help="all of them: there are no hidden ones here")
    flag("-q", "--quiet", action="store_true", help="print ids only")
    flag("--no-trunc", action="store_true", help="print ids whole")
    flag("--digests", action="store_true", help="a column with the manifest's digest")
    flag("--format", default="", metavar="FORMAT", help="table, json, a template, or 'table TEMPLATE'")
    flag("-f", "--filter", action="append", default=[], metavar="KEY=VALUE",
         help="dangling=true|false, label=KEY[=VALUE], before=IMAGE, since=IMAGE, reference=PATTERN")  # fmt: skip
    flag("name", nargs="?", default="", metavar="REPOSITORY[:TAG]", help="only these; * and ? are understood")


def main(arguments: argparse.Namespace) -> int:
    """Print the images."""
    from container_lib.engine.engine import Engine

    found = Engine().images(arguments.name, filters=arguments.filter)
    rows = [row(image, arguments.no_trunc) for image in found]
    if arguments.quiet and not arguments.format:
        print("".join(f"{fields['ID']}\n" for fields in rows), end="")
        return 0
    columns = dict(COLUMNS)
    if arguments.digests:
        names = ("Repository", "Tag", "Digest", "ID", "CreatedSince", "Size")
        columns = {name: {**COLUMNS, **HEADERS}[name] for name in names}
    print_rows(rows, columns, arguments.format, HEADERS)
    return 0


def row(image: "Listed", whole: bool) -> dict[str, str]:
    """Return an image's fields, in docker's words. What docker's daemon alone would count is N/A, as there."""
    return {
        "Repository": image.repository,
        "Tag": image.tag,
        "Digest": image.digest,
        "ID": image.id if whole else short_id(image.id),
        "CreatedSince": ago(image.created),
        "CreatedAt": when(image.created),
        "Size": size(image.size),
        "VirtualSize": size(image.size, digits=4),
        "Containers": "N/A",
        "SharedSize": "N/A",
        "UniqueSize": "N/A",
    }
