"""The live graph of 02_cgroups, as a learner sees it: it moves, its slider acts, it stops when nobody looks.

`NOTEBOOK` and `CELL` say which notebook, and by which text its cell with the graph is found.
"""

from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.browser import monitors
from tests.browser.conftest import Open
from tests.browser.notebook_page import NotebookPage

NOTEBOOK = "notebooks/02_cgroups.ipynb"
CELL = "live("

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def notebook(open_notebook: Open) -> NotebookPage:
    """The notebook, run up to its first live graph."""
    page = open_notebook(NOTEBOOK)
    page.run_through(page.cell_with(CELL))
    return page


@pytest.fixture
def cell(notebook: NotebookPage) -> int:
    """The cell with the graph, running."""
    index = notebook.cell_with(CELL)
    if len(monitors.threads(notebook)) != 1:
        notebook.run(index)
    notebook.picture(index)
    return index


def until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Wait for something to become true; tell whether it did."""
    deadline = monotonic() + seconds
    while not (true := condition()) and monotonic() < deadline:
        sleep(0.3)
    return true


def test_the_picture_moves(notebook: NotebookPage, cell: int, artefacts: Path) -> None:
    first = notebook.pixels(cell)
    assert until(lambda: notebook.pixels(cell) != first)
    sleep(8)
    notebook.screenshot(artefacts / "02_cgroups_live.png")


def test_a_slider_changes_the_file_in_the_cgroup(notebook: NotebookPage, cell: int, artefacts: Path) -> None:
    (graph,) = monitors.graphs(notebook)
    path = next(iter(graph["groups"].values())) + "/cpu.max"
    before = monitors.content(notebook, path)
    handle = notebook.slider(cell, "cpu")
    handle.focus()
    handle.press("ArrowLeft")
    assert until(lambda: monitors.content(notebook, path) != before)
    sleep(4)
    notebook.screenshot(artefacts / "02_cgroups_slider.png")


def test_running_the_cell_again_leaves_one_updating_thread(notebook: NotebookPage, cell: int) -> None:
    for _ in range(3):
        notebook.run(cell)
    first = notebook.pixels(cell)
    assert until(lambda: notebook.pixels(cell) != first)
    assert len(monitors.threads(notebook)) == 1


def test_closing_the_output_stops_the_updates(notebook: NotebookPage, cell: int) -> None:
    assert len(monitors.threads(notebook)) == 1
    notebook.clear_output(cell)
    assert until(lambda: monitors.threads(notebook) == [])


def test_the_stop_button_stops_the_updates_and_keeps_the_picture(notebook: NotebookPage, cell: int) -> None:
    notebook.click(cell, ".byhand-stop")
    assert until(lambda: monitors.threads(notebook) == [])
    sleep(1)
    first = notebook.pixels(cell)
    sleep(1)
    assert notebook.pixels(cell) == first
