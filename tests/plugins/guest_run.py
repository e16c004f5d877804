"""A pytest plugin: tests that need cgroup v2 run in the embedded guest, and are reported one by one.

Which tests: those in tests/guest, and any with the marker `guest`. Where this machine can run them (root, and
a cgroup v2 tree with controllers) they run right here, as any test does. Otherwise

    host's pytest                                    guest's pytest
    ─────────────                                    ──────────────
    collects everything
    first such test: boots ONE guest          ─────► runs exactly those tests, by node id
    when the turn of a test comes, waits      ◄───── start · report … report · finish, live
    for its reports and replays them

so -k, -x, node ids, JUnit files, durations and captured output work as if the test had run here. If the guest
dies, every test that it still owed is an error with the console's last lines. A test that says nothing for
CONTAINER_LIB_GUEST_DEADLINE seconds (600) counts as such a death.

    CONTAINER_LIB_WHERE=guest|here    don't look at the machine, run them there
    CONTAINER_LIB_NO_GUEST=1          where only a guest could run them: skip them, and say so

See guest_reports.py for the guest's half, machine/guest for the guest.
"""

import json
import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from machine import abilities
from machine.guest import channel
from machine.guest.boot import PROJECT, Guest, GuestPlan
from machine.guest.requirements import GuestError

pytest_plugins = ["tests.plugins.guest_reports"]

RUN = pytest.StashKey["GuestRun"]()


class GuestRun:
    """One guest, one run of pytest in it, and the reports that it has sent."""

    def __init__(self, config: pytest.Config, items: Sequence[pytest.Item]) -> None:
        self._config = config
        self._pending = dict.fromkeys(item.nodeid for item in items)  # in their order
        self._reports: dict[str, list[pytest.TestReport]] = {}
        self._printed: deque[str] = deque(maxlen=40)
        self._guest: Guest | None = None
        self._events: Iterator[dict[str, Any]] = iter(())
        self._end = ""

    def reports_of(self, item: pytest.Item) -> list[pytest.TestReport]:
        """The reports of one test: wait for them, or make up the error that stands for them."""
        if self._guest is None and not self._end:
            self._begin()
        while item.nodeid in self._pending and not self._end:
            self._take_event()
        if item.nodeid in self._pending:
            self._pending.pop(item.nodeid)
            begun = self._reports.pop(item.nodeid, [])
            return [
                *begun,
                made_up(item, "failed", f"no result of this test came from the guest: {self._end}"),
            ]
        return self._reports.pop(item.nodeid)

    def stop(self) -> None:
        """Stop the guest, if there is one."""
        if self._guest:
            self._guest.stop()
            self._guest = None

    def _begin(self) -> None:
        root = self._config.rootpath
        shares = () if root.is_relative_to(PROJECT) else (root,)
        try:
            self._guest = Guest.boot(GuestPlan(shares=shares))
            self._guest.begin(self._inner_argv(), cwd=root, env={"PYTHONPATH": str(PROJECT)}, reports=True)
            self._events = self._listen(self._guest)
        except GuestError as error:
            self._end = f"no guest could start\n{error}"

    def _inner_argv(self) -> list[str]:
        option = self._config.option
        argv = [sys.executable, "-m", "pytest", "-p", "tests.plugins.guest_run", "-p", "no:cacheprovider"]
        argv += [
            f"--rootdir={self._config.rootpath}",
            f"--tb={option.tbstyle}",
            f"--capture={option.capture}",
        ]
        if self._config.inipath:
            argv.append(f"--config-file={self._config.inipath}")
        return [*argv, *self._pending]

    def _listen(self, guest: Guest) -> Iterator[dict[str, Any]]:
        """The events that the guest's pytest sends; ends when that pytest does."""
        unfinished = b""
        deadline = float(os.environ.get("CONTAINER_LIB_GUEST_DEADLINE", "600"))
        for kind, payload in guest.frames(deadline, restart=True):
            if kind == channel.EXIT:
                self._end = f"pytest in the guest ended with {payload.decode()} without it\n" + "".join(
                    self._printed
                )
                return
            if kind == channel.REPORT:
                *lines, unfinished = (unfinished + payload).split(b"\n")
                yield from map(json.loads, lines)
            else:
                self._show(kind, payload)

    def _show(self, kind: int, payload: bytes) -> None:
        """What pytest in the guest prints repeats the reports; what tests print under -s is shown."""
        text = payload.decode(errors="replace")
        self._printed.append(text)
        if self._config.option.capture == "no":
            (sys.stdout if kind == channel.STDOUT else sys.stderr).write(text)

    def _take_event(self) -> None:
        try:
            event = next(self._events)
        except StopIteration:
            self._end = self._end or "its reports have ended"
            return
        except GuestError as error:
            self._end = str(error)
            return
        if event["event"] == "report":
            report = self._config.hook.pytest_report_from_serializable(
                config=self._config, data=event["data"]
            )
            restore_tuples(report)
            self._reports.setdefault(report.nodeid, []).append(report)
        elif event["event"] == "finish":
            self._pending.pop(event["nodeid"], None)
            self._reports.setdefault(event["nodeid"], [])
        elif event["event"] == "broken":
            self._printed.append(event["text"] + "\n")


def restore_tuples(report: pytest.TestReport) -> None:
    """JSON has no tuples; pytest insists on two."""
    report.location = tuple(report.location)  # type: ignore[assignment]
    if isinstance(report.longrepr, list):
        report.longrepr = tuple(report.longrepr)  # why a test was skipped: path, line, reason


def made_up(item: pytest.Item, outcome: str, text: str) -> pytest.TestReport:
    """A report about a test that could not run."""
    path, line, _ = item.location
    reason: Any = (path, (line or 0) + 1, text) if outcome == "skipped" else text
    keywords = dict.fromkeys(item.keywords, 1)
    return pytest.TestReport(item.nodeid, item.location, keywords, outcome, reason, "setup")  # type: ignore[arg-type]


def belongs_in_guest(item: pytest.Item) -> bool:
    """Whether the test needs cgroup v2."""
    in_folder = item.path.is_relative_to(item.config.rootpath / "tests" / "guest")
    return in_folder or item.get_closest_marker("guest") is not None


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Note which tests the guest will run, if it is needed at all."""
    items = [item for item in session.items if belongs_in_guest(item)]
    if items and not session.config.option.collectonly and abilities.where_to_run() == "guest":
        session.config.stash[RUN] = GuestRun(session.config, items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Replay a test that runs in the guest; let pytest run the others."""
    run = item.config.stash.get(RUN, None)
    if run is None or not belongs_in_guest(item):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    if os.environ.get("CONTAINER_LIB_NO_GUEST") == "1":
        reports = [
            made_up(item, "skipped", f"CONTAINER_LIB_NO_GUEST is set, and here {abilities.what_lacks()}")
        ]
    else:
        reports = run.reports_of(item)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    # subtle: the test before this one left the fixtures standing that it shares with this one
    item.session._setupstate.teardown_exact(nextitem)
    return True


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave no guest behind, whatever ended the run."""
    run = config.stash.get(RUN, None)
    if run is not None:
        run.stop()
