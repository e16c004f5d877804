"""Sliders that change a group's limits while the load runs, and the line that says what went wrong.

Each slider writes one file of the group through `container_lib.cgroups`, as `docker update` does. Its last
position is "no limit". When the kernel refuses, the message stands below the slider, which goes back to what
the kernel has. When something else changes the limit, the slider follows.
"""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

import ipywidgets
import psutil

from container_lib.cgroups import cpu, memory, pids
from container_lib.errors import ContainerError
from container_lib.teaching.live_reading import MIB

NO_LIMIT = float("inf")
LABELS = {"cpu": "cpu.max", "memory": "memory.max", "pids": "pids.max"}


class LimitSlider:
    """One slider for one file of one group. `widget` is what to display."""

    def __init__(self, group: Path, quantity: str, steps: Sequence[float] | None = None) -> None:
        self.group = group
        self.quantity = quantity
        self._get, self._set = _ACCESS[quantity]
        self._steps = sorted({*(steps or default_steps(quantity)), NO_LIMIT})
        self._following = False
        self.message = ipywidgets.HTML()
        self.slider = ipywidgets.SelectionSlider(
            options=self._options(NO_LIMIT), description=LABELS[quantity], continuous_update=False,
            layout=ipywidgets.Layout(width="98%"), style={"description_width": "7em"},
        )  # fmt: skip
        self.slider.add_class(f"byhand-slider-{quantity}")
        self.slider.observe(self._moved, "value")
        self.widget = ipywidgets.VBox([self.slider, self.message])
        try:
            self.follow(self._get(group))
        except ContainerError as error:
            self.slider.disabled = True
            self._say(error)

    def follow(self, limit: float | None) -> None:
        """Move the slider to where the limit is, without writing it."""
        value = NO_LIMIT if limit is None else limit
        if value == self.slider.value or self.slider.disabled:
            return
        self._following = True
        try:
            # one assignment each: setting options puts the value to the first of them
            self.slider.options = self._options(value)
            self.slider.value = value
        finally:
            self._following = False

    def _moved(self, change: dict[str, float]) -> None:
        if self._following:
            return
        value = change["new"]
        try:
            self._set(self.group, None if value == NO_LIMIT else value)
            self.message.value = ""
        except ContainerError as error:
            self._say(error)
            self._go_back()

    def _go_back(self) -> None:
        try:
            self.follow(self._get(self.group))
        except ContainerError:  # the group is gone: that is what the message says already
            self.slider.disabled = True

    def _say(self, error: ContainerError) -> None:
        text = "<br>".join(escape(line) for line in str(error).splitlines())
        style = "line-height:1.3;font-size:12px;border-left:3px solid #D55E00;padding-left:6px"
        self.message.value = f'<div style="{style}">{text}</div>'

    def _options(self, value: float) -> list[tuple[str, float]]:
        return [(spell(self.quantity, step), step) for step in sorted({*self._steps, value})]


def default_steps(quantity: str) -> list[float]:
    """Return a slider's steps: CPUs as fractions, memory in MiB, or a number of tasks."""
    if quantity == "cpu":
        processors = psutil.cpu_count() or 1
        return [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, *map(float, range(2, processors + 1))]
    if quantity == "memory":
        total = psutil.virtual_memory().total / MIB
        return [
            step
            for step in (8.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 192.0, 256.0, 512.0, 1024.0)
            if step < total
        ]
    return [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]


def spell(quantity: str, value: float) -> str:
    """Return a slider's position as text.

    >>> spell("cpu", 0.5), spell("memory", 64), spell("pids", NO_LIMIT)
    ('0.5 CPUs', '64 MiB', 'no limit')
    """
    unit = {"cpu": "CPUs", "memory": "MiB", "pids": "tasks"}[quantity]
    return "no limit" if value == NO_LIMIT else f"{value:g} {unit}"


def _get_memory(group: Path) -> float | None:
    limit = memory.get_max(group)
    return None if limit is None else limit / MIB


def _set_memory(group: Path, limit: float | None) -> None:
    memory.set_max(group, None if limit is None else round(limit * MIB))


def _set_pids(group: Path, limit: float | None) -> None:
    pids.set_max(group, None if limit is None else round(limit))


_ACCESS: dict[str, tuple[Callable[[Path], float | None], Callable[[Path, float | None], None]]] = {
    "cpu": (cpu.get_max, cpu.set_max),
    "memory": (_get_memory, _set_memory),
    "pids": (pids.get_max, _set_pids),
}
