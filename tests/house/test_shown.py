"""The workbook is complete: every public part of the library is shown or used in some notebook.

A code cell shows or uses a function or class when its name stands there, or when the cell shows its module as a
whole: `show(init)`. A class is also used where a function is that takes it or gives it back, or a class that has
it as a field. What is in no notebook should be put in one, or be private.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.house.checkout import cells, code_of, dotted, files, modules, syntax

# What no notebook needs to show, and why.
NOT_SHOWN = {
    "container_lib.cli": "the command line is run in the notebooks, not called",
    "container_lib.teaching": "the notebooks' own tools; their subject is the rest of the library",
}

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def definitions(module: Path) -> list[Definition]:
    """The functions and classes that a module has for others."""
    nodes = [node for node in syntax(module).body if isinstance(node, Definition)]
    return [node for node in nodes if not node.name.startswith("_")]


def subjects() -> list[Path]:
    """The modules that the workbook is about."""
    return [path for path in modules() if not dotted(path).startswith(tuple(NOT_SHOWN))]


@cache
def notebook_code() -> list[ast.AST]:
    """Every node of every code cell."""
    cells_of_code = [cell for notebook in files(".ipynb") for cell in cells(notebook, "code")]
    return [node for cell in cells_of_code for node in ast.walk(code_of(cell))]


def names_in(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def arguments_of_show() -> set[str]:
    calls = [node for node in notebook_code() if isinstance(node, ast.Call)]
    shown = [call.args for call in calls if isinstance(call.func, ast.Name) and call.func.id == "show"]
    return {ast.unparse(argument).rpartition(".")[2] for arguments in shown for argument in arguments}


def types_of(definition: Definition) -> Iterator[str]:
    """The names in a function's annotations, or in a class's fields."""
    for node in ast.walk(definition):
        annotations = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        for annotation in filter(None, annotations):
            yield from names_in(list(ast.walk(annotation)))


def seen_in_notebooks() -> set[str]:
    seen = set(names_in(notebook_code()))
    for module in modules():
        if dotted(module).rpartition(".")[2] in arguments_of_show():
            seen |= {definition.name for definition in definitions(module)}
    # A type may lead to another one: as often as it takes.
    while True:
        found = {
            name
            for module in modules()
            for definition in definitions(module)
            if definition.name in seen
            for name in types_of(definition)
        }
        if found <= seen:
            return seen
        seen |= found


def test_every_public_part_is_shown_or_used_in_a_notebook() -> None:
    seen = seen_in_notebooks()
    missing = {dotted(path): [part.name for part in definitions(path)] for path in subjects()}
    missing = {module: [name for name in names if name not in seen] for module, names in missing.items()}
    assert {module: names for module, names in missing.items() if names} == {}
