"""The engine: what the command line and the notebooks talk to.

    engine = Engine()
    engine.load("busybox.tar"); engine.images()                                images
    engine.run("busybox", "echo", "hello")                                     Result(code=0, text="hello\n")
    with engine.start("busybox", "sleep", "60", memory="64m") as container: ...
    engine.diff("web"); engine.commit("web", "web:2")                          what a container has written
    engine.clean()                                                             what a kill -9 left behind

It is a library on two directories, not a server: any number of processes may use it at once. It resolves names
to images and their layers, options to a `Spec`, and hands both to `runtime`. What a method needs is imported when
it is called: the command line starts one method and ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from container_lib.engine import places
from container_lib.errors import InvalidValue

if TYPE_CHECKING:
    from container_lib.cgroups import hierarchy
    from container_lib.engine.containers import Containers
    from container_lib.engine.images import HistoryLine, Listed
    from container_lib.engine.kept import Kept
    from container_lib.engine.pruned import Pruned
    from container_lib.images.store import Store
    from container_lib.runtime.lifecycle import Container
    from container_lib.runtime.outcome import Places, Result
    from container_lib.runtime.spec import Spec
    from container_lib.storage.layers.changes import Change
    from container_lib.storage.volumes import Volumes

Progress = Callable[[int], None] | None


class Engine:
    """An engine on its two directories; by default the machine's. `warn` is called with each warning.

    `keep_reserve` prepares the next start after each one (runtime.reserve). `progress` is told the bytes read of
    layers that have to be unpacked before a start.
    """

    def __init__(
        self,
        root_dir: Path | None = None,
        run_dir: Path | None = None,
        warn: Callable[[str], None] | None = None,
        keep_reserve: bool = True,
        progress: Progress = None,
    ) -> None:
        self.root_dir = root_dir or places.root_dir()
        self.run_dir = run_dir or places.run_dir()
        self.warnings: list[str] = []
        self.keep_reserve = keep_reserve
        self.warn = warn or self.warnings.append
        self.progress = progress

    # ---- what it stands on, made at the first use

    @property
    def tree(self) -> hierarchy.Hierarchy | None:
        """The machine's cgroup v2 tree, or None."""
        from container_lib.cgroups import hierarchy

        return hierarchy.find()

    @cached_property
    def places(self) -> Places:
        """The runtime's directories and the cgroup above ours."""
        return places.runtime_places(self.run_dir, self.tree)

    @cached_property
    def store(self) -> Store:
        """The images."""
        from container_lib.images.store import Store

        return Store(self.root_dir)

    @cached_property
    def containers(self) -> Containers:
        """The containers on disk."""
        from container_lib.engine.containers import Containers

        return Containers(self.root_dir, self.run_dir)

    @cached_property
    def volumes(self) -> Volumes:
        """The named volumes."""
        from container_lib.storage.volumes import Volumes

        return Volumes(self.root_dir / "volumes")

    # ---- running

    def layers(self, image: str) -> tuple[Path, ...]:
        """Return the directories of an image's layers, topmost first; what is not unpacked yet is unpacked."""
        return tuple(self.store.lowers(self.store.image(image), self.progress))

    def rootfs(self, image: str) -> Path:
        """Return the directory of an image of one layer, not to be written to. Raises `InvalidValue` for more."""
        layers = self.layers(image)
        if len(layers) != 1:
            raise InvalidValue(f"image {image} has {len(layers)} layers: no directory is its root filesystem")
        return layers[0]

    def spec(self, image: str, *argv: str, **options: Any) -> Spec:
        """Return what would be run, as data; warnings go to `warn`."""
        from container_lib.engine import creation

        with creation.prepare(self, image, argv, options) as made:
            return made.spec

    def run(
        self,
        image: str,
        *argv: str,
        timeout: float | None = None,
        name: str = "",
        remove: bool = True,
        **options: Any,
    ) -> Result:
        """Run a container to its end and capture its output; `options` are those of `Options`.

        `image` is a name in the store, or the path of a root filesystem. With `remove` nothing is kept of an
        image's container; a root filesystem's container writes in memory, and is never kept.
        """
        from container_lib.engine import creation
        from container_lib.runtime import lifecycle

        with creation.prepare(self, image, argv, options, name, remove) as made:
            return lifecycle.run(made.spec, self.places, timeout, layer=made.layer)

    def start(
        self,
        image: str,
        *argv: str,
        stdio: tuple[int, int, int] | None = None,
        name: str = "",
        remove: bool = True,
        **options: Any,
    ) -> Container:
        """Start a container and return it, running; use it in a `with` statement. Otherwise like `run`."""
        from container_lib.engine import creation
        from container_lib.runtime import lifecycle

        with creation.prepare(self, image, argv, options, name, remove) as made:
            return lifecycle.start(
                made.spec, self.places, stdio, keep_reserve=self.keep_reserve, layer=made.layer
            )

    def clean(self) -> list[str]:
        """Remove what killed processes have left behind, and return a line for each thing removed."""
        from container_lib.engine import clean, pausing

        removed = clean.clean(self.run_dir, self.places.parent)
        removed += [f"unfinished {path}" for path in (*self.store.clean(), *self.volumes.clean())]
        return [*removed, *self.containers.clean(), *pausing.thaw_left(self.containers.all())]

    # ---- images

    def images(self, name: str = "", filters: Iterable[str] = ()) -> list[Listed]:
        """Return the images, newest first: all, or those that `name` and the `filters` leave."""
        from container_lib.engine import images

        return images.images(self.store, name, filters)

    def load(self, source: str | Path | BinaryIO, progress: Progress = None) -> list[str]:
        """Load the images of an archive or an OCI layout, and return docker's line for each."""
        from container_lib.engine import images

        return images.load(self.store, Path(source) if isinstance(source, str) else source, progress)

    def save(
        self, names: Sequence[str], sink: BinaryIO, format: str = "docker", progress: Progress = None
    ) -> None:
        """Write images to an archive: "docker" (docker load, podman load) or "oci" (an OCI layout)."""
        from container_lib.engine import images

        images.save(self.store, names, sink, format, progress)

    def import_image(
        self,
        source: Path | BinaryIO,
        name: str = "",
        changes: Sequence[str] = (),
        message: str = "",
        progress: Progress = None,
    ) -> str:
        """Make an image of one layer from a root filesystem, a directory or a tar, and return its ID."""
        from container_lib.engine import images

        return images.import_image(self.store, source, name, changes, message, progress)

    def tag(self, source: str, target: str) -> None:
        """Give an image one more name."""
        from container_lib.engine import images

        images.tag(self.store, source, target)

    def remove_image(self, name: str, force: bool = False) -> list[str]:
        """Take a name from an image; with its last name the image goes. Returns docker's lines."""
        from container_lib.engine import images

        return images.remove_image(self.store, self.containers.images_in_use, name, force)

    def prune_images(self, all: bool = False, filters: Iterable[str] = ()) -> Pruned:
        """Remove images without a name; with `all`, every image that no container uses."""
        from container_lib.engine import images

        return images.prune_images(self.store, self.containers.images_in_use, all, tuple(filters))

    def history(self, name: str) -> list[HistoryLine]:
        """Return how an image's layers came to be, newest first."""
        from container_lib.engine import images

        return images.history(self.store, name)

    def inspect_image(self, name: str) -> dict[str, Any]:
        """Return all about an image, with docker's keys."""
        from container_lib.engine import inspecting

        return inspecting.inspect_image(self.store, name)

    # ---- containers on disk

    def inspect_container(self, name: str, size: bool = False) -> dict[str, Any]:
        """Return all about a container, with docker's keys."""
        from container_lib.engine import inspecting

        return inspecting.inspect_container(self.containers.get(name), size)

    def diff(self, name: str) -> list[Change]:
        """Return what a container has added, changed and deleted in its image's files."""
        from container_lib.engine import commit

        return commit.diff(self.containers.get(name))

    def commit(
        self,
        container: str,
        name: str = "",
        changes: Sequence[str] = (),
        author: str = "",
        message: str = "",
        pause: bool = True,
        progress: Progress = None,
    ) -> str:
        """Make an image of a container: its image's layers and one of what it has written. Returns the ID."""
        from container_lib.engine import commit

        kept = self.containers.get(container)
        return commit.commit(self.store, kept, name, changes, author, message, pause, progress)

    def export(self, name: str, sink: BinaryIO, progress: Progress = None) -> None:
        """Write a container's whole tree as a tar."""
        from container_lib.engine import commit

        commit.export(self.containers.get(name), sink, progress)

    def remove_container(self, name: str, force: bool = False, volumes: bool = False) -> Kept:
        """Remove a container and all that it has written; with `volumes` also its nameless volumes."""
        from container_lib.engine import prune

        kept = self.containers.remove(name, force)
        if volumes:
            prune.remove_anonymous(self.volumes, kept)
        return kept

    def prune_containers(self) -> Pruned:
        """Remove every container that does not run."""
        from container_lib.engine import prune

        return prune.prune_containers(self.containers)

    def remove_volume(self, name: str, force: bool = False) -> None:
        """Remove a volume that no container uses."""
        from container_lib.engine import prune

        prune.remove_volume(self.volumes, self.containers.volumes_in_use, name, force)

    def prune_volumes(self, named: bool = False) -> Pruned:
        """Remove volumes that no container uses: those without a name of their own, or with `named` all."""
        from container_lib.engine import prune

        return prune.prune_volumes(self.volumes, self.containers.volumes_in_use, named)
