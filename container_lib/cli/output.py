"""Where a command that writes an archive puts it: a file that appears when it is whole, or stdout.

    with output("busybox.tar") as sink: …      .busybox.tar.<pid> beside it, then renamed; on an error: removed
    with output("") as sink: …                 stdout, unless that is a terminal

A device or a pipe is written to as it is: it can't be renamed over.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from container_lib.errors import InvalidValue, NotFound


@contextmanager
def output(name: str) -> Iterator[BinaryIO]:
    """Give something to write to. Raises `InvalidValue` for a terminal or a directory, `NotFound` for no place."""
    if not name:
        if sys.stdout.isatty():
            message = "cowardly refusing to save to a terminal. Use the -o flag or redirect"
            raise InvalidValue(message)
        with os.fdopen(1, "wb", closefd=False) as stdout:
            yield stdout
        return
    path = Path(name)
    if path.is_dir():
        raise InvalidValue(f"failed to write {name}: it is a directory")
    if not path.parent.is_dir():
        raise NotFound(f"failed to write {name}: the directory {path.parent} does not exist")
    if path.exists() and not path.is_file():
        with open(path, "wb") as device:
            yield device
        return
    with _appearing(path) as file:
        yield file


@contextmanager
def _appearing(path: Path) -> Iterator[BinaryIO]:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "wb") as sink:
            yield sink
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
