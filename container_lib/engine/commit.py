"""A container's changes: told, kept as an image's next layer, or written out with all that is below them.

    diff(container)             Change("C", "/etc"), Change("A", "/etc/motd"), Change("D", "/bin/vi")
    commit(store, container)    upper/ ──pack──► layer blob; its image's configuration, one layer and one line of
                                history longer ──► config blob ──► manifest blob ──► index.json
    export(container, sink)     the merged tree as one tar archive

A commit packs what overlayfs has kept in the container's upper directory: nothing is compared, and nothing of the
image is copied. A container that changed nothing gives an image without a new layer. All blobs are on disk before
index.json names the image; a commit that is killed leaves blobs that no image has, which `byhand prune` removes.

An export mounts the tree in a mount namespace of a thread of its own, read-only: no mount outlives it.
Left out: what lies in volumes. See docker commit(1), docker diff(1), docker export(1).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from container_lib.engine.pausing import paused
from container_lib.images import reference
from container_lib.images.config import History, ImageConfig, timestamp
from container_lib.images.documents import CONFIG, DOCKER_LAYER, LAYER, MANIFEST, Descriptor, Manifest
from container_lib.images.instructions import apply
from container_lib.storage.layers import changes as layer_changes
from container_lib.storage.layers.changes import Change

if TYPE_CHECKING:
    from container_lib.engine.kept import Kept
    from container_lib.images.image import Image
    from container_lib.images.store import Store

Progress = Callable[[int], None] | None


def diff(container: "Kept") -> list[Change]:
    """Return what a container has changed, by path. Raises `NotFound` where its directory is gone."""
    return list(layer_changes.changes(container.upper, container.lowers))


def commit(
    store: "Store",
    container: "Kept",
    name: str = "",
    changes: Sequence[str] = (),
    author: str = "",
    message: str = "",
    pause: bool = True,
    progress: Progress = None,
) -> str:
    """Make an image of a container's image and what the container changed, and return its id.

    `changes` are instructions such as 'CMD ["sh"]'. With `pause` a running container is frozen while its files are
    read; without, a file that is written meanwhile raises `Conflict`. Raises `InvalidValue` for a name or an
    instruction, `NotFound`, `InvalidImage` for what no layer can hold, `KernelError` on a full disk.
    """
    names = [reference.parse(name).full] if name else []
    with store.adding():
        image = store.image(container.image_id)
        config = apply(_as_it_ran(image.config, container), changes)
        with paused(container) if pause else nullcontext():
            layer, diff_ids = _pack(store, container, progress)
        step = History(timestamp(datetime.now(UTC)), " ".join(container.argv), author, message, not layer)
        config = replace(
            config,
            diff_ids=(*config.diff_ids, *diff_ids),
            history=(*config.history, step),
            created=step.created,
            author=author or config.author,
        )
        return store.add(_put(store, image, config, layer), names).id


def export(container: "Kept", sink: BinaryIO, progress: Progress = None) -> None:
    """Write a container's whole filesystem into `sink` as a tar archive. Raises `KernelError`, `InvalidImage`."""
    with ThreadPoolExecutor(1, "export") as thread:
        thread.submit(_export, container, sink, progress).result()


def _pack(store: "Store", container: "Kept", progress: Progress) -> tuple[list[Descriptor], list[str]]:
    """Return the layer's descriptor and DiffID, or nothing of both where nothing was changed."""
    from container_lib.storage.layers.packing import pack

    if not _changed(container):
        return [], []
    with store.blobs.writer() as blob:
        packed = pack(container.upper, blob, overlay=True, progress=progress)
        blob.commit()
    return [Descriptor(f"{LAYER}+gzip", packed.digest, packed.size)], [packed.diff_id]


def _changed(container: "Kept") -> bool:
    """Whether anything was changed, if only the mode or the owner of the root directory."""
    roots = [path.stat() for path in (container.upper, *container.lowers[:1])]
    alike = {(root.st_mode, root.st_uid, root.st_gid, root.st_mtime_ns) for root in roots}
    return len(alike) > 1 or any(True for _ in container.upper.iterdir())


def _as_it_ran(config: ImageConfig, container: "Kept") -> ImageConfig:
    """Return the image's configuration with what the container was started with, as docker keeps it."""
    given = {key: value for key, value in container.config.get("run", {}).items() if value}
    stale = (
        "container",
        "container_config",
        "docker_version",
    )  # docker's notes on how this very image was made
    other = {key: value for key, value in config.other.items() if key not in stale}
    return replace(config, run={**config.run, **given}, other=other)


def _put(store: "Store", image: "Image", config: ImageConfig, layer: list[Descriptor]) -> Descriptor:
    """Store configuration and manifest, both in OCI's form, and return the manifest's descriptor."""
    data = config.to_json()
    layers = [replace(old, media_type=_as_oci(old.media_type)) for old in image.manifest.layers] + layer
    manifest = Manifest(Descriptor(CONFIG, store.blobs.put(data), len(data)), tuple(layers)).to_json()
    return Descriptor(MANIFEST, store.blobs.put(manifest), len(manifest), platform=config.platform)


def _as_oci(media_type: str) -> str:
    """Return OCI's name for a layer's media type: docker's older ones differ in that alone."""
    if not media_type.startswith(DOCKER_LAYER):
        return media_type
    compression = media_type.removeprefix(DOCKER_LAYER).lstrip(".")
    return f"{LAYER}+{compression}" if compression else LAYER


def _export(container: "Kept", sink: BinaryIO, progress: Progress) -> None:
    from container_lib.images import importing
    from container_lib.kernel import flags, syscalls
    from container_lib.storage.overlay import Overlay

    syscalls.unshare(
        flags.CLONE_NEWNS
    )  # this thread's own: what it mounts goes with it, even after a kill -9
    syscalls.mount("", "/", "", flags.MS_REC | flags.MS_PRIVATE)
    # subtle: the upper directory as a lower one, because another mount may be writing to it
    with Overlay((container.upper, *container.lowers)).mounted(_place(container)) as merged:
        importing.export(merged, sink, progress=progress)


def _place(container: "Kept") -> Path:
    """Return an empty directory of the container's to mount on."""
    place = container.directory / "merged"
    place.mkdir(exist_ok=True)
    return place
