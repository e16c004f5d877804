"""Which layer a name is seen from, in stacks of plain directories. Whiteouts and a mount: tests/kernel."""

from pathlib import Path

import pytest

from container_lib.errors import NotFound
from container_lib.teaching.layer_map import draw_layer_map, layer_lines
from container_lib.teaching.upper_view import COPIED, MERGED, NEW, draw_upper, part_of


@pytest.fixture
def stack(tmp_path: Path) -> list[Path]:
    """Two layers: both have etc/motd, each has a file of its own, and the lower a directory with twelve."""
    upper, lower = tmp_path / "upper", tmp_path / "lower"
    for layer in (upper, lower):
        (layer / "etc").mkdir(parents=True)
        (layer / "etc" / "motd").write_text(layer.name)
        (layer / layer.name).touch()
    (lower / "many").mkdir()
    for number in range(12):
        (lower / "many" / f"{number:02}").touch()
    return [upper, lower]


def test_the_upper_entry_is_seen_the_lower_one_hidden_and_directories_are_merged(stack: list[Path]) -> None:
    lines = {line.name: line for line in layer_lines(stack)}
    assert lines["etc/"].marks == ("◐", "◐")
    assert lines["etc/motd"].marks == ("●", "○")
    assert (lines["upper"].seen, lines["lower"].seen) == (0, 1)


def test_a_file_over_a_directory_hides_all_that_is_in_it(stack: list[Path]) -> None:
    (stack[0] / "many").touch()
    lines = {line.name: line for line in layer_lines(stack)}
    assert lines["many"].marks == ("●", "○")
    assert lines["many/03"].seen is None


def test_a_symbolic_link_to_a_directory_is_a_file_and_is_not_followed(stack: list[Path]) -> None:
    (stack[0] / "many").symlink_to("/etc")
    names = [line.name for line in layer_lines(stack)]
    assert "many/hosts" not in names
    assert "many/03" in names


def test_a_large_directory_of_one_layer_is_told_in_one_line(stack: list[Path]) -> None:
    lines = repr(draw_layer_map({"container": stack[0], "image": stack[1]})).splitlines()
    assert lines[0].split() == ["in", "the", "merged", "tree", "container", "image", "seen", "from"]
    assert any(line.startswith("many/  … 12 entries") for line in lines)
    assert not any(line.startswith("many/0") for line in lines)
    assert any(line.split() == ["etc/motd", "●", "○", "container"] for line in lines)


def test_in_a_merged_directory_the_neighbours_of_one_layer_are_told_in_one_line(stack: list[Path]) -> None:
    (stack[0] / "many").mkdir()
    (stack[0] / "many" / "99").touch()
    lines = repr(draw_layer_map({"container": stack[0], "image": stack[1]})).splitlines()
    assert [line.split() for line in lines if line.startswith("many/")] == [
        ["many/", "◐", "◐", "container"],
        ["many/…", "12", "entries", "●", "image"],
        ["many/99", "●", "container"],
    ]


def test_a_name_that_is_markup_is_shown_as_it_is(stack: list[Path]) -> None:
    (stack[0] / "<b>").touch()
    assert "&lt;b&gt;" in draw_layer_map({"a<i>": stack[0], "b": stack[1]}).html
    assert "a&lt;i&gt;" in draw_layer_map({"a<i>": stack[0], "b": stack[1]}).html


def test_the_part_of_an_entry_depends_on_what_is_below(stack: list[Path]) -> None:
    upper, lower = stack
    assert part_of(upper / "etc", upper, [lower]) == MERGED
    assert part_of(upper / "etc" / "motd", upper, [lower]) == COPIED
    assert part_of(upper / "upper", upper, [lower]) == NEW


def test_an_upper_directory_is_listed_with_sizes(stack: list[Path]) -> None:
    (stack[0] / "link").symlink_to("etc")
    lines = repr(draw_upper(stack[0], [stack[1]])).splitlines()
    assert any(line.startswith("etc/motd") and "copied up" in line for line in lines)
    assert any(line.startswith("link") and "→ etc" in line for line in lines)
    assert lines[-1].startswith("4 entries")


def test_an_empty_upper_directory_says_so_and_a_missing_one_is_refused(tmp_path: Path) -> None:
    assert "changed nothing" in repr(draw_upper(tmp_path))
    with pytest.raises(NotFound, match="no such directory"):
        draw_upper(tmp_path / "nowhere")
