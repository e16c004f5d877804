"""JupyterLab as the workbook wants it, wherever it runs.

    jupyter_config/jupyter_server_config.json   Host header checked, no browser opened, no look for updates
    jupyter_config/labconfig/page_config.json   no news, no extension manager: the environment is pinned
    here                                        address, port, the checkout, a token that nobody can guess

The token travels in the environment: a command line can be read by every user of the machine.
See the documentation of jupyter_server (ServerApp) and jupyterlab_server (page_config.json).
"""

import secrets
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

START = "notebooks/00_start_here.ipynb"
CONFIG = Path(__file__).resolve().with_name("jupyter_config")
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Opens a URL of this machine without asking $http_proxy."""


def new_token() -> str:
    """A secret of 192 random bits."""
    return secrets.token_hex(24)


def choose_port(wanted: int) -> int:
    """`wanted`, if nobody listens there on 127.0.0.1, else a free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port of 127.0.0.1 is free")


def argv(checkout: Path, address: str, port: int, extra: Sequence[str] = ()) -> list[str]:
    """The command that is JupyterLab, listening on one address."""
    return [
        *(sys.executable, "-m", "jupyterlab"),
        f"--ServerApp.ip={address}",
        f"--ServerApp.port={port}",
        f"--ServerApp.root_dir={checkout}",
        f"--LabApp.default_url=/lab/tree/{START}",
        *extra,
    ]


def environment(token: str) -> dict[str, str]:
    """What that command needs in its environment."""
    return {"JUPYTER_TOKEN": token, "JUPYTER_CONFIG_PATH": str(CONFIG), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def url(port: int, token: str) -> str:
    """What the learner opens."""
    return f"http://127.0.0.1:{port}/lab/tree/{START}?token={token}"


def answers(port: int, token: str) -> bool:
    """Whether JupyterLab lets that token in, now."""
    try:
        with _direct.open(f"http://127.0.0.1:{port}/api/status?token={token}", timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def announce(port: int, token: str, since: float) -> Thread:
    """In a thread: wait until JupyterLab answers, then print its URL."""

    def wait_and_print() -> None:
        while not answers(port, token):
            time.sleep(0.2)
        seconds = time.monotonic() - since
        print(f"lab: JupyterLab answers after {seconds:.0f} s. Open this in your browser, Ctrl-C ends it:\n")
        print(f"    {url(port, token)}\n", flush=True)

    thread = Thread(target=wait_and_print, daemon=True)
    thread.start()
    return thread
