"""What the rules of the house are checked on: the files of the checkout, as git lists them.

Files that git ignores are not the project's; files that are not committed yet are.
"""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PACKAGE = CHECKOUT / "container_lib"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def files(*suffixes: str) -> list[Path]:
    """All files of the project, or those with one of the suffixes, in order."""
    # The checkout may belong to another user, as it does in a virtual machine's shared folder.
    listing = [
        "git",
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    names = subprocess.run(listing, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    paths = [CHECKOUT / name for name in sorted(set(names.split("\0"))) if name]
    return [path for path in paths if path.is_file() and (not suffixes or path.suffix in suffixes)]


def modules() -> list[Path]:
    """The modules of container_lib."""
    return [path for path in files(".py") if path.is_relative_to(PACKAGE)]


def shell_scripts() -> list[Path]:
    """Every file that a shell runs, by its suffix or its first line."""
    others = [path for path in files("") if path.read_bytes().startswith((b"#!/bin/sh", b"#!/bin/bash"))]
    return [*files(".sh"), *others]


def name_of(path: Path) -> str:
    """How a failure calls a file."""
    return str(path.relative_to(CHECKOUT))


def dotted(path: Path) -> str:
    """The import name of a module: container_lib/kernel/flags.py is container_lib.kernel.flags."""
    return ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")


@cache
def syntax(path: Path) -> ast.Module:
    """A Python file as a syntax tree."""
    return ast.parse(path.read_text(), filename=str(path))


def functions(path: Path) -> Iterator[Function]:
    """Every function in a file, methods and inner ones too."""
    return (node for node in ast.walk(syntax(path)) if isinstance(node, Function))


def cells(notebook: Path, kind: str) -> list[str]:
    """The text of a notebook's cells of one kind: code or markdown."""
    content = json.loads(notebook.read_text())
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == kind]


def code_of(cell: str) -> ast.Module:
    """A code cell as a syntax tree, without the lines that are for IPython (%magic, !command)."""
    lines = ["pass" if re.match(r"\s*[%!]", line) else line for line in cell.splitlines()]
    if cell.startswith("%%"):
        lines = []
    return ast.parse("\n".join(lines))
