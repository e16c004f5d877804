"""The image `jre`: Debian's Java runtime without a display, as one layer on top of `debian`.

    build(store, aside, debian) -> Image      jre:17 (or 21, as Debian has it), jre:latest

What `RUN apt-get install default-jre-headless` does in a Dockerfile: the layers below are mounted as an overlay,
packages are installed in the merged tree, and what the upper directory then holds is the new layer. The layers of
`debian` are shared, in the store and on disk.

Left out: the compiler (default-jdk-headless), Maven, a program to run. See overlayfs in the kernel's
Documentation/filesystems, and /usr/share/doc/java-common.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from container_lib.images.config import History, ImageConfig, timestamp
from container_lib.images.image import Image
from container_lib.images.store import Store
from container_lib.storage.layers.packing import pack
from machine.base_image import adding, packages
from machine.base_image.repeatable import repeatable

PACKAGE = "default-jre-headless"
JAVA_HOME = "/usr/lib/jvm/default-java"
ON_TOP = ("--variant=custom", f"--include={PACKAGE}", "--skip=check/empty")


def build(store: Store, aside: Path, debian: Image) -> Image:
    """Install Java on top of an image and put the result into the store. Needs root, and an empty directory.

    Raises what `packages.install` raises; then the store is as it was.
    """
    lowers = store.lowers(debian)
    began = aside.stat().st_mtime_ns
    upper = packages.install(aside, ON_TOP, lowers)
    created = repeatable(upper, began)
    version = java_version(upper)

    def configure(diff_id: str) -> ImageConfig:
        return configuration(debian.config, diff_id, created, version)

    names = [f"jre:{tag}" for tag in (version.partition(".")[0], "latest")]
    return adding.add(store, names, lambda sink: pack(upper, sink, overlay=True), configure, debian)


def configuration(below: ImageConfig, diff_id: str, created: int, version: str) -> ImageConfig:
    """What the image says of itself, on top of what the image below it says. `created` is its time in s."""
    when = timestamp(datetime.fromtimestamp(created, UTC))
    history = (
        *below.history,
        History(when, f"apt-get install {PACKAGE} # Java {version}", comment="from Debian's packages"),
        History(when, f"ENV JAVA_HOME={JAVA_HOME}", empty_layer=True),
    )
    run = {**below.run, "Env": [*below.env, f"JAVA_HOME={JAVA_HOME}"]}
    return replace(below, diff_ids=(*below.diff_ids, diff_id), run=run, history=history, created=when)


def java_version(tree: Path) -> str:
    """The version of the Java in a tree, such as "17.0.15", from the file that Java has for that."""
    release = tree / JAVA_HOME.lstrip("/") / "release"  # its links are relative, and stay in the tree
    lines = dict(line.split("=", 1) for line in release.read_text().splitlines())
    return lines["JAVA_VERSION"].strip('"')
