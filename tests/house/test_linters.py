"""The linters are tests: a rule that nobody runs does not exist. Their settings are in pyproject.toml."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.checkout import CHECKOUT, files, name_of, shell_scripts

BIN = Path(sys.executable).parent


def run(*command: str | Path) -> None:
    outcome = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert outcome.returncode == 0, f"{outcome.stdout}\n{outcome.stderr}"


def test_ruff_finds_nothing() -> None:
    run(BIN / "ruff", "check", "--quiet")


def test_every_file_is_formatted() -> None:
    run(BIN / "ruff", "format", "--quiet", "--diff")


def test_types_agree() -> None:
    run(BIN / "mypy")


def test_imports_run_one_way() -> None:
    run(BIN / "lint-imports", "--no-logo")


def test_notebooks_are_kept_without_their_outputs() -> None:
    notebooks = files(".ipynb")
    if notebooks:
        run(BIN / "nbstripout", "--verify", *notebooks)


@pytest.mark.parametrize("script", shell_scripts(), ids=name_of)
def test_shellcheck_finds_nothing(script: Path) -> None:
    run("shellcheck", script)
