"""However a guest ends, nothing of it is left: no process, no port, no temporary file."""

import os
import shutil
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from machine.guest.boot import PROJECT
from machine.guest.rundir import SETTLED, sweep
from tests.machine.conftest import Starter, command_line, let_others_through

SPIN = ("run", "--throw-away", "--memory", "512M", "--", "sh", "-c", "echo up; while :; do :; done")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_leave_nothing(start: Starter, number: int) -> None:
    command = start(*SPIN)
    command.wait_for("up")
    assert len(command.processes()) > 3  # the counting itself counts
    command.process.send_signal(number)
    assert command.process.wait(30) == 128 + number
    assert (command.processes(), command.run_dirs()) == ([], [])


def test_kill_9_leaves_nothing(start: Starter) -> None:
    command = start(*SPIN)
    command.wait_for("up")
    command.process.kill()
    assert command.wait_for_processes(30) == []
    assert command.run_dirs() == []


@pytest.fixture
def strangers_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the guest consists of, that belongs to the user `nobody`."""
    copy = tmp_path_factory.mktemp("stranger") / "checkout"
    for package in ("machine", "container_lib"):
        shutil.copytree(PROJECT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (copy, *copy.rglob("*")):
        os.chown(path, 65534, 65534)
    let_others_through(copy)
    return copy


def test_it_runs_without_root_and_as_the_owner_of_the_checkout(
    start: Starter, root: None, strangers_checkout: Path
) -> None:
    script = (
        "id -u; cat /sys/fs/cgroup/cgroup.controllers; echo hi >written; echo kept >/var/lib/container_lib/x"
    )
    python = "/usr/bin/python3"  # the guest needs the standard library alone, and nobody may read ours
    for uid in (65534, None):
        command = start(
            "run",
            "--memory",
            "512M",
            "--",
            "sh",
            "-c",
            script,
            uid=uid,
            checkout=strangers_checkout,
            python=python,
        )
        printed, _ = command.process.communicate(timeout=60)
        assert printed.split() == ["0", "cpu", "io", "memory", "pids"]
        for written in (strangers_checkout / "written", strangers_checkout / ".guest" / "state.img"):
            assert written.stat().st_uid == 65534
        (strangers_checkout / "written").unlink()


def test_the_lab_is_for_this_machine_and_for_who_has_the_token_and_survives_nobody(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = start("lab", "--throw-away")
    url = command.wait_for(r"(http://127\.0\.0\.1:(\d+)/)\S*\?token=([0-9a-f]{48})$")
    listening = [
        bytes.fromhex(fields[1].split(":")[0])[::-1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in map(str.split, Path(table).read_text().splitlines()[1:])
        if fields[3] == "0A" and int(fields[1].split(":")[1], 16) == int(url[2])
    ]
    assert listening == [socket.inet_aton("127.0.0.1")]
    assert status(url[1] + "api/contents?token=" + url[3]) == 200
    assert status(url[1] + "api/contents") == 403
    assert status(url[1] + "api/contents?token=" + "0" * 48) == 403
    assert status(url[1] + "api/status?token=" + url[3], Host="evil.example") == 403

    # nobody is left to tidy up: the guest and its network end by themselves, the next start does the rest
    (keeper,) = [pid for pid in command.processes() if "machine.guest.keeper" in command_line(pid)]
    for pid in (command.process.pid, keeper):
        os.kill(pid, signal.SIGKILL)
    assert command.wait_for_processes(30) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(url[2]))) != 0
    (left,) = command.run_dirs()
    monkeypatch.setattr("tempfile.tempdir", str(command.temporary))
    assert left not in sweep()  # too young: its guest might be about to take the lock
    os.utime(left, (0, left.stat().st_mtime - SETTLED))
    assert left in sweep()


def status(url: str, **headers: str) -> int:
    """The HTTP status that a GET gives."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(urllib.request.Request(url, headers=headers), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
