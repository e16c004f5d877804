"""Mounting as data: plan → describe → execute.

A plan is a list of steps. A step is a frozen value that can be printed (`describe`, the line that one would type
in a shell), compared in a test, reordered in a lab; `calls` compiles it to the calls that `execute` carries out
in the container's init. Nothing here touches the kernel.

Paths: a `target` is a path in the container, resolved there, so that a symbolic link in an image can't lead
out of it. A `source` of a bind is a path of the machine, given with all its links resolved; it is reached from
the machine's root, which stays the working directory until the end (see `execute.enter_root`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from container_lib.isolation.execute import Call
from container_lib.isolation.newroot import RootStep
from container_lib.kernel import flags


@dataclass(frozen=True)
class MakePrivate:
    """Mounts made from here on stay here. Without it the machine would see them: "/" is shared under systemd."""

    def describe(self) -> str:
        """Return the step as a shell command."""
        return "mount --make-rprivate /"

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        return [("mount", "", "/", "", flags.MS_REC | flags.MS_PRIVATE, "")]


@dataclass(frozen=True)
class Mount:
    """Mount a new filesystem of a type, such as proc or tmpfs."""

    fstype: str
    target: str
    flags: int = 0
    data: str = ""

    def describe(self) -> str:
        """Return the step as a shell command."""
        options = ",".join(filter(None, [*_option_words(self.flags), self.data]))
        return f"mount -t {self.fstype} {self.fstype} {'-o ' + options + ' ' if options else ''}{self.target}"

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        made = ("ensure_directory", self.target)
        return [made, ("mount", self.fstype, self.target, self.fstype, self.flags, self.data)]


@dataclass(frozen=True)
class Bind:
    """Show a file or directory of the machine in the container: docker run -v source:target[:ro]."""

    source: str
    target: str
    read_only: bool = False
    directory: bool = True

    def describe(self) -> str:
        """Return the step as a shell command."""
        also = f" && mount -o remount,bind,ro {self.target}" if self.read_only else ""
        return f"mount --rbind {self.source} {self.target}{also}"

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        made = ("ensure_directory" if self.directory else "ensure_file", self.target)
        source = "." + self.source  # from the machine's root, which is the working directory
        bound: list[Call] = [made, ("mount", source, self.target, "", flags.MS_BIND | flags.MS_REC, "")]
        return bound + ([("remount_read_only", self.target)] if self.read_only else [])


@dataclass(frozen=True)
class Device:
    """Make a character device: it is the numbers that make /dev/null, not its name."""

    path: str
    major: int
    minor: int

    def describe(self) -> str:
        """Return the step as a shell command."""
        return f"mknod -m 666 {self.path} c {self.major} {self.minor}"

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        return [("mknod", self.path, 0o20666, self.major << 8 | self.minor)]


@dataclass(frozen=True)
class Symlink:
    """Make a symbolic link."""

    target: str
    path: str

    def describe(self) -> str:
        """Return the step as a shell command."""
        return f"ln -s {self.target} {self.path}"

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        return [("symlink", self.target, self.path)]


@dataclass(frozen=True)
class Mask:
    """Hide what is at a path."""

    path: str

    def describe(self) -> str:
        """Return the step as a shell command."""
        return f"mount --bind /dev/null {self.path}    # an empty tmpfs, if it is a directory"

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        return [("mask", self.path)]


@dataclass(frozen=True)
class ReadOnly:
    """Make a part of the tree read-only."""

    path: str

    def describe(self) -> str:
        """Return the step as a shell command."""
        return f"mount --rbind {self.path} {self.path} && mount -o remount,bind,ro {self.path}"

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        return [("bind_read_only", self.path)]


@dataclass(frozen=True)
class ReadOnlyRoot:
    """Make the root itself read-only: docker run --read-only. The mounts on it stay as they are."""

    def describe(self) -> str:
        """Return the step as a shell command."""
        return "mount -o remount,bind,ro /"

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        return [("remount_read_only", "/")]


Step = RootStep | MakePrivate | Mount | Bind | Device | Symlink | Mask | ReadOnly | ReadOnlyRoot


def describe(steps: Iterable[Step]) -> str:
    """Return the plan as a shell script that a person could type, one line a step."""
    return "\n".join(step.describe() for step in steps)


def compile_steps(steps: Iterable[Step]) -> list[Call]:
    """Return the plan as the calls that `execute.execute` carries out."""
    return [call for step in steps for call in step.calls()]


_WORDS = (
    (flags.MS_RDONLY, "ro"), (flags.MS_NOSUID, "nosuid"), (flags.MS_NODEV, "nodev"), (flags.MS_NOEXEC, "noexec"),
    (flags.MS_STRICTATIME, "strictatime"),
)  # fmt: skip


def _option_words(value: int) -> list[str]:
    return [word for flag, word in _WORDS if value & flag]
