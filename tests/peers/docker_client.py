"""The real docker client, and beneath it a daemon that answers what a test tells it to.

The client does the wording: columns, sizes, "2 days ago", Go templates. It asks a daemon for facts over a unix
socket; here that is a few lines that answer GET requests from a dictionary. So what docker prints for given facts
can be compared with what we print for the same.
"""

import json
import os
import shutil
import socketserver
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

API = "1.47"


class Daemon(socketserver.ThreadingUnixStreamServer):
    """Answers GET /vX.Y/<path> with answers[path], as JSON, and 404 with docker's message for what isn't there."""

    daemon_threads = True

    def __init__(self, path: Path, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        super().__init__(str(path), Handler)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Daemon

    def do_HEAD(self) -> None:
        self.answer(200, b"")

    def do_GET(self) -> None:
        path = unquote(self.path.partition("?")[0].partition(f"/v{API}")[2])
        if self.path == "/_ping":
            self.answer(200, b"OK")
        elif path in self.server.answers:
            self.answer(200, json.dumps(self.server.answers[path]).encode())
        else:
            name = path.strip("/").split("/")[1] if "/" in path.strip("/") else path
            self.answer(404, json.dumps({"message": f"No such image: {name}"}).encode())

    def answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        for name, value in {
            "Api-Version": API,
            "Ostype": "linux",
            "Content-Type": "application/json",
        }.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        return


class Client:
    """The docker command, told where its daemon is."""

    def __init__(self, socket: Path) -> None:
        self.environment = {**os.environ, "DOCKER_HOST": f"unix://{socket}", "DOCKER_API_VERSION": API}

    def __call__(self, *words: str) -> str:
        """Run docker and return what it prints; a failure raises, with its words."""
        command = ["docker", *words]
        result = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=30)
        assert result.returncode == 0, result.stderr
        return result.stdout


@contextmanager
def docker(directory: Path, answers: Mapping[str, Any]) -> Iterator[Client]:
    """Have a daemon with these answers while the block runs."""
    if shutil.which("docker") is None:
        pytest.skip("needs the docker client: apt install docker-cli (Debian 13) or docker.io")
    socket = directory / "docker.sock"
    with Daemon(socket, answers) as daemon:
        thread = threading.Thread(target=daemon.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield Client(socket)
        finally:
            daemon.shutdown()
            thread.join()
