"""Guests for the tests of the guest: one that many tests share, and ones that are started to be ended.

Each lives in a directory for temporary files of its own, whose path is in the command line of every process
that belongs to it. So what is left of one guest can be counted, whatever else runs on the machine.
"""

import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from machine.guest import channel, requirements
from machine.guest.boot import PROJECT, Guest, GuestPlan


@pytest.fixture(scope="session")
def able() -> None:
    """The embedded guest can start here: a fault of the set-up if not, except on another processor."""
    if platform.machine() != "x86_64":
        pytest.skip("User-mode Linux needs an x86-64 processor")
    assert requirements.what_is_missing(network=True) == ""


@dataclass
class Result:
    """How a command in the guest ended."""

    code: int
    stdout: str
    stderr: str


class Shell:
    """Runs shell commands in a guest."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest

    def __call__(self, script: str) -> Result:
        outputs = {channel.STDOUT: b"", channel.STDERR: b"", channel.REPORT: b""}

        def keep(kind: int, data: bytes) -> None:
            outputs[kind] += data

        code = self.guest.run(["sh", "-c", script], keep, deadline=60)
        return Result(code, outputs[channel.STDOUT].decode(), outputs[channel.STDERR].decode())


@pytest.fixture(scope="session")
def shell(able: None) -> Iterator[Shell]:
    """A guest that only tests which leave it as it is share."""
    with Guest.boot(GuestPlan(memory=512 << 20)) as guest:
        yield Shell(guest)


@dataclass
class Command:
    """`python -m machine.guest …` as a process, and everything that belongs to it."""

    process: "subprocess.Popen[str]"
    temporary: Path
    printed: str = field(default="")

    def wait_for(self, pattern: str) -> "re.Match[str]":
        """Read its output until the pattern shows up."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.printed += line
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"ended with {self.process.wait()} and without {pattern!r}:\n{self.printed}")

    def processes(self) -> list[int]:
        """The processes of this guest on the host that are not zombies."""
        return sorted(pid for pid in every_process() if str(self.temporary) in command_line(pid))

    def run_dirs(self) -> list[Path]:
        """Its run directories."""
        return list(self.temporary.iterdir())

    def wait_for_processes(self, seconds: float) -> list[int]:
        """Wait until its processes have ended; give those that have not."""
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left


class Starter:
    """Starts guests from the command line; afterwards none is left, whatever the test did."""

    def __init__(self, temporary: Path) -> None:
        self._temporary = temporary
        self.commands: list[Command] = []

    def __call__(
        self, *arguments: str, uid: int | None = None, checkout: Path = PROJECT, python: str = sys.executable
    ) -> Command:
        temporary = self._temporary / str(len(self.commands))
        temporary.mkdir()
        if uid is not None:
            os.chown(temporary, uid, uid)
        process = subprocess.Popen(
            [python, "-m", "machine.guest", *arguments],
            cwd=checkout,
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **({} if uid is None else {"user": uid, "group": uid, "extra_groups": []}),
        )
        self.commands.append(Command(process, temporary))
        return self.commands[-1]

    def end(self) -> None:
        """SIGKILL to what a failed test has left."""
        for command in self.commands:
            command.process.kill()
            for pid in command.processes():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            command.process.communicate()


@pytest.fixture
def start(able: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Start `python -m machine.guest ARGUMENTS`."""
    directory = tmp_path_factory.mktemp("guests")
    let_others_through(directory)
    starter = Starter(directory)
    yield starter
    starter.end()


def let_others_through(directory: Path) -> None:
    """Let another user's guest get to a directory of pytest's, which are closed."""
    for place in (directory, *directory.parents):
        if place.stat().st_uid == os.geteuid() and not place.stat().st_mode & 0o1:
            place.chmod(0o711)


def every_process() -> list[int]:
    """All process numbers."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def command_line(pid: int) -> str:
    """The command line of a process; empty for a zombie, and for one that has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
