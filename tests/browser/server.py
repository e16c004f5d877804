"""A JupyterLab for the browser tests: in the embedded guest, or on the machine at hand where limits work here.

Both are started as a learner starts them, and stopped by SIGINT, as by Ctrl-C.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from urllib.request import Request, urlopen

from machine import jupyter

CHECKOUT = Path(__file__).parents[2]
RUNNING = re.compile(rb"Jupyter Server \S+ is running at")
URL = re.compile(rb"http://127\.0\.0\.1:(?P<port>\d+)/\S*[?&]token=(?P<token>[0-9a-f]{16,})")
# the application object on the page lets a test run code in the notebook's kernel, and select cells
ARGUMENTS = ("--LabApp.expose_app_in_browser=True",)
START_SECONDS = 120.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Server:
    """Where a JupyterLab answers."""

    port: int
    token: str

    def never_save(self) -> None:
        """Turn saving every two minutes off: a notebook that a test runs stays as it is in the checkout."""
        url = f"http://127.0.0.1:{self.port}/lab/api/settings/@jupyterlab/docmanager-extension:plugin"
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        body = json.dumps({"raw": json.dumps({"autosave": False})}).encode()
        with urlopen(Request(url, body, headers, method="PUT"), timeout=60) as answer:
            assert answer.status == 204

    def url(self, path: str) -> str:
        """The address of a notebook, in a workspace without anything else open."""
        return f"http://127.0.0.1:{self.port}/lab/tree/{path}?reset&token={self.token}"


@contextmanager
def guest(log: Path) -> Iterator[Server]:
    """`python -m machine.guest lab`: JupyterLab in User-mode Linux, on the checkout's notebooks."""
    argv = [sys.executable, "-m", "machine.guest", "lab", "--throw-away", "--", *ARGUMENTS]
    with _running(argv, log, CHECKOUT, URL, {}) as address:
        yield Server(int(address["port"]), address["token"].decode())


@contextmanager
def here(log: Path, directory: Path = CHECKOUT) -> Iterator[Server]:
    """JupyterLab on the machine at hand, on the notebooks of `directory`."""
    port, token = jupyter.choose_port(0), jupyter.new_token()
    settings = {"JUPYTERLAB_SETTINGS_DIR": str(log.parent / "settings")}  # not the learner's own
    variables = jupyter.environment(token) | settings
    argv = jupyter.argv(directory, "127.0.0.1", port, ARGUMENTS)
    with _running(argv, log, directory, RUNNING, variables):
        yield Server(port, token)


@contextmanager
def _running(
    argv: list[str], log: Path, directory: Path, ready: re.Pattern[bytes], variables: dict[str, str]
) -> Iterator[re.Match[bytes]]:
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"} | variables
    with (
        log.open("wb") as output,
        subprocess.Popen(
            argv, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            yield _wait_for(ready, process, log)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def _wait_for(ready: re.Pattern[bytes], process: "subprocess.Popen[bytes]", log: Path) -> re.Match[bytes]:
    deadline = monotonic() + START_SECONDS
    while not (found := ready.search(log.read_bytes())):
        text = log.read_text(errors="replace")
        assert process.poll() is None, f"JupyterLab ended with {process.returncode}:\n{text}"
        assert monotonic() < deadline, f"JupyterLab did not start in {START_SECONDS} s:\n{text}"
        sleep(0.2)
    return found
