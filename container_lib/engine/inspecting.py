"""All that is known of an image or a container, under docker's names for it.

    inspect_image(store, "busybox")       {"Id": "sha256:…", "RepoTags": ["busybox:latest"], "Config": {…}, …}
    inspect_container(container)          {"Id": "…", "Name": "/wise_hopper", "State": {…}, "GraphDriver": {…}, …}

GraphDriver names the directories that overlayfs lays over each other, topmost first, as docker's overlay2 does.
Of a container there is what it has so far. Left out: docker's NetworkSettings and HostConfig, and the keys that
docker itself marks as old. See docker inspect(1).
"""

from typing import TYPE_CHECKING, Any

from container_lib.engine.prune import bytes_of
from container_lib.engine.sizes import layer_sizes

if TYPE_CHECKING:
    from container_lib.engine.kept import Kept
    from container_lib.images.image import Image
    from container_lib.images.store import Store

DRIVER = "overlay2"
RUN_KEYS = ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels")
"""What Config always has, null where the image does not say"""


def inspect_image(store: "Store", name: str) -> dict[str, Any]:
    """Return what `docker image inspect` has of an image. Raises `NotFound`, `InvalidImage`."""
    from container_lib.images import reference

    image = store.image(name)
    repositories = {reference.parse(text).familiar_repository for text in image.names}
    newest = image.config.history[-1] if image.config.history else None
    variant = image.config.platform.variant
    return {
        "Id": image.id,
        "RepoTags": list(image.names),
        "RepoDigests": sorted(f"{repository}@{image.digest}" for repository in repositories),
        "Parent": "",
        "Comment": newest.comment if newest else "",
        "Created": image.created,
        "Author": image.config.author,
        "Config": {**dict.fromkeys(RUN_KEYS), **image.config.run},
        "Architecture": image.config.platform.architecture,
        **({"Variant": variant} if variant else {}),
        "Os": image.config.platform.os,
        "Size": sum(layer_sizes(store, image)),
        "GraphDriver": {"Data": _directories(store, image), "Name": DRIVER},
        "RootFS": {"Type": "layers", "Layers": list(image.config.diff_ids)},
        "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"},  # docker's "never": names have no time here
        "Descriptor": image.descriptor.values(),
    }


def inspect_container(container: "Kept", size: bool = False) -> dict[str, Any]:
    """Return what `docker container inspect` has of a container; with `size`, the bytes that it wrote, too."""
    running = container.state == "running"
    command, *arguments = container.argv or ("",)
    found = {
        "Id": container.id,
        "Created": container.created,
        "Path": command,
        "Args": arguments,
        "State": {
            "Status": container.state,
            "Running": running,
            "Paused": False,
            "OOMKilled": container.oom_killed,
            "ExitCode": container.exit_code,
            "FinishedAt": container.finished or "0001-01-01T00:00:00Z",
        },
        "Image": container.image_id,
        "Name": f"/{container.name}",
        "Driver": DRIVER,
        "HostConfig": {"AutoRemove": container.auto_remove},
        "GraphDriver": {"Data": _layers_of(container), "Name": DRIVER},
        "Mounts": [{"Type": "volume", "Name": name} for name in container.volumes],
        "Config": {"Image": container.image, "Cmd": list(container.argv), **container.config.get("run", {})},
    }
    return {**found, "SizeRw": bytes_of(container.upper)} if size else found


def _directories(store: "Store", image: "Image") -> dict[str, str]:
    """Return the directories of an image's layers; they exist once a container has been started from it."""
    top, *below = [str(store.layers.path(chain_id)) for chain_id in reversed(image.config.chain_ids)] or [""]
    return {"LowerDir": ":".join(below), "UpperDir": top} if below else {"UpperDir": top}


def _layers_of(container: "Kept") -> dict[str, str]:
    return {
        "LowerDir": ":".join(map(str, container.lowers)),
        "UpperDir": str(container.upper),
        "WorkDir": str(container.directory / "work"),
    }
