"""How large the layers of images are, and which are shared: a bar for each image, a segment for each layer.

    draw_layer_sizes(store.images())

Equal colours are the same layer, which is stored once. Sizes are bytes of the blobs, compressed, as they travel
and lie in the store; unpacked, a layer takes more. The widths share one scale. See container_lib.images.image.
"""

from collections.abc import Iterable
from html import escape

from container_lib.images.documents import Descriptor
from container_lib.images.image import Image
from container_lib.teaching.picture import COLOURS, Cell, Picture, table, tint, titled

_BAR = "display:flex;height:26px;flex:1;gap:2px;min-width:20em"
_SEGMENT = "overflow:hidden;white-space:nowrap;font-size:12px;line-height:26px;"
_SEGMENT += "padding-left:6px;box-sizing:border-box"


def draw_layer_sizes(images: Iterable[Image]) -> Picture:
    """Return the bars, bottom layer first, and a table of the layers: who has them, and what made them."""
    shown = list(images)
    layers = {layer.digest: layer for image in shown for layer in image.manifest.layers}
    colours = {digest: COLOURS[number % len(COLOURS)] for number, digest in enumerate(layers)}
    longest = max((sum(layer.size for layer in image.manifest.layers) for image in shown), default=1) or 1
    bars = "".join(_bar(image, longest, colours) for image in shown)
    rows = [_row(layer, shown, colours[layer.digest]) for layer in layers.values()]
    below = table("", ["layer", "bytes", "in", "made by"], rows, _sum(shown, layers))
    return Picture(
        titled("layers, bottom first; equal colours are the same layer", bars) + below.html, below.text
    )


def _bar(image: Image, longest: int, colours: dict[str, str]) -> str:
    segments = "".join(
        f'<div title="{layer.digest}" style="{_SEGMENT};{tint(colours[layer.digest])};'
        f'flex:0 0 {max(100 * layer.size / longest - 0.4, 0.6):.2f}%">{_label(layer.size, longest)}</div>'
        for layer in image.manifest.layers
    )
    name = (
        f'<div style="flex:0 0 11em;font-size:13px;line-height:26px"><code>{escape(str(image))}</code></div>'
    )
    return f'<div style="display:flex;margin:3px 0">{name}<div style="{_BAR}">{segments}</div></div>'


def _label(size: int, longest: int) -> str:
    return size_in_words(size) if size > longest * 0.07 else ""  # no room for it: the table has it


def _row(layer: Descriptor, images: list[Image], colour: str) -> list[str | Cell]:
    having = [image for image in images if any(each.digest == layer.digest for each in image.manifest.layers)]
    return [
        Cell(layer.digest.partition(":")[2][:12], f"font-family:monospace;{tint(colour)}"),
        Cell(f"{layer.size:,}", "text-align:right"),
        ", ".join(map(str, having)),
        made_by(having[0], layer.digest),
    ]


def _sum(images: list[Image], layers: dict[str, Descriptor]) -> str:
    listed = sum(layer.size for image in images for layer in image.manifest.layers)
    stored = sum(layer.size for layer in layers.values())
    return f"the images have {listed:,} bytes of layers, of which {stored:,} are stored: what is shared, once"


def made_by(image: Image, digest: str) -> str:
    """Return the line of an image's history that made this layer, "" where it does not say."""
    steps = [step.created_by for step in image.config.history if not step.empty_layer]
    digests = [layer.digest for layer in image.manifest.layers]
    return steps[digests.index(digest)] if len(steps) == len(digests) else ""


def size_in_words(size: int) -> str:
    """Return bytes in three digits or so.

    >>> size_in_words(2_345_678)
    '2.2 MiB'
    """
    amount, units = float(size), ["bytes", "KiB", "MiB", "GiB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1024, units[1:]
    return f"{amount:.0f} {units[0]}" if amount >= 100 or units[0] == "bytes" else f"{amount:.1f} {units[0]}"
