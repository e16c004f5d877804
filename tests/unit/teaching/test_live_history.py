"""What a graph remembers: rates from counters, marks at their moments."""

import pytest

from container_lib.cgroups.sample import Sample
from container_lib.teaching.live_history import History
from container_lib.teaching.live_reading import MIB, Reading

LIMITS: dict[str, float | None] = {"cpu": 0.5, "memory": 64.0, "pids": None}


def reading(
    time: float, *, cpu: float = 0, throttled: float = 0, kills: int = 0, refused: int = 0
) -> Reading:
    sample = Sample(time, round(cpu * 1e6), round(throttled * 1e6), memory=3 * MIB, pids=7)
    return Reading(sample, LIMITS, kills, refused)


def test_processors_are_the_difference_of_two_readings_by_the_time_between() -> None:
    history = History(30, 5)
    history.add(reading(10.0, cpu=100.0))
    assert list(history.times) == []  # one reading of a counter says nothing
    history.add(reading(10.5, cpu=100.1, throttled=0.2))
    assert history.values["cpu"][0] == pytest.approx(0.2)
    assert history.throttled[0] == pytest.approx(0.4)
    assert (history.values["memory"][0], history.values["pids"][0]) == (3.0, 7)


def test_old_values_leave_the_window() -> None:
    history = History(window=2, hz=5)
    for number in range(100):
        history.add(reading(number / 5, cpu=number))
    assert history.times[-1] - history.times[0] == pytest.approx(2, abs=0.3)


def test_kills_and_refused_forks_are_marked_at_their_moment() -> None:
    history = History(30, 5)
    history.add(reading(1.0, kills=5))  # before the graph began: no mark
    history.add(reading(1.2, kills=5))
    history.add(reading(1.4, kills=6, refused=3))
    assert (list(history.marks["memory"]), list(history.marks["pids"])) == ([1.4], [1.4])


def test_captions_tell_value_limit_and_what_the_limit_did() -> None:
    history = History(30, 5)
    assert history.caption("cpu") == ""
    history.add(reading(1.0))
    history.add(reading(1.5, cpu=0.25, throttled=0.25, kills=1, refused=2))
    assert history.caption("cpu") == "0.50 of 0.50, throttled 50%"
    assert history.caption("memory") == "3.0 of 64.0, OOM kills: 1"
    assert history.caption("pids") == "7, refused: 2"
