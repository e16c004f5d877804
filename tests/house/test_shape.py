"""A file is a concept, a function is a step: sizes, names and headers; and which room may do what.

Each rule is one test, which lists all that offend against it.
"""

import ast
from pathlib import Path

from tests.house.checkout import PACKAGE, files, functions, modules, name_of, syntax

LONGEST_FILE = 300
LONGEST_FUNCTION = 50
SHORTEST_HEADER = 3
NAMES_FOR_ANYTHING = {"util", "utils", "helper", "helpers", "common", "misc", "shared", "stuff"}


def test_a_file_can_be_read_in_one_go() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in files(".py", ".sh", ".rb", ".c")}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_a_function_is_a_step() -> None:
    lengths = {
        f"{name_of(path)} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in files(".py")
        for function in functions(path)
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_a_file_says_what_it_is() -> None:
    assert [name_of(path) for path in files(".py") if not header(path)] == []


def test_a_module_of_the_library_says_what_it_leaves_out_and_where_to_read_on() -> None:
    """A line is a name; three lines can hold what it is, what the kernel promises, `See unshare(2).`"""
    concepts = [path for path in modules() if path.name not in ("__init__.py", "__main__.py")]
    assert [name_of(path) for path in concepts if len(header(path).splitlines()) < SHORTEST_HEADER] == []


def test_no_room_is_for_anything() -> None:
    names = {part for path in files() for part in (path.stem, *(parent.name for parent in path.parents))}
    assert names & NAMES_FOR_ANYTHING == set()


def test_only_the_kernel_room_calls_the_kernel() -> None:
    elsewhere = [path for path in files(".py") if not path.is_relative_to(PACKAGE / "kernel")]
    assert [name_of(path) for path in elsewhere if "ctypes" in imported(path)] == []


def header(path: Path) -> str:
    return ast.get_docstring(syntax(path)) or ""


def imported(path: Path) -> set[str]:
    """The top-level names of all modules that a file imports."""
    names = set()
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names
