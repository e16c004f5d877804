"""Words that must not stand in a file: where somebody's machine keeps things, and what was left to do."""

import re
from pathlib import Path

from tests.house.checkout import CHECKOUT, files, name_of

PACKAGE_HOSTS = re.compile(
    r"(deb|security|snapshot)\.debian\.org|\bpypi\.org|pythonhosted\.org|registry\.npmjs\.org"
)
SOMEBODYS_HOME = re.compile(r"/home/(?!vagrant\b)[a-z]+/|/Users/[A-Za-z]+/|/\.pyenv/")
LEFT_TO_DO = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
A_LOCKED_PACKAGE = re.compile(r"[a-z0-9][a-z0-9._-]*==[\w.+!]+( ; [^#]+)?")


def texts() -> list[Path]:
    return [path for path in files() if path.suffix not in (".png", ".gz", ".tar")]


def where(words: re.Pattern[str]) -> list[str]:
    """Every place where one of the words stands: file and word."""
    return [f"{name_of(path)}: {found[0]}" for path in texts() for found in words.finditer(path.read_text())]


def test_apt_and_pip_know_where_packages_come_from() -> None:
    assert where(PACKAGE_HOSTS) == []


def test_no_file_knows_the_machine_that_it_was_written_on() -> None:
    assert where(SOMEBODYS_HOME) == []
    if not CHECKOUT.match("/vagrant"):  # which is where every virtual machine has it
        assert where(re.compile(re.escape(f"{CHECKOUT}/"))) == []


def test_nothing_is_left_to_do() -> None:
    assert where(LEFT_TO_DO) == []


def test_the_lock_holds_exact_versions_and_nothing_of_the_machine_that_made_it() -> None:
    lines = (CHECKOUT / "requirements.lock").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#") and not A_LOCKED_PACKAGE.fullmatch(line)] == []


def test_the_lock_is_made_from_the_requirements() -> None:
    wanted = {line for line in (CHECKOUT / "requirements.txt").read_text().splitlines() if "==" in line}
    locked = (CHECKOUT / "requirements.lock").read_text().splitlines()
    assert {line for line in wanted if not any(lock.startswith(line) for lock in locked)} == set()
