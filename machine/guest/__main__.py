"""The command line of the embedded guest: `run` a command, or open the `lab`.

    python -m machine.guest run [--memory 2G] [--state FILE | --throw-away] [--share DIR] -- ARGV…
    python -m machine.guest lab [--memory 2G] [--state FILE | --throw-away] [--port N] [-- JUPYTER ARGUMENTS…]

`run` gives the command's exit code, 128 + n if signal n ended it, 125 if the guest could not start or died.
Ctrl-C and SIGTERM stop the guest cleanly.
"""

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from machine.guest import channel, state
from machine.guest.boot import PROJECT, Guest, GuestPlan
from machine.guest.requirements import GuestError

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
COULD_NOT_RUN = 125


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; give the exit code."""
    options = parse(arguments)
    signal.signal(signal.SIGTERM, stop_on_sigterm)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        return lab(options) if options.verb == "lab" else run(options)
    except GuestError as error:
        print(f"guest: {error}", file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def run(options: argparse.Namespace) -> int:
    """Run a command in a fresh guest."""
    with Guest.boot(plan(options, network=False)) as guest:
        cwd = Path.cwd()
        shared = any(cwd.is_relative_to(path) for path in (PROJECT, *options.share))
        return guest.run(options.argv, pass_on, cwd=cwd if shared else PROJECT)


def lab(options: argparse.Namespace) -> int:
    """Open JupyterLab in a guest."""
    from machine.guest.lab import run_lab

    return run_lab(plan(options, network=True), options.port, options.argv)


def plan(options: argparse.Namespace, network: bool) -> GuestPlan:
    """The guest that the options ask for."""
    image = None if options.throw_away else options.state or state.default_image(PROJECT)
    return GuestPlan(memory=options.memory, image=image, shares=tuple(options.share), network=network)


def pass_on(kind: int, data: bytes) -> None:
    """Write the command's output where our own goes."""
    if kind in (channel.STDOUT, channel.STDERR):
        target = 1 if kind == channel.STDOUT else 2
        while data:
            data = data[os.write(target, data) :]


def size(text: str) -> int:
    """Bytes of a size such as 512M or 2G.

    >>> size("2G")
    2147483648
    """
    number, unit = (text[:-1], UNITS[text[-1].upper()]) if text[-1:].upper() in UNITS else (text, 1)
    if not number.isascii() or not number.isdigit() or int(number) * unit < 256 << 20:
        raise argparse.ArgumentTypeError(f"not a memory size of at least 256M: {text!r}")
    return int(number) * unit


def directory(text: str) -> Path:
    """The absolute path of a directory that is there."""
    path = Path(text).resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"not a directory: {text!r}")
    return path


def stop_on_sigterm(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends the program as Ctrl-C does: by an exception that stops the guest on its way out."""
    raise SystemExit(128 + number)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m machine.guest", description="a Linux kernel as a process"
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, what in (("run", "run a command in the guest"), ("lab", "open JupyterLab in the guest")):
        command = verbs.add_parser(verb, help=what)
        command.add_argument("--memory", type=size, default=size("2G"), help="the guest's memory (2G)")
        disk = command.add_mutually_exclusive_group()
        disk.add_argument("--state", type=Path, help="the state disk (.guest/state.img in the checkout)")
        disk.add_argument(
            "--throw-away", action="store_true", help="a new state disk, thrown away at the end"
        )
        share = command.add_argument("--share", type=directory, action="append", default=[])
        share.help = "one more directory that the guest may write to"
        if verb == "lab":
            command.add_argument("--port", type=int, help="the port on 127.0.0.1 (8888, or a free one)")
        command.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- ARGV")
    options = parser.parse_args(arguments)
    if options.argv[:1] == ["--"]:
        del options.argv[0]
    if options.verb == "run" and not options.argv:
        parser.error("run: no command given")
    return options


if __name__ == "__main__":
    sys.exit(main())
