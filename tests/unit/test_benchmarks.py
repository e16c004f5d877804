"""The arithmetic of the benchmarks: taking turns, ratios round by round, quartiles, what a table prints."""

import json
from pathlib import Path

from benchmarks.compare import Summary, ratios, summarize, take_turns
from benchmarks.report import Report, Table, save, spell


def test_each_contender_runs_once_a_round_and_another_one_begins_each_time() -> None:
    order: list[str] = []
    contenders = {name: lambda name=name: order.append(name) for name in "abc"}
    samples = take_turns(contenders, rounds=3, warm_up=0)
    assert "".join(order) == "abc" + "bca" + "cab"
    assert {name: len(times) for name, times in samples.items()} == {"a": 3, "b": 3, "c": 3}


def test_warming_up_leaves_no_samples() -> None:
    runs: list[int] = []
    assert len(take_turns({"a": lambda: runs.append(1)}, rounds=2, warm_up=4)["a"]) == 2
    assert len(runs) == 6


def test_a_ratio_belongs_to_its_round() -> None:
    # the second round was slow for both: the times differ fourfold, the ratio does not
    samples = {"ours": [1.0, 4.0], "crun": [2.0, 8.0]}
    assert ratios(samples, "ours", "crun") == [0.5, 0.5]


def test_the_quartiles_stand_around_the_median() -> None:
    assert summarize([5, 1, 4, 2, 3]) == Summary(2.0, 3.0, 4.0)


def test_a_cell_shows_no_more_digits_than_it_has() -> None:
    assert spell(Summary(0.5, 1234.5, 12.34)) == "1,234 (0.50 to 12.3)"


def test_a_report_can_be_read_back(tmp_path: Path) -> None:
    report = Report("sample", 2, [Table("title", ("what", "µs"), [("ours", Summary(1.0, 2.0, 3.0))])])
    read = json.loads(save(report, tmp_path).read_text())
    assert read["tables"][0]["rows"] == [["ours", {"low": 1.0, "median": 2.0, "high": 3.0}]]
    assert set(read["machine"]) == {"date", "processor", "kernel", "python", "load"}  # and no name of a host
