"""The line of text above a graph, kept as a small picture until the text changes.

Drawing a line of text costs as much as drawing all lines of a graph, and four containers have twelve captions.
"""

import functools

from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

SIZE = 12
HEIGHT = 18


class Caption:
    """A text whose upper left corner stands at `corner` (pixels); what is wider than `width` is cut off."""

    def __init__(self, corner: tuple[int, int], width: int, ink: str) -> None:
        self.corner = corner
        self.picture: Image.Image = Image.new("RGB", (width, HEIGHT), "white")
        self._ink = ink
        self._text = ""

    def set(self, text: str) -> None:
        """Change the text, and the picture if the text is another."""
        if text != self._text:
            self._text = text
            self.picture = Image.new("RGB", self.picture.size, "white")
            ImageDraw.Draw(self.picture).text((0, 1), text, font=_font(), fill=self._ink)


@functools.cache
def _font() -> ImageFont.FreeTypeFont:
    # the font that the rest of the figure has, which matplotlib brings along
    return ImageFont.truetype(
        font_manager.findfont("DejaVu Sans"), SIZE, layout_engine=ImageFont.Layout.BASIC
    )
