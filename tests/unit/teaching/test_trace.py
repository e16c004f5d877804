"""`trace`: real calls, written as strace writes them."""

from errno import ENOENT
from pathlib import Path

import pytest

from container_lib.errors import ContainerError, KernelError
from container_lib.kernel import syscalls
from container_lib.kernel import trace as recorder
from container_lib.teaching.trace import Calls, spell, spell_result, trace

MADE = [
    ("notebook", "capget", (), 0, 5.0),
    ("launcher", "clone3", ("CLONE_NEWPID|CLONE_NEWNS",), 41, 900.0),
    ("init", "mount", ("proc", "/proc", "proc", "MS_NOSUID", ""), 0, 30.0),
    ("init", "mount", ("<b>", "/x", "", "0", ""), -2, 10.0),
]


def test_a_trace_holds_the_calls_of_its_body_in_their_order(tmp_path: Path) -> None:
    with trace() as calls:
        syscalls.mkdir(str(tmp_path / "a"))
        syscalls.symlink("a", str(tmp_path / "b"))
    syscalls.mkdir(str(tmp_path / "c"))
    assert [(who, call, result) for who, call, _, result, _ in calls] == [
        ("notebook", "mkdir", 0),
        ("notebook", "symlink", 0),
    ]


def test_a_failed_call_is_shown_with_the_name_of_its_errno(tmp_path: Path) -> None:
    with trace() as calls, pytest.raises(KernelError):
        syscalls.mkdir(str(tmp_path / "no" / "where"))
    (call,) = calls.failed()
    assert call[3] == -ENOENT
    assert "-1 ENOENT (No such file or directory)" in repr(calls)


def test_an_exception_in_the_body_ends_the_trace_and_keeps_the_calls(tmp_path: Path) -> None:
    def fail() -> None:
        syscalls.mkdir(str(tmp_path / "a"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), trace() as calls:
        fail()
    assert not recorder.active()
    assert calls.names() == ["mkdir"]


def test_a_trace_inside_a_trace_is_refused_and_the_outer_one_goes_on(tmp_path: Path) -> None:
    with trace() as outer:
        with pytest.raises(ContainerError, match="already"), trace():
            pass
        syscalls.mkdir(str(tmp_path / "a"))
    assert outer.names() == ["mkdir"]


def test_calls_are_selected_by_process_and_by_name() -> None:
    calls = Calls(MADE)
    assert calls.who() == ["notebook", "launcher", "init"]
    assert [call[1] for call in calls.of("init", "launcher")] == ["clone3", "mount", "mount"]
    assert len(calls.named("mount")) == 2
    assert calls.of("init").microseconds() == 40.0


@pytest.mark.parametrize("select", [Calls(MADE).of, Calls(MADE).named])
def test_a_selection_of_what_is_not_there_says_what_is(select: object) -> None:
    with pytest.raises(ContainerError) as caught:
        select("nobody")  # type: ignore[operator]
    assert "init" in caught.value.hint or "mount" in caught.value.hint


def test_totals_count_by_process_and_by_call() -> None:
    lines = [line.split() for line in repr(Calls(MADE).totals()).splitlines()]
    assert ["init", "all", "2", "40", "1"] in lines
    assert ["launcher", "clone3", "1", "900", "0"] in lines


def test_the_table_escapes_what_a_container_named() -> None:
    html = Calls(MADE)._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;" in html


@pytest.mark.parametrize(
    ("call", "arguments", "written"),
    [
        ("mount", ("a", "/b", "", "MS_BIND|MS_REC", ""), 'mount("a", "/b", "", MS_BIND|MS_REC, "")'),
        ("mount", ("a", "/b", "", "0", ""), 'mount("a", "/b", "", 0, "")'),
        ("write", ("/sys/fs/cgroup/pids.max", "0"), 'write("/sys/fs/cgroup/pids.max", "0")'),
        ("mkdir", ("/dev", "0o755"), 'mkdir("/dev", 0755)'),
        ("execve", ("/bin/sh", ["sh", "-c", 'echo "hi"']), r'execve("/bin/sh", ["sh", "-c", "echo \"hi\""])'),
        ("setsid", (), "setsid()"),
    ],
)  # fmt: skip
def test_calls_are_written_as_strace_writes_them(
    call: str, arguments: tuple[object, ...], written: str
) -> None:
    assert spell(call, arguments) == written


def test_results_are_written_as_strace_writes_them() -> None:
    assert (spell_result(41), spell_result(-1)) == ("41", "-1 EPERM (Operation not permitted)")
