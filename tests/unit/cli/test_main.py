"""The command line without a container: words, exit codes, where messages go."""

import json
import subprocess
import sys

import pytest

from container_lib.cli import doctor
from container_lib.cli.main import COMMANDS, main, parse
from container_lib.engine.doctor import Ability


def test_flags_after_the_image_are_the_commands_own() -> None:
    _, found = parse(["run", "-m", "64m", "-e", "A=1", "-e", "B", "busybox", "ls", "-l", "--memory", "x"])
    assert (found.memory, found.env, found.image) == ("64m", ["A=1", "B"], "busybox")
    assert found.command == ["ls", "-l", "--memory", "x"]


@pytest.mark.parametrize(
    "words", [["run"], ["run", "--no-such-flag", "x"], ["nonsense"], ["image", "nonsense"], []]
)
def test_a_command_line_that_cannot_be_understood_exits_with_125(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 125
    assert "--help" in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    output = capsys.readouterr().out
    assert {name.split()[0] for name in COMMANDS} <= {line.split()[0] for line in output.splitlines() if line}


@pytest.mark.parametrize("group", ["image", "container", "volume", "system"])
def test_a_group_alone_lists_its_commands(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([group])
    assert caught.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert {f"{group} {line.split()[0]}" for line in lines if line.startswith("  ")} == {
        name for name in COMMANDS if name.startswith(group + " ")
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*name.split(), "--help"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: byhand {name} ")


def test_one_command_does_not_pay_for_the_others() -> None:
    script = (
        "import sys; from container_lib.cli import main; main.parse(['run', 'busybox']); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    in_cli = {name for name in loaded.split() if name.startswith("container_lib.cli.")}
    assert in_cli == {"container_lib.cli.main", "container_lib.cli.run"}
    assert {"rich", "tarfile", "container_lib.engine.doctor"} & set(loaded.split()) == set()


def test_an_image_that_does_not_exist_is_one_message_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "no-such-image", "true"]) == 125
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("byhand: No such image: no-such-image:latest\nhint: ")


def test_the_doctors_table_tells_what_is_missing_and_the_remedy() -> None:
    table = doctor.table(
        [Ability("root", True, "uid 0", needed=True), Ability("io controller", False, "none", "get one")]
    )
    assert "ok       root" in table
    assert "MISSING  io controller" in table
    assert "hint: get one" in table
    assert table.endswith("containers run here, without limits")


def test_the_doctor_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])
    abilities = json.loads(capsys.readouterr().out)
    by_name = {ability["name"]: ability for ability in abilities}
    assert len([name for name in by_name if name.endswith("namespace")]) == 8
    assert code == (0 if all(a["found"] for a in abilities if a["needed"]) else 1)
