"""--filter of `images` and `prune`: which images are meant, in docker's words.

    dangling=true|false        without a name, or with one
    label=KEY, label=KEY=VALUE the image's labels; label!=… for prune
    before=IMAGE, since=IMAGE  made before or after that one
    until=24h, until=2026-01-31T12:00:00    made before that
    reference=PATTERN          *, ? and [a-z] stand for characters of one component, as in a shell: 'me/app*:1.?'

Several of one kind: label and until must all hold, of reference one. See docker images(1), docker image prune(1).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from container_lib.errors import InvalidValue

if TYPE_CHECKING:
    from container_lib.images.image import Image
    from container_lib.images.reference import Reference

KEYS = ("dangling", "label", "label!", "before", "since", "until", "reference")
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(h|m|s)")


@dataclass
class Filters:
    """The filters, read. `before` and `since` hold moments."""

    dangling: bool | None = None
    labels: list[tuple[str, str | None, bool]] = field(default_factory=list)
    before: list[datetime] = field(default_factory=list)
    since: list[datetime] = field(default_factory=list)
    references: list[str] = field(default_factory=list)

    def fits(self, labels: dict[str, str], created: datetime | None) -> bool:
        """Whether an image with these labels, made then, is meant, whatever its names are."""
        for key, value, wanted in self.labels:
            has = key in labels and value in (None, labels[key])
            if has != wanted:
                return False
        moment = created or datetime.min.replace(tzinfo=UTC)
        return all(moment < limit for limit in self.before) and all(moment > limit for limit in self.since)

    def fits_name(self, name: "Reference | None") -> bool:
        """Whether an image under this name, or without one, is meant."""
        if self.dangling is not None and self.dangling == (name is not None):
            return False
        return not self.references or any(
            name is not None and _matches(name, pattern) for pattern in self.references
        )


def parse(words: Iterable[str], image: "Callable[[str], Image]") -> Filters:
    """Read filters; `image` looks up those that before= and since= name. Raises `InvalidValue`, `NotFound`."""
    made = Filters()
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key not in KEYS:
            raise InvalidValue(f"invalid filter {word!r}", f"one of {', '.join(f'{key}=…' for key in KEYS)}")
        if key == "dangling":
            made.dangling = _boolean(word, value)
        elif key in ("label", "label!"):
            name, has_value, text = value.partition("=")
            made.labels.append((name, text if has_value else None, key == "label"))
        elif key == "reference":
            made.references.append(value)
        elif key == "until":
            made.before.append(_moment(word, value))
        else:
            limits = made.before if key == "before" else made.since
            limits.append(created_of(image(value)) or datetime.min.replace(tzinfo=UTC))
    return made


def created_of(image: "Image") -> datetime | None:
    """Return when an image was made, as its configuration says; None where it doesn't."""
    return moment_of(image.config.created)


def moment_of(text: str) -> datetime | None:
    """Return the moment that a document tells (RFC 3339, maybe with nanoseconds); None for none."""
    if not text:
        return None
    micros = re.sub(r"(\.\d{6})\d+", r"\1", text.upper().replace("Z", "+00:00"))
    return datetime.fromisoformat(micros)


def _matches(name: "Reference", pattern: str) -> bool:
    """Whether the pattern is for the name with its tag, or for the repository, as people write them."""
    found = re.compile(_as_regex(pattern), re.DOTALL)
    return any(found.fullmatch(text) for text in (name.familiar, name.familiar_repository))


def _as_regex(pattern: str) -> str:
    try:
        parts = re.findall(r"\\.|\[[^]]+\]|.", pattern, re.DOTALL)
        known = {"*": "[^/]*", "?": "[^/]"}
        made = "".join(
            known.get(part, part if part[0] in "[\\" and len(part) > 1 else re.escape(part)) for part in parts
        )
        re.compile(made)
    except re.error as error:
        raise InvalidValue(f"invalid pattern {pattern!r}: {error}", "such as 'me/app*:1.?'") from None
    return made


def _boolean(word: str, value: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if value.lower() not in known:
        raise InvalidValue(f"invalid filter {word!r}", "dangling=true or dangling=false")
    return known[value.lower()]


def _moment(word: str, value: str) -> datetime:
    """Return the moment that `until` means: a length of time before now, a number of seconds, or a date."""
    spans = _SPAN.findall(value)
    if spans and "".join(number + unit for number, unit in spans) == value:
        seconds = sum(float(number) * {"h": 3600, "m": 60, "s": 1}[unit] for number, unit in spans)
        return datetime.now(UTC) - timedelta(seconds=seconds)
    try:
        if value.isdigit():
            return datetime.fromtimestamp(int(value), UTC)
        found = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except (ValueError, OverflowError):
        raise InvalidValue(f"invalid filter {word!r}", "until=24h or until=2026-01-31T12:00:00") from None
    return found if found.tzinfo else found.astimezone()
