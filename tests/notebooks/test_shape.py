"""How a notebook is made: parts in their order, short cells, no outputs in git, nothing forked in its kernel."""

import ast
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.house.checkout import code_of
from tests.notebooks.running import NAMES, NOTEBOOKS

PARTS = (
    "The question", "What Docker does", "Break something by hand", "Build it small",
    "The kernel calls that it made", "A picture", "Check yourself", "What we left out", "Try it yourself",
)  # fmt: skip
LONGEST_CELL = 15
FOR_ANOTHER_PROCESS = {"fork", "forkpty", "unshare", "setns", "clone3", "chroot", "pivot_root"}

notebooks = pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code(path: Path) -> list[str]:
    return [cell.source for cell in read(path).cells if cell.cell_type == "code"]


def headings(path: Path) -> list[str]:
    lines = [
        line for cell in read(path).cells if cell.cell_type == "markdown" for line in cell.source.splitlines()
    ]
    return [line.removeprefix("## ") for line in lines if line.startswith("## ")]


def test_every_notebook_is_run_by_a_test_and_is_on_the_map() -> None:
    names = {path.stem for path in NOTEBOOKS.glob("*.ipynb")}
    assert names == set(NAMES)
    text = (NOTEBOOKS / "README.md").read_text()
    assert [name for name in names if f"({name}.ipynb)" not in text] == []


@notebooks
def test_the_parts_come_in_their_order(path: Path) -> None:
    found = headings(path)
    places = [
        next((n for n, heading in enumerate(found) if heading.startswith(part)), None) for part in PARTS
    ]
    assert None not in places, dict(zip(PARTS, places, strict=True))
    ends = PARTS.index("Check yourself")
    assert places[:4] == sorted(places[:4])
    assert places[ends:] == sorted(places[ends:])
    assert max(places[:ends]) < places[ends]


@notebooks
def test_it_shows_the_library_from_its_source_and_traces_it(path: Path) -> None:
    called = {
        node.func.id for cell in code(path) for node in ast.walk(code_of(cell)) if is_call_by_name(node)
    }
    assert {"show", "trace"} <= called


@notebooks
def test_outputs_are_not_kept(path: Path) -> None:
    kept = [
        cell.id
        for cell in read(path).cells
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count)
    ]
    assert kept == []


@notebooks
def test_every_cell_has_an_identity(path: Path) -> None:
    identities = [cell.get("id") for cell in read(path).cells]
    assert None not in identities
    assert len(set(identities)) == len(identities)


@notebooks
def test_a_cell_is_short(path: Path) -> None:
    assert [cell for cell in code(path) if len(cell.splitlines()) > LONGEST_CELL] == []


@notebooks
def test_nothing_is_forked_or_unshared_in_the_notebooks_kernel(path: Path) -> None:
    nodes = [node for cell in code(path) for node in ast.walk(code_of(cell)) if isinstance(node, ast.Call)]
    called = {node.func.attr for node in nodes if isinstance(node.func, ast.Attribute)}
    called |= {node.func.id for node in nodes if isinstance(node.func, ast.Name)}
    assert called & FOR_ANOTHER_PROCESS == set()


@notebooks
def test_every_question_has_its_answer(path: Path) -> None:
    texts = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    opened = sum(text.count("<details>") for text in texts)
    assert opened >= 6
    assert opened == sum(text.count("</details>") for text in texts)


def is_call_by_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
