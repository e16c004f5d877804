"""Comparing contenders fairly on a machine that is busy with other things: take turns, and report ratios.

    samples = take_turns({"ours": run_ours, "crun": run_crun}, rounds=60)
    summarize(samples["ours"])                          Summary(low=…, median=…, high=…)   in µs
    summarize(ratios(samples, "ours", "crun"))          the same of the quotients, round by round

In each round every contender runs once, and the one that begins changes from round to round: so a slow moment
hits all of them alike, and nobody always follows the same neighbour. `low` and `high` are the quartiles.
What a ratio tells holds on other machines; what a time tells does not.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns, sleep

WARM_UP = 5


@dataclass(frozen=True)
class Summary:
    """The median and the quartiles around it."""

    low: float
    median: float
    high: float


def take_turns(
    contenders: Mapping[str, Callable[[], object]],
    rounds: int,
    warm_up: int = WARM_UP,
    pause: float = 0.0,
    before: Callable[[], object] | None = None,
) -> dict[str, list[float]]:
    """Run every contender once in each round; return the times of each in µs, one per round.

    Before each run the machine rests for `pause` seconds: a first run after idling is slower than the next one.
    `before` is called before each run, outside of the time that is measured.
    """
    names = list(contenders)
    samples: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warm_up, rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            if before is not None:
                before()
            sleep(pause)
            begin = perf_counter_ns()
            contenders[name]()
            took = (perf_counter_ns() - begin) / 1000
            if number >= 0:
                samples[name].append(took)
    return samples


def ratios(samples: Mapping[str, Sequence[float]], name: str, base: str) -> list[float]:
    """Return, round by round, how many times as long as `base` the contender `name` took."""
    return [ours / theirs for ours, theirs in zip(samples[name], samples[base], strict=True)]


def summarize(values: Sequence[float]) -> Summary:
    """Return the median and the quartiles. Raises `StatisticsError` for less than two values.

    >>> summarize([1, 2, 3, 4, 5])
    Summary(low=2.0, median=3.0, high=4.0)
    """
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Summary(low, median, high)
