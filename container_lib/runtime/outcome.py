"""The plain values around a container's life: where its traces are kept, whom to tell of it, and how it ended.

See wait(2), and docker run's "Exit status".
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from container_lib.cgroups.group import keyed


@dataclass(frozen=True)
class Places:
    """Where things are kept: `run_dir` for records (gone at reboot), `parent` the cgroup above ours, or None."""

    run_dir: Path
    parent: Path | None

    @property
    def stage(self) -> Path:
        """An empty directory on which each container, in its own mount namespace, builds its writable layer."""
        return self.run_dir / "stage"

    def make(self) -> None:
        """Make the directories that don't exist yet."""
        for directory in (self.stage, self.run_dir / "containers"):
            if not os.path.isdir(directory):
                os.makedirs(directory, exist_ok=True)


@dataclass(frozen=True)
class Exit:
    """How a container ended. `code` is Docker's: the command's own, or 128 + the signal's number.

    Times are in µs, `max_rss` in KiB: what wait4(2) tells of PID 1 and the children that it waited for.
    """

    code: int
    signal: int = 0
    oom_killed: bool = False
    user_time: int = 0
    system_time: int = 0
    max_rss: int = 0


class Layer(Protocol):
    """Who keeps a container's writable layer on disk, and is told of its life."""

    def begin(self, container_id: str) -> Path:
        """Return a directory with an upper/ and a work/: the container has its id, and nothing has run yet."""

    def end(self, exit_: Exit | None) -> None:
        """The container is over, and all of its processes; None where nobody knows how it ended."""


@dataclass(frozen=True)
class Result:
    """What `run` returns: the exit and the captured output."""

    exit: Exit
    stdout: bytes
    stderr: bytes

    @property
    def code(self) -> int:
        """The exit code."""
        return self.exit.code

    @property
    def text(self) -> str:
        """stdout as text."""
        return self.stdout.decode(errors="replace")


def exit_of(status: int, figures: tuple[int, int, int], group: Path | None) -> Exit:
    """Return the `Exit` that wait4's `status` and usage mean; the group, still there, tells of an OOM kill."""
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    code = 128 + number if number else os.WEXITSTATUS(status)
    return Exit(code, number, was_oom_killed(group), *figures)


def was_oom_killed(group: Path | None) -> bool:
    """Return whether the kernel killed a process of the group for want of memory."""
    if group is None or not (group / "memory.events").exists():
        return False
    return keyed(group / "memory.events").get("oom_kill", 0) > 0
