"""What surrounds an experiment: a failure that is meant, an ability that is missing, two views side by side."""

from pathlib import Path

import pytest

from container_lib.cgroups import hierarchy
from container_lib.cgroups.hierarchy import Hierarchy
from container_lib.errors import InvalidValue, KernelError
from container_lib.teaching.experiment import can, compare_facts, in_subprocess, intended, warn_once


def test_an_intended_failure_is_shown_and_goes_no_further(capsys: pytest.CaptureFixture[str]) -> None:
    with intended(InvalidValue):
        raise InvalidValue("invalid size: 'x'", "such as 64m")
    assert (
        capsys.readouterr().out
        == "this failure is intended\nInvalidValue: invalid size: 'x'\nhint: such as 64m\n"
    )


def test_of_a_message_as_long_as_a_page_the_ends_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with intended(InvalidValue):
        raise InvalidValue(f"begin{'x' * 10_000}end", "short")
    said = capsys.readouterr().out
    assert len(said) < 1000
    assert "begin" in said
    assert said.endswith("xend\nhint: short\n")


def test_a_failure_that_does_not_come_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="InvalidValue, and did not"), intended(InvalidValue):
        pass


def test_another_failure_than_the_intended_one_goes_on() -> None:
    with pytest.raises(KernelError), intended(InvalidValue):
        raise KernelError("mount", 1, "mount: no")


@pytest.fixture
def only_pids(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose tree offers the pids controller and no other."""
    tree = Hierarchy(Path("/sys/fs/cgroup"), frozenset({"pids"}))
    monkeypatch.setattr(hierarchy, "find", lambda: tree)


@pytest.mark.usefixtures("only_pids")
def test_what_the_kernel_can_do_is_done_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert can("pids")
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("only_pids")
def test_what_it_cannot_do_is_named_with_the_place_where_it_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert not can("pids", "memory")
    said = capsys.readouterr().out
    assert "memory controller" in said
    assert "make lab WHERE=guest" in said
    assert "pids controller" not in said


def test_a_warning_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("limit discarded (test)", "another (test)", "limit discarded (test)"):
        warn_once(text)
    assert capsys.readouterr().out == "WARNING: limit discarded (test)\nWARNING: another (test)\n"


def test_facts_that_differ_are_marked() -> None:
    views = {"outside": {"pid": 812, "kernel": "6"}, "inside": {"pid": 1, "kernel": "6", "more": True}}
    *_, pid, kernel, more = [line.split() for line in repr(compare_facts(views)).splitlines()]
    assert pid == ["pid", "812", "1", "different"]
    assert kernel == ["kernel", "6", "6", "same"]
    assert more == ["more", "True", "different"]


def test_a_program_runs_in_another_process_and_its_errors_are_returned() -> None:
    assert in_subprocess("import sys; print(sys.argv[1], file=sys.stderr)", "hello") == "hello"
    assert in_subprocess("import os; print(os.environ['ADDED'])", through=("env", "ADDED=1")) == "1"
