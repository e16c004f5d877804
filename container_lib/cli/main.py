"""`byhand`: reads the command line, calls the engine, prints, returns the exit code.

    byhand images -q           COMMANDS["images"]       → container_lib.cli.images: add(parser), main(arguments)
    byhand image ls -q         COMMANDS["image ls"]     → the same module
    byhand image               a group: its commands are listed

One file per command; each has `add` (its flags) and `main` (what it does). Only the chosen one's is imported, and
only its parser is built: the others, with what they import, would cost more than a container's start.
Errors are caught here, once: the message goes to stderr, and the exit code is docker's: 1, but for `run`, where it
is the error's own (125, 126, 127), so that it is not taken for the command's. A command line that cannot be
understood: 125. argparse, because starting matters: click and typer cost 40 to 70 ms more at each call.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

import container_lib
from container_lib.errors import ContainerError


class Command(NamedTuple):
    """A command: the module that has it, what it does in a line, whether its exit code is a container's."""

    module: str
    help: str
    runs: bool = False


COMMANDS = {
    "run": Command("run", "run a command in a new container", runs=True),
    "ps": Command("ps", "list containers"),
    "images": Command("images", "list images"),
    "load": Command("load", "load images from a tar archive or stdin"),
    "save": Command("save", "save images to a tar archive, by default to stdout"),
    "import": Command("import_", "make an image from a root filesystem: a tar archive or a directory"),
    "tag": Command("tag", "give an image another name"),
    "rmi": Command("rmi", "remove images"),
    "inspect": Command("inspect", "tell all about images and containers, as JSON"),
    "history": Command("history", "show how an image was made, layer by layer"),
    "diff": Command("diff", "list what changed in a container's filesystem"),
    "commit": Command("commit", "make an image from a container's changes"),
    "export": Command("export", "write a container's filesystem as a tar archive"),
    "rm": Command("rm", "remove containers"),
    "prune": Command("prune", "remove unused containers, images and left-overs"),
    "doctor": Command("doctor", "tell what this machine can do, and clean up"),
    "image ls": Command("images", "list images"),
    "image load": Command("load", "load images from a tar archive or stdin"),
    "image save": Command("save", "save images to a tar archive"),
    "image import": Command("import_", "make an image from a root filesystem"),
    "image tag": Command("tag", "give an image another name"),
    "image rm": Command("rmi", "remove images"),
    "image inspect": Command("inspect", "tell all about images, as JSON"),
    "image history": Command("history", "show how an image was made"),
    "image prune": Command("prune", "remove unused images"),
    "container run": Command("run", "run a command in a new container", runs=True),
    "container ls": Command("ps", "list containers"),
    "container inspect": Command("inspect", "tell all about containers, as JSON"),
    "container diff": Command("diff", "list what changed in a container's filesystem"),
    "container commit": Command("commit", "make an image from a container's changes"),
    "container export": Command("export", "write a container's filesystem as a tar archive"),
    "container rm": Command("rm", "remove containers"),
    "container prune": Command("prune", "remove stopped containers"),
    "volume create": Command("volume", "make a volume"),
    "volume ls": Command("volume", "list volumes"),
    "volume inspect": Command("volume", "tell all about volumes, as JSON"),
    "volume rm": Command("volume", "remove volumes"),
    "volume prune": Command("volume", "remove unused volumes"),
    "system prune": Command("prune", "remove unused containers, images and left-overs"),
}
GROUPS = {
    "image": "manage images",
    "container": "manage containers",
    "volume": "manage volumes",
    "system": "manage all",
}
"""The first words that need a second one."""
ALSO = {
    "container list": "container ls",
    "container ps": "container ls",
    "image list": "image ls",
    "image remove": "image rm",
    "volume list": "volume ls",
    "volume remove": "volume rm",
}
"""Docker's other words for the same."""


class Parser(argparse.ArgumentParser):
    """argparse, with docker's exit code for what cannot be understood; -h is left to the commands."""

    def __init__(self, name: str, help_text: str) -> None:
        super().__init__(f"byhand {name}", description=help_text + ".", allow_abbrev=False, add_help=False)
        self.add_argument("--help", action="help", help="show this help and exit")

    def error(self, message: str) -> NoReturn:
        """Print the usage and exit with 125."""
        self.print_usage(sys.stderr)
        self.exit(125, f"{self.prog}: {message}\nSee '{self.prog} --help'.\n")


def parse(words: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """Return the command that the words name and what its own parser makes of the rest; `main` is the module's."""
    name = " ".join(words[: 2 if words and words[0] in GROUPS else 1])
    command = COMMANDS.get(ALSO.get(name, name))
    if command is None:
        tell_or_refuse(words)
    module = importlib.import_module(f"container_lib.cli.{command.module}")
    parser = Parser(name, command.help)
    parser.set_defaults(main=module.main, invoked=ALSO.get(name, name))
    module.add(parser)
    return command, parser.parse_args(words[len(name.split()) :])


def tell_or_refuse(words: Sequence[str]) -> NoReturn:
    """Print the version or the list of commands where that was asked for; else say what is not understood."""
    first, second = [*words, "", ""][:2]
    if first in ("-v", "--version"):
        print(f"byhand version {container_lib.__version__}")
        sys.exit(0)
    group = first if first in GROUPS else ""
    if {"-h", "--help"} & {first, second} or (group and not second):
        print(listing(group))
        sys.exit(0)
    wrong = f"unknown command: byhand {group} {second}" if group else f"unknown command: byhand {first}"
    prog = f"byhand {group}".strip()
    print(f"{prog}: {wrong if first else 'a command is needed'}\nSee '{prog} --help'.", file=sys.stderr)
    sys.exit(125)


def listing(group: str = "") -> str:
    """Return the help: every command, or those of a group, with a line for each."""
    usage = f"usage: byhand {group or '[-v] [--help]'} COMMAND ..."
    names = {
        name: command.help for name, command in COMMANDS.items() if (group and name.startswith(group + " "))
    }
    if not group:
        names = {name: command.help for name, command in COMMANDS.items() if " " not in name} | GROUPS
    lines = [f"  {name.removeprefix(group).strip():<10} {text}" for name, text in names.items()]
    about = "A container engine, built by hand." if not group else f"{GROUPS[group].capitalize()}."
    return "\n".join(
        [usage, "", about, "", "commands:", *lines, "", "byhand COMMAND --help tells its flags."]
    )


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    command, arguments = parse(sys.argv[1:] if words is None else words)
    try:
        code: int = arguments.main(arguments)
        return code
    except ContainerError as error:
        print(f"byhand: {error}", file=sys.stderr)
        return error.exit_code if command.runs else 1
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us is gone: nothing more to say, and nobody to say it to
        return 141
    except KeyboardInterrupt:
        return 130
