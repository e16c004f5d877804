"""The workbook is complete: each public part of the library is in a notebook, and each name cited exists."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from tests.house.checkout import CHECKOUT, cells, code_of, dotted, files, modules, name_of, syntax

# What no notebook needs to show, and why.
NOT_SHOWN = {
    "container_lib.cli": "the command line is run in the notebooks, not called",
    "container_lib.teaching": "the notebooks' own tools; their subject is the rest of the library",
}

CITED_NAME = re.compile(r"\bcontainer_lib(?:\.[A-Za-z_]\w*)+")
CITED_FILE = re.compile(
    r"\b(?:container_lib|machine|tests|notebooks|benchmarks|labs)/[\w./-]+\.(?:py|sh|txt|ipynb|md)\b"
)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
MAKE_TARGET = re.compile(r"(?:^|`)make ([a-z][a-z-]*)", re.MULTILINE)


def public_names(module: Path) -> list[str]:
    """The functions and classes that a module defines for others."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    nodes = [node for node in syntax(module).body if isinstance(node, kinds)]
    return [node.name for node in nodes if not node.name.startswith("_")]


def identifiers_in_notebooks() -> set[str]:
    """Every name and attribute in a code cell, and what is imported there."""
    found: set[str] = set()
    for notebook in files(".ipynb"):
        for cell in cells(notebook, "code"):
            for node in ast.walk(code_of(cell)):
                if isinstance(node, ast.Name):
                    found.add(node.id)
                elif isinstance(node, ast.Attribute):
                    found.add(node.attr)
    return found


def is_shown_elsewhere(module: str) -> bool:
    return any(module == name or module.startswith(name + ".") for name in NOT_SHOWN)


@pytest.mark.parametrize(
    "module", [path for path in modules() if not is_shown_elsewhere(dotted(path))], ids=dotted
)
def test_every_public_part_is_shown_or_used_in_a_notebook(module: Path) -> None:
    missing = set(public_names(module)) - identifiers_in_notebooks()
    assert missing == set(), f"show these of {dotted(module)} in a notebook, or make them private"


def prose() -> list[tuple[str, str]]:
    """Every text that cites code: (where, text)."""
    documents = [(name_of(path), path.read_text()) for path in files(".md")]
    notebooks = [(name_of(path), "\n".join(cells(path, "markdown"))) for path in files(".ipynb")]
    return documents + notebooks


@pytest.mark.parametrize(("where", "text"), prose(), ids=[where for where, _ in prose()])
def test_what_a_text_cites_exists(where: str, text: str) -> None:
    missing = {name for name in CITED_NAME.findall(text) if not resolves(name)}
    missing |= {name for name in CITED_FILE.findall(text) if not (CHECKOUT / name).exists()}
    missing |= {link for link in LINK.findall(text) if not (CHECKOUT / where).parent.joinpath(link).exists()}
    assert missing == set()


def resolves(name: str) -> bool:
    """Whether a dotted name is a module or something in one: import what imports, look up the rest."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            if not hasattr(thing, attribute):
                return False
            thing = getattr(thing, attribute)
        return True
    return False


@pytest.mark.parametrize(("where", "text"), prose(), ids=[where for where, _ in prose()])
def test_every_command_that_a_text_gives_exists(where: str, text: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    assert set(MAKE_TARGET.findall(text)) - targets == set()


def test_help_has_a_line_for_every_target() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    [declared] = re.findall(r"^\.PHONY: (.*)", makefile, re.MULTILINE)
    assert set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE)) == set(declared.split())
