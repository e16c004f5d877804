"""A file is a concept, a function is a step: sizes, names and headers; and which room may do what."""

import ast
from pathlib import Path

import pytest

from tests.house.checkout import PACKAGE, files, functions, modules, name_of, syntax

LONGEST_FILE = 300
LONGEST_FUNCTION = 50
NAMES_FOR_ANYTHING = {"util", "utils", "helper", "helpers", "common", "misc", "shared", "stuff"}


@pytest.mark.parametrize("path", files(".py", ".sh", ".rb", ".c"), ids=name_of)
def test_a_file_can_be_read_in_one_go(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", files(".py"), ids=name_of)
def test_a_function_is_a_step(path: Path) -> None:
    lengths = {
        function.name: (function.end_lineno or 0) - function.lineno + 1 for function in functions(path)
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("path", files(".py"), ids=name_of)
def test_a_file_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(syntax(path)), "no docstring at its head"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_of_the_library_says_more_than_its_name(path: Path) -> None:
    if path.name not in ("__init__.py", "__main__.py"):
        header = ast.get_docstring(syntax(path)) or ""
        assert len(header.splitlines()) >= 3, (
            "what it is, what the kernel promises, what is left out, `See unshare(2).`"
        )


def test_no_room_is_for_anything() -> None:
    names = {part for path in files() for part in (path.stem, *(parent.name for parent in path.parents))}
    assert names & NAMES_FOR_ANYTHING == set()


@pytest.mark.parametrize("path", files(".py"), ids=name_of)
def test_only_the_kernel_room_calls_the_kernel(path: Path) -> None:
    if not path.is_relative_to(PACKAGE / "kernel"):
        assert "ctypes" not in imported(path)


def imported(path: Path) -> set[str]:
    """The top-level names of all modules that a file imports."""
    names = set()
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names
