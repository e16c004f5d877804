"""The image `debian`: the smallest Debian that still has apt, of the machine's own release.

    build(store, aside) -> Image      debian:bookworm, debian:12, debian:latest

What mmdebstrap calls minbase: the essential packages, those of priority "required", and apt. Manual pages,
translations and documentation are left out, now and whenever packages are installed in a container of it
(/etc/dpkg/dpkg.cfg.d); copyrights stay. Sources in /etc/apt/sources.list are those of the machine that built it.

Left out: an init, a user besides those of base-passwd. See mmdebstrap(1) "VARIANTS", dpkg(1) "--path-exclude".
"""

from datetime import UTC, datetime
from pathlib import Path

from container_lib.images.config import History, ImageConfig, timestamp
from container_lib.images.image import Image
from container_lib.images.store import Store
from container_lib.storage.layers.packing import pack
from machine.base_image import adding, packages
from machine.base_image.repeatable import repeatable

MINIMAL = (
    "--variant=minbase",
    "--hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr",
)  # without perl, 45 MB
WITHOUT = (
    "path-exclude=/usr/share/man/*/*", "path-exclude=/usr/share/locale/*", "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright",
)  # fmt: skip
# subtle: not man/* but man/*/*. Packages such as Java's put links there and fail where the directory is missing.


def build(store: Store, aside: Path) -> Image:
    """Build the image from the mirror's packages and put it into the store. Needs root and an empty directory.

    Raises what `packages.install` raises; then the store is as it was.
    """
    began = aside.stat().st_mtime_ns
    tree = packages.install(aside, [*MINIMAL, *(f"--dpkgopt={option}" for option in WITHOUT)])
    created = repeatable(tree, began)
    suite, version = packages.codename(), (tree / "etc/debian_version").read_text().strip()

    def configure(diff_id: str) -> ImageConfig:
        return configuration(diff_id, created, f"Debian {version} ({suite})")

    names = [f"debian:{tag}" for tag in (suite, version.partition(".")[0], "latest")]
    return adding.add(store, names, lambda sink: pack(tree, sink), configure)


def configuration(diff_id: str, created: int, release: str) -> ImageConfig:
    """What the image says of itself. `created` is its time in s."""
    when = timestamp(datetime.fromtimestamp(created, UTC))
    history = (
        History(when, f"mmdebstrap --variant=minbase # {release}", comment="from Debian's packages"),
        History(when, 'CMD ["bash"]', empty_layer=True),
    )
    run = {"Cmd": ["bash"], "Env": [adding.PATH]}
    return ImageConfig(adding.this_platform(), (diff_id,), run, history, when)


def package_list(tree: Path) -> list[str]:
    """The packages installed in an unpacked layer of it, each "name version"."""
    stanzas = (tree / "var/lib/dpkg/status").read_text().split("\n\n")
    fields = [dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line) for stanza in stanzas]
    return sorted(f"{entry['Package']} {entry['Version']}" for entry in fields if "Version" in entry)
