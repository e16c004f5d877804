"""The exception tree: one root, Docker's exit codes, a hint on a line of its own."""

import inspect

import pytest

from container_lib import errors
from container_lib.errors import ContainerError


def test_every_error_of_the_tree_is_a_container_error() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    assert len(kinds) > 5
    assert all(issubclass(kind, ContainerError) for kind in kinds)


def test_every_error_is_drawn_in_the_header() -> None:
    for name, _ in inspect.getmembers(errors, inspect.isclass):
        assert name in (errors.__doc__ or "")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.InvalidValue, 125),
        (errors.CommandNotExecutable, 126),
        (errors.CommandNotFound, 127),
    ],
)
def test_exit_codes_are_dockers(kind: type[ContainerError], code: int) -> None:
    assert kind("x").exit_code == code


def test_a_hint_has_a_line_of_its_own() -> None:
    assert str(ContainerError("broken", "mend it")) == "broken\nhint: mend it"
    assert str(ContainerError("broken")) == "broken"
