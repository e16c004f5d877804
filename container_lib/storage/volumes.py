"""Volumes: directories that outlive the containers that write to them.

    <directory>/<name>/_data            what a container sees; the kernel binds it into the container's tree
    <directory>/<name>/volume.json      {"CreatedAt": …, "Labels": {…}}
    <directory>/.ingest/<name>          one that is being made or removed, locked (storage.ingest)

A volume appears by rename, whole, and goes by rename as well: `kill -9` leaves either all of it or a rest in
.ingest that `clean` removes. A name is Docker's: a letter or digit, then at least one more of letters, digits,
"_", "." and "-". Where none is given, 64 hexadecimal digits are chosen, and the volume is anonymous.

Left out: drivers other than "local" and their options; filling a new volume with what the image has at that place,
which is the engine's part. See docker-volume-create(1).
"""

import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from container_lib.errors import Conflict, InvalidValue, NotFound
from container_lib.storage import ingest

ANONYMOUS = "com.docker.volume.anonymous"
"""the label of a volume that was given no name"""
_NAME = re.compile("[a-zA-Z0-9][a-zA-Z0-9_.-]+").fullmatch


@dataclass(frozen=True)
class Volume:
    """One volume; `created` is in ISO 8601, in UTC."""

    name: str
    data: Path
    created: str
    labels: dict[str, str] = field(default_factory=dict)

    def inspect(self) -> dict[str, Any]:
        """Return what `docker volume inspect` prints of it."""
        return {
            "CreatedAt": self.created,
            "Driver": "local",
            "Labels": self.labels or None,
            "Mountpoint": str(self.data),
            "Name": self.name,
            "Options": None,
            "Scope": "local",
        }

    def size(self) -> int:
        """Return how many bytes its files take, each counted once however many names it has."""
        sizes: dict[tuple[int, int], int] = {}
        for directory, _, names in os.walk(self.data):
            for name in names:
                status = os.lstat(os.path.join(directory, name))
                sizes[status.st_dev, status.st_ino] = status.st_size
        return sum(sizes.values())


class Volumes:
    """The volumes below a directory. Any number of processes may use it at once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def create(self, name: str = "", labels: Mapping[str, str] | None = None) -> Volume:
        """Make a volume, durably, and return it; one that is there already is returned as it is.

        Raises `InvalidValue` for a name that Docker would refuse.
        """
        kept = dict(labels or {})
        if not name:
            name, kept = secrets.token_hex(32), {ANONYMOUS: "", **kept}
        _check(name)
        with ingest.holding(self._ingest(name)):
            if self._place(name).exists():
                return self.get(name)
            made = self._make(name, kept)
            # subtle: the lock goes with the directory; from here on another may remove the volume
            os.rename(self._ingest(name), self._place(name))
            ingest.flush_directory(self.directory)
            return made

    def get(self, name: str) -> Volume:
        """Return the volume of this name. Raises `NotFound`."""
        path = self._place(_check(name)) / "volume.json"
        try:
            written = json.loads(path.read_bytes())
            return Volume(name, path.parent / "_data", str(written["CreatedAt"]), dict(written["Labels"]))
        except FileNotFoundError:
            raise NotFound(f"get {name}: no such volume", "byhand volume ls lists those that exist") from None
        except (ValueError, TypeError, KeyError):
            raise InvalidValue(f"volume {name}: {path} is no description of a volume") from None

    def all(self) -> list[Volume]:
        """Return all volumes, by name."""
        names = os.listdir(self.directory) if self.directory.is_dir() else []
        return [self.get(name) for name in sorted(names) if _NAME(name)]

    def remove(self, name: str, in_use: Mapping[str, Sequence[str]] | None = None) -> None:
        """Remove a volume and all that is in it. `in_use` maps names to the containers that use them.

        Raises `NotFound`, and `Conflict` where a container uses it.
        """
        _check(name)
        users = (in_use or {}).get(name, ())
        if users:
            raise Conflict(
                f"remove {name}: volume is in use - [{', '.join(users)}]", "remove the container first"
            )
        with ingest.holding(self._ingest(name)):
            try:
                os.rename(self._place(name), self._ingest(name) / "removed")
            except FileNotFoundError:
                raise NotFound(f"get {name}: no such volume") from None
            ingest.flush_directory(self.directory)

    def prune(
        self, in_use: Mapping[str, Sequence[str]] | None = None, named: bool = False
    ) -> list[tuple[str, int]]:
        """Remove the anonymous volumes that no container uses, and with `named` the others too.

        Returns (name, bytes) of each that was removed.
        """
        removed = []
        for volume in self.all():
            if (named or ANONYMOUS in volume.labels) and not (in_use or {}).get(volume.name):
                removed.append((volume.name, volume.size()))
                self.remove(volume.name)
        return removed

    def clean(self) -> list[str]:
        """Remove what killed processes left half-made or half-removed, and return the paths."""
        return ingest.clean(self.directory / ".ingest")

    def _place(self, name: str) -> Path:
        return self.directory / name

    def _ingest(self, name: str) -> Path:
        return self.directory / ".ingest" / name

    def _make(self, name: str, labels: dict[str, str]) -> Volume:
        directory = self._ingest(name)
        (directory / "_data").mkdir()
        (directory / "_data").chmod(0o755)  # whatever the umask is
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        with open(directory / "volume.json", "x") as file:
            json.dump({"CreatedAt": now, "Labels": labels}, file)
            file.flush()
            os.fsync(file.fileno())
        ingest.flush_directory(directory)
        return Volume(name, self._place(name) / "_data", now, labels)


def _check(name: str) -> str:
    if len(name) < 2:
        message = f"volume name {name!r} is too short"
        raise InvalidValue(message, "names should be at least two alphanumeric characters")
    if not _NAME(name) or len(name) > 255:
        hint = "allowed: [a-zA-Z0-9][a-zA-Z0-9_.-]; for a directory of the machine use its absolute path"
        raise InvalidValue(f"volume name {name!r} includes invalid characters", hint)
    return name
