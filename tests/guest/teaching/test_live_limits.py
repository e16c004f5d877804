"""Graphs and sliders on real limits: the kernel is asked what the slider did."""

from pathlib import Path
from time import monotonic

import pytest

from container_lib.cgroups import cpu, memory, pids
from container_lib.cgroups.hierarchy import Hierarchy
from container_lib.engine.engine import Engine
from container_lib.teaching.draw import draw_cgroups
from container_lib.teaching.live_controls import NO_LIMIT, LimitSlider
from container_lib.teaching.live_monitor import Monitor

pytestmark = pytest.mark.guest
SPIN = ("sh", "-c", "while :; do :; done")


def test_sliders_set_what_the_kernel_then_says(limits: Hierarchy, engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60") as container:
        group = group_of(container.group)
        sliders = {quantity: LimitSlider(group, quantity) for quantity in ("cpu", "memory", "pids")}
        assert [slider.slider.value for slider in sliders.values()] == [NO_LIMIT] * 3
        for quantity, value in (("cpu", 0.2), ("memory", 32.0), ("pids", 8.0)):
            sliders[quantity].slider.value = value
        assert (cpu.get_max(group), memory.get_max(group), pids.get_max(group)) == (0.2, 32 << 20, 8)
        sliders["cpu"].slider.value = NO_LIMIT
        assert cpu.get_max(group) is None


def group_of(path: Path | None) -> Path:
    assert path is not None
    return path


def test_a_refused_limit_is_told_and_the_slider_goes_back(limits: Hierarchy, engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60", pids_limit=7) as container:
        slider = LimitSlider(group_of(container.group), "pids", [4, 1e12])
        slider.slider.value = 1e12
        assert slider.slider.value == 7
        assert "1000000000000" in slider.message.value
        assert "Invalid argument" in slider.message.value


def test_a_slider_of_a_group_that_is_gone_says_so_and_is_off(limits: Hierarchy, engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60") as container:
        slider = LimitSlider(group_of(container.group), "pids")
    slider.slider.value = 8.0
    assert slider.slider.disabled
    assert "pids.max" in slider.message.value


def test_a_graph_marks_throttling_oom_kills_and_refused_forks(limits: Hierarchy, engine: Engine) -> None:
    # a shell ends at the first fork that fails, so it may not be number 1, and not too early
    bomb = "(sleep 5; while :; do sleep 60 & done) & exec sleep 60"
    eater = "while :; do tail /dev/zero; sleep 0.3; done"
    with (
        engine.start("busybox", *SPIN, cpus=0.1) as spinning,
        engine.start("busybox", "sh", "-c", eater, memory="16m", memory_swap="16m", cpus=0.5) as eating,
        engine.start("busybox", "sh", "-c", bomb, pids_limit=5, cpus=0.1) as forking,
    ):
        groups = {"cpu": spinning.group, "memory": eating.group, "pids": forking.group}
        monitor = Monitor({name: group_of(path) for name, path in groups.items()}, list(groups), 5, 60, "all")
        monitor.start(lambda _png, _monitor: None)
        throttled, killed, refused = monitor.histories
        deadline = monotonic() + 30
        while not (killed.marks["memory"] and refused.marks["pids"]) and monotonic() < deadline:
            monitor.wait(0.2)
        assert max(throttled.throttled) > 0
        assert killed.marks["memory"]
        assert refused.marks["pids"]
        monitor.stop()
        assert [throttled.limit("cpu"), killed.limit("memory"), refused.limit("pids")] == [0.1, 16.0, 5.0]


def test_a_graph_follows_a_limit_that_is_changed(limits: Hierarchy, engine: Engine) -> None:
    with engine.start("busybox", *SPIN, cpus=0.1) as container:
        group = group_of(container.group)
        monitor = Monitor({"one": group}, ["cpu"], 5, 60, "one")
        monitor.start(lambda _png, _monitor: None)
        cpu.set_max(group, 0.3)
        monitor.wait(1.5)
        assert monitor.histories[0].limit("cpu") == 0.3
    monitor.wait(20)
    assert monitor.ended == "the container is gone"


def test_the_tree_of_groups_tells_limits(limits: Hierarchy, engine: Engine) -> None:
    with engine.start("busybox", "sleep", "60", cpus=0.25, memory="48m", pids_limit=9) as container:
        line = repr(draw_cgroups(group_of(container.group)))
    assert "of 0.25 CPUs" in line
    assert "of 48" in line
    assert "of 9" in line
