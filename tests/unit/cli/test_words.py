"""Sizes, times and JSON in docker's words; tests/peers compares the same with the docker client's own."""

from datetime import UTC, datetime, timedelta

import pytest

from container_lib.cli import words


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0B"), (1, "1B"), (999, "999B"), (1000, "1kB"), (999_499, "999kB"), (999_999, "1MB"),
     (4_262_100, "4.26MB"), (117_000_000, "117MB"), (1_500_000_000, "1.5GB"), (10**18, "1e+03PB")],
)  # fmt: skip
def test_a_size_has_three_digits(count: int, text: str) -> None:
    assert words.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "Less than a second"), (0.4, "Less than a second"), (1, "1 second"), (59, "59 seconds"),
     (60, "About a minute"), (119, "About a minute"), (120, "2 minutes"), (3599, "59 minutes"),
     (3600, "About an hour"), (5399, "About an hour"), (5400, "2 hours"), (47 * 3600, "47 hours"),
     (2 * 86400, "2 days"), (14 * 86400, "2 weeks"), (60 * 86400, "2 months"), (730 * 86400, "2 years")],
)  # fmt: skip
def test_a_time_is_told_in_one_unit(seconds: float, text: str) -> None:
    assert words.duration(timedelta(seconds=seconds)) == text


def test_a_moment_that_is_not_known_is_not_available() -> None:
    assert (words.ago(None), words.when(None)) == ("N/A", "N/A")
    now = datetime(2024, 5, 3, tzinfo=UTC)
    assert words.ago(datetime(2024, 5, 1, tzinfo=UTC), now) == "2 days ago"


def test_ids_are_short_with_and_without_their_algorithm() -> None:
    assert words.short_id("sha256:" + "ab" * 32) == "abababababab"
    assert words.short_id("ab" * 32) == "abababababab"
    assert words.short_id("<missing>") == "<missing>"


def test_json_has_no_spaces() -> None:
    assert words.compact({"a": "<none>", "b": ["ü"]}) == '{"a":"<none>","b":["ü"]}'
