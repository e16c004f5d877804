"""Finding and removing what a `kill -9` left behind.

    a cgroup below ours whose launcher is gone, or that no record names   → kill what is in it, remove it
    a record whose launcher is gone                                       → remove it
    a record that was being written when its writer was killed            → remove it

Mounts and links need no look: they live in a container's own namespaces and end with its last process.
The groups are listed before the records: a record is made first and removed last, so a group without one is stale.
"""

import os
from errno import ENODEV, ENOENT
from pathlib import Path

from container_lib.cgroups import group as cgroup
from container_lib.errors import KernelError, NotFound
from container_lib.runtime import records


def clean(run_dir: Path, parent: Path | None) -> list[str]:
    """Remove everything stale, and return a line for each thing removed."""
    groups = [] if parent is None else sorted(entry.path for entry in os.scandir(parent) if entry.is_dir())
    known = list(records.read_all(run_dir))
    stale = [record for record in known if record.stale]
    live = {record.group for record in known if not record.stale}
    removed = list(filter(None, (remove_group(Path(group)) for group in groups if group not in live)))
    for record in stale:
        records.path_of(run_dir, record.id).unlink(missing_ok=True)
        removed.append(f"record of container {record.id[:12]} ({' '.join(record.argv)[:60]})")
    for path in records.temporary_files(run_dir):
        path.unlink(missing_ok=True)
        removed.append(f"unfinished record {path.name}")
    return removed


def remove_group(group: Path) -> str:
    """Kill every process of the group, remove it, and return a line that says so; "" if another was quicker."""
    try:
        count = len(cgroup.processes(group))
        if count:
            cgroup.thaw(group)
            cgroup.kill(group)
        cgroup.delete(group)
    except NotFound:
        return ""
    except (KernelError, OSError) as error:
        if error.errno not in (ENOENT, ENODEV):
            raise
        return ""
    return f"cgroup {group}" + (f" with {count} processes" if count else "")
