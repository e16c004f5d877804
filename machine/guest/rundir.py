"""The run directory: one per guest, private, and gone when the guest is.

It lies in the directory for temporary files, mode 0700. A lock (flock(2) on the directory itself) says that
its guest lives; the keeper inherits it, and removes the directory at its end. If even the keeper was killed,
the directory stays, without a lock: the next start removes it.
See flock(2), tempfile.
"""

import fcntl
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

PREFIX = "byhand-guest-"
OPEN_PLACE = Path("/tmp")
"""Where root puts the directory of a guest that runs as somebody who cannot reach root's own temporary files."""
SETTLED = 60.0
"""Seconds after which a directory without a lock is surely not just being made."""


def make_run_dir(owner: tuple[int, int]) -> Path:
    """A new run directory that belongs to `owner` (uid, gid)."""
    place = Path(tempfile.gettempdir())
    open_to_all = all(each.stat().st_mode & stat.S_IXOTH for each in (place, *place.parents))
    if owner[0] != os.geteuid() and not open_to_all:
        place = OPEN_PLACE
    run_dir = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    os.chown(run_dir, *owner)
    return run_dir


def lock(run_dir: Path) -> int:
    """Lock it; give the open file that holds the lock. Raises BlockingIOError if its guest lives."""
    opened = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        raise
    return opened


def sweep() -> list[Path]:
    """Remove what guests that were killed together with their keeper have left; say what it was."""
    removed = []
    places = {Path(tempfile.gettempdir()), OPEN_PLACE} if os.geteuid() == 0 else {Path(tempfile.gettempdir())}
    for run_dir in [found for place in places for found in place.glob(f"{PREFIX}*")]:
        status = run_dir.lstat()
        if not stat.S_ISDIR(status.st_mode) or os.geteuid() not in (0, status.st_uid):
            continue
        if time.time() - status.st_mtime < SETTLED:
            continue
        try:
            held = lock(run_dir)
        except BlockingIOError:
            continue
        shutil.rmtree(run_dir)
        os.close(held)
        removed.append(run_dir)
    return removed
