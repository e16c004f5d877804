"""Sizes, times and JSON as docker prints them.

    size(4_262_100)                   "4.26MB"        three digits, powers of 1000; not MiB
    duration(timedelta(days=2))       "2 days"
    ago(created)                      "2 days ago"
    short_id("sha256:a416a98b71e2…")  "a416a98b71e2"  twelve digits

Docker's words for times round to one unit: "About an hour", then hours up to two days, days up to two weeks, weeks
up to two months, months up to two years. See docker images(1), docker history(1).
"""

import json
from datetime import UTC, datetime, timedelta

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
MINUTE, HOUR, DAY = 60, 3600, 86400


def size(count: int, digits: int = 3) -> str:
    """Return a number of bytes in docker's words: with three significant digits.

    >>> size(0), size(999), size(4_262_100), size(1_000_000_000)
    ('0B', '999B', '4.26MB', '1GB')
    """
    value = float(count)
    for unit in UNITS[:-1]:
        if float(f"{value:.{digits}g}") < 1000:
            return f"{value:.{digits}g}{unit}"
        value /= 1000
    return f"{value:.{digits}g}{UNITS[-1]}"


def duration(span: timedelta) -> str:
    """Return a length of time in docker's words.

    >>> duration(timedelta(seconds=90)), duration(timedelta(hours=47)), duration(timedelta(days=100))
    ('About a minute', '47 hours', '3 months')
    """
    seconds = max(int(span.total_seconds()), 0)
    hours = int(span.total_seconds() / HOUR + 0.5)
    if seconds < MINUTE:
        return "Less than a second" if seconds < 1 else "1 second" if seconds == 1 else f"{seconds} seconds"
    if seconds < HOUR:
        return "About a minute" if seconds < 2 * MINUTE else f"{seconds // MINUTE} minutes"
    if hours <= 1:
        return "About an hour"
    steps = (
        (48, 1, "hours"),
        (24 * 14, 24, "days"),
        (24 * 60, 24 * 7, "weeks"),
        (24 * 730, 24 * 30, "months"),
    )
    for below, divisor, name in steps:
        if hours < below:
            return f"{hours // divisor} {name}"
    return f"{seconds // DAY // 365} years"


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago that was, "N/A" where it isn't known (docker's word for the year 1)."""
    return "N/A" if moment is None else f"{duration((now or datetime.now(UTC)) - moment)} ago"


def short_id(digest: str) -> str:
    """Return the first twelve digits of an id or digest, without the algorithm's name."""
    return digest.partition(":")[2][:12] or digest[:12]


def when(moment: datetime | None) -> str:
    """Return a time as docker's CreatedAt has it in a list: "2024-05-01 12:00:00 +0200 CEST", local."""
    return "N/A" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %z %Z")


def compact(value: object) -> str:
    """Return JSON on one line, without spaces, as docker's templates print it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
