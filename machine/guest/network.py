"""The guest's network: one card, and one port of the host that leads to it.

    browser ─► 127.0.0.1:PORT ─► slirp4netns ─► (Unix socket) ─► vec0 10.0.2.100:8888 ─► JupyterLab

slirp4netns is a TCP/IP stack in a process: it speaks Ethernet with the guest and opens ordinary sockets on
the host, so it needs no root and no bridge. It listens on 127.0.0.1 and nowhere else, as asked here; the
guest cannot reach the host's own 127.0.0.1 (--disable-host-loopback), but it reaches what the host reaches.
See slirp4netns(1), its API socket.
"""

import json
import os
import socket
import time
from pathlib import Path

from machine.guest.requirements import GuestError, find_program

GUEST_ADDRESS = "10.0.2.100"


def network_argv(run_dir: Path) -> list[str]:
    """The command that is the guest's network; it waits for the guest at RUN_DIR/network."""
    argv = [find_program("slirp4netns"), "--target-type=bess", "--disable-host-loopback"]
    return [*argv, f"--api-socket={run_dir / 'api'}", str(run_dir / "network")]


def kernel_option(run_dir: Path) -> str:
    """What linux.uml is told to use that network as the card vec0."""
    return f"vec0:transport=bess,dst={run_dir / 'network'}"


def forward(run_dir: Path, host_port: int, guest_port: int) -> None:
    """Let 127.0.0.1:host_port of the host lead to guest_port of the guest."""
    arguments = {
        "proto": "tcp",
        "host_addr": "127.0.0.1",
        "host_port": host_port,
        "guest_addr": GUEST_ADDRESS,
        "guest_port": guest_port,
    }
    deadline = time.monotonic() + 5
    while not (run_dir / "api").exists() and time.monotonic() < deadline:
        time.sleep(0.01)  # slirp4netns makes it when the guest has brought its card up
    with socket.socket(socket.AF_UNIX) as api:
        api.connect(os.fspath(run_dir / "api"))
        api.sendall(json.dumps({"execute": "add_hostfwd", "arguments": arguments}).encode())
        answer = json.loads(api.recv(4096))
    if "error" in answer:
        raise GuestError(
            f"cannot listen on 127.0.0.1:{host_port}: {answer['error'].get('desc', answer['error'])}\n"
            "hint: another program may use that port; choose another with --port"
        )
