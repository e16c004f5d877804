"""What a text cites exists: names, files, links, commands; in notebooks and in the pages beside the code."""

import importlib
import re

from tests.house.checkout import CHECKOUT, cells, files, name_of

CITED_NAME = re.compile(r"\bcontainer_lib(?:\.[A-Za-z_]\w*)+")
CITED_FILE = re.compile(
    r"\b(?:container_lib|machine|tests|notebooks|benchmarks|labs)/[\w./-]+\.(?:py|sh|txt|ipynb|md)\b"
)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
MAKE_TARGET = re.compile(r"(?:^|`)make ([a-z][a-z-]*)", re.MULTILINE)


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
