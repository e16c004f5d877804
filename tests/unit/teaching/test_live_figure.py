"""The picture itself: what is asserted is its pixels."""

import io

import numpy as np
import pytest
from PIL import Image, ImageColor

from container_lib.cgroups.sample import Sample
from container_lib.teaching.live_figure import INKS, LiveFigure, round_up
from container_lib.teaching.live_history import History
from container_lib.teaching.live_png import encode
from container_lib.teaching.live_reading import MIB, Reading
from container_lib.teaching.live_strokes import STYLES
from container_lib.teaching.picture import ORANGE, VERMILION

ALL = {"cpu": True, "memory": True, "pids": True}
QUANTITIES = ("cpu", "memory", "pids")


def history(*, limit: float | None = 0.5, throttled: bool = False, readings: int = 40) -> History:
    made = History(30, 5)
    for number in range(readings):
        sample = Sample(number / 5, number * 60_000, number * 50_000 * throttled, (5 + number) * MIB, 3)
        made.add(Reading(sample, {"cpu": limit, "memory": None, "pids": None}))
    return made


def pixels(png: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(np.int64)


def rows_with(png: bytes, colour: str) -> list[int]:
    """The lines of the picture that hold the colour, or nearly."""
    difference = np.abs(pixels(png) - np.array(ImageColor.getrgb(colour))).sum(axis=2)
    return sorted(set(np.nonzero(difference < 30)[0].tolist()))


def drawn(made: History, figure: LiveFigure | None = None) -> bytes:
    """The frame after the scales have settled, a few at a time."""
    figure = figure or LiveFigure(["web"], QUANTITIES, [ALL], 30)
    for _ in range(10):
        png = figure.draw([made])
    return png


def test_each_quantity_has_its_line() -> None:
    png = drawn(history())
    assert all(rows_with(png, STYLES[quantity].colour) for quantity in QUANTITIES)


@pytest.mark.parametrize("readings", [0, 1, 2, 3])
def test_a_graph_can_be_drawn_from_the_first_reading_on(readings: int) -> None:
    assert rows_with(drawn(history(readings=readings)), STYLES["cpu"].colour) == [] or readings > 2


def test_the_limit_is_drawn_where_it_is_and_follows_a_change() -> None:
    figure = LiveFigure(["web"], ("cpu",), [ALL], 30)
    high = rows_with(drawn(history(limit=0.5), figure), VERMILION)
    low = rows_with(drawn(history(limit=0.35), figure), VERMILION)
    assert high
    assert low
    assert low[0] > high[0]  # rows are counted from the top


def test_without_a_limit_there_is_no_dashed_line() -> None:
    assert rows_with(drawn(history(limit=None)), VERMILION) == []


def test_throttled_time_is_marked() -> None:
    assert rows_with(drawn(history(throttled=True)), ORANGE)
    assert rows_with(drawn(history(throttled=False)), ORANGE) == []


def test_without_a_controller_nothing_is_drawn_for_it() -> None:
    figure = LiveFigure(["web"], QUANTITIES, [ALL | {"memory": False}], 30)
    assert rows_with(drawn(history(), figure), STYLES["memory"].colour) == []


def test_a_frame_shows_the_same_as_a_figure_drawn_afresh() -> None:
    """Blitting leaves no ghosts: after many frames and scales, the picture is that of a new figure."""
    figure = LiveFigure(["web"], ("cpu",), [ALL], 30)
    for limit in (0.5, 4.0, 0.4):
        drawn(history(limit=limit), figure)
    old = pixels(drawn(history(), figure))
    new = pixels(drawn(history(), LiveFigure(["web"], ("cpu",), [ALL], 30)))
    assert (np.abs(old - new).sum(axis=2) > 60).mean() < 0.001


def test_a_png_keeps_the_inks() -> None:
    strip = np.full((4, 4 * len(INKS), 4), 255, np.uint8)
    for number, ink in enumerate(INKS):
        strip[:, 4 * number : 4 * number + 4, :3] = ImageColor.getrgb(ink)
    back = pixels(encode(strip, INKS))
    assert np.abs(back - strip[:, :, :3]).max() <= 6


@pytest.mark.parametrize("value", [0.013, 0.1, 0.11, 1, 3.3, 9.9, 64, 73.6, 1024])
def test_scales_end_at_a_round_number_that_is_not_far_above(value: float) -> None:
    assert value <= round_up(value) <= value * 1.45
