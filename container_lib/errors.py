"""Every exception that this package raises on purpose.

    ContainerError                 catch this one to catch all; has `exit_code` and maybe a `hint`
    ├── KernelError                a system call or a write to /proc, /sys or a cgroup failed
    ├── AbilityMissing             this machine lacks something (root, a namespace, a controller)
    ├── InvalidValue               a limit, name or option that cannot be meant
    ├── NotFound                   a root filesystem, image or container that does not exist
    ├── Conflict                   it exists, and something is in the way: a name taken, an image in use
    ├── InvalidImage               a layer, archive or document that cannot be used; the message names the entry
    │   └── DigestMismatch         the bytes are not those that the digest names
    ├── CommandNotFound            argv[0] does not exist in the container            (exit code 127)
    ├── CommandNotExecutable       argv[0] exists but cannot be executed              (exit code 126)
    └── LauncherDied               the launcher, or a container's init before exec, was killed

The exit codes are Docker's: 125 when the runtime fails, 126 and 127 when the command cannot be run, and
otherwise the command's own. This module imports nothing, because the launcher imports it.
See https://docs.docker.com/engine/containers/run/#exit-status
"""


class ContainerError(Exception):
    """The root of the tree. `str()` is one message; `hint`, where there is one, is on a line of its own."""

    exit_code = 125

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class KernelError(ContainerError):
    """The kernel said no. `call` is the man page's name, `errno` the number that it answered."""

    def __init__(self, call: str, errno: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.call = call
        self.errno = errno


class AbilityMissing(ContainerError):
    """This machine cannot do that; the hint says where it can be done."""


class InvalidValue(ContainerError):
    """A value that cannot be meant; the message holds the value, the hint an example that works."""


class NotFound(ContainerError):
    """Something that was named does not exist; the message holds the path or the name."""


class Conflict(ContainerError):
    """What was asked for stands against what there is; the message says what is in the way."""


class InvalidImage(ContainerError):
    """A layer, an archive or a document of an image that cannot be used; the message names the entry."""


class DigestMismatch(InvalidImage):
    """The bytes are not those that the digest names: corrupted, truncated, or changed."""


class CommandNotFound(ContainerError):
    """The command does not exist in the container."""

    exit_code = 127


class CommandNotExecutable(ContainerError):
    """The command exists in the container, but the kernel refuses to execute it."""

    exit_code = 126


class LauncherDied(ContainerError):
    """A process of ours was killed before the container ran; nothing of the container is left."""
