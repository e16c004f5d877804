"""A damaged store: what is wrong is found and named, and the remedy that is told helps."""

import json
from pathlib import Path

import pytest

from container_lib.errors import DigestMismatch, InvalidImage
from container_lib.images.store import Store
from tests.unit.images.making import add, blob_count, damage, names

BASE = {"bin/": b"", "bin/sh": b"#!"}
APP = {"app/": b"", "app/main": b"main"}


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_byte_is_found_and_the_remedy_helps(store: Store, part: int, tmp_path: Path) -> None:
    image = add(store, ["app"], BASE)
    damage(store, image.blobs[part])
    fresh = Store(tmp_path)
    lines = fresh.verify()
    assert any(image.blobs[part] in line for line in lines)
    assert all(line.partition("; ")[2] for line in lines)
    if part < 2:  # a document
        for call in (fresh.images, lambda: fresh.image("app"), lambda: fresh.tag("app", "x")):
            with pytest.raises(DigestMismatch, match=r"image app:latest: blob sha256:"):
                call()
    fresh.remove("app")
    fresh.prune()
    add(Store(tmp_path), ["app"], BASE)
    assert Store(tmp_path).verify() == []


def test_a_damaged_image_is_removed_beside_a_whole_one(store: Store, tmp_path: Path) -> None:
    whole = add(store, ["whole"], BASE)
    image = add(store, ["app"], BASE, APP)
    damage(store, image.digest)
    fresh = Store(tmp_path)
    with pytest.raises(DigestMismatch, match="byhand rmi app:latest"):
        fresh.remove("whole")
    with pytest.raises(DigestMismatch, match="app:latest"):
        fresh.prune()
    assert names_of_index(store) == ["whole:latest", "app:latest"]
    assert fresh.remove("app") == ["Untagged: app:latest", f"Deleted: {image.digest}"]
    fresh.prune()
    assert fresh.images() == [whole]
    assert blob_count(store) == 3


def test_a_missing_blob_is_found(store: Store, tmp_path: Path) -> None:
    image = add(store, ["app"], BASE)
    store.blobs.delete(image.blobs[2])
    [line] = Store(tmp_path).verify()
    assert line.startswith("image app:latest: ")
    assert image.blobs[2] in line
    assert line.endswith("; byhand rmi app:latest, then load or pull it once more")


def names_of_index(store: Store) -> list[str]:
    index = json.loads((store.blobs.directory / "index.json").read_bytes())
    return [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index["manifests"]]


def test_what_others_wrote_into_the_index_is_kept(store: Store, tmp_path: Path) -> None:
    add(store, ["app"], BASE)
    path = store.blobs.directory / "index.json"
    index = json.loads(path.read_bytes())
    index["annotations"] = {"mine": "yes"}
    index["manifests"][0]["unknown"] = [1, 2]
    index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "Not-a-name", "other": "x"}
    path.write_text(json.dumps(index))
    assert names(store) == [()]
    assert store.prune().lines == []  # somebody named it, in words that say nothing to us
    store.tag(store.images()[0].id, "also")
    changed = json.loads(path.read_bytes())
    assert changed["annotations"] == {"mine": "yes"}
    assert changed["manifests"][0] == index["manifests"][0]
    assert changed["manifests"][1]["unknown"] == [1, 2]


def test_an_index_that_is_none(store: Store) -> None:
    add(store, ["app"], BASE)
    (store.blobs.directory / "index.json").write_text('{"schemaVersion": 2, "manifests": [{}]}')
    with pytest.raises(InvalidImage, match=r"index.json, manifests\[0\]: mediaType: missing"):
        store.images()
    [line] = store.verify()
    assert "index.json" in line
