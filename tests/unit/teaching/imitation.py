"""Ordinary files that look like a group's, for tests without root. Real groups are in tests/kernel."""

from pathlib import Path

CPU_STAT = (
    "usage_usec 1000000\nuser_usec 800000\nsystem_usec 200000\n"
    "nr_periods 10\nnr_throttled 2\nthrottled_usec 5\n"
)
FILES = {
    "cpu.stat": CPU_STAT,
    "cpu.max": "50000 100000\n",
    "memory.current": "10485760\n",
    "memory.max": "67108864\n",
    "memory.events": "low 0\nhigh 0\nmax 4\noom 1\noom_kill 1\noom_group_kill 0\n",
    "pids.current": "3\n",
    "pids.max": "20\n",
    "pids.events": "max 0\n",
}  # fmt: skip


def imitate(directory: Path, *, without: tuple[str, ...] = ()) -> Path:
    """Fill a directory with a group's files, but not those of some controllers."""
    directory.mkdir(exist_ok=True)
    for name, text in FILES.items():
        if name == "cpu.stat" or name.partition(".")[0] not in without:
            (directory / name).write_text(text)
    return directory
