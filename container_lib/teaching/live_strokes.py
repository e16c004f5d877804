"""The moving lines of a live graph, drawn with matplotlib's renderer itself.

    strokes = Strokes(canvas)
    strokes.add("cpu", xs, ys)      a line in pixels, from the lower left corner of the picture
    strokes.draw()                  all lines of one style in one go

An artist (`Line2D`) does per frame what a graph on fixed axes does not need: it looks up units, transforms, clips.
One path for all lines of a style takes a quarter of the time of an artist for each.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.path import Path
from matplotlib.transforms import IdentityTransform

from container_lib.teaching.picture import BLUE, GREEN, ORANGE, PINK, VERMILION

Numbers = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True)
class Style:
    """How a line looks; width and dashes in points."""

    colour: str
    width: float
    dashes: tuple[float, float] | None = None
    cap: str = "butt"


STYLES = {
    "throttled": Style(ORANGE, 4.0),
    "cpu": Style(BLUE, 1.8),
    "memory": Style(GREEN, 1.8),
    "pids": Style(PINK, 1.8),
    "limit": Style(VERMILION, 1.4, (7.0, 4.0)),
    "mark": Style("#000000", 2.6),
}


class Strokes:
    """Collects lines by style, then draws them over each other in the order of `STYLES`."""

    def __init__(self, canvas: Any) -> None:
        self._renderer = canvas.get_renderer()
        self._pens = {name: _pen(self._renderer, style) for name, style in STYLES.items()}
        self._lines: dict[str, list[Any]] = {name: [] for name in STYLES}

    def add(self, style: str, xs: Numbers, ys: Numbers) -> None:
        """Add a line through the points; fewer than two make no line."""
        if len(xs) > 1:
            self._lines[style].append(np.column_stack((xs, ys)))

    def add_crosses(self, style: str, xs: Numbers, y: float, size: float = 4.0) -> None:
        """Add a cross at each x, `size` pixels to each side."""
        for x in xs:
            for slope in (-size, size):
                self._lines[style].append(np.array([[x - size, y - slope], [x + size, y + slope]]))

    def draw(self) -> None:
        """Draw what was added, and begin anew."""
        for name, lines in self._lines.items():
            if lines:
                codes = np.full(sum(map(len, lines)), Path.LINETO, Path.code_type)
                starts = np.cumsum([0, *map(len, lines[:-1])])
                codes[starts] = Path.MOVETO
                path = Path(np.concatenate(lines), codes)
                self._renderer.draw_path(self._pens[name], path, IdentityTransform())
                lines.clear()


def _pen(renderer: Any, style: Style) -> Any:
    pen = renderer.new_gc()
    pen.set_foreground(style.colour)
    pen.set_linewidth(style.width)
    pen.set_joinstyle("round")
    pen.set_capstyle(style.cap)
    if style.dashes:
        pen.set_dashes(0, style.dashes)
    return pen
