"""What a live graph of four loaded containers costs, written to artefacts/browser/live.json for `make bench`.

Measured on the notebook's kernel as a whole, its messages included, while the browser shows each frame.
No time is asserted: how busy the machine is, is not the graph's doing.
"""

import json
from pathlib import Path
from time import sleep

import nbformat
import pytest

from machine import abilities
from tests.browser import monitors
from tests.browser.conftest import Open

SECONDS = 20
LOAD = "while true; do i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; sleep 0.1; done"
CELLS = (
    f"""from container_lib.engine.engine import Engine
from container_lib.teaching.live import live
engine = Engine()
names = ["web", "db", "cache", "worker"]
load = {LOAD!r}
limits = {{"cpus": 0.05, "memory": "64m", "pids_limit": 20}}
containers = {{name: engine.start("busybox", "sh", "-c", load, **limits) for name in names}}""",
    "graph = live(containers, hz=5, seconds=120)",
    "for container in containers.values(): container.release()",
)

pytestmark = pytest.mark.slow


@pytest.fixture
def path(artefacts: Path) -> str:
    """A notebook with a graph of four containers, as a path in the checkout."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, artefacts / "four_containers.ipynb")
    return "artefacts/browser/four_containers.ipynb"


def test_four_containers_are_shown_side_by_side(path: str, open_notebook: Open, artefacts: Path) -> None:
    notebook = open_notebook(path)
    notebook.run_through(1)
    first = notebook.pixels(1)
    sleep(3)  # the first second goes into opening, laying out, showing
    clock, used = monitors.processor_time(notebook)
    (before,) = monitors.graphs(notebook)
    sleep(SECONDS)
    (after,) = monitors.graphs(notebook)
    clock_after, used_after = monitors.processor_time(notebook)
    assert notebook.pixels(1) != first
    notebook.screenshot(artefacts / "four_containers.png")
    notebook.run(2)
    result = {
        "where": abilities.where_to_run(),
        "containers": len(after["groups"]),
        "seconds": clock_after - clock,
        "updates": after["updates"] - before["updates"],
        "missed": after["missed"] - before["missed"],
        "missed at the start": before["missed"],
        "milliseconds a frame": after["milliseconds a frame"],
        "share of a core": (used_after - used) / (clock_after - clock),
    }
    (artefacts / "live.json").write_text(json.dumps(result, indent=2) + "\n")
    assert result["containers"] == 4
    assert result["updates"] > 0
