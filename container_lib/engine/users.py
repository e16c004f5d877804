"""Who --user means: numbers, or names that the image's own /etc/passwd and /etc/group give.

The files are the image's, so they are looked up in its layers, without following links out of it. See passwd(5),
group(5).
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from container_lib.errors import InvalidValue, NotFound
from container_lib.storage.overlay import Overlay


def find(layers: Sequence[Path], text: str) -> tuple[int, int]:
    """Return (uid, gid) for docker run's --user "name|uid[:group|gid]"; "" is root. `layers` are topmost first."""
    if not text:
        return 0, 0
    user, colon, group = text.partition(":")
    entry = next((line for line in _lines(layers, "passwd") if user in (line[0], line[2])), None)
    if entry is None and not user.isdigit():
        raise NotFound(f"unable to find user {user}: no matching entries in passwd file")
    uid = int(entry[2] if entry is not None else user)
    gid = int(entry[3]) if entry is not None else 0
    if colon:
        found = next((line for line in _lines(layers, "group") if group in (line[0], line[2])), None)
        if found is None and not group.isdigit():
            raise NotFound(f"unable to find group {group}: no matching entries in group file")
        gid = int(found[2] if found is not None else group)
    if max(uid, gid) > 0xFFFFFFFE:
        raise InvalidValue(f"invalid user {text!r}: ids are 32 bits")
    return uid, gid


def _lines(layers: Sequence[Path], name: str) -> list[list[str]]:
    path = file_of(layers, f"etc/{name}")
    if path is None:
        return []
    lines = [line.split(":") for line in os.fsdecode(path.read_bytes()).splitlines()]
    return [line for line in lines if len(line) >= 4 and line[2].isdigit()]


def file_of(layers: Sequence[Path], path: str) -> Path | None:
    """Return where a regular file of the merged tree lies; None where there is none, or a link on the way."""
    try:
        found = layers[Overlay(tuple(layers)).layer_of(path)] / path
    except NotFound:
        return None
    return found if stat.S_ISREG(found.lstat().st_mode) else None
