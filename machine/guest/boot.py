"""Start a guest, run commands in it, stop it.

    with Guest.boot(GuestPlan(checkout)) as guest:
        code = guest.run(["uname", "-r"], receive=lambda kind, data: ...)

`GuestPlan` says what is wanted; `boot` prepares a private run directory, starts the keeper (which starts the
kernel) and waits for the guest's agent; leaving the block stops the guest, also after Ctrl-C or an error.

The run directory (mode 0700, in the directory for temporary files, removed by the keeper):

    init.sh settings   what the guest runs first, and the names that it needs
    launch.json        what the keeper runs
    console.log        what the kernel says: the tail of it is in the message when a guest dies
    state.img          the state disk, or a link to it (a path without characters that linux.uml splits at)
    network api uml/   sockets

If the user is root and the checkout belongs to somebody else, the guest runs as that somebody: files that it
writes into the checkout then have the owner that the checkout has.
"""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from machine.guest import channel, network, requirements, rundir, state
from machine.guest.requirements import GuestError

PROJECT = Path(__file__).resolve().parents[2]
BOOT_DEADLINE = 90.0
STOP_GRACE = 10.0

Receiver = Callable[[int, bytes], None]
"""Gets each piece of output as it comes: channel.STDOUT, STDERR or REPORT, and the bytes."""


@dataclass(frozen=True)
class GuestPlan:
    """What is wanted of a guest."""

    checkout: Path = PROJECT
    memory: int = 2 << 30
    """Bytes. The guest takes them from the host as it uses them, and gives them back when it stops."""
    image: Path | None = None
    """The state disk; None: a new one, thrown away when the guest stops."""
    shares: tuple[Path, ...] = ()
    """More directories of the host that the guest may write to."""
    network: bool = False

    def settings(self) -> str:
        """The file that init.sh reads: shell variables."""
        prefix = Path(sys.prefix)
        shares = [f"share {shlex.quote(str(path))} rw" for path in (self.checkout, *self.shares)]
        if prefix != Path("/usr"):
            shares.append(f"share {shlex.quote(str(prefix))} ro")
        values = {
            "CHECKOUT": str(self.checkout),
            "PYTHON": sys.executable,
            "BIN": str(prefix / "bin"),
            "SHARES": "\n".join(shares),
            "ADDRESS": network.GUEST_ADDRESS if self.network else "",
        }
        return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())

    def kernel_argv(self, run_dir: Path, line: int) -> list[str]:
        """The command line of the kernel; see `linux.uml --help`."""
        return [
            requirements.find_program("linux.uml"),
            f"mem={self.memory >> 20}M",
            f"uml_dir={run_dir / 'uml'}",
            "umid=guest",
            "root=/dev/root",
            "rootfstype=hostfs",
            "hostfs=/",
            "ro",
            f"init={run_dir / 'init.sh'}",
            f"ubd0={run_dir / 'state.img'}",
            "con=null",
            "con0=null,fd:1",
            "ssl=null",
            f"ssl0=fd:{line}",
            *([network.kernel_option(run_dir)] if self.network else []),
        ]

    def owner(self) -> tuple[int, int]:
        """Who the guest's processes on the host belong to."""
        if os.geteuid() != 0:
            return os.geteuid(), os.getegid()
        status = self.checkout.stat()
        return status.st_uid, status.st_gid


