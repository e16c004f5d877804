"""The workbook is complete: each public part of the library is in a notebook, and each name cited exists."""

import ast
import importlib
import re
from pathlib import Path

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


def test_every_public_part_is_shown_or_used_in_a_notebook() -> None:
    """What is missing is to be shown in a notebook, or to be private."""
    shown = identifiers_in_notebooks()
    subjects = [path for path in modules() if not is_shown_elsewhere(dotted(path))]
    missing = {dotted(path): [name for name in public_names(path) if name not in shown] for path in subjects}
    assert {module: names for module, names in missing.items() if names} == {}


def prose() -> list[tuple[str, str]]:
    """Every text that cites code: (where, text)."""
    documents = [(name_of(path), path.read_text()) for path in files(".md")]
    notebooks = [(name_of(path), "\n".join(cells(path, "markdown"))) for path in files(".ipynb")]
    return documents + notebooks


def test_every_name_that_a_text_cites_exists() -> None:
    cited = {(where, name) for where, text in prose() for name in CITED_NAME.findall(text)}
    assert sorted((where, name) for where, name in cited if not resolves(name)) == []


def test_every_file_that_a_text_cites_exists() -> None:
    cited = {(where, CHECKOUT / name) for where, text in prose() for name in CITED_FILE.findall(text)}
    cited |= {(at, (CHECKOUT / at).parent / link) for at, text in prose() for link in LINK.findall(text)}
    assert sorted((where, str(path)) for where, path in cited if not path.exists()) == []


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


def test_every_command_that_a_text_gives_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    given = {(where, target) for where, text in prose() for target in MAKE_TARGET.findall(text)}
    assert sorted((where, target) for where, target in given if target not in targets) == []


def test_help_has_a_line_for_every_target() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    [declared] = re.findall(r"^\.PHONY: (.*)", makefile, re.MULTILINE)
    assert set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE)) == set(declared.split())
