"""A digest: the name of some bytes that only these bytes have.

    sha256:4bc453b53cb3d914b45f4b250294236adba2c0e09ff6f03793949e7e39fd4cc1
    algorithm                encoded: lower case hexadecimal, 64 characters (sha512: 128)

Whoever holds the digest can tell whether the bytes were changed, truncated or swapped, from wherever they come.
The check of the syntax is also what makes a digest safe as a file's name: no "/" and no ".." passes it.
Left out: every other algorithm that could be registered.
See the OCI image specification, descriptor.md, "Digests".
"""

import hashlib
import re
from typing import TYPE_CHECKING

from container_lib.errors import InvalidValue

if TYPE_CHECKING:
    from hashlib import _Hash

_LENGTHS = {"sha256": 64, "sha512": 128}
_HEXADECIMAL = re.compile("[0-9a-f]+").fullmatch


def of(data: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of some bytes.

    >>> of(b"hello")
    'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
    """
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def check(text: str) -> str:
    """Return `text` if it is a digest of a kind that is known here. Raises `InvalidValue`."""
    name, colon, value = text.partition(":")
    if not colon or not value:
        raise InvalidValue(f"not a digest: {text!r}", "a digest is written sha256:<64 hexadecimal digits>")
    if name not in _LENGTHS:
        raise InvalidValue(
            f"digest {text!r}: algorithm {name!r} is not known", f"known: {', '.join(_LENGTHS)}"
        )
    if len(value) != _LENGTHS[name] or not _HEXADECIMAL(value):
        raise InvalidValue(f"digest {text!r}: {name} takes {_LENGTHS[name]} lower case hexadecimal digits")
    return text


def algorithm(digest: str) -> str:
    """Return what is before the colon: "sha256"."""
    return check(digest).partition(":")[0]


def encoded(digest: str) -> str:
    """Return what is after the colon: the hexadecimal digits."""
    return check(digest).partition(":")[2]


def hasher(digest: str = "sha256") -> "_Hash":
    """Return a new hash object for an algorithm, or for the algorithm of a digest: feed it by `update`."""
    return hashlib.new(digest if digest in _LENGTHS else algorithm(digest))
