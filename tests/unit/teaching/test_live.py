"""`live` as a notebook calls it, and its widgets, without a front end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from container_lib.errors import InvalidValue, NotFound
from container_lib.teaching import live as module
from container_lib.teaching.live import live, live_monitors
from container_lib.teaching.live_controls import NO_LIMIT, LimitSlider
from container_lib.teaching.live_monitor import Monitor
from container_lib.teaching.live_widget import LiveWidget
from container_lib.teaching.picture import Still
from tests.unit.teaching.imitation import imitate


@pytest.fixture
def group(tmp_path: Path) -> Path:
    return imitate(tmp_path / "group")


@dataclass
class Thing:
    """Something that knows its group, as a container does."""

    id: str
    group: Path | None


def until(condition: Callable[[], bool]) -> bool:
    deadline = monotonic() + 10
    while not (true := condition()) and monotonic() < deadline:
        sleep(0.02)
    return true


def test_outside_a_notebook_it_watches_for_a_while_and_returns_a_picture(group: Path) -> None:
    still = live({"web": group, "db": Thing("b" * 64, group)}, seconds=0.5)
    assert isinstance(still, Still)
    assert still.png.startswith(b"\x89PNG")
    assert [line.partition(":")[0] for line in repr(still).splitlines()] == ["web", "db"]
    assert live_monitors() == []


def test_containers_and_directories_are_accepted_alone_and_in_lists(group: Path) -> None:
    thing = Thing("0123456789abcdef", group)
    assert module._name(thing) == {"0123456789ab": group}
    assert module._name(group) == {"group": group}
    assert module._name([thing, group, thing]) == {
        "0123456789ab": group,
        "group": group,
        "0123456789ab (3)": group,
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hz": 0}, "0"),
        ({"hz": 1000}, "1000"),
        ({"seconds": -1}, "-1"),
        ({"seconds": float("nan")}, "nan"),
        ({"show": ["disk"]}, "disk"),
        ({"show": []}, r"\[\]"),
        ({"sliders": ["disk"]}, "disk"),
    ],
)
def test_what_cannot_be_meant_is_refused(group: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        live(group, **change)


def test_a_container_without_a_group_and_too_many_groups_are_refused(group: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="no cgroup"):
        live(Thing("a", None))
    with pytest.raises(InvalidValue, match="7"):
        live({str(number): group for number in range(7)})
    with pytest.raises(NotFound):
        live(tmp_path / "gone")


def test_a_slider_writes_the_file_of_its_limit(group: Path) -> None:
    for quantity, value, text in (
        ("cpu", 0.2, "20000 100000"),
        ("memory", 32.0, str(32 << 20)),
        ("pids", 8.0, "8"),
    ):
        slider, file = LimitSlider(group, quantity), group / f"{quantity}.max"
        for position, written in ((value, text), (NO_LIMIT, "max 100000" if quantity == "cpu" else "max")):
            file.write_text("")  # an ordinary file would keep what a shorter value does not cover
            slider.slider.value = position
            assert file.read_text() == written


def test_a_slider_stands_where_the_limit_is_and_follows_it_without_writing(group: Path) -> None:
    slider = LimitSlider(group, "cpu")
    assert slider.slider.value == 0.5
    (group / "cpu.max").write_text("untouched")
    slider.follow(0.37)  # between two steps
    assert slider.slider.value == 0.37
    slider.follow(None)
    assert slider.slider.value == NO_LIMIT
    assert (group / "cpu.max").read_text() == "untouched"


def test_a_refused_write_is_shown_with_the_value(group: Path) -> None:
    slider = LimitSlider(group, "pids")
    (group / "pids.max").unlink()
    (group / "pids.max").mkdir()
    slider.slider.value = 8.0
    assert "cannot write" in slider.message.value
    assert "8" in slider.message.value
    assert str(group / "pids.max") in slider.message.value


def test_a_slider_without_its_controller_is_off_and_says_why(tmp_path: Path) -> None:
    slider = LimitSlider(imitate(tmp_path / "bare", without=("memory",)), "memory")
    assert slider.slider.disabled
    assert "memory.max" in slider.message.value


def widget_of(group: Path, sliders: Any = True) -> tuple[Monitor, LiveWidget]:
    monitor = Monitor({"web": group}, ["cpu", "memory"], 10, 60, "web")
    widget = LiveWidget(monitor, ["cpu", "memory"], sliders)
    monitor.start(lambda png, _monitor: widget.update(png))
    return monitor, widget


def test_the_image_changes_and_the_stop_button_stops_it(group: Path) -> None:
    monitor, widget = widget_of(group)
    first = widget.image.value
    assert until(lambda: widget.image.value != first)
    widget.button.click()
    assert not monitor.running
    assert widget.button.disabled
    assert "stopped" in widget.status.value


def test_the_last_view_that_is_closed_stops_it(group: Path) -> None:
    monitor, widget = widget_of(group)
    for count, running in ((1, True), (2, True), (1, True), (0, False)):
        widget.image._view_count = count  # what the front end sets
        assert monitor.running == running
    assert monitor.ended == "the output was closed"


def test_an_image_that_nobody_has_shown_yet_is_no_reason_to_stop(group: Path) -> None:
    monitor, widget = widget_of(group)
    assert widget.image._view_count == 0
    sleep(0.3)
    assert monitor.running
    monitor.stop()


def test_sliders_stand_for_what_was_asked_and_is_there(tmp_path: Path, group: Path) -> None:
    bare = imitate(tmp_path / "bare", without=("memory",))
    for directory, asked, quantities in (
        (group, True, ["cpu", "memory"]),
        (group, False, []),
        (group, ("memory",), ["memory"]),
        (group, {"cpu": [0.11, 0.22]}, ["cpu"]),
        (bare, True, ["cpu"]),
    ):
        monitor, widget = widget_of(directory, asked)
        monitor.stop()
        assert [slider.quantity for slider in widget.sliders[0]] == quantities


def test_a_change_from_elsewhere_moves_the_slider(group: Path) -> None:
    monitor, widget = widget_of(group)
    with open(group / "cpu.max", "r+") as file:  # at once, as the kernel's file changes: it is never empty
        file.write("30000 100000")
    assert until(lambda: widget.sliders[0][0].slider.value == 0.3)
    monitor.stop()
