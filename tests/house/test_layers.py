"""The lists of rooms in pyproject.toml keep up with the rooms that exist: import contracts, test folders.

The linter refuses the name of a room that isn't there, so a list of forbidden rooms grows with the library;
this test says when it has to.
"""

import tomllib
from typing import Any

from tests.house.checkout import CHECKOUT, PACKAGE, files, modules

ABOVE_THE_ENGINE = {"teaching", "cli", "daemon", "engine"}
FOR_EVERYONE = {"errors", "kernel"}


def tools() -> dict[str, Any]:
    settings: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]
    return settings


def contracts() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tools()["importlinter"]["contracts"]
    return found


def rooms() -> set[str]:
    names = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules()}
    return names - {"__init__", "__main__"}


def test_every_front_end_reaches_what_is_below_through_the_engine_alone() -> None:
    [contract] = [contract for contract in contracts() if contract["type"] == "forbidden"]
    front_ends = {f"container_lib.{room}" for room in rooms() & {"cli", "daemon"}}
    below = {f"container_lib.{room}" for room in rooms() - ABOVE_THE_ENGINE - FOR_EVERYONE}
    assert set(contract["source_modules"]) == front_ends
    assert set(contract["forbidden_modules"]) == below


def test_every_room_has_its_row() -> None:
    table = next(contract for contract in contracts() if contract.get("exhaustive"))
    rows = {room.strip(" ()") for row in table["layers"] for room in row.split("|")}
    assert rooms() <= rows


def test_every_folder_of_tests_is_run() -> None:
    tests = [path.relative_to(CHECKOUT) for path in files(".py") if path.name.startswith("test_")]
    folders = {f"tests/{path.parts[1]}" for path in tests if path.parts[0] == "tests"}
    assert folders <= set(tools()["pytest"]["ini_options"]["testpaths"])
