"""A tree that packages were installed in, without what differs from one day to the next.

    repeatable(tree, began) -> created     the same packages give the same bytes, whenever they are installed

What is taken out or changed, and nothing else differs (a test builds twice and compares):

    dev/* tmp/* run/*          the runtime makes them
    etc/resolv.conf, hostname  this machine's, and the runtime's to give
    etc/passwd-, …             copies of how a file was before the last package changed it
    dpkg/status-old, …-old     the same
    var/log/*, aux-cache       when what was done, and which inode it had
    archives/partial           apt's or root's, by whether apt's user gets through to the tree; apt makes it anew
    cacerts                    Java's certificates hold the second at which each was added (keystore.py)
    etc/shadow                 the day on which each password was set, though none is
    times                      a file that a package brought has its time from there; what was made here has now.
                               "Now" becomes the time of the newest file that came in a package.

That time is what `created` in the image's configuration says. See reproducible-builds.org, SOURCE_DATE_EPOCH.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from machine.base_image import keystore

EMPTY = ("dev", "tmp", "run")
GONE = (
    "etc/resolv.conf", "etc/hostname", "etc/machine-id", "etc/*-", "etc/apt/apt.conf.d/*mmdebstrap",
    "var/lib/dpkg/*-old", "var/cache/debconf/*-old", "var/cache/ldconfig/aux-cache",
    "var/log/*.log", "var/log/apt/*", "var/lib/apt/lists/*", "var/cache/apt/archives/partial",
)  # fmt: skip
CACERTS = "etc/ssl/certs/java/cacerts"
SECOND = 10**9  # ns
DAY = 86400  # s


def repeatable(tree: Path, began: int) -> int:
    """Make `tree` independent of when it was made, and return the time of its newest package's files, in s.

    `began` is when installing began (ns, as the filesystem counts): what is older came in a package.
    """
    for superfluous in _superfluous(tree):
        _remove(superfluous)
    created = max((time for _, time in _times(tree) if time < began), default=0) // SECOND
    if (tree / CACERTS).is_file():
        keystore.date(tree / CACERTS, created)
    if (tree / "etc/shadow").is_file():
        _set_day(tree / "etc/shadow", created // DAY)
    for path, time in _times(tree):
        if time >= began:
            os.utime(path, (created, created), follow_symlinks=False)
    return created


def _superfluous(tree: Path) -> Iterator[Path]:
    for name in EMPTY:
        yield from (tree / name).glob("*")
    for pattern in GONE:
        yield from tree.glob(pattern)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _set_day(shadow: Path, day: int) -> None:
    """Change the third field of each line, the day of the last change; see shadow(5)."""
    lines = [line.split(":") for line in shadow.read_text().splitlines()]
    shadow.write_text("".join(":".join((*line[:2], str(day), *line[3:])) + "\n" for line in lines))


def _times(tree: Path) -> Iterator[tuple[str, int]]:
    """Every path of the tree, the root too, and its time in ns."""
    yield str(tree), tree.stat().st_mtime_ns
    for directory, names, files in os.walk(tree):
        for name in (*names, *files):
            path = os.path.join(directory, name)
            yield path, os.lstat(path).st_mtime_ns
