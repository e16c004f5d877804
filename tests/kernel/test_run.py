"""A container, run for real: what is inside, seen from inside and from outside."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from container_lib.engine.engine import Engine
from container_lib.errors import CommandNotExecutable, CommandNotFound, ContainerError, NotFound
from container_lib.isolation import capabilities, namespaces
from container_lib.kernel import procfs
from container_lib.runtime import lifecycle
from container_lib.runtime.outcome import Places
from container_lib.runtime.spec import Spec
from tests.conftest import Residue

pytestmark = pytest.mark.usefixtures("residue")


def test_it_is_process_one_with_a_name_and_a_root_of_its_own(engine: Engine) -> None:
    result = engine.run("busybox", "sh", "-c", "echo $$; hostname; ls /; id -u", hostname="box")
    pid, name, *tree, uid = result.text.split()
    assert (pid, name, uid, result.code) == ("1", "box", "0", 0)
    assert {"bin", "dev", "proc", "sys"} <= set(tree)
    assert "boot" not in tree  # the machine's tree has it


def test_from_outside_it_is_a_process_with_namespaces_of_its_own(engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60") as container:
        assert set(namespaces.differing(container.pid)) == set(namespaces.DEFAULT)
        assert procfs.status(container.pid)["NSpid"].split() == [str(container.pid), "1"]
        assert procfs.command(container.pid) == ["sleep", "60"]
        assert os.readlink(f"/proc/{container.pid}/root") == "/"


def test_stdout_stderr_and_exit_code_are_kept_apart(engine: Engine) -> None:
    result = engine.run("busybox", "sh", "-c", "echo out; echo err >&2; exit 42")
    assert (result.stdout, result.stderr, result.code) == (b"out\n", b"err\n", 42)


def test_much_output_on_both_pipes_arrives_whole(engine: Engine) -> None:
    script = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2"
    result = engine.run("busybox", "sh", "-c", script)
    assert (len(result.stdout), len(result.stderr)) == (3_000_000, 3_000_000)


def test_a_death_by_signal_is_128_plus_its_number(engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60") as container:
        container.kill()
        exit_ = container.wait(5)
    assert (exit_.code, exit_.signal, exit_.oom_killed) == (137, signal.SIGKILL, False)


def test_process_one_ignores_a_signal_without_handler(engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60") as container:
        container.kill(signal.SIGTERM)
        with pytest.raises(TimeoutError):
            container.wait(0.3)


def test_what_it_writes_is_gone_with_it(engine: Engine, busybox: Path) -> None:
    engine.run("busybox", "sh", "-c", "echo x > /new; rm /bin/ls")
    assert not (busybox / "new").exists()
    assert (busybox / "bin/ls").exists()
    assert engine.run("busybox", "ls", "/new").code == 1


def test_read_only_means_the_root_and_not_the_mounts_on_it(engine: Engine) -> None:
    result = engine.run("busybox", "sh", "-c", "touch /x; touch /dev/shm/y && echo fine", read_only=True)
    assert b"Read-only file system" in result.stderr
    assert result.text == "fine\n"


def test_a_volume_is_the_machines_directory(engine: Engine, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "in").write_text("hello")
    script = "cat /a/b/in; echo back > /a/b/out; touch /ro/x"
    result = engine.run("busybox", "sh", "-c", script, volume=[f"{shared}:/a/b", f"{shared}:/ro:ro"])
    assert result.text == "hello"
    assert (shared / "out").read_text() == "back\n"
    assert b"Read-only" in result.stderr
    assert not (shared / "x").exists()


def test_a_file_can_be_bound(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("just one")
    assert engine.run("busybox", "cat", "/etc/one", volume=[f"{tmp_path}/one:/etc/one:ro"]).text == "just one"


def test_the_environment_is_what_was_said_and_nothing_of_ours(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "of the machine")
    lines = engine.run("busybox", "/bin/env", env=["A=1"], hostname="h").text.split("\n")
    assert {line.partition("=")[0] for line in lines if line} == {"PATH", "HOSTNAME", "HOME", "A"}


def test_the_working_directory_is_made(engine: Engine) -> None:
    assert engine.run("busybox", "pwd", workdir="/srv/deep/er").text == "/srv/deep/er\n"


def test_no_descriptor_of_ours_is_inside(engine: Engine) -> None:
    # 3 is the directory that ls itself reads
    assert engine.run("busybox", "ls", "/proc/self/fd").text.split() == ["0", "1", "2", "3"]


def test_capabilities_and_no_new_privileges_are_set(engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60") as container:
        status = procfs.status(container.pid)
    expected, _ = capabilities.keep()
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {expected}
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
    assert status["NoNewPrivs"] == "1"


def test_another_user_has_no_capabilities(engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60", user="nobody") as container:
        status = procfs.status(container.pid)
    assert status["Uid"].split() == ["65534"] * 4
    assert int(status["CapEff"], 16) == 0


def test_a_ulimit_is_in_force(engine: Engine) -> None:
    assert (
        engine.run("busybox", "sh", "-c", "ulimit -n; ulimit -Hn", ulimit=["nofile=100:200"]).text
        == "100\n200\n"
    )


@pytest.mark.parametrize(
    ("argv", "kind", "words"),
    [
        (["no-such"], CommandNotFound, 'exec: "no-such": executable file not found in $PATH'),
        (["/no/such"], CommandNotFound, "stat /no/such: no such file or directory"),
        (["/etc"], CommandNotExecutable, 'exec: "/etc": permission denied'),
        (["/etc/passwd"], CommandNotExecutable, "permission denied"),
    ],
)
def test_a_command_that_cannot_be_run(
    engine: Engine, argv: list[str], kind: type[ContainerError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        engine.run("busybox", *argv)
    assert words in str(caught.value)


def test_a_file_that_is_no_program(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no first line")
    (tmp_path / "text").chmod(0o755)
    (tmp_path / "lost").write_text("#!/no/interpreter\n")
    (tmp_path / "lost").chmod(0o755)
    volume = [f"{tmp_path}/text:/text", f"{tmp_path}/lost:/lost"]
    with pytest.raises(CommandNotExecutable, match="exec format error"):
        engine.run("busybox", "/text", volume=volume)
    with pytest.raises(CommandNotFound, match="its interpreter"):
        engine.run("busybox", "/lost", volume=volume)


def test_a_rootfs_that_does_not_exist(engine: Engine, places: Places) -> None:
    with pytest.raises(NotFound, match="nothing-here"):
        engine.run("nothing-here", "true")
    with pytest.raises(NotFound, match="/nothing/here does not exist"):
        lifecycle.run(Spec(("true",), Path("/nothing/here")), places)


def test_what_our_parent_ignores_or_blocks_the_command_does_not(engine: Engine) -> None:
    script = (
        "import signal, sys; from pathlib import Path\n"
        "from container_lib.engine.engine import Engine\n"
        f"engine = Engine(Path({str(engine.root_dir)!r}), Path({str(engine.run_dir)!r}))\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n"
        "print(engine.run('busybox', 'grep', '-E', 'SigBlk|SigIgn', '/proc/self/status').text)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    blocked, ignored = (int(line.split()[1], 16) for line in done.stdout.split("\n") if line)
    assert blocked == 0
    assert ignored & 0x7FFFFFFF == 0


def test_a_timeout_kills(engine: Engine) -> None:
    with pytest.raises(TimeoutError):
        engine.run("busybox", "sleep", "60", timeout=0.3)


def test_what_outlives_process_one_is_killed(engine: Engine) -> None:
    begin = time.monotonic()
    result = engine.run("busybox", "sh", "-c", "sleep 60 & echo started", pid="host")
    assert result.text == "started\n"
    assert time.monotonic() - begin < 50  # not waited for


def test_entering_is_being_inside(engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60", hostname="target") as container:
        result = container.enter_and_capture(
            "sh", "-c", "hostname; echo $$; readlink /proc/self/ns/mnt; kill 1"
        )
        name, pid, mnt = result.text.split()
        assert name == "target"
        assert pid != "1"
        assert mnt == f"mnt:[{procfs.namespaces(container.pid)['mnt']}]"
        with pytest.raises(CommandNotFound):
            container.enter_and_capture("no-such")
        assert container.running


def test_before_exec_everything_is_built_and_nothing_runs(places: Places, busybox: Path) -> None:
    seen: list[list[str]] = []
    spec = Spec(("sleep", "60"), busybox)
    with lifecycle.start(spec, places, before_exec=lambda pid: seen.append(procfs.command(pid))) as container:
        assert seen[0][1:3] == ["-I", "-S"]  # still the launcher's program
        assert procfs.command(container.pid) == ["sleep", "60"]


def test_many_at_once_from_many_threads(engine: Engine) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: engine.run("busybox", "echo", str(n)).text, range(40)))
    assert results == [f"{n}\n" for n in range(40)]


def test_the_machine_sees_none_of_the_mounts(engine: Engine, residue: Residue) -> None:
    before = residue.now()["mounts"]
    with engine.start("busybox", "sleep", "60") as container:
        assert residue.now()["mounts"] == before
        inside = {entry.target for entry in procfs.mountinfo(container.pid)}
        assert {
            "/",
            "/proc",
            "/dev",
            "/dev/pts",
            "/dev/shm",
            "/dev/mqueue",
            "/sys",
            "/sys/fs/cgroup",
        } <= inside


def test_the_same_with_a_shared_root(engine: Engine) -> None:
    # under systemd "/" is shared: a mount made in a new namespace would come back to the machine
    script = (
        "import sys; sys.path.insert(0, '.')\n"
        "from pathlib import Path\n"
        "from container_lib.engine.engine import Engine\n"
        "from container_lib.kernel.procfs import mountinfo\n"
        f"engine = Engine(Path({str(engine.root_dir)!r}), Path({str(engine.run_dir)!r}))\n"
        "before = len(mountinfo())\n"
        "with engine.start('busybox', 'sleep', '60'): print(len(mountinfo()) - before)\n"
    )
    command = ["unshare", "--mount", "--propagation", "shared", sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "0\n"
