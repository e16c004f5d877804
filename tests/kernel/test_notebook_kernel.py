"""A real Jupyter kernel, interrupted and restarted in the middle of a cell: nothing of the container is left."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from container_lib.engine.engine import Engine
from container_lib.kernel import procfs
from container_lib.runtime import records
from container_lib.runtime.outcome import Places

SETUP = """
from pathlib import Path
from container_lib.engine.engine import Engine
from container_lib.runtime import client
engine = Engine(Path({root!r}), Path({run!r}))
print(client.launcher().identity[0])
"""


@pytest.fixture
def kernel(engine: Engine) -> Iterator[KernelManager]:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(Path(__file__).parents[2]))
    yield manager
    manager.shutdown_kernel(now=True)


@pytest.fixture
def client(kernel: KernelManager) -> Iterator[BlockingKernelClient]:
    made = kernel.client()
    made.start_channels()
    made.wait_for_ready(timeout=60)
    yield made
    made.stop_channels()


def execute(client: BlockingKernelClient, code: str) -> tuple[str, str]:
    """Run a cell to its end; return what it printed and the name of its exception, or ""."""
    printed: list[str] = []

    def collect(message: dict[str, dict[str, str]]) -> None:
        printed.append(message["content"].get("text", ""))

    reply = client.execute_interactive(code, timeout=60, output_hook=collect)
    return "".join(printed), reply["content"].get("ename", "")


def containers(places: Places) -> list[str]:
    """Return the containers that have a record; the process in reserve has one without a command."""
    return [record.id for record in records.read_all(places.run_dir) if record.argv]


def left_over(places: Places) -> list[str]:
    """Return every record and cgroup that exists, the reserve's included."""
    groups = [entry.name for entry in os.scandir(places.parent) if entry.is_dir()] if places.parent else []
    return groups + os.listdir(places.run_dir / "containers")


def wait_until(what: str, condition: "object") -> None:
    deadline = time.monotonic() + 30
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)


def test_a_cell_is_interrupted_and_the_kernel_goes_on(
    kernel: KernelManager, client: BlockingKernelClient, engine: Engine, places: Places
) -> None:
    launcher, _ = execute(client, SETUP.format(root=str(engine.root_dir), run=str(engine.run_dir)))
    message = client.execute("engine.run('busybox', 'sleep', '60')")
    wait_until("a container", lambda: len(containers(places)) == 1)
    kernel.interrupt_kernel()
    reply = client.get_shell_msg(timeout=30)
    while reply["parent_header"]["msg_id"] != message:
        reply = client.get_shell_msg(timeout=30)
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert containers(places) == []
    # the interrupt went to the kernel's whole process group; the launcher is not in it
    assert execute(
        client, "print(engine.run('busybox', 'echo', 'on').text, client.launcher().identity[0])"
    ) == (
        f"on\n {launcher}",
        "",
    )


def test_the_kernel_is_restarted_and_its_containers_are_gone(
    kernel: KernelManager, client: BlockingKernelClient, engine: Engine, places: Places
) -> None:
    execute(client, SETUP.format(root=str(engine.root_dir), run=str(engine.run_dir)))
    pid, error = execute(client, "kept = engine.start('busybox', 'sleep', '600'); print(kept.pid)")
    assert error == ""
    started = procfs.start_time(int(pid))
    assert len(containers(places)) == 1
    kernel.restart_kernel(now=True)
    wait_until("the end of the container", lambda: not procfs.is_same_process(int(pid), started))
    wait_until("the clean-up by the launcher", lambda: left_over(places) == [])
    # its writable layer was to go with it, and nobody was there any more who would have taken it away
    assert [line.partition(" ")[0] for line in engine.clean()] == ["container"]
    assert engine.clean() == []
    assert engine.containers.all() == []


def test_a_cell_that_runs_again_replaces_its_container(
    client: BlockingKernelClient, engine: Engine, places: Places
) -> None:
    execute(client, SETUP.format(root=str(engine.root_dir), run=str(engine.run_dir)))
    for _ in range(3):
        assert execute(client, "box = engine.start('busybox', 'sleep', '600')")[1] == ""
        assert len(containers(places)) == 1
