"""Machines that lack something: each says what, where, and the remedy, and what can run still runs."""

import subprocess
import sys
from errno import ENODEV, ENOSPC
from pathlib import Path

import pytest

from container_lib.engine.engine import Engine
from container_lib.errors import AbilityMissing, KernelError
from container_lib.isolation import namespaces
from container_lib.kernel import syscalls
from container_lib.runtime import lifecycle
from container_lib.runtime.outcome import Places
from container_lib.runtime.spec import Spec

CHECKOUT = Path(__file__).parents[2]
NO_CGROUPS = "umount -R /sys/fs/cgroup && exec {python} -m container_lib {words}"
# a limit on namespaces belongs to the user namespace where it is written: the machine's own stays
NO_USER_NAMESPACES = "echo 0 > /proc/sys/user/max_user_namespaces && exec {python} -m container_lib {words}"


def elsewhere(engine: Engine, options: str, script: str, words: str) -> "subprocess.CompletedProcess[str]":
    """Run `byhand` in a shell in namespaces of its own, after `script` has taken something away there."""
    environment = {"CONTAINER_LIB_ROOT": str(engine.root_dir), "CONTAINER_LIB_RUN": str(engine.run_dir)}
    command = ["unshare", *options.split(), "sh", "-c", script.format(python=sys.executable, words=words)]
    return subprocess.run(
        command,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment},
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
    )


def test_without_cgroup_v2_a_container_runs_and_its_limits_are_discarded(engine: Engine) -> None:
    result = elsewhere(
        engine, "--mount", NO_CGROUPS, "run -m 64m --pids-limit 9 busybox sh -c 'echo ran; exit 4'"
    )
    assert (result.returncode, result.stdout) == (4, "ran\n"), result.stderr
    assert result.stderr.splitlines() == [
        "WARNING: Your kernel does not support memory limit capabilities or the cgroup is not mounted. "
        "Limitation discarded.",
        "WARNING: Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. "
        "PIDs limit discarded.",
    ]
    doctor = elsewhere(engine, "--mount", NO_CGROUPS, "doctor")
    assert "MISSING  cgroup v2" in doctor.stdout
    assert "make lab WHERE=guest" in doctor.stdout
    assert "containers run here, without limits" in doctor.stdout


def test_without_user_namespaces_everything_else_runs(engine: Engine) -> None:
    inside = "--user --map-root-user --mount"
    doctor = elsewhere(engine, inside, NO_USER_NAMESPACES, "doctor")
    assert "MISSING  user namespace" in doctor.stdout, doctor.stderr
    assert "sysctl -w user.max_user_namespaces=10000" in doctor.stdout
    assert "ok       pid namespace" in doctor.stdout


def test_a_limit_of_namespaces_is_not_about_disk_space() -> None:
    hint = syscalls.explain("clone3", ENOSPC)
    assert "max_*_namespaces" in hint
    assert "not about disk space" in hint


def test_a_filesystem_whose_module_is_missing(root: None, tmp_path: Path) -> None:
    with pytest.raises(KernelError, match="is its module loaded") as caught:
        syscalls.mount("none", str(tmp_path), "no_such_filesystem")
    assert caught.value.errno == ENODEV
    assert str(tmp_path) in str(caught.value)


def test_a_machine_that_is_neither_amd64_nor_arm64(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syscalls, "_NUMBERS", {})
    with pytest.raises(AbilityMissing, match="number not known"):
        syscalls.pivot_root("/a", "/b")


def test_a_namespace_that_the_kernel_lacks_is_told(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    # a flag that no kernel knows stands for a kind that this one is too old for
    monkeypatch.setitem(namespaces.BY_NAME, "time", namespaces.Namespace("time", 1 << 45, "", ""))
    spec = Spec(("/bin/true",), namespaces=("time",), capabilities=None)
    with pytest.raises(KernelError, match=r"clone3\(.*Invalid argument") as caught:
        lifecycle.run(spec, places)
    assert "byhand doctor" in caught.value.hint
