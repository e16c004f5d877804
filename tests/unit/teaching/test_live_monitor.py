"""The thread behind a graph: its schedule, its ends, and who replaces whom."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import pytest

from container_lib.errors import NotFound
from container_lib.teaching import live_monitor
from container_lib.teaching.live_monitor import THREAD_PREFIX, Monitor, live_monitors, register
from tests.unit.teaching.imitation import imitate

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def group(tmp_path: Path) -> Path:
    return imitate(tmp_path / "group")


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    for monitor in live_monitors():
        monitor.stop()
    assert threads() == []


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(THREAD_PREFIX)]


def make(
    group: Path, name: str = "one", run: tuple[str, str] = ("", ""), seconds: float = 60, hz: float = 10
) -> Monitor:
    monitor = Monitor({"web": group}, ["cpu"], hz, seconds, name)
    monitor.run = run
    return monitor


def start(monitor: Monitor) -> Monitor:
    register(monitor)
    monitor.start(lambda _png, _monitor: None)
    return monitor


def test_each_update_delivers_a_new_picture_and_the_last_one_comes_after_the_end(group: Path) -> None:
    delivered: list[tuple[bytes, str]] = []
    monitor = make(group, seconds=0.5)
    monitor.start(lambda png, monitor: delivered.append((png, monitor.ended)))
    monitor.wait(10)
    assert all(png.startswith(PNG) for png, _ in delivered)
    assert [ended for _, ended in delivered[:-1]] == [""] * monitor.statistics.updates
    assert delivered[-1][1] == "ended after 0.5 s"


def test_the_thread_is_a_daemon_with_our_name(group: Path) -> None:
    start(make(group, "web"))
    (thread,) = [thread for thread in threading.enumerate() if thread.name == THREAD_PREFIX + "web"]
    assert thread.daemon


def test_stop_returns_when_the_thread_has_ended_and_its_files_are_closed(group: Path) -> None:
    monitor = start(make(group))
    assert open_files(group)
    monitor.stop()
    assert not monitor.running
    assert (threads(), open_files(group)) == ([], [])


def open_files(group: Path) -> list[str]:
    targets = (os.path.realpath(link) for link in Path("/proc/self/fd").iterdir())
    return [target for target in targets if target.startswith(str(group))]


def test_a_late_update_is_counted_as_missed_and_the_schedule_holds(group: Path) -> None:
    monitor = make(group, hz=10, seconds=1.2)
    monitor.start(lambda _png, _monitor: sleep(0.25))  # two periods and a half
    monitor.wait(10)
    assert monitor.statistics.missed >= monitor.statistics.updates  # each update costs at least one other
    due = monitor.statistics.updates + monitor.statistics.missed
    assert due <= 1 + (monitor.statistics.elapsed + 0.3) * 10  # none is invented


def test_a_cell_that_runs_again_replaces_its_graphs(group: Path) -> None:
    first, second = (start(make(group, name, ("cell", "run 1"))) for name in ("a", "b"))
    assert live_monitors() == [first, second]
    third = start(make(group, "c", ("cell", "run 2")))
    assert live_monitors() == [third]
    assert (first.ended, second.ended) == ("replaced by a new run",) * 2


def test_another_cell_keeps_the_graphs_of_the_first_unless_the_name_is_the_same(group: Path) -> None:
    first = start(make(group, "a", ("cell 1", "run 1")))
    second = start(make(group, "b", ("cell 2", "run 2")))
    assert live_monitors() == [first, second]
    third = start(make(group, "a", ("cell 3", "run 3")))
    assert live_monitors() == [second, third]


def test_where_the_front_end_names_no_cell_only_the_name_counts(group: Path) -> None:
    first = start(make(group, "a", ("", "run 1")))
    second = start(make(group, "b", ("", "run 2")))
    assert live_monitors() == [first, second]


def test_an_update_that_fails_ends_the_graph_and_says_so(
    group: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[object] = []
    monkeypatch.setattr(threading, "excepthook", errors.append)
    monitor = make(group)
    (group / "pids.max").write_text("what?")
    start(monitor).wait(10)
    assert monitor.ended.startswith("failed")
    assert len(errors) == 1
    assert live_monitors() == []


def test_a_group_that_does_not_exist_is_refused_before_a_thread_starts(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        make(tmp_path / "nowhere")
    assert threads() == []


def test_the_picture_so_far_can_be_kept(group: Path, tmp_path: Path) -> None:
    monitor = start(make(group, seconds=0.5))
    monitor.wait(10)
    still = monitor.still()
    still.save(tmp_path / "graph.png")
    assert (tmp_path / "graph.png").read_bytes() == still._repr_png_()
    assert repr(still).startswith("web: ")


def test_the_module_holds_no_reference_to_what_has_ended(group: Path) -> None:
    start(make(group)).stop()
    assert live_monitor._running == []
