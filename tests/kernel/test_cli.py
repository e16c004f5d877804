"""`byhand` as a whole process, as people use it: exit codes, streams, signals, without root."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from container_lib.engine.engine import Engine

CHECKOUT = Path(__file__).parents[2]


def byhand(engine: Engine, *words: str, **options: object) -> "subprocess.CompletedProcess[str]":
    environment = {
        **os.environ,
        "CONTAINER_LIB_ROOT": str(engine.root_dir),
        "CONTAINER_LIB_RUN": str(engine.run_dir),
    }
    command = [sys.executable, "-m", "container_lib", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=CHECKOUT, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["busybox", "true"], 0),
        (["busybox", "sh", "-c", "exit 3"], 3),
        (["busybox", "sh", "-c", "kill -9 $$; sleep 1"], 0),
        (["busybox", "no-such"], 127),
        (["busybox", "/etc/passwd"], 126),
        (["no-such-image", "true"], 125),
        (["-m", "64x", "busybox", "true"], 125),
        (["-m", "-1", "busybox", "true"], 125),
        (["--cpus", "lots", "busybox", "true"], 125),
        (["--pids-limit", "x", "busybox", "true"], 125),
        (["-w", "relative", "busybox", "true"], 125),
        (["-v", "/no/such:/x", "busybox", "true"], 125),
        (["-u", "stranger", "busybox", "true"], 125),
    ],
)
def test_exit_codes_are_dockers(engine: Engine, words: list[str], code: int) -> None:
    result = byhand(engine, "run", *words)
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    assert bool(result.stderr.startswith("byhand: ")) == (code in (125, 126, 127))


def test_stdin_is_the_callers_only_with_i(engine: Engine) -> None:
    assert byhand(engine, "run", "-i", "busybox", "cat", input="typed").stdout == "typed"
    assert byhand(engine, "run", "busybox", "cat", input="typed").stdout == ""


def test_a_signal_goes_through_to_process_one(engine: Engine) -> None:
    script = "trap 'echo got it; exit 5' TERM; echo up; while :; do sleep 0.05; done"
    environment = {
        **os.environ,
        "CONTAINER_LIB_ROOT": str(engine.root_dir),
        "CONTAINER_LIB_RUN": str(engine.run_dir),
    }
    command = [sys.executable, "-m", "container_lib", "run", "busybox", "sh", "-c", script]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "got it\n"
        assert process.wait(10) == 5


def test_the_third_interrupt_kills(engine: Engine) -> None:
    environment = {
        **os.environ,
        "CONTAINER_LIB_ROOT": str(engine.root_dir),
        "CONTAINER_LIB_RUN": str(engine.run_dir),
    }
    command = [
        sys.executable,
        "-m",
        "container_lib",
        "run",
        "busybox",
        "sh",
        "-c",
        "trap '' INT; echo up; sleep 60",
    ]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 137


def test_without_root_there_is_one_clear_message(engine: Engine) -> None:
    setpriv = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    command = [*setpriv, sys.executable, "-m", "container_lib", "run", "busybox", "true"]
    environment = {**os.environ, "CONTAINER_LIB_ROOT": str(engine.root_dir), "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=CHECKOUT)
    if "Permission denied" in result.stderr and "container_lib" not in result.stderr.splitlines()[-1]:
        pytest.skip("needs a checkout and an interpreter that another user can read; clone it below /opt")
    assert result.returncode == 125
    assert "starting a container needs root: this process has uid 65534" in result.stderr
    assert "hint: run it as root" in result.stderr


def test_the_doctor_finds_every_namespace_and_changes_nothing(engine: Engine) -> None:
    result = byhand(engine, "doctor")
    assert result.returncode == 0, result.stdout
    for name in ("user", "mnt", "pid", "net", "uts", "ipc", "cgroup", "time"):
        assert f"ok       {name} namespace" in result.stdout
    assert byhand(engine, "doctor", "--clean").stdout == "nothing was left behind\n"
