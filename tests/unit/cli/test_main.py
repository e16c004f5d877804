"""The command line without a container: words, exit codes, where messages go."""

import json

import pytest

from container_lib.cli import doctor
from container_lib.cli.main import main, parser
from container_lib.engine.doctor import Ability


def test_flags_after_the_image_are_the_commands_own() -> None:
    found = parser().parse_args(
        ["run", "-m", "64m", "-e", "A=1", "-e", "B", "busybox", "ls", "-l", "--memory", "x"]
    )
    assert (found.memory, found.env, found.image) == ("64m", ["A=1", "B"], "busybox")
    assert found.command == ["ls", "-l", "--memory", "x"]


@pytest.mark.parametrize("words", [["run"], ["run", "--no-such-flag", "x"], ["nonsense"], []])
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
    assert {"run", "doctor"} <= set(output.split())


def test_an_image_that_does_not_exist_is_one_message_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "no-such-image", "true"]) == 125
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("byhand: no such image or root filesystem: no-such-image")


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
