"""The steps that make a new root, enter it, and let go of the machine's. (`mounts` has the other steps.)

    Stage         an empty room in memory
    BindRoot      a directory as the root            OverlayRoot   layers as the root, with a writable one on top
    EnterRoot     build inside                       MoveIn        what was furnished on the stage ahead of time
    PivotRoot     swap the roots for good            DetachOldRoot and the machine's tree is gone

See pivot_root(2), and kernel.overlayfs for what the options of an overlay mean.
"""

from dataclasses import dataclass

from container_lib.isolation.execute import Call
from container_lib.kernel import flags, overlayfs


@dataclass(frozen=True)
class Stage:
    """An empty room in memory, seen by this mount namespace alone: here is built what is not the image's."""

    path: str

    def describe(self) -> str:
        """Return the step as a shell command."""
        return f"mount -t tmpfs tmpfs {self.path}"

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        return [("mount", "tmpfs", self.path, "tmpfs", 0, "mode=755")]


@dataclass(frozen=True)
class BindRoot:
    """Make the root filesystem a mount of its own: pivot_root(2) takes nothing less."""

    rootfs: str

    def describe(self) -> str:
        """Return the step as a shell command."""
        return f"mount --rbind {self.rootfs} {self.rootfs}"

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        return [("mount", self.rootfs, self.rootfs, "", flags.MS_BIND | flags.MS_REC, "")]


@dataclass(frozen=True)
class OverlayRoot:
    """Lay a writable layer over read-only ones (`lowers`, topmost first): what is seen at stage/merged.

    `writable` is a directory of the machine with an upper/ and a work/ in it; "" keeps both on the stage, in
    memory, and what the container writes goes with it.
    """

    lowers: tuple[str, ...]
    stage: str
    writable: str = ""
    user_namespace: bool = False

    @property
    def merged(self) -> str:
        """Where the layers are seen as one."""
        return f"{self.stage}/merged"

    def describe(self) -> str:
        """Return the step as a shell command."""
        made = " ".join(str(call[1]) for call in self._directories())
        options, _ = self._plan()
        return f"mkdir {made} && mount -t overlay overlay -o {options} {self.merged}"

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        options, links = self._plan()
        calls = self._directories()
        if links:  # more layers than fit into a page of options: by short names, from where these are
            calls += [("symlink", target, f"{self.stage}/{name}") for name, target in links.items()]
            calls.append(("chdir", self.stage))
        return [*calls, ("mount", "overlay", self.merged, "overlay", 0, options)]

    def _directories(self) -> list[Call]:
        names = ("merged",) if self.writable else ("merged", "upper", "work")
        return [("mkdir", f"{self.stage}/{name}", 0o755) for name in names]

    def _plan(self) -> tuple[str, dict[str, str]]:
        writable = self.writable or self.stage
        return overlayfs.plan(self.lowers, f"{writable}/upper", f"{writable}/work", self.user_namespace)


@dataclass(frozen=True)
class EnterRoot:
    """Build inside: until `PivotRoot`, "/…" is the container's tree and "./…" the machine's."""

    new_root: str

    def describe(self) -> str:
        """Return the step as a shell command."""
        return f"cd / && chroot {self.new_root}    # while building; the working directory stays outside"

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        return [("enter_root", self.new_root)]


@dataclass(frozen=True)
class MoveIn:
    """Move what was furnished on the stage ahead of time to where it belongs, with all that is mounted on it."""

    stage: str
    names: tuple[str, ...]

    def describe(self) -> str:
        """Return the step as a shell command."""
        return " && ".join(f"mount --move {self.stage}/{name} /{name}" for name in self.names)

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        made: list[Call] = [("ensure_directory", f"/{name}") for name in self.names]
        moved = [("mount", f".{self.stage}/{name}", f"/{name}", "", flags.MS_MOVE, "") for name in self.names]
        return [*made, *moved]


@dataclass(frozen=True)
class LeaveRoot:
    """Go back to the machine's tree, from a room that is furnished and has no tenant yet."""

    def describe(self) -> str:
        """Return the step as a shell command."""
        return "chroot ."

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        return [("chroot", ".")]


@dataclass(frozen=True)
class PivotRoot:
    """Swap the roots for good. The old one is stacked on the new one, until `DetachOldRoot`."""

    new_root: str

    def describe(self) -> str:
        """Return the step as a shell command."""
        return f"chroot . && cd {self.new_root} && pivot_root . ."

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        return [("pivot_into", self.new_root)]


@dataclass(frozen=True)
class DetachOldRoot:
    """Let go of the machine's tree: the last step that could still name a file of it."""

    def describe(self) -> str:
        """Return the step as a shell command."""
        return "umount -l . && cd /"

    def calls(self) -> list[Call]:
        """Return the step as calls."""
        return [("detach_old_root",)]


RootStep = Stage | BindRoot | OverlayRoot | EnterRoot | LeaveRoot | MoveIn | PivotRoot | DetachOldRoot
