"""Pictures of images, from documents made up here: each layer's bytes, what is shared, what refers to what."""

from dataclasses import replace

import pytest

from container_lib.images.config import History, ImageConfig
from container_lib.images.documents import CONFIG, LAYER, MANIFEST, Descriptor, Manifest, Platform
from container_lib.images.image import Image
from container_lib.storage import digest as digests
from container_lib.teaching.image_view import boxes, draw_image
from container_lib.teaching.layer_sizes import draw_layer_sizes, made_by, size_in_words


def image(name: str, layers: dict[str, int], empty: bool = False) -> Image:
    """An image of layers with these contents and sizes, each made by a line of its own."""
    described = [
        Descriptor(f"{LAYER}+gzip", digests.of(text.encode()), size) for text, size in layers.items()
    ]
    history = [History(created_by=f"COPY {text}") for text in layers]
    history += [History(created_by="ENV A=1", empty_layer=True)] if empty else []
    diff_ids = tuple(layer.digest for layer in described)
    config = ImageConfig(Platform("linux", "amd64"), diff_ids, {"Cmd": ["sh", "-c"]}, tuple(history))
    document = config.to_json()
    manifest = Manifest(Descriptor(CONFIG, digests.of(document), len(document)), tuple(described))
    data = manifest.to_json()
    descriptor = Descriptor(MANIFEST, digests.of(data), len(data))
    return Image(descriptor, manifest, config, descriptor.digest, sum(layers.values()), (name,))


@pytest.fixture
def two() -> list[Image]:
    """Two images that share their lowest layer."""
    return [image("base:1", {"base": 1000}), image("app:1", {"base": 1000, "app <x>": 24}, empty=True)]


def test_a_shared_layer_is_one_line_with_both_images_and_is_counted_once(two: list[Image]) -> None:
    lines = repr(draw_layer_sizes(two)).splitlines()
    assert [line.split() for line in lines[1:3]] == [
        [digests.encoded(digests.of(b"base"))[:12], "1,000", "base:1,", "app:1", "COPY", "base"],
        [digests.encoded(digests.of(b"app <x>"))[:12], "24", "app:1", "COPY", "app", "<x>"],
    ]
    assert lines[-1].startswith("the images have 2,024 bytes of layers, of which 1,024 are stored")


def test_a_shared_layer_has_the_same_colour_and_width_in_each_bar(two: list[Image]) -> None:
    html = draw_layer_sizes(two).html
    segments = [part.partition(">")[0] for part in html.split(f'<div title="{digests.of(b"base")}"')[1:]]
    assert len(segments) == 2
    assert len(set(segments)) == 1
    assert "COPY app &lt;x&gt;" in html


def test_no_images_are_a_picture_too() -> None:
    assert "0 bytes of layers" in repr(draw_layer_sizes([]))


def test_steps_that_made_no_layer_are_passed_over_and_a_history_that_does_not_fit_says_nothing() -> None:
    made = image("app:1", {"one": 1, "two": 2}, empty=True)
    assert made_by(made, digests.of(b"two")) == "COPY two"
    short = replace(made, config=replace(made.config, history=()))
    assert made_by(short, digests.of(b"two")) == ""


def test_every_digest_that_is_mentioned_names_a_box_to_the_right(two: list[Image]) -> None:
    columns = boxes(two[1])
    for number, column in enumerate(columns):
        right = {box.digest for later in columns[number + 1 :] for box in later}
        assert {digest for box in column for _, digest in box.mentions} <= right
    assert [len(column) for column in columns] == [1, 1, 3]
    text = repr(draw_image(two[1]))
    assert "app:1 → " in text
    assert "runs sh -c" in text


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 KiB"), (2_345_678, "2.2 MiB"), (300 << 30, "300 GiB")],
)
def test_a_size_is_told_in_few_digits(size: int, words: str) -> None:
    assert size_in_words(size) == words
