"""Strict reading of JSON documents: each field has the type that it should have, or the error names it.

    document = load(data, "manifest sha256:4bc4…")
    document.text("mediaType", "")              a string, "" if it is missing or null
    document.required("config").text("digest")  an object, then a string that must be there

Whoever writes documents in Go writes an empty list as null: null is the same as missing here. Unknown fields are
kept, not refused, as the specification wants; of a field that stands there twice the last one counts.
See RFC 8259, and the OCI image specification, considerations.md.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

from container_lib.errors import InvalidImage

LONGEST = 4 << 20  # bytes
_KINDS = {str: "a string", int: "a number", bool: "true or false", dict: "an object", list: "a list"}
_MISSING: Any = object()


class Fields:
    """One JSON object. `where` says which, for errors: "manifest sha256:4bc4…, layers[2]"."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self.values = values
        self.where = where

    def text(self, name: str, default: str = _MISSING) -> str:
        """Return a string. Raises `InvalidImage` if it is none, or if it is missing and has no default."""
        return str(self._take(name, str, default))

    def number(self, name: str, default: int = _MISSING) -> int:
        """Return a whole number, zero or more."""
        value = int(self._take(name, int, default))
        if value < 0:
            raise self.wrong(name, f"{value} is negative")
        return value

    def flag(self, name: str) -> bool:
        """Return true or false; false if it is missing."""
        return bool(self._take(name, bool, False))

    def object(self, name: str) -> "Fields":
        """Return an object; an empty one if it is missing."""
        return Fields(self._take(name, dict, {}), f"{self.where}, {name}")

    def required(self, name: str) -> "Fields":
        """Return an object that must be there."""
        return Fields(self._take(name, dict, _MISSING), f"{self.where}, {name}")

    def objects(self, name: str) -> list["Fields"]:
        """Return a list of objects."""
        return [Fields(value, f"{self.where}, {name}[{i}]") for i, value in enumerate(self._list(name, dict))]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings."""
        return tuple(self._list(name, str))

    def mapping(self, name: str) -> dict[str, str]:
        """Return an object whose values are all strings."""
        values = self._take(name, dict, {})
        for key, value in values.items():
            self._check(f"{name}[{key!r}]", value, str)
        return dict(values)

    def others(self, known: Collection[str]) -> dict[str, Any]:
        """Return the fields that are not known here, to be kept as they are."""
        return {name: value for name, value in self.values.items() if name not in known}

    def must_have(self, name: str) -> None:
        """Raise `InvalidImage` if a field is not there at all; null will do."""
        if name not in self.values:
            raise self.wrong(name, "missing")

    def wrong(self, name: str, what: str) -> InvalidImage:
        """Return the error that says what is wrong with a field."""
        return InvalidImage(f"{self.where}: {name}: {what}")

    def _list(self, name: str, kind: type) -> list[Any]:
        values: list[Any] = self._take(name, list, [])
        for i, value in enumerate(values):
            self._check(f"{name}[{i}]", value, kind)
        return values

    def _take(self, name: str, kind: type, default: Any) -> Any:
        value = self.values.get(name)
        if value is not None:
            return self._check(name, value, kind)
        if default is _MISSING:
            raise self.wrong(name, "missing")
        return default

    def _check(self, name: str, value: Any, kind: type) -> Any:
        if type(value) is not kind:  # subtle: not isinstance, to which true is a number
            raise self.wrong(name, f"{_shortened(value)} is not {_KINDS[kind]}")
        return value


def load(data: bytes, where: str) -> Fields:
    """Return the object that a JSON document consists of. Raises `InvalidImage` for whatever else it may be."""
    if len(data) > LONGEST:
        raise InvalidImage(f"{where}: {len(data)} bytes, and {LONGEST} are the limit for a document")
    try:
        values = json.loads(data.decode(), parse_constant=_refuse)
        if b"\\u" in data:  # half a surrogate pair is a string to Python, and not to anybody else
            json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidImage(f"{where}: not a JSON document: {error}") from None
    if not isinstance(values, dict):
        raise InvalidImage(f"{where}: {_shortened(values)} is not a JSON object")
    return Fields(values, where)


def dump(values: Mapping[str, Any]) -> bytes:
    """Return the bytes of a document: UTF-8, fields sorted, no blanks. Same values, same bytes, same digest."""
    return json.dumps(
        values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
