"""`byhand`: reads the command line, calls the engine, prints, returns the exit code.

One file per command; each has `add` (its flags) and `main` (what it does). Errors are caught here, once: the
message goes to stderr as docker prints it, and the exit code is the error's (125, 126, 127).
argparse, because starting matters: click and typer cost 40 to 70 ms more at each call.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

import container_lib
from container_lib.cli import doctor, run
from container_lib.errors import ContainerError


class Parser(argparse.ArgumentParser):
    """argparse, with docker's exit code for a command line that cannot be understood."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and exit with 125."""
        self.print_usage(sys.stderr)
        self.exit(125, f"{self.prog}: {message}\nSee '{self.prog} --help'.\n")


def parser() -> argparse.ArgumentParser:
    """Return the whole command line's parser."""
    top = Parser("byhand", description="A container engine, built by hand.", allow_abbrev=False)
    top.add_argument(
        "-v", "--version", action="version", version=f"byhand version {container_lib.__version__}"
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for module in (run, doctor):
        module.add(commands)
    return top


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    arguments = parser().parse_args(words)
    try:
        code: int = arguments.main(arguments)
        return code
    except ContainerError as error:
        print(f"byhand: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us is gone: nothing more to say, and nobody to say it to
        return 141
    except KeyboardInterrupt:
        return 130
