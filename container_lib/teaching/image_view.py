"""From a name to bytes: the documents of an image as boxes, each holding the digests of those to its right.

    draw_image(store.image("app:1"))

A digest has one colour wherever it stands: in the box that mentions it, and on the box that it names. The one box
that is found by its place and not by its digest is index.json, the only one that may change.
See container_lib.images.documents and .layout.
"""

from dataclasses import dataclass, field
from html import escape

from container_lib.images.image import Image
from container_lib.teaching.layer_sizes import made_by, size_in_words
from container_lib.teaching.picture import COLOURS, GREY, Picture, tint, titled

_BOX = "padding:5px 10px;margin:4px 0;border-radius:4px;font-size:13px;line-height:1.4"
_CHIP = "font-family:monospace;padding:0 4px;border-radius:2px"


@dataclass(frozen=True)
class Box:
    """One document or layer: its digest ("" for index.json), and what it mentions, as (word, digest)."""

    title: str
    digest: str = ""
    detail: str = ""
    mentions: list[tuple[str, str]] = field(default_factory=list)


def draw_image(image: Image) -> Picture:
    """Return the picture: index.json, manifest, and to its right the configuration and the layers."""
    columns = boxes(image)
    digests = dict.fromkeys(box.digest for column in columns for box in column if box.digest)
    colours = {digest: COLOURS[number % len(COLOURS)] for number, digest in enumerate(digests)}
    html = '<div style="align-self:center;font-size:20px">→</div>'.join(
        f'<div style="flex:1 1 0;min-width:15em">{"".join(_html(box, colours) for box in column)}</div>'
        for column in columns
    )
    text = "\n\n".join(_text(box) for column in columns for box in column)
    return Picture(titled("", f'<div style="display:flex;gap:8px;align-items:center">{html}</div>'), text)


def boxes(image: Image) -> list[list[Box]]:
    """Return the columns of the picture."""
    names = [(name, image.digest) for name in image.names] or [("(no name)", image.digest)]
    manifest, config = image.manifest, image.config
    mentioned = [("config", image.id), *(("layer", layer.digest) for layer in manifest.layers)]
    runs = " ".join(config.argv) or "nothing by default"
    size = size_in_words(image.descriptor.size)
    config_box = Box("config", image.id, f"{size_in_words(manifest.config.size)}; runs {runs}")
    layers = [
        Box(
            "layer", layer.digest, f"{size_in_words(layer.size)}; {made_by(image, layer.digest)}".rstrip("; ")
        )
        for layer in manifest.layers
    ]
    return [
        [Box("index.json", "", "", names)],
        [Box("manifest", image.digest, size, mentioned)],
        [config_box, *layers],
    ]


def _html(box: Box, colours: dict[str, str]) -> str:
    own = f" {_chip(box.digest)}" if box.digest else ""
    lines = [f"<b>{escape(box.title)}</b>{own}", *([escape(box.detail)] if box.detail else [])]
    lines += [
        f'{escape(word)} <span style="{_CHIP};{tint(colours.get(digest, GREY))}">{_short(digest)}</span>'
        for word, digest in box.mentions
    ]
    return f'<div style="{_BOX};{tint(colours.get(box.digest, GREY))}">{"<br>".join(lines)}</div>'


def _chip(digest: str) -> str:
    return f'<span style="{_CHIP}" title="{escape(digest)}">{_short(digest)}</span>'


def _text(box: Box) -> str:
    head = f"{box.title} {_short(box.digest)}".rstrip() + (f"  ({box.detail})" if box.detail else "")
    return "\n".join([head, *(f"  {word} → {_short(digest)}" for word, digest in box.mentions)])


def _short(digest: str) -> str:
    return digest.partition(":")[2][:12]