class Guest:
    """A guest that is running; made by `Guest.boot`."""

    def __init__(self, run_dir: Path, keeper: "subprocess.Popen[bytes]", line: socket.socket) -> None:
        self.run_dir = run_dir
        self._keeper = keeper
        self._line = line
        self._unpacker = channel.Unpacker()

    @classmethod
    def boot(cls, plan: GuestPlan) -> "Guest":
        """Start a guest and wait until it takes commands. Raises GuestError with the reason and a hint."""
        missing = requirements.what_is_missing(plan.network)
        if missing:
            raise GuestError(missing)
        rundir.sweep()
        with ExitStack() as abandoned, ExitStack() as locks:
            run_dir = rundir.make_run_dir(plan.owner())
            abandoned.callback(shutil.rmtree, run_dir)
            held = [rundir.lock(run_dir), state.open_image(plan.image or run_dir / "state.img", plan.owner())]
            for opened in held:
                locks.callback(os.close, opened)
            guest = start(plan, run_dir, held)
            abandoned.pop_all()  # from here on the run directory is the keeper's
        try:
            next(guest.frames(BOOT_DEADLINE))  # READY
        except BaseException:
            guest.stop(grace=0)
            raise
        return guest

    def run(
        self,
        argv: Sequence[str],
        receive: Receiver,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        deadline: float | None = None,
    ) -> int:
        """Run a command, hand on its outputs as they come, return its exit code (128 + n after signal n).

        `deadline` in seconds; GuestError when it passes, or when the guest dies.
        """
        self.begin(argv, cwd, env)
        for kind, payload in self.frames(deadline):
            if kind == channel.EXIT:
                return int(payload)
            receive(kind, payload)
        raise AssertionError("frames() ends by raising")

    def begin(
        self,
        argv: Sequence[str],
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        reports: bool = False,
    ) -> None:
        """Start a command and don't wait: its outputs, and in the end its EXIT, come out of `frames`."""
        request = {"argv": list(argv), "cwd": str(cwd or PROJECT), "env": dict(env or {}), "reports": reports}
        self._send(channel.RUN, json.dumps(request).encode())

    def signal(self, number: int) -> None:
        """Send a signal to the process group of the command that runs."""
        self._send(channel.SIGNAL, str(number).encode())

    def frames(self, deadline: float | None = None, restart: bool = False) -> Iterator[tuple[int, bytes]]:
        """What the guest says, as it says it.

        GuestError after `deadline` seconds; with `restart`, after as many seconds of silence.
        """
        until = None if deadline is None else time.monotonic() + deadline
        while True:
            if restart and deadline is not None:
                until = time.monotonic() + deadline
            self._line.settimeout(None if until is None else max(0.001, until - time.monotonic()))
            try:
                arrived = self._line.recv(1 << 16)
            except TimeoutError:
                raise GuestError(
                    f"the guest said nothing more within {deadline:g} s{self.last_words()}"
                ) from None
            except OSError:
                arrived = b""
            if not arrived:
                raise GuestError(f"the guest has died{self.last_words()}")
            yield from self._unpacker.feed(arrived)

    def last_words(self, lines: int = 15) -> str:
        """The tail of the console, for a message."""
        texts = []
        for name in ("keeper.log", "network.log", "console.log", "jupyter.log"):
            try:
                text = (self.run_dir / name).read_text(errors="replace")
            except OSError:
                continue  # the keeper has tidied up: nothing more is known
            tail = [line for line in text.splitlines() if line.strip()][-lines:]
            if tail:
                texts.append(f"\n{name}:\n  " + "\n  ".join(tail))
        return "".join(texts)

    def stop(self, grace: float = STOP_GRACE) -> None:
        """End every process of the guest, unmount, power off; kill it after `grace` seconds."""
        try:
            self._send(channel.STOP)
            for _ in self.frames(grace):
                pass
        except GuestError:
            pass  # it has ended, or is late: the keeper makes sure
        finally:
            self._line.close()
            assert self._keeper.stdin
            self._keeper.stdin.close()  # the leash
            self._keeper.wait()

    def __enter__(self) -> "Guest":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _send(self, kind: int, payload: bytes = b"") -> None:
        self._line.settimeout(None)
        try:
            self._line.sendall(channel.pack(kind, payload))
        except OSError:
            raise GuestError(f"the guest has died{self.last_words()}") from None


def start(plan: GuestPlan, run_dir: Path, locks: list[int]) -> Guest:
    """Write the run directory and start the keeper on it."""
    if plan.image:
        (run_dir / "state.img").symlink_to(plan.image.resolve())
    (run_dir / "settings").write_text(plan.settings())
    shutil.copyfile(Path(__file__).with_name("init.sh"), run_dir / "init.sh")
    (run_dir / "init.sh").chmod(0o755)
    ours, theirs = socket.socketpair()
    argvs = {
        "kernel": plan.kernel_argv(run_dir, theirs.fileno()),
        "network": network.network_argv(run_dir) if plan.network else None,
    }
    (run_dir / "launch.json").write_text(json.dumps(argvs))
    uid, gid = plan.owner()
    drop = uid != os.geteuid()
    with theirs, open(run_dir / "keeper.log", "wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "machine.guest.keeper", str(run_dir), str(theirs.fileno())],
            cwd=PROJECT,
            env={**os.environ, "TMPDIR": str(requirements.find_memory_dir(plan.memory))},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[theirs.fileno(), *locks],
            start_new_session=True,
            user=uid if drop else None,
            group=gid if drop else None,
            extra_groups=[] if drop else None,
        )
    return Guest(run_dir, keeper, ours)
