"""Who --user means: numbers, or names that the image's own /etc/passwd and /etc/group give.

The files are the image's, so they are read without following links out of it. See passwd(5), group(5).
"""

import os
from pathlib import Path

from container_lib.errors import InvalidValue, NotFound


def find(rootfs: Path, text: str) -> tuple[int, int]:
    """Return (uid, gid) for docker run's --user "name|uid[:group|gid]"; "" is root."""
    if not text:
        return 0, 0
    user, colon, group = text.partition(":")
    entry = next((line for line in _lines(rootfs, "passwd") if user in (line[0], line[2])), None)
    if entry is None and not user.isdigit():
        raise NotFound(f"unable to find user {user}: no matching entries in passwd file")
    uid = int(entry[2] if entry is not None else user)
    gid = int(entry[3]) if entry is not None else 0
    if colon:
        found = next((line for line in _lines(rootfs, "group") if group in (line[0], line[2])), None)
        if found is None and not group.isdigit():
            raise NotFound(f"unable to find group {group}: no matching entries in group file")
        gid = int(found[2] if found is not None else group)
    if max(uid, gid) > 0xFFFFFFFE:
        raise InvalidValue(f"invalid user {text!r}: ids are 32 bits")
    return uid, gid


def _lines(rootfs: Path, name: str) -> list[list[str]]:
    path = rootfs / "etc" / name
    if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
        return []
    lines = [line.split(":") for line in os.fsdecode(path.read_bytes()).splitlines()]
    return [line for line in lines if len(line) >= 4 and line[2].isdigit()]
