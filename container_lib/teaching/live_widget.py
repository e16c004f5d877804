"""The widgets of a live graph: one image, a Stop button, a status line, and the sliders under their columns.

The monitor's thread sets the image's bytes; the front end shows the new picture when it has decoded it, and
keeps the old one until then. The front end also counts the views of the image (`_view_count`): when the last
view is closed (the output cleared, the cell deleted), nobody looks any more and the monitor stops. A page
that is closed says nothing: then the time limit ends the updates.
"""

from collections.abc import Mapping, Sequence
from html import escape
from time import monotonic
from typing import Any

import ipywidgets

from container_lib.teaching.live_controls import LimitSlider
from container_lib.teaching.live_monitor import Monitor

STATUS_EVERY = 1.0


class LiveWidget:
    """What is displayed for one monitor. `update` is called from the monitor's thread."""

    def __init__(self, monitor: Monitor, show: Sequence[str], sliders: Any) -> None:
        self.monitor = monitor
        self.closed = False
        width = int(monitor.figure.figure.bbox.width)
        self.image = ipywidgets.Image(value=monitor.picture, format="png")
        self.image.layout.max_width = f"{width}px"
        self.image.layout.width = "100%"
        self.image.layout.object_fit = "contain"
        self.image.add_class("byhand-live")
        self.image._view_count = 0  # from None: asks the front end to count the views from now on
        self.image.observe(self._viewed, "_view_count")
        self.status = ipywidgets.HTML(value="starting …")
        self.button = ipywidgets.Button(description="Stop", icon="stop")
        self.button.layout.width = "6em"
        self.button.add_class("byhand-stop")
        self.button.on_click(lambda _button: monitor.stop())
        self.sliders = [_column(monitor, group, show, sliders) for group in monitor.groups]
        columns = [ipywidgets.VBox([slider.widget for slider in column]) for column in self.sliders]
        for column in columns:
            column.layout.width = f"{100 / len(columns):.1f}%"
        rows = [ipywidgets.HBox([self.button, self.status]), self.image, ipywidgets.HBox(columns)]
        self.box = ipywidgets.VBox(rows, layout=ipywidgets.Layout(max_width=f"{width}px"))
        self._said = 0.0
        self._limits: list[dict[str, float | None]] = [{} for _ in monitor.groups]

    def bundle(self) -> dict[str, Any]:
        """Return what makes a front end show the widgets."""
        return dict(self.box._repr_mimebundle_() or {})

    def update(self, png: bytes) -> None:
        """Replace the picture; once a second the status, too; after the end, say why it ended."""
        self.image.value = png
        now = monotonic()
        if self.monitor.ended:
            self.button.disabled = True
            self.status.value = _status(f"{self.monitor.ended}; {self.monitor.statistics}")
        elif now - self._said >= STATUS_EVERY:
            self._said = now
            self.status.value = _status(str(self.monitor.statistics))
        self._follow()

    def _follow(self) -> None:
        """Move the sliders whose limit has changed in the kernel since the last look."""
        for number, (column, history) in enumerate(zip(self.sliders, self.monitor.histories, strict=True)):
            limits = history.last.limits if history.last else {}
            for slider in column:
                # subtle: only a change moves a slider, so that a hand on it is not fought with
                if limits and self._limits[number].get(slider.quantity, -1.0) != limits[slider.quantity]:
                    slider.follow(limits[slider.quantity])
            self._limits[number] = limits

    def _viewed(self, change: dict[str, Any]) -> None:
        if not change["new"] and change["old"]:
            self.closed = True
            self.monitor.stop("the output was closed")


def _column(monitor: Monitor, name: str, show: Sequence[str], wanted: Any) -> list[LimitSlider]:
    """Make one container's sliders: for the quantities that are wanted and whose controller the group has."""
    if wanted is False:
        return []
    present = monitor.present[list(monitor.groups).index(name)]
    chosen = [quantity for quantity in show if wanted is True or quantity in wanted]
    steps = wanted if isinstance(wanted, Mapping) else {}
    group = monitor.groups[name]
    explicit = wanted is not True
    return [
        LimitSlider(group, quantity, steps.get(quantity))
        for quantity in chosen
        if explicit or (present[quantity] and (group / f"{quantity}.max").exists())
    ]


def _status(text: str) -> str:
    return f'<span class="byhand-status" style="opacity:.8">{escape(text)}</span>'
