"""The engine: what the command line and the notebooks talk to.

    engine = Engine()
    engine.run("busybox", "echo", "hello")                    Result(code=0, text="hello\n")
    with engine.start("busybox", "sleep", "60", memory="64m") as container: ...
    engine.clean()                                            what a kill -9 left behind

It is a library on two directories, not a server: any number of processes may use it at once. It resolves names
to root filesystems, options to a `Spec`, and hands both to `runtime`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from container_lib.cgroups import hierarchy
from container_lib.engine import clean, places
from container_lib.engine.options import Options, to_spec
from container_lib.errors import InvalidValue, NotFound
from container_lib.runtime import lifecycle
from container_lib.runtime.lifecycle import Container
from container_lib.runtime.outcome import Places, Result
from container_lib.runtime.spec import Spec

DEFAULT_COMMAND = ("sh",)
RunningContainer = Container
"""What `Engine.start` returns, for front ends to name."""


class Engine:
    """An engine on its two directories; by default the machine's. `warn` is called with each warning.

    `keep_reserve` prepares the next start after each one (runtime.reserve).
    """

    def __init__(
        self,
        root_dir: Path | None = None,
        run_dir: Path | None = None,
        warn: Callable[[str], None] | None = None,
        keep_reserve: bool = True,
    ) -> None:
        self.root_dir = root_dir or places.root_dir()
        self.run_dir = run_dir or places.run_dir()
        self.warnings: list[str] = []
        self.keep_reserve = keep_reserve
        self._warn = warn or self.warnings.append
        self._places: Places | None = None

    @property
    def tree(self) -> hierarchy.Hierarchy | None:
        """The machine's cgroup v2 tree, or None."""
        return hierarchy.find()

    @property
    def places(self) -> Places:
        """The runtime's directories and the cgroup above ours, made at the first use."""
        if self._places is None:
            self._places = places.runtime_places(self.run_dir, self.tree)
        return self._places

    def rootfs(self, image: str) -> Path:
        """Return the root filesystem that `image` names: a name below <root>/rootfs, or a path with a slash."""
        if not image or image in (".", ".."):
            raise InvalidValue(f"invalid image name {image!r}", "such as busybox")
        path = Path(image).resolve() if "/" in image else self.root_dir / "rootfs" / image
        if not path.exists():
            hint = "make the base image: python -m machine.base_image busybox" if "/" not in image else ""
            raise NotFound(f"no such image or root filesystem: {image} ({path})", hint)
        return path

    def spec(self, image: str, *argv: str, **options: Any) -> Spec:
        """Return what would be run, as data; warnings go to `warn`."""
        spec, warnings = to_spec(argv or DEFAULT_COMMAND, self.rootfs(image), Options(**options), self.tree)
        for warning in warnings:
            self._warn(warning)
        return spec

    def run(self, image: str, *argv: str, timeout: float | None = None, **options: Any) -> Result:
        """Run a container to its end and capture its output; `options` are those of `Options`."""
        return lifecycle.run(self.spec(image, *argv, **options), self.places, timeout)

    def start(
        self, image: str, *argv: str, stdio: tuple[int, int, int] | None = None, **options: Any
    ) -> Container:
        """Start a container and return it, running; use it in a `with` statement."""
        spec = self.spec(image, *argv, **options)
        return lifecycle.start(spec, self.places, stdio, keep_reserve=self.keep_reserve)

    def clean(self) -> list[str]:
        """Remove what killed processes have left behind, and return a line for each thing removed."""
        return clean.clean(self.run_dir, self.places.parent)
