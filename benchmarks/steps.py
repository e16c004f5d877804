"""Where a start's time goes: the client's steps by the clock, then every kernel call of launcher and init.

The client's steps follow one another, and add up to the whole. Launcher and init work while the client waits
in one of them ("hear started", "hear ready"); their rows are kernel calls alone, from a trace: what is missing
between a process's calls and the client's waiting is Python, page faults after the clone, and the scheduler.

Left out: what the kernel does after execve, and when it takes namespaces down: "read output" waits for that.
"""

import shutil
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from benchmarks import start
from benchmarks.compare import WARM_UP, summarize
from benchmarks.report import Report, Table
from container_lib.kernel import trace
from container_lib.runtime import client, lifecycle, reserve, starting
from container_lib.runtime.outcome import Places
from container_lib.runtime.spec import Spec

STEPS: tuple[tuple[str, Any, str], ...] = (
    ("check", starting, "check"),
    ("compile the order", starting, "order"),
    ("the process: from the reserve, or born", starting, "get_born"),
    ("send the order", starting, "send_order"),
    ("put the limits in force", starting, "put_limits"),
    ("hear ready: init until execve", starting, "hear_ready"),
    ("read output to its end", lifecycle, "_read_all"),
    ("collect the exit", starting, "collect"),
    ("release: sockets, cgroup, record", lifecycle.Container, "release"),
)
"""What a person calls it, and where the function is. None of them is called by another of them."""


def measure(rounds: int) -> Report:
    """Measure `rounds` starts by the clock, and as many traced."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="byhand-bench-", dir=start.MEMORY))
        stack.callback(shutil.rmtree, directory)
        stack.callback(start.remove_groups, directory)
        stack.callback(client.close)
        stack.callback(reserve.drop)
        where = start.bench_places(directory)
        spec = Spec(("/bin/true",), rootfs=start.busybox(), scratch=False)
        timed = time_steps(spec, where, rounds)
        traced = trace_calls(spec, where, rounds)
    return Report("steps", rounds, [step_table(timed), call_table(traced)])


def time_steps(spec: Spec, where: Places, rounds: int) -> dict[str, list[float]]:
    """Return the µs of each step, one per round; "all" is the whole of `lifecycle.run`."""
    samples: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        for name, owner, attribute in STEPS:
            stack.enter_context(stopwatch(owner, attribute, samples[name]))
        stack.enter_context(stopwatch(lifecycle, "run", samples["all"]))
        for _ in range(WARM_UP + rounds):
            lifecycle.run(spec.changed(), where)
    return {name: values[-rounds:] for name, values in samples.items()}


@contextmanager
def stopwatch(owner: Any, attribute: str, into: list[float]) -> Iterator[None]:
    """For a while, write down how long each call of a function takes, in µs."""
    function: Callable[..., Any] = getattr(owner, attribute)

    def timed(*arguments: Any, **options: Any) -> Any:
        begin = perf_counter_ns()
        try:
            return function(*arguments, **options)
        finally:
            into.append((perf_counter_ns() - begin) / 1000)

    setattr(owner, attribute, timed)
    try:
        yield
    finally:
        setattr(owner, attribute, function)


def trace_calls(spec: Spec, where: Places, rounds: int) -> list[dict[tuple[str, str], list[float]]]:
    """Return for each round the µs of the kernel calls, by (process, call)."""
    found = []
    for number in range(-WARM_UP, rounds):
        trace.start("client")
        lifecycle.run(spec.changed(), where)
        calls: dict[tuple[str, str], list[float]] = defaultdict(list)
        for who, name, _arguments, _result, microseconds in trace.stop():
            calls[who, name].append(microseconds)
        if number >= 0:
            found.append(calls)
    return found


def step_table(samples: dict[str, list[float]]) -> Table:
    """Return the client's steps in their order, and what is left of the whole."""
    whole = samples["all"]
    median = statistics.median(whole)
    steps = [(name, samples[name]) for name, _, _ in STEPS]
    rest = [total - sum(values[number] for _, values in steps) for number, total in enumerate(whole)]
    rows = [
        (name, summarize(values), f"{statistics.median(values) / median:.0%}")
        for name, values in [*steps, ("pipes, sockets, the rest", rest), ("all", whole)]
    ]
    return Table("the client's steps, by the clock", ("step", "µs: median (quartiles)", "share"), rows)


def call_table(traces: list[dict[tuple[str, str], list[float]]]) -> Table:
    """Return the kernel calls, the most expensive first within each process."""
    rows: list[tuple[object, ...]] = []
    for process in ("launcher", "init"):
        keys = {key for calls in traces for key in calls if key[0] == process}
        sums = {key: [sum(calls.get(key, [])) for calls in traces] for key in keys}
        totals = [sum(values[number] for values in sums.values()) for number in range(len(traces))]
        count = sum(len(traces[-1].get(key, [])) for key in keys)
        rows.append((process, "all", count, summarize(totals)))
        for key in sorted(sums, key=lambda key: -statistics.median(sums[key])):
            rows.append(("", key[1], len(traces[-1].get(key, [])), summarize(sums[key])))
    notes = ("traced: each call costs a microsecond or two more; execve itself isn't seen",)
    columns = ("process", "kernel call", "times", "µs, all of them: median (quartiles)")
    return Table("kernel calls of launcher and init, from the trace", columns, rows, notes)
