"""Where the engine keeps things. Environment variables override, so that tests and learners can have their own.

    CONTAINER_LIB_ROOT   /var/lib/container_lib    survives a reboot: images, layers, containers, volumes
    CONTAINER_LIB_RUN    /run/container_lib        does not: records of containers, the stage for their layers

Each run directory has a cgroup of its own above its containers': "byhand" for the usual one. So two engines
with different directories never clean up each other's containers.
"""

import os
import zlib
from pathlib import Path

from container_lib.cgroups import hierarchy
from container_lib.errors import AbilityMissing
from container_lib.runtime.outcome import Places

DEFAULT_ROOT = Path("/var/lib/container_lib")
DEFAULT_RUN = Path("/run/container_lib")


def root_dir() -> Path:
    """Return the directory for what is kept."""
    return Path(os.environ.get("CONTAINER_LIB_ROOT") or DEFAULT_ROOT)


def run_dir() -> Path:
    """Return the directory for what ends with the machine."""
    return Path(os.environ.get("CONTAINER_LIB_RUN") or DEFAULT_RUN)


def parent_name(run: Path) -> str:
    """Return the name of the cgroup above the containers of this run directory."""
    if run == DEFAULT_RUN:
        return hierarchy.PARENT_NAME
    return f"{hierarchy.PARENT_NAME}-{zlib.crc32(os.fsencode(run)):08x}"


def runtime_places(run: Path, tree: hierarchy.Hierarchy | None) -> Places:
    """Return what the runtime needs to know, with its directories made. Raises `AbilityMissing` without root."""
    if os.geteuid() != 0:
        hint = "run it as root (sudo), or in the embedded guest: make lab WHERE=guest"
        raise AbilityMissing(
            "starting a container needs root: this process has uid " + str(os.geteuid()), hint
        )
    parent = hierarchy.parent_group(tree, parent_name(run)) if tree is not None else None
    places = Places(run, parent)
    places.make()
    return places
