"""The picture of a live graph: one column per container, one row per quantity, drawn as the bytes of a PNG.

    LiveFigure(names, show, present, window)
      .draw(histories)      -> PNG

A full redraw of a matplotlib figure with twelve pairs of axes takes 130 ms, mostly for text, most of which
stays the same. So everything that stands still is drawn once and kept as a bitmap; each frame restores the
bitmap and draws only the lines into it: blitting. A caption is drawn into the bitmap once a second, a pair
of axes when its scale changes. What is left is about 12 ms for four containers.

pyplot is not used: it keeps figures in a global registry that is not safe in threads. Colours are Okabe and
Ito's. The paper is white in every theme, so that a graph is as legible in a dark one. See
https://matplotlib.org/stable/users/explain/animations/blitting.html
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from container_lib.teaching.live_history import History
from container_lib.teaching.live_png import encode
from container_lib.teaching.picture import BLUE, GREEN, ORANGE, PINK, VERMILION

DPI = 100
RESCALES_PER_FRAME = 2
"""Each takes about 10 ms; twelve at once would make an update late."""
SMALLEST_TOP = {"cpu": 0.1, "memory": 4.0, "pids": 4.0}
LABELS = {"cpu": "CPUs", "memory": "memory, MiB", "pids": "tasks"}
COLOURS = {"cpu": BLUE, "memory": GREEN, "pids": PINK}
INK, FAINT, GRID = "#222222", "#666666", "#dddddd"
INKS = (BLUE, GREEN, PINK, VERMILION, ORANGE, "#000000", GRID)

# inches: the margins of the figure, and what a pair of axes has around it
_WIDTHS = {1: 6.4, 2: 8.0, 3: 9.0}
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.66, 0.14, 0.54, 0.44
_GAP, _BETWEEN, _HEIGHT = 0.56, 0.46, 1.0
_TICK_LABELS, _CAPTION = 0.44, 0.18


@dataclass
class Pane:
    """One pair of axes and what moves in it. All artists are `animated`: a full redraw leaves them out."""

    axes: Any
    quantity: str
    present: bool  # whether the group has this controller
    bottom: bool
    place: tuple[float, float, float]  # inches: x, y, width
    caption: Any
    moving: dict[str, Any]


class LiveFigure:
    """Draws frames. Use it from one thread at a time."""

    def __init__(
        self,
        names: Sequence[str],
        show: Sequence[str],
        present: Sequence[dict[str, bool]],
        window: float,
        limits: bool = True,
        captions_every: int = 5,
    ) -> None:
        self._limits = limits
        self._captions_every = captions_every
        self._frame = 0
        rows, columns = len(show), len(names)
        width, height = _WIDTHS.get(columns, 9.6), _TOP + _BOTTOM + rows * _HEIGHT + (rows - 1) * _BETWEEN
        self.figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
        canvas: Any = FigureCanvasAgg
        self.canvas = canvas(self.figure)
        inner = (width - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns
        self._panes: list[list[Pane]] = []
        for column, name in enumerate(names):
            x = _LEFT + column * (inner + _GAP)
            self._write(x, height - 0.21, name, fontsize=11, fontweight="bold", color=INK)
            panes = []
            for row, quantity in enumerate(show):
                y = height - _TOP - _HEIGHT - row * (_HEIGHT + _BETWEEN)
                box = (x / width, y / height, inner / width, _HEIGHT / height)
                axes = self.figure.add_axes(box)
                axes.set_xlim(-window, 0)
                panes.append(_pane(axes, quantity, present[column][quantity], row == rows - 1, (x, y, inner)))
                if column == 0:
                    label = {"rotation": 90, "ha": "center", "va": "center", "fontsize": 9, "color": INK}
                    self._write(0.13, y + _HEIGHT / 2, LABELS[quantity], **label)
            self._panes.append(panes)
        self.canvas.draw()
        self._still = self.canvas.copy_from_bbox(self.figure.bbox)

    def draw(self, histories: Sequence[History]) -> bytes:
        """Draw one frame of the containers' histories, and return it as a PNG."""
        now = max((history.times[-1] for history in histories if history.times), default=0.0)
        pairs = [
            (pane, history)
            for panes, history in zip(self._panes, histories, strict=True)
            for pane in panes
            if pane.present
        ]
        self.canvas.restore_region(self._still)
        if self._draw_still(pairs):
            self._still = self.canvas.copy_from_bbox(self.figure.bbox)
        for pane, history in pairs:
            self._draw_moving(pane, history, now)
        self._frame += 1
        return encode(np.asarray(self.canvas.buffer_rgba()), INKS)

    def _draw_still(self, pairs: list[tuple[Pane, History]]) -> bool:
        """Draw scales that no longer fit, and captions whose turn it is; tell whether any was drawn."""
        rescales = 0
        drawn = False
        for number, (pane, history) in enumerate(pairs):
            x, y, wide = pane.place
            rescaled = rescales < RESCALES_PER_FRAME and _rescale(pane, history, self._limits)
            rescales += rescaled
            # the captions take turns, so that no frame draws them all
            due = (self._frame + number) % self._captions_every == 0
            text = history.caption(pane.quantity)
            if rescaled:
                below = _BOTTOM if pane.bottom else 0.08
                self._wipe(x - _TICK_LABELS, y - below, wide + _TICK_LABELS + 0.1, below + _HEIGHT + 0.08)
                self.figure.draw_artist(pane.axes)
            if rescaled or (due and text != pane.caption.get_text()):
                self._wipe(x, y + _HEIGHT + 0.06, wide + _GAP, _CAPTION)
                pane.caption.set_text(text)
                self.figure.draw_artist(pane.caption)
                drawn = True
        return drawn

    def _draw_moving(self, pane: Pane, history: History, now: float) -> None:
        times = np.array(history.times) - now
        marks = np.array(history.marks.get(pane.quantity, ())) - now
        waiting = times[np.array(history.throttled) > 0.005] if pane.quantity == "cpu" else times[:0]
        limit = history.limit(pane.quantity) if self._limits else None
        points: dict[str, tuple[Any, Any]] = {
            "throttled": (waiting, np.full(len(waiting), 0.04)),
            "line": (times, np.array(history.values[pane.quantity])),
            "limit": ([] if limit is None else [0, 1], [] if limit is None else [limit, limit]),
            "marks": (marks, np.full(len(marks), 0.85)),
        }
        for name, (xs, ys) in points.items():
            if len(xs):
                pane.moving[name].set_data(xs, ys)
                pane.axes.draw_artist(pane.moving[name])

    def _wipe(self, x: float, y: float, wide: float, tall: float) -> None:
        """Paint paper over a part of the bitmap; in inches from the lower left corner."""
        width, height = self.figure.get_size_inches()
        place: dict[str, Any] = {"transform": self.figure.transFigure, "color": "white", "linewidth": 0}
        self.figure.draw_artist(Rectangle((x / width, y / height), wide / width, tall / height, **place))

    def _write(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write text that never changes; x and y in inches."""
        width, height = self.figure.get_size_inches()
        self.figure.text(x / width, y / height, text, **style)


def _pane(axes: Any, quantity: str, present: bool, bottom: bool, place: tuple[float, float, float]) -> Pane:
    axes.set_ylim(0, SMALLEST_TOP[quantity])
    axes.grid(color=GRID, linewidth=0.6)
    axes.tick_params(labelsize=8, colors=FAINT, length=2, pad=2, labelbottom=bottom)
    axes.xaxis.set_major_formatter(lambda x, _: f"{abs(x):.0f}")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=quantity == "pids"))
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#aaaaaa")
    if bottom:
        axes.set_xlabel("seconds ago", fontsize=8, color=FAINT, labelpad=2)
    if not present:
        text = f"the {quantity} controller is\nnot handed down to this group"
        where = {"transform": axes.transAxes, "ha": "center", "va": "center"}
        axes.text(0.5, 0.5, text, fontsize=8, color=FAINT, **where)
    caption = axes.text(0, 1.09, "", transform=axes.transAxes, fontsize=8.5, color=INK, animated=True)
    return Pane(axes, quantity, present, bottom, place, caption, _moving(axes, quantity))


def _moving(axes: Any, quantity: str) -> dict[str, Any]:
    in_seconds, in_units = axes.get_xaxis_transform(), axes.get_yaxis_transform()  # the other way from 0 to 1

    def artist(form: str, colour: str, **style: Any) -> Any:
        return axes.plot([], [], form, color=colour, animated=True, **style)[0]

    return {
        "throttled": artist("s", ORANGE, markersize=4, transform=in_seconds),
        "line": artist("-", COLOURS[quantity], linewidth=1.8),
        "limit": artist("-", VERMILION, linewidth=1.4, dashes=(5, 3), transform=in_units),
        "marks": artist("X", "black", markersize=8, transform=in_seconds),
    }


def _rescale(pane: Pane, history: History, limits: bool) -> bool:
    """Fit the scale to the values and the limit; tell whether it changed. Small changes leave it as it is."""
    limit = history.limit(pane.quantity) if limits else None
    highest = max(history.highest(pane.quantity), limit or 0.0)
    needed = max(highest * 1.15, SMALLEST_TOP[pane.quantity])
    top = pane.axes.get_ylim()[1]
    if top / 2.2 <= needed <= top:
        return False
    pane.axes.set_ylim(0, round_up(needed))
    return True


def round_up(value: float) -> float:
    """Return the next of 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten.

    >>> round_up(0.575), round_up(73.6)
    (0.6, 80.0)
    """
    power = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    return float(round(next(step for step in steps if step * power >= value * 0.999999) * power, 10))
