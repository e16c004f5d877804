"""The same in a real notebook kernel, without a front end: as nbclient, nbconvert and CI execute a notebook."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.unit.teaching.imitation import imitate

WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(tmp_path: Path, *cells: str) -> list[list[dict[str, Any]]]:
    """Execute cells in a kernel of their own, and return the outputs of each."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    return [[dict(output) for output in cell.outputs] for cell in notebook.cells]


@pytest.fixture
def group(tmp_path: Path) -> Path:
    return imitate(tmp_path / "group")


def test_a_live_graph_shows_a_widget_and_beside_it_a_picture_that_stands_in(
    tmp_path: Path, group: Path
) -> None:
    code = f"""
from pathlib import Path
from container_lib.teaching.live import live, live_monitors
graph = live({{"web": Path({str(group)!r})}}, seconds=30)
graph.wait(1)
graph.stop()
print(live_monitors(), graph.statistics.updates > 2)"""
    (outputs,) = execute(tmp_path, code)
    (shown,) = [output for output in outputs if "data" in output]
    assert WIDGET in shown["data"]
    assert shown["data"]["image/png"].startswith("iVBORw0KGgo")
    assert shown["data"]["text/plain"].startswith(
        "web: 0.00 of 0.50 CPUs"
    )  # the last frame, not the empty first
    assert [output["text"] for output in outputs if "text" in output] == ["[] True\n"]


def test_source_pictures_and_tables_are_html_with_text_beside(tmp_path: Path) -> None:
    outputs = execute(
        tmp_path,
        "from container_lib.teaching.show import show\nfrom container_lib.cgroups import cpu\nshow(cpu.set_max)",
        "import os\nfrom container_lib.teaching.draw import draw_namespaces\ndraw_namespaces([os.getpid()])",
        "from container_lib.teaching.trace import trace\nwith trace() as calls: pass\ncalls",
    )
    for (output,) in outputs:
        assert {"text/html", "text/plain"} <= set(output["data"])


def test_a_second_run_with_the_same_name_replaces_the_first(tmp_path: Path, group: Path) -> None:
    code = f"""
import threading
from pathlib import Path
from container_lib.teaching.live import live
graph = live(Path({str(group)!r}))
print(sum(thread.name.startswith("byhand-live-") for thread in threading.enumerate()))"""
    for outputs in execute(tmp_path, code, code):
        assert [output["text"] for output in outputs if "text" in output] == ["1\n"]
