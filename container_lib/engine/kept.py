"""One container as it is on disk: container.json, read together with what the runtime knows of it.

    <root>/containers/<id>/container.json     {"name": …, "image": …, "argv": …, "lowers": […], "exit_code": …, …}
    <run>/containers/<id>.json                there as long as it runs (runtime.records)

Whether it runs is not written into the first: after a kill -9 nobody would be there to correct it.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from container_lib.runtime import records

LOST = 255
"""The exit code of a container whose end nobody saw, as docker has it"""


@dataclass(frozen=True)
class Kept:
    """A container as it is on disk. `lowers` are its image's layers, topmost first; times are RFC 3339."""

    id: str
    name: str
    image: str
    image_id: str
    argv: tuple[str, ...]
    lowers: tuple[Path, ...]
    directory: Path
    created: str
    auto_remove: bool
    volumes: tuple[str, ...]
    state: str
    exit_code: int
    finished: str
    oom_killed: bool
    group: Path | None
    config: dict[str, Any]

    @property
    def upper(self) -> Path:
        """The writable layer: what the container has added, changed and, by whiteouts, deleted."""
        return self.directory / "upper"


def read(directory: Path, root_dir: Path, run_dir: Path) -> Kept | None:
    """Return the container in a directory; None where there is none."""
    container_id = directory.name
    fields = fields_of(directory)
    if fields is None:
        return None
    record = records.read(run_dir, container_id)
    running = record is not None and not record.stale and not fields.get("finished")
    return Kept(
        id=container_id,
        name=fields["name"],
        image=fields.get("image", ""),
        image_id=fields.get("image_id", ""),
        argv=tuple(fields.get("argv", ())),
        lowers=tuple(root_dir / lower for lower in fields["lowers"]),
        directory=directory,
        created=fields["created"],
        auto_remove=bool(fields.get("auto_remove")),
        volumes=tuple(fields.get("volumes", ())),
        state="running" if running else "exited",
        exit_code=fields.get("exit_code", 0 if running else LOST),
        finished=fields.get("finished", ""),
        oom_killed=bool(fields.get("oom_killed")),
        group=Path(record.group) if running and record is not None and record.group else None,
        config=fields,
    )


def fields_of(directory: Path) -> dict[str, Any] | None:
    """Return what container.json says; None where there is none."""
    try:
        fields: dict[str, Any] = json.loads((directory / "container.json").read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return fields


def write(directory: Path, fields: dict[str, Any]) -> None:
    """Write container.json aside, and rename it: it is whole or as it was."""
    aside = directory / "container.json.tmp"
    aside.write_bytes(json.dumps(fields).encode("utf-8", "surrogateescape"))
    os.rename(aside, directory / "container.json")


def now() -> str:
    """Return the time, as RFC 3339 has it, in UTC."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
