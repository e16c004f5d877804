"""The picture of a live graph: one column per container, one row per quantity, drawn as the bytes of a PNG.

    LiveFigure(names, show, present, window)
      .draw(histories)      -> PNG

A full redraw of a matplotlib figure with twelve pairs of axes takes 130 ms, mostly for text. So what stands still
(axes, labels, grid) is drawn once and kept as a bitmap; each frame restores that and draws only the lines into
it: this is called blitting. A pair of axes is drawn again when its scale changes, a caption when its text does.
What is left is less than 10 ms for four containers.

pyplot is not used: it keeps figures in a global registry that is not safe in threads. Colours are Okabe and Ito's.
The paper is white in every theme, so that a graph is as legible in a dark one.
See https://matplotlib.org/stable/users/explain/animations/blitting.html
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

from container_lib.teaching.live_captions import Caption
from container_lib.teaching.live_history import History
from container_lib.teaching.live_png import encode
from container_lib.teaching.live_strokes import STYLES, Numbers, Strokes

DPI = 100
RESCALES_PER_FRAME = 2
"""Each takes about 10 ms; twelve at once would make an update late."""
SMALLEST_TOP = {"cpu": 0.1, "memory": 4.0, "pids": 4.0}
LABELS = {"cpu": "CPUs", "memory": "memory, MiB", "pids": "tasks"}
INK, FAINT, GRID = "#222222", "#666666", "#dddddd"
INKS = (*(style.colour for style in STYLES.values()), GRID)

# inches: the figure's width by the number of columns, its margins, and what a pair of axes has around it
_WIDTHS = {1: 6.4, 2: 8.0, 3: 9.0}
_WIDEST = 9.6
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.66, 0.14, 0.54, 0.44
_GAP, _BETWEEN, _HEIGHT = 0.56, 0.46, 1.0
_TICK_LABELS = 0.44


@dataclass
class Pane:
    """One pair of axes, and where it stands: x, y of the lower left corner and the width, in inches."""

    axes: Any
    quantity: str
    present: bool  # whether the group has this controller
    bottom: bool
    place: tuple[float, float, float]
    caption: Caption


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
        self._window, self._limits, self._captions_every = window, limits, captions_every
        self._frame = 0
        rows, columns = len(show), len(names)
        width, height = _WIDTHS.get(columns, _WIDEST), _TOP + _BOTTOM + rows * _HEIGHT + (rows - 1) * _BETWEEN
        self.figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
        canvas: Any = FigureCanvasAgg
        self.canvas = canvas(self.figure)
        inner = (width - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns
        self._panes: list[list[Pane]] = []
        for column, name in enumerate(names):
            x = _LEFT + column * (inner + _GAP)
            self._write(x, height - 0.21, name, fontsize=11, fontweight="bold", color=INK)
            feet = [height - _TOP - _HEIGHT - row * (_HEIGHT + _BETWEEN) for row in range(rows)]
            self._panes.append(
                [
                    self._pane(quantity, present[column][quantity], row == rows - 1, (x, feet[row], inner))
                    for row, quantity in enumerate(show)
                ]
            )
        for pane in self._panes[0]:
            style = {"rotation": 90, "ha": "center", "va": "center", "fontsize": 9, "color": INK}
            self._write(0.13, pane.place[1] + _HEIGHT / 2, LABELS[pane.quantity], **style)
        self.canvas.draw()
        self._still = self.canvas.copy_from_bbox(self.figure.bbox)
        self._strokes = Strokes(self.canvas)

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
        self._rescale(pairs)
        for number, (pane, history) in enumerate(pairs):
            self._add_lines(pane, history, now)
            # once a second; they take turns, so that no frame draws them all
            if not self._frame or (self._frame + number) % self._captions_every == 0:
                pane.caption.set(history.caption(pane.quantity))
        self._strokes.draw()
        self._frame += 1
        captions = [pane.caption for pane, _ in pairs]
        return encode(np.asarray(self.canvas.buffer_rgba()), INKS, captions)

    def _rescale(self, pairs: list[tuple[Pane, History]]) -> None:
        """Draw the pairs of axes again whose scale no longer fits, a few in a frame, and keep them."""
        tops = [(pane, _new_top(pane, history, self._limits)) for pane, history in pairs]
        stale = [(pane, top) for pane, top in tops if top][:RESCALES_PER_FRAME]
        for pane, top in stale:
            pane.axes.set_ylim(0, top)
            x, y, wide = pane.place
            below = _BOTTOM if pane.bottom else 0.08
            self._wipe(x - _TICK_LABELS, y - below, wide + _TICK_LABELS + 0.1, below + _HEIGHT + 0.08)
            self.figure.draw_artist(pane.axes)
        if stale:
            self._still = self.canvas.copy_from_bbox(self.figure.bbox)

    def _add_lines(self, pane: Pane, history: History, now: float) -> None:
        """Turn what a pane shows into lines in pixels."""
        left, foot, wide = (DPI * inches for inches in pane.place)
        tall, top = DPI * _HEIGHT, pane.axes.get_ylim()[1]
        age = np.array(history.times) - now
        seen = age >= -self._window

        def across(ages: Numbers) -> Numbers:
            return np.asarray(left + wide * (1 + ages / self._window))

        def up(values: Numbers) -> Numbers:
            return np.asarray(foot + tall * np.clip(values / top, 0, 1))

        xs = across(age[seen])
        self._strokes.add(pane.quantity, xs, up(np.array(history.values[pane.quantity])[seen]))
        limit = history.limit(pane.quantity)
        if self._limits and limit is not None and limit <= top:
            self._strokes.add("limit", np.array([left, left + wide]), up(np.full(2, limit)))
        if pane.quantity == "cpu":
            self._add_throttled(xs, np.array(history.throttled)[seen], foot + 3)
        marks = np.array(history.marks.get(pane.quantity, ())) - now
        self._strokes.add_crosses("mark", across(marks[marks >= -self._window]), foot + 0.85 * tall)

    def _add_throttled(self, xs: Numbers, throttled: Numbers, y: float) -> None:
        """Add a thick line at the foot, from reading to reading, for the time in which the group had to wait."""
        for index in np.flatnonzero(throttled[1:] > 0.005):
            self._strokes.add("throttled", xs[index : index + 2], np.full(2, y))

    def _pane(self, quantity: str, present: bool, bottom: bool, place: tuple[float, float, float]) -> Pane:
        width, height = self.figure.get_size_inches()
        x, y, wide = place
        axes = self.figure.add_axes((x / width, y / height, wide / width, _HEIGHT / height))
        _dress(axes, quantity, present, bottom)
        axes.set_xlim(-self._window, 0)
        corner = (round(DPI * x), round(DPI * (height - y - _HEIGHT - 0.25)))
        return Pane(
            axes, quantity, present, bottom, place, Caption(corner, round(DPI * (wide + _GAP - 0.02)), INK)
        )

    def _wipe(self, x: float, y: float, wide: float, tall: float) -> None:
        """Paint paper over a part of the bitmap; in inches from the lower left corner."""
        width, height = self.figure.get_size_inches()
        place: dict[str, Any] = {"transform": self.figure.transFigure, "color": "white", "linewidth": 0}
        self.figure.draw_artist(Rectangle((x / width, y / height), wide / width, tall / height, **place))

    def _write(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write text that never changes; x and y in inches."""
        width, height = self.figure.get_size_inches()
        self.figure.text(x / width, y / height, text, **style)


def _dress(axes: Any, quantity: str, present: bool, bottom: bool) -> None:
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
        axes.text(0.5, 0.5, text, fontsize=7.5, color=FAINT, **where)


def _new_top(pane: Pane, history: History, limits: bool) -> float:
    """Return the scale that the values and the limit need, or 0 if the one that is there fits well enough."""
    limit = history.limit(pane.quantity) if limits else None
    highest = max(history.highest(pane.quantity), limit or 0.0)
    needed = max(highest * 1.15, SMALLEST_TOP[pane.quantity])
    top = pane.axes.get_ylim()[1]
    return 0.0 if top / 2.2 <= needed <= top else round_up(needed)


def round_up(value: float) -> float:
    """Return the next of 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten.

    >>> round_up(0.575), round_up(73.6)
    (0.6, 80.0)
    """
    power = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    return float(round(next(step for step in steps if step * power >= value * 0.999999) * power, 10))
