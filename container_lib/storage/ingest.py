"""Ingest: where things are written until they are whole, and what of it nobody writes any more.

    <directory>/ingest/<name>     a file or a directory, with a lock (flock) of its writer on it

A writer begins an entry, locks it, fills it, flushes it and renames it to its place, all at once visible there.
The kernel drops a lock when its holder ends, however it ends: an entry that can be locked has no writer any more,
and `clean` removes it. See flock(2), rename(2), fsync(2).
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def begin(ingest: Path) -> tuple[Path, int]:
    """Make an empty file with a name of its own and lock it. Returns its path and its descriptor."""
    ingest.mkdir(parents=True, exist_ok=True)
    while True:
        path = ingest / secrets.token_hex(8)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return path, fd
        os.close(fd)  # subtle: a cleaner came between the two calls, found no lock and removed it


@contextmanager
def holding(path: Path) -> Iterator[Path]:
    """Hold the directory `path`, made if need be and empty, and give it; whoever else wants it waits.

    What is still at `path` in the end is removed: rename it away when it is whole.
    """
    fd = _lock_directory(path)
    try:
        _empty(path)  # what a killed writer left
        yield path
    finally:
        if _is_at(path, fd):
            shutil.rmtree(path)
        os.close(fd)


def flush_directory(directory: Path) -> None:
    """Make the names in a directory survive a power cut: a file's own fsync does not. See fsync(2)."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def clean(ingest: Path) -> list[str]:
    """Remove the entries that nobody holds a lock on, and return their paths."""
    names = sorted(os.listdir(ingest)) if ingest.is_dir() else []
    return [str(ingest / name) for name in names if _remove_if_abandoned(ingest / name)]


def _lock_directory(path: Path) -> int:
    """Lock a directory that is at `path` still when it is locked: its last holder may have renamed it away."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with suppress(FileExistsError):
            path.mkdir()  # subtle: mkdir's own exist_ok looks twice, and fails where it is renamed away in between
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        fcntl.flock(fd, fcntl.LOCK_EX)
        if _is_at(path, fd):
            return fd
        os.close(fd)


def _is_at(path: Path, fd: int) -> bool:
    """Whether what is open is what is at that path."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(fd))
    except FileNotFoundError:
        return False


def _remove_if_abandoned(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False  # its writer has just finished
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except BlockingIOError:
        return False  # its writer lives
    finally:
        os.close(fd)
    return True


def _empty(directory: Path) -> None:
    for entry in os.scandir(directory):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
