"""`byhand commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]`: a container's changes become an image's next layer.

The image is the container's own with one layer more. A running container is frozen while its files are read, so
that the layer is one moment's; --pause=false lets it run on. Prints the new image's id. See docker commit(1).
"""

import argparse

from container_lib.cli.progress import bar


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    flag = parser.add_argument
    flag("-a", "--author", default="", help='such as "Ada <ada@example.org>"')
    flag("-c", "--change", action="append", default=[], metavar="INSTRUCTION", help="such as 'CMD [\"sh\"]'")
    flag("-m", "--message", default="", help="what the history says of it")
    flag(
        "-p",
        "--pause",
        "--pause=true",
        action="store_true",
        default=True,
        help="freeze it meanwhile (default)",
    )
    flag("-p=false", "--pause=false", dest="pause", action="store_false", help="let it run on meanwhile")
    flag("container", metavar="CONTAINER")
    flag("name", nargs="?", default="", metavar="REPOSITORY[:TAG]")


def main(arguments: argparse.Namespace) -> int:
    """Commit, and print the id."""
    from container_lib.engine.engine import Engine

    with bar("committing") as advance:
        image = Engine().commit(
            arguments.container,
            arguments.name,
            changes=arguments.change,
            author=arguments.author,
            message=arguments.message,
            pause=arguments.pause,
            progress=advance,
        )
    print(image)
    return 0
