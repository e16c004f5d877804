"""The pytest plugin that runs tests in the guest: each is a result of its own, and none is ever lost.

Every test here writes a small project, runs pytest on it, and reads the JUnit file of that run.
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from machine.guest.boot import PROJECT
from tests.machine.conftest import Command

BAD = ("failure", "error", "skipped")
SUITE = """
import os, signal, time, pytest

def test_before(): assert "CONTAINER_LIB_GUEST" not in os.environ

in_guest = pytest.mark.guest

@in_guest
def test_passes(): assert os.environ["CONTAINER_LIB_GUEST"] == "1"

@in_guest
def test_fails():
    print("printed in the guest")
    assert 6 * 7 == 41

@in_guest
@pytest.mark.skip(reason="a reason")
def test_skips(): pass

@in_guest
@pytest.mark.xfail
def test_is_expected_to_fail(): assert False

@in_guest
@pytest.mark.parametrize("value", ["a::b", "[c]", "d e"])
def test_with(value): time.sleep(0.1)

@pytest.fixture
def broken(): yield; raise OSError("teardown broke")

@in_guest
def test_teardown(broken): pass

def test_after(): pass
"""
DYING = """
import os, time, pytest
pytestmark = pytest.mark.guest
def test_lives(): pass
def test_kills_the_guest():
    open("/proc/sysrq-trigger", "w").write("o")
    time.sleep(60)
def test_owed(): pass
def test_owed_too(): pass
"""
HANGING = """
import time, pytest
pytestmark = pytest.mark.guest
def test_hangs(): print("here", flush=True); time.sleep(600)
def test_owed(): pass
"""


@dataclass
class Run:
    """A run of pytest that has ended."""

    code: int
    printed: str
    outcomes: dict[str, str]
    """By test: passed, failure, error or skipped."""
    cases: dict[str, ElementTree.Element]


@pytest.fixture
def project(able: None, tmp_path: Path) -> Path:
    """An empty project."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    guest: in the guest\n")
    (tmp_path / "temporary").mkdir()
    return folder


def pytest_process(project: Path, suite: str, *arguments: str, **variables: str) -> Command:
    """Start pytest on that suite."""
    (project / "test_it.py").write_text(suite)
    temporary = project.parent / "temporary"
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "CONTAINER_LIB"))
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "tests.plugins.guest_run", "--junit-xml=out.xml", *arguments],
        cwd=project,
        env={
            **kept,
            "PYTHONPATH": str(PROJECT),
            "TMPDIR": str(temporary),
            "CONTAINER_LIB_WHERE": "guest",
            **variables,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Command(process, temporary)


def run_pytest(project: Path, suite: str, *arguments: str, **variables: str) -> Run:
    """Run pytest on that suite; nothing of its guest may be left afterwards."""
    command = pytest_process(project, suite, *arguments, **variables)
    printed, _ = command.process.communicate(timeout=120)
    assert command.processes() == []
    assert [left.name for left in command.run_dirs() if left.name.startswith("byhand-guest-")] == []
    cases = {case.get("name", ""): case for case in ElementTree.parse(project / "out.xml").iter("testcase")}
    outcomes = {name: next((e.tag for e in case if e.tag in BAD), "passed") for name, case in cases.items()}
    return Run(command.process.returncode, printed, outcomes, cases)


def test_each_test_is_a_result_of_its_own(project: Path) -> None:
    run = run_pytest(project, SUITE, "-o", "junit_logging=all")
    assert run.code == 1, run.printed
    assert run.outcomes == {
        "test_before": "passed",
        "test_passes": "passed",
        "test_fails": "failure",
        "test_skips": "skipped",
        "test_is_expected_to_fail": "skipped",
        "test_with[a::b]": "passed",
        "test_with[[c]]": "passed",
        "test_with[d e]": "passed",
        "test_teardown": "error",
        "test_after": "passed",
    }
    assert "assert (6 * 7) == 41" in (run.cases["test_fails"][0].text or "")
    assert "printed in the guest" in "".join(run.cases["test_fails"].itertext())
    assert run.cases["test_skips"][0].get("message") == "a reason"
    assert float(run.cases["test_with[d e]"].get("time", "0")) >= 0.1


def test_a_choice_of_tests_and_a_stop_at_the_first_failure(project: Path) -> None:
    ids = [f"test_it.py::{name}" for name in ("test_with[[c]]", "test_passes", "test_fails", "test_after")]
    chosen = run_pytest(project, SUITE, "-x", "-k", "c or fails or after", *ids)
    assert (chosen.code, chosen.outcomes) == (1, {"test_with[[c]]": "passed", "test_fails": "failure"})


def test_a_guest_that_dies_turns_what_it_owes_into_errors(project: Path) -> None:
    run = run_pytest(project, DYING)
    assert run.code == 1
    assert run.outcomes == {
        "test_lives": "passed",
        "test_kills_the_guest": "error",
        "test_owed": "error",
        "test_owed_too": "error",
    }
    assert "the guest has died" in (run.cases["test_owed"][0].text or "")
    assert "sysrq: Power Off" in (run.cases["test_owed"][0].text or ""), "no tail of the console"


def test_a_test_that_hangs_is_an_error_after_the_deadline(project: Path) -> None:
    run = run_pytest(project, HANGING, CONTAINER_LIB_GUEST_DEADLINE="8")
    assert (run.code, run.outcomes) == (1, {"test_hangs": "error", "test_owed": "error"})
    assert "nothing more within 8 s" in run.printed


def test_ctrl_c_stops_the_guest(project: Path) -> None:
    command = pytest_process(project, HANGING, "-s")
    command.wait_for("here")
    command.process.send_signal(signal.SIGINT)
    command.process.communicate(timeout=30)
    assert command.process.returncode == pytest.ExitCode.INTERRUPTED
    assert command.wait_for_processes(0) == []


def test_without_a_guest_the_tests_are_errors_with_the_remedy(project: Path, root: None) -> None:
    hide = 'mount --make-rprivate / && mount --bind /dev/null /usr/bin/linux.uml && exec "$@"'
    began = time.monotonic()
    (project / "test_it.py").write_text(DYING)
    ended = subprocess.run(
        [
            "unshare",
            "--mount",
            "sh",
            "-c",
            hide,
            "sh",
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.plugins.guest_run",
        ],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "CONTAINER_LIB_WHERE": "guest"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert "4 errors" in ended.stdout
    assert "apt-get install --no-install-recommends user-mode-linux" in ended.stdout
    assert time.monotonic() - began < 30


def test_tests_are_skipped_aloud_where_no_guest_is_wanted(project: Path) -> None:
    run = run_pytest(project, SUITE, "-rs", CONTAINER_LIB_NO_GUEST="1")
    assert run.code == 0
    assert {name for name, outcome in run.outcomes.items() if outcome == "passed"} == {
        "test_before",
        "test_after",
    }
    assert "CONTAINER_LIB_NO_GUEST is set" in run.printed
