"""`byhand run [OPTIONS] IMAGE [COMMAND] [ARG...]`: a container in the foreground, with docker run's flags.

Signals that this process gets are passed on to the container's PID 1, as docker does with --sig-proxy. PID 1
ignores what it has no handler for; so the third interrupt kills it. The exit code is the container's.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable

from container_lib.engine.engine import Engine

PROXIED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    flag = parser.add_argument
    flag("-m", "--memory", metavar="BYTES", help="memory limit, such as 64m")
    flag("--memory-swap", metavar="BYTES", help="memory plus swap; -1 for unlimited swap")
    flag("--cpus", metavar="NUMBER", help="number of CPUs, such as 0.5")
    flag("--pids-limit", metavar="NUMBER", help="most tasks; -1 for unlimited")
    flag("-h", "--hostname", default="", metavar="NAME", help="host name; by default the short id")
    flag("-e", "--env", action="append", default=[], metavar="NAME=VALUE", help="set an environment variable")
    flag("-w", "--workdir", default="", metavar="DIR", help="working directory in the container")
    flag("-u", "--user", default="", metavar="USER[:GROUP]", help="name or number")
    flag(
        "-v",
        "--volume",
        action="append",
        default=[],
        metavar="HERE:THERE[:ro]",
        help="a directory, or a volume",
    )
    flag("--entrypoint", default="", metavar="COMMAND", help="instead of the image's entrypoint")
    flag("--name", default="", help="a name for the container; by default one is chosen")
    flag("--read-only", action="store_true", help="mount the root filesystem read-only")
    flag("--network", default="none", choices=("none", "host"), help="none (the default so far) or host")
    for name in ("pid", "uts", "ipc"):
        flag(f"--{name}", default="", choices=("host",), help=f"share the machine's {name} namespace")
    flag("--cgroupns", default="private", choices=("private", "host"), help="cgroup namespace")
    flag("--userns", default="", choices=("host", "remap"), help="remap: root inside is uid 100000 outside")
    flag("--cap-add", action="append", default=[], metavar="CAP", help="add a capability, or ALL")
    flag("--cap-drop", action="append", default=[], metavar="CAP", help="drop a capability, or ALL")
    flag("--ulimit", action="append", default=[], metavar="NAME=SOFT[:HARD]", help="such as nofile=1024")
    flag("-i", "--interactive", action="store_true", help="keep stdin open")
    flag("--rm", action="store_true", help="remove the container, and what it wrote, when it exits")
    flag("image", metavar="IMAGE", help="a name, or the path of a root filesystem: /srv/rootfs, ./rootfs")
    flag("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="by default the image's")


def main(arguments: argparse.Namespace) -> int:
    """Run the container with our own stdin (with -i), stdout and stderr; return its exit code."""
    left_out = ("main", "invoked", "image", "command", "interactive", "rm")
    options = {name: value for name, value in vars(arguments).items() if name not in left_out}
    options["remove"] = arguments.rm
    stdin = 0 if arguments.interactive else os.open(os.devnull, os.O_RDONLY)
    proxy = SignalProxy()  # before the start: a signal may come while the container is on its way
    engine = Engine(warn=warn, keep_reserve=False)
    if sys.stderr.isatty() and not arguments.image.startswith(("/", ".")):
        unpack(engine, arguments.image)
    with engine.start(arguments.image, *arguments.command, stdio=(stdin, 1, 2), **options) as container:
        proxy.attach(container.kill)
        return container.wait().code


def unpack(engine: Engine, image: str) -> None:
    """Unpack an image's layers, with a bar that is gone before the container says anything; once is enough."""
    from container_lib.cli.progress import bar

    with bar("unpacking") as advance:
        engine.progress = advance
        engine.layers(image)


def warn(text: str) -> None:
    """Print a warning, as docker does."""
    print(f"WARNING: {text}", file=sys.stderr)


class SignalProxy:
    """Passes signals on to PID 1, those too that came before there was one; the third interrupt kills it."""

    def __init__(self) -> None:
        self.kill: Callable[[int], None] | None = None
        self.early: list[int] = []
        self.interrupts = 0
        for number in PROXIED:
            signal.signal(number, self.pass_on)

    def attach(self, kill: Callable[[int], None]) -> None:
        """Tell how to pass signals on."""
        self.kill = kill
        for number in self.early:
            self.pass_on(number, None)

    def pass_on(self, number: int, _frame: object) -> None:
        """Handle one signal."""
        if self.kill is None:
            self.early.append(number)
            return
        self.interrupts += number in (signal.SIGINT, signal.SIGTERM)
        self.kill(signal.SIGKILL if self.interrupts >= 3 else number)
