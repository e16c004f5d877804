"""The guest's half of a test run: sends each report to the host as soon as it is made.

One JSON object a line, on the descriptor that the guest's agent forwards as REPORT frames:

    {"event": "start",  "nodeid": …}            a test begins
    {"event": "report", "data": {…}}            what pytest makes of its setup, call or teardown
    {"event": "finish", "nodeid": …}            all of its reports are out
    {"event": "broken", "text": …}              a file could not be collected, or pytest itself failed

See guest_run.py for the host's half.
"""

import json
import os
from typing import IO, Any

import pytest


class ReportSender:
    """A pytest plugin; pytest calls its hooks."""

    def __init__(self, config: pytest.Config, stream: IO[str]) -> None:
        self._config = config
        self._stream = stream

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._send(event="start", nodeid=nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._send(event="report", data=data)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._send(event="finish", nodeid=nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._send(event="broken", text=report.longreprtext)

    def pytest_internalerror(self, excrepr: object) -> None:
        self._send(event="broken", text=str(excrepr))

    def _send(self, **message: Any) -> None:
        # default=str: a test may attach any object to its report
        self._stream.write(json.dumps(message, default=str) + "\n")
        self._stream.flush()


def pytest_configure(config: pytest.Config) -> None:
    """Send reports, if this is the process that the agent started for that."""
    descriptor = os.environ.pop("CONTAINER_LIB_GUEST_REPORTS", None)  # children of the tests are not
    if descriptor is not None:
        os.set_inheritable(int(descriptor), False)
        stream = os.fdopen(int(descriptor), "w", encoding="utf-8")
        config.pluginmanager.register(ReportSender(config, stream), "guest-reports")
