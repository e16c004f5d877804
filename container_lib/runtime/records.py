"""What is written down about each container, so that a stranger can clean up after a `kill -9`.

    <run_dir>/containers/<id>.json     {"id": …, "group": …, "launcher": [pid, start time], "argv": …}

The record is made before anything else of the container and removed after everything else: whatever exists has
a record, or is about to lose its last trace. It is written beside and renamed, so it is whole or absent.
A container is *stale* when the launcher that its record names is gone: with it go its containers.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from container_lib.kernel import procfs


@dataclass(frozen=True)
class Record:
    """One container as it was ordered. `group` is "" without cgroup v2; `argv` is empty for the one in reserve."""

    id: str
    group: str
    launcher: tuple[int, int]
    argv: tuple[str, ...]

    @property
    def stale(self) -> bool:
        """Whether the launcher, and so the container, is gone."""
        return not procfs.is_same_process(*self.launcher)


def path_of(run_dir: Path, container_id: str) -> Path:
    """Return where the record of a container is."""
    return run_dir / "containers" / f"{container_id}.json"


def write(run_dir: Path, record: Record) -> Path:
    """Write the record, atomically, and return its path."""
    path = path_of(run_dir, record.id)
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "wb", buffering=0) as file:
        file.write(json.dumps(vars(record)).encode("utf-8", "surrogateescape"))
    os.rename(temporary, path)
    return path


def read_all(run_dir: Path) -> Iterator[Record]:
    """Yield every record. One that is removed meanwhile is passed over."""
    for path in sorted((run_dir / "containers").glob("*.json")):
        record = read(run_dir, path.stem)
        if record is not None:
            yield record


def read(run_dir: Path, container_id: str) -> Record | None:
    """Return the record of a container; None where there is none."""
    try:
        text = path_of(run_dir, container_id).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None
    fields = json.loads(text)
    return Record(fields["id"], fields["group"], tuple(fields["launcher"]), tuple(fields["argv"]))


def temporary_files(run_dir: Path) -> list[Path]:
    """Return records that were being written when their writer was killed."""
    found = (run_dir / "containers").glob("*.tmp")
    return [path for path in found if not os.path.exists(f"/proc/{path.name.split('.')[-2]}")]
