"""What a live graph remembers of one container: the numbers of the last seconds, ready to be drawn.

History(window, hz).add(reading)
  .times            seconds, monotonic
  .values["cpu"]    CPUs in use since the reading before: two counters' difference, by the time between
  .values["memory"] MiB held at that moment;  .values["pids"]  tasks at that moment
  .throttled        the share of the time for which the group waited for its next period
  .marks["memory"]  moments of an OOM kill;  .marks["pids"]  of a refused fork
"""

from collections import deque

from container_lib.cgroups.sample import cpus
from container_lib.teaching.live_reading import MIB, Reading

QUANTITIES = ("cpu", "memory", "pids")


class History:
    """The last `window` seconds of one group."""

    def __init__(self, window: float, hz: float) -> None:
        length = int(window * hz) + 2
        self.times: deque[float] = deque(maxlen=length)
        self.values: dict[str, deque[float]] = {name: deque(maxlen=length) for name in QUANTITIES}
        self.throttled: deque[float] = deque(maxlen=length)
        self.marks: dict[str, deque[float]] = {"memory": deque(maxlen=50), "pids": deque(maxlen=50)}
        self.last: Reading | None = None

    def add(self, reading: Reading) -> None:
        """Take one reading in. The first only sets where the counters stand."""
        before, self.last = self.last, reading
        if before is None:
            return
        now = reading.sample.time
        elapsed = max(now - before.sample.time, 1e-6)
        self.times.append(now)
        self.values["cpu"].append(cpus(before.sample, reading.sample))
        self.values["memory"].append(reading.sample.memory / MIB)
        self.values["pids"].append(reading.sample.pids)
        self.throttled.append((reading.sample.throttled - before.sample.throttled) / 1e6 / elapsed)
        if reading.oom_kills > before.oom_kills:
            self.marks["memory"].append(now)
        if reading.refused_forks > before.refused_forks:
            self.marks["pids"].append(now)

    def limit(self, quantity: str) -> float | None:
        """Return the limit at the last reading, in the graph's units."""
        return self.last.limits[quantity] if self.last else None

    def highest(self, quantity: str) -> float:
        """Return the largest value in the window."""
        return max(self.values[quantity], default=0.0)

    def caption(self, quantity: str) -> str:
        """Return the line above a graph: the value now, its limit, and what the limit has done.

        The value of the cpu is the mean of the last second: the scheduler hands out a quota in lumps.
        """
        value = self._now(quantity)
        if self.last is None or value is None:
            return ""
        limit, (form, unit) = self.limit(quantity), _FORMS[quantity]
        text = form.format(value) + (f" of {form.format(limit)}" if limit is not None else "")
        effect = self._effect(quantity, self.last)
        return f"{text}, {effect}" if effect else f"{text} {unit}"

    def _effect(self, quantity: str, last: Reading) -> str:
        """Return what the limit has done: "throttled 50%", "OOM kills: 1", "refused: 2", or nothing."""
        if quantity == "cpu":
            # on several processors the kernel adds up the time that each had to wait: that may be more than all
            throttled = min(self._mean_of_last_second(self.throttled), 1.0)
            return f"throttled {throttled:.0%}" if throttled > 0.005 else ""
        count = last.oom_kills if quantity == "memory" else last.refused_forks
        return f"{'OOM kills' if quantity == 'memory' else 'refused'}: {count}" if count else ""

    def _now(self, quantity: str) -> float | None:
        values = self.values[quantity]
        if not values:
            return None
        return self._mean_of_last_second(values) if quantity == "cpu" else values[-1]

    def _mean_of_last_second(self, values: deque[float]) -> float:
        recent = [value for time, value in zip(self.times, values, strict=True) if time > self.times[-1] - 1]
        return sum(recent) / len(recent)


_FORMS = {"cpu": ("{:.2f}", "CPUs"), "memory": ("{:.1f}", "MiB"), "pids": ("{:.0f}", "tasks")}
