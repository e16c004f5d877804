"""Killed, interrupted, abandoned, at any moment: nothing is left after `doctor --clean`, and this counts it."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from container_lib.cgroups import group
from container_lib.engine.engine import Engine
from container_lib.errors import ContainerError, KernelError, LauncherDied
from container_lib.kernel import procfs
from container_lib.runtime import client
from container_lib.runtime.outcome import Places
from tests.conftest import Residue

LOOP = """
import sys, time
from pathlib import Path
from container_lib.engine.engine import Engine
from container_lib.runtime import client
engine = Engine(Path(sys.argv[1]), Path(sys.argv[2]))
engine.spec("busybox")  # whatever is imported late is there now
print(client.launcher().identity[0], flush=True)
while True:
    with engine.start("busybox", "sh", "-c", "sleep 60 & sleep 60") as container:
        print(container.pid, flush=True)
        time.sleep(float(sys.argv[3]))
"""


def loop(engine: Engine, pause: float = 0) -> tuple[subprocess.Popen[bytes], int]:
    """Start a process that starts and ends containers until it is killed; return it and its launcher's number."""
    command = [sys.executable, "-c", LOOP, str(engine.root_dir), str(engine.run_dir), str(pause)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def wait_until_gone(pid: int) -> None:
    """Wait until the process has ended; whether its new parent has collected it yet does not matter."""
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}") and state_of(pid) not in "ZX":
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.005)


def state_of(pid: int) -> str:
    try:
        return procfs.status(pid)["State"][0]
    except KernelError:
        return "X"


def end(process: subprocess.Popen[bytes]) -> None:
    """Collect a process that was killed."""
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def left_over(places: Places) -> list[str]:
    """Return the groups and records that exist now."""
    groups = [entry.path for entry in os.scandir(places.parent) if entry.is_dir()] if places.parent else []
    return groups + [str(path) for path in (places.run_dir / "containers").iterdir()]


def test_the_launcher_is_killed_and_its_container_with_it(engine: Engine, residue: Residue) -> None:
    with engine.start("busybox", "sleep", "60") as container:
        os.kill(client.launcher().identity[0], signal.SIGKILL)
        with pytest.raises(LauncherDied):
            container.wait(10)
        wait_until_gone(container.pid)
    assert engine.run("busybox", "echo", "on").text == "on\n"  # another launcher is started by itself


def test_the_client_is_killed_and_the_launcher_cleans_up(
    engine: Engine, places: Places, residue: Residue
) -> None:
    process, launcher = loop(engine, pause=60)
    assert process.stdout is not None
    process.stdout.readline()  # a container runs
    assert len(left_over(places)) >= 2  # a record and a group, and maybe the reserve's too
    process.kill()
    end(process)
    wait_until_gone(launcher)
    assert left_over(places) == []


@pytest.mark.slow
def test_killed_at_random_moments_nothing_survives_the_clean(
    engine: Engine, places: Places, residue: Residue
) -> None:
    found = 0
    for round_ in range(40):
        process, launcher = loop(engine)
        time.sleep(random.Random(round_).uniform(0, 0.08))
        first, second = (process.pid, launcher) if round_ % 2 else (launcher, process.pid)
        os.kill(first, signal.SIGKILL)
        os.kill(second, signal.SIGKILL)
        end(process)
        wait_until_gone(launcher)
        found += len(left_over(places)) > 0
        engine.clean()
        assert left_over(places) == []
    assert found > 0  # otherwise the clean had nothing to do, and this test would prove nothing


def test_the_clean_leaves_the_living_alone(engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60") as container:
        assert engine.clean() == []
        assert container.running


def test_the_clean_removes_a_group_that_nobody_knows(engine: Engine, places: Places) -> None:
    if places.parent is None:
        pytest.skip("needs a cgroup v2 hierarchy; use the embedded guest")
    stranger = group.create(places.parent, "stranger")
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        group.add(stranger, process.pid)
        group.freeze(stranger)
        assert engine.clean() == [f"cgroup {stranger} with 1 processes"]
        assert process.wait(5) == -signal.SIGKILL
    assert engine.clean() == []


def test_several_cleans_at_once_do_not_trip_over_each_other(engine: Engine, places: Places) -> None:
    if places.parent is None:
        pytest.skip("needs a cgroup v2 hierarchy; use the embedded guest")
    for number in range(100):
        group.create(places.parent, f"stale-{number}")
    with ThreadPoolExecutor(4) as pool:
        lines = [
            line for cleaner in [pool.submit(engine.clean) for _ in range(4)] for line in cleaner.result()
        ]
    assert left_over(places) == []
    assert len(set(lines)) == 100


def test_an_interrupt_in_the_middle_of_a_run(engine: Engine, residue: Residue) -> None:
    main = threading.get_ident()
    threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        engine.run("busybox", "sleep", "60")


@pytest.mark.slow
def test_interrupts_at_random_moments_leave_nothing(engine: Engine, residue: Residue) -> None:
    main = threading.get_ident()
    interrupted = 0
    for round_ in range(60):
        delay = random.Random(round_).uniform(0.0005, 0.012)
        timer = threading.Timer(delay, lambda: signal.pthread_kill(main, signal.SIGINT))
        try:
            timer.start()
            engine.run("busybox", "true")
            timer.join()
            time.sleep(0.001)
        except KeyboardInterrupt:
            interrupted += 1
            timer.join()
    assert interrupted > 10


def test_a_failed_start_leaves_nothing(engine: Engine, residue: Residue) -> None:
    for _ in range(20):
        with pytest.raises(ContainerError):
            engine.run("busybox", "no-such-command")


def test_a_hundred_starts_leave_nothing(engine: Engine, residue: Residue) -> None:
    for _ in range(100):
        assert engine.run("busybox", "true").code == 0


def test_the_launcher_ends_with_its_process(engine: Engine) -> None:
    process, launcher = loop(engine)
    process.terminate()
    end(process)
    wait_until_gone(launcher)
