"""Rows as tables, templates and JSON; bars; the file that appears when it is whole; names that fail alone."""

import io
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from container_lib.cli.confirm import confirmed
from container_lib.cli.each import each
from container_lib.cli.output import output
from container_lib.cli.progress import Bar, bar
from container_lib.cli.table import print_rows
from container_lib.errors import InvalidValue, NotFound

ROWS = [{"ID": "abc", "Size": "1B", "Name": "<none>"}, {"ID": "a-very-long-one", "Size": "", "Name": "x"}]
COLUMNS = {"ID": "IMAGE ID", "Size": "SIZE"}
HEADERS = {"Name": "NAME"}


@pytest.mark.parametrize(
    ("wanted", "printed"),
    [
        ("", "IMAGE ID          SIZE\nabc               1B\na-very-long-one   \n"),
        ("table", "IMAGE ID          SIZE\nabc               1B\na-very-long-one   \n"),
        (r"table {{.Size}}\t{{.Name}}", "SIZE      NAME\n1B        <none>\n          x\n"),
        ("{{.Name}}:{{.ID}}", "<none>:abc\nx:a-very-long-one\n"),
        ("json", '{"ID":"abc","Name":"\\u003cnone\\u003e","Size":"1B"}\n'
                 '{"ID":"a-very-long-one","Name":"x","Size":""}\n'),
    ],
)  # fmt: skip
def test_rows_are_printed_in_each_format(
    wanted: str, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_rows(ROWS, COLUMNS, wanted, HEADERS)
    assert capsys.readouterr().out == printed


def test_a_table_without_rows_has_its_headers(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([], COLUMNS, "", HEADERS)
    assert capsys.readouterr().out == "IMAGE ID   SIZE\n"


def test_a_bar_on_a_pipe_draws_nothing_and_imports_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("loading", 10) as advance:
        advance(5)
    assert capsys.readouterr() == ("", "")


def test_a_bar_is_drawn_once_it_has_taken_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    drawn = Bar("loading", 10_000_000, enabled=True)
    drawn.advance(1_000_000)
    assert screen.getvalue() == ""
    drawn.began -= 1
    drawn.advance(4_000_000)
    drawn.stop()
    assert "loading" in screen.getvalue()
    assert "5.0/10.0 MB" in screen.getvalue()


def broken(sink: BinaryIO) -> None:
    sink.write(b"half")
    raise InvalidValue("broken off")


def test_an_archive_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with output(str(path)) as sink:
        sink.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    with pytest.raises(InvalidValue, match="broken off"), output(str(path)) as sink:
        broken(sink)
    assert path.read_bytes() == b"whole"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tar"]


def test_an_archive_goes_to_a_device_as_it_is() -> None:
    with output("/dev/null") as sink:
        sink.write(b"x")
    assert not Path("/dev/null").is_file()


def test_an_archive_needs_a_place(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="is a directory"), output(str(tmp_path)):
        pass
    with pytest.raises(NotFound, match="does not exist"), output(str(tmp_path / "no" / "a.tar")):
        pass


def test_of_several_names_those_that_work_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    done = []

    def action(name: str) -> None:
        if name == "bad":
            raise NotFound("No such image: bad:latest")
        done.append(name)

    assert each(["a", "bad", "b"], action) == 1
    assert done == ["a", "b"]
    assert capsys.readouterr().err == "byhand: No such image: bad:latest\n"


@pytest.mark.parametrize(
    ("typed", "force", "answer"),
    [("y\n", False, True), ("\n", False, False), ("", False, False), ("", True, True)],
)
def test_much_is_removed_only_after_a_yes(
    typed: str, force: bool, answer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert confirmed("This will remove all.", force) == answer
