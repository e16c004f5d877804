"""Things that show themselves: as HTML or PNG in a notebook, as text in a terminal.

    Picture(html, text)     a table or a drawing
    Still(png, text)        one frame of a graph

A notebook shows the last value of a cell by its `_repr_html_` or `_repr_png_`, a terminal by its `__repr__`.
The HTML carries its styles inside the tags and takes its text colour from the page, so that it is legible in
a light and in a dark theme, and survives an export.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

# Okabe and Ito's colours, which colour-blind people can tell apart
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, YELLOW, GREY = COLOURS

LONG_WORD = 60
"""characters of a word from which on it may be broken"""
_CELL = "padding:3px 10px;text-align:left;vertical-align:top;border-bottom:1px solid #8884"


@dataclass(frozen=True)
class Picture:
    """A drawing in two forms; `repr` is the text."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Still:
    """One frame of a graph, as the bytes of a PNG file, and the same in a line of text."""

    png: bytes
    text: str

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return self.text

    def save(self, path: Path) -> None:
        """Write the PNG file."""
        path.write_bytes(self.png)


@dataclass(frozen=True)
class Cell:
    """One cell of a table: its text, and a CSS style of its own for the HTML form."""

    text: str
    style: str = ""


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str | Cell]], note: str = "") -> Picture:
    """Return a table as a picture: `note` stands below it.

    >>> print(repr(table("", ["name", "n"], [["a", "1"], ["bc", "22"]])))
    name  n
    a     1
    bc    22
    """
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    return Picture(_html_table(title, head, cells, note), _text_table(title, head, cells, note))


def titled(title: str, body: str) -> str:
    """Return the HTML `body` under a heading."""
    heading = f'<div style="font-weight:600;margin:2px 0 6px">{escape(title)}</div>' if title else ""
    # mathjax_ignore: a notebook takes what stands between two dollar signs for mathematics
    return f'<div class="mathjax_ignore" style="margin:6px 0;overflow-x:auto">{heading}{body}</div>'


def tint(colour: str) -> str:
    """Return a see-through background of that colour, on which text of both themes is legible."""
    return f"background:{colour}40;box-shadow:inset 3px 0 0 {colour}"


def _html_table(title: str, head: Sequence[str], rows: list[list[Cell]], note: str) -> str:
    top = "".join(f'<th style="{_CELL};font-weight:600">{escape(name)}</th>' for name in head)
    body = "".join(f'<tr style="background:none">{"".join(map(_html_cell, row))}</tr>' for row in rows)
    below = f'<div style="margin-top:6px;opacity:.8">{escape(note)}</div>' if note else ""
    style = "border-collapse:collapse;font-size:13px;margin:0"
    body = f'<table style="{style}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
    return titled(title, body + below)


def _html_cell(cell: Cell) -> str:
    # a path that is wider than the page goes on in the next line; a short word stays whole
    long = any(len(word) > LONG_WORD for word in cell.text.split())
    style = f"{_CELL};{cell.style}{';overflow-wrap:anywhere' if long else ''}"
    return f'<td style="{style}">{escape(cell.text).replace(chr(10), "<br>")}</td>'


def _text_table(title: str, head: Sequence[str], rows: list[list[Cell]], note: str) -> str:
    texts = [list(head), *([cell.text.replace("\n", " ") for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(head))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in texts]
    return "\n".join(
        line.rstrip() for line in [*([title] if title else []), *lines, *([note] if note else [])]
    )
