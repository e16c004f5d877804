"""One call path: errors with arguments and hints, a trace when asked for, no guessing of numbers."""

import os
from errno import ENOENT, EPERM
from pathlib import Path

import pytest

from container_lib.errors import AbilityMissing, KernelError
from container_lib.kernel import pseudofiles, syscalls, trace


def test_a_failed_call_names_itself_its_arguments_and_its_errno() -> None:
    with pytest.raises(KernelError, match=r"mkdir\(/no/where, 0o755\): No such file") as caught:
        syscalls.mkdir("/no/where")
    assert (caught.value.call, caught.value.errno) == ("mkdir", ENOENT)


def test_a_misleading_errno_has_a_hint() -> None:
    error = KernelError("unshare", EPERM, "x", syscalls.explain("unshare", EPERM))
    assert "needs root" in str(error)
    assert syscalls.explain("unshare", 9999) == ""


def test_an_unknown_machine_is_refused_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = os.uname_result(("Linux", "n", "6", "v", "mips"))
    monkeypatch.setattr(os, "uname", lambda: machine)
    with pytest.raises(AbilityMissing, match="on the machine mips"):
        syscalls.pivot_root(".", ".")


def test_the_trace_has_each_call_with_result_and_time(tmp_path: Path) -> None:
    trace.start("me")
    syscalls.mkdir(str(tmp_path / "a"))
    with pytest.raises(KernelError):
        syscalls.mkdir(str(tmp_path / "a"))
    calls = trace.stop()
    assert [(who, name, result) for who, name, _, result, _ in calls] == [
        ("me", "mkdir", 0),
        ("me", "mkdir", -17),
    ]
    assert all(microseconds > 0 for *_, microseconds in calls)
    syscalls.mkdir(str(tmp_path / "b"))
    assert trace.stop() == []


def test_a_failed_write_names_path_and_value(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match=r"cannot write '5' to /proc/none/x: No such file"):
        pseudofiles.write("/proc/none/x", 5)
    with pytest.raises(KernelError, match=r"cannot read .*/missing: No such file"):
        pseudofiles.read(tmp_path / "missing")


def test_capabilities_read_are_those_of_proc() -> None:
    status = Path("/proc/self/status").read_text()
    effective, permitted, inheritable = syscalls.capget()
    for name, value in (("CapEff", effective), ("CapPrm", permitted), ("CapInh", inheritable)):
        assert f"{name}:\t{value:016x}" in status
