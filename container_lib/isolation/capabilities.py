"""Root's power, cut into pieces: capabilities.

A container's root keeps 14 of about 40: what daemons that start as root need, and nothing that reaches past the
container. `keep` decides (outside, pure); `drop_to` does it (inside, in the container's init).

    bounding set      what exec may ever give           prctl(PR_CAPBSET_DROP)
    permitted         what the process may use          capset(2)
    effective         what is checked                   capset(2)
    inheritable, ambient: emptied

Whoever starts a container can hand on only what it holds itself: `keep` intersects and tells what was lost.
See capabilities(7); the default set is Docker's.
"""

from __future__ import annotations

from errno import EINVAL

from container_lib.errors import InvalidValue, KernelError
from container_lib.kernel import flags
from container_lib.kernel.syscalls import capget, capset, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:  # not in the launcher: see there
    from collections.abc import Iterable

NAMES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
)  # fmt: skip
"""A capability's number is its place in this tuple (<linux/capability.h>)."""

DEFAULT = (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
)  # fmt: skip


def keep(add: Iterable[str] = (), drop: Iterable[str] = (), held: int | None = None) -> tuple[int, list[str]]:
    """Return (the bit set that a container gets, the capabilities that we don't hold and cannot give).

    `add` and `drop` are docker run's --cap-add and --cap-drop, "ALL" included; `held` is a bit set, by default
    what this process is permitted. Raises `InvalidValue` for an unknown name.
    """
    wanted = set(DEFAULT)
    dropped, added = [_name(word) for word in drop], [_name(word) for word in add]
    if "ALL" in added:
        wanted = set(NAMES)
    if "ALL" in dropped:
        wanted = set()
    wanted = (wanted | (set(added) - {"ALL"})) - (set(dropped) - set(added))
    permitted = capget()[1] if held is None else held
    missing = [name for name in NAMES if name in wanted and not permitted >> NAMES.index(name) & 1]
    return bits(wanted) & permitted, missing


def bits(names: Iterable[str]) -> int:
    """Return the bit set of these capabilities.

    >>> bits(["CHOWN", "KILL"])
    33
    """
    return sum(1 << NAMES.index(name) for name in set(names))


def spell(value: int) -> list[str]:
    """Return the names of the capabilities in a bit set, such as CapEff of /proc/PID/status."""
    return [name for number, name in enumerate(NAMES) if value >> number & 1]


def drop_bounding(kept: int) -> None:
    """Take everything but `kept` out of the bounding set. Runs inside, before the identity changes."""
    for number in range(64):
        if kept >> number & 1:
            continue
        try:
            prctl(flags.PR_CAPBSET_DROP, number)
        except KernelError as error:
            if error.errno == EINVAL:  # past the last capability that this kernel knows
                return
            raise


def drop_to(kept: int) -> None:
    """Make permitted and effective what is in `kept` and still held; empty the others. Runs inside, last."""
    prctl(flags.PR_CAP_AMBIENT, flags.PR_CAP_AMBIENT_CLEAR_ALL)
    permitted = capget()[1] & kept
    capset(permitted, permitted, 0)


def _name(word: str) -> str:
    name = word.upper().removeprefix("CAP_")
    if name != "ALL" and name not in NAMES:
        raise InvalidValue(f"invalid capability {word!r}", "such as NET_ADMIN; see capabilities(7)")
    return name
