"""Each benchmark runs and writes what it promises; in a process of its own, as `make bench` starts it.

Two rounds say nothing about speed, and nothing about it is asserted.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from container_lib.cgroups import hierarchy
from container_lib.engine.engine import Engine


@pytest.fixture
def measured(
    engine: Engine, busybox: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> list[dict[str, Any]]:
    """The tables of the benchmark that the test names."""
    if hierarchy.find() is None:
        pytest.skip(f"no cgroup v2 here; {hierarchy.NO_CGROUP2}")
    (tmp_path / "rootfs").mkdir()
    (tmp_path / "rootfs" / "busybox").symlink_to(busybox)
    command = [sys.executable, "-m", "benchmarks", request.param, "--rounds", "2", "--output", str(tmp_path)]
    environment = os.environ | {"CONTAINER_LIB_ROOT": str(tmp_path), "COLUMNS": "200"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / f"{request.param}.json").read_text())
    assert (report["name"], report["rounds"]) == (request.param, 2)
    for table in report["tables"]:
        assert table["title"] in done.stdout
        assert all(len(row) == len(table["columns"]) for row in table["rows"])
    tables: list[dict[str, Any]] = report["tables"]
    return tables


@pytest.mark.parametrize("measured", ["start"], indirect=True)
def test_a_start_is_measured_beside_crun(measured: list[dict[str, Any]]) -> None:
    inside, _in_a_row, whole = ({row[0]: row[1:] for row in table["rows"]} for table in measured)
    assert inside["crun"][1]["median"] == whole["crun"][1]["median"] == 1.0  # it is the measure
    assert {"byhand", "byhand, user namespace too", "crun, no cgroup"} <= set(inside)
    assert "byhand run" in whole


@pytest.mark.parametrize("measured", ["steps"], indirect=True)
def test_the_steps_of_a_start_add_up_to_it(measured: list[dict[str, Any]]) -> None:
    steps, calls = measured
    *parts, whole = [row[1] for row in steps["rows"]]
    assert sum(part["low"] for part in parts) <= whole["high"]
    assert {"clone3", "mount", "pivot_root", "capset"} <= {row[1] for row in calls["rows"]}


@pytest.mark.parametrize("measured", ["sample"], indirect=True)
def test_a_sample_is_measured_beside_psutil(measured: list[dict[str, Any]]) -> None:
    ways = {row[0]: row[2]["median"] for row in measured[0]["rows"]}
    assert len(ways) == 4
    assert ways["Sampler: kept open, pread, parsed"] == 1.0


@pytest.mark.parametrize("measured", ["live"], indirect=True)
def test_a_live_graph_is_measured(measured: list[dict[str, Any]]) -> None:
    figures = dict(measured[0]["rows"])
    assert figures["updates"] >= 1
    assert "missed" in figures
