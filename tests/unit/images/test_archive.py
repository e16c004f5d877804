"""Image archives: out and in again, in every form and from older tools: the same image, with the same ID."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from container_lib.errors import DigestMismatch, InvalidValue, NotFound
from container_lib.images import archive
from container_lib.images.store import Store
from container_lib.storage import digest
from tests.unit.images.archives import blobs, old, read, saved, two_images, write


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return two_images(tmp_path / "store")


@pytest.fixture
def other(tmp_path: Path) -> Store:
    return Store(tmp_path / "other")


class Pipe(io.RawIOBase):
    """A stream that can only be read onward, a little at a time."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self._data[self._at : self._at + min(size, 777)]
        self._at += len(piece)
        return piece


def lay_out(data: bytes, directory: Path) -> Path:
    for name, content in read(data).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return directory


FORMS: dict[str, Callable[[bytes, Path], object]] = {
    "stream": lambda data, _: Pipe(data),
    "gzip": lambda data, _: Pipe(gzip.compress(data)),
    "zstd": lambda data, _: Pipe(zstandard.compress(data)),
    "file": lambda data, place: place.write_bytes(data) and place,
    "directory": lambda data, place: lay_out(data, place),
    "backwards": lambda data, _: Pipe(write(dict(reversed(read(data).items())))),
    "dotted": lambda data, _: Pipe(write({f"./{name}": content for name, content in read(data).items()})),
}


@pytest.mark.parametrize("format", ["docker", "oci"])
@pytest.mark.parametrize("form", FORMS)
def test_what_was_saved_is_loaded(store: Store, other: Store, tmp_path: Path, form: str, format: str) -> None:
    data = saved(store, "busybox", "registry.example:5000/me/app:1", format=format)
    lines = archive.load(other, FORMS[form](data, tmp_path / "archive"))  # type: ignore[arg-type]
    assert sorted(lines) == [
        "Loaded image: busybox:1.36",
        "Loaded image: busybox:latest",
        "Loaded image: registry.example:5000/me/app:1",
    ]
    for name in ("busybox", "busybox:1.36", "registry.example:5000/me/app:1"):
        assert other.image(name).id == store.image(name).id
        assert other.image(name).digest == store.image(name).digest
    assert other.verify() == []
    assert other.clean() == []
    assert saved(other, "busybox", "registry.example:5000/me/app:1", format=format) == data


def test_an_archive_holds_each_layer_once_and_docker_s_documents(store: Store) -> None:
    data = saved(store, "busybox:latest", "registry.example:5000/me/app:1")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = tar.getnames()
    assert len(names) == len(set(names)) == 4 + 2 + 2 + 2  # documents, manifests, configs, layers
    files = read(data)
    [first, second] = json.loads(files["manifest.json"])
    assert first["RepoTags"] == ["busybox:latest"]
    assert first["Layers"] == second["Layers"][:1]
    assert all(path in files for path in (first["Config"], *second["Layers"]))
    assert json.loads(files["repositories"])["busybox"].keys() == {"latest"}
    assert "manifest.json" not in read(saved(store, "busybox", format="oci"))


def test_a_repository_stands_for_all_its_tags_an_id_for_none(store: Store, other: Store) -> None:
    image = store.image("busybox")
    assert len(json.loads(read(saved(store, "busybox"))["manifest.json"])[0]["RepoTags"]) == 2
    assert json.loads(read(saved(store, "busybox:1.36"))["manifest.json"])[0]["RepoTags"] == ["busybox:1.36"]
    for name in (image.id, image.short_id):
        assert archive.load(other, io.BytesIO(saved(store, name))) == [f"Loaded image ID: {image.id}"]
    assert other.image(image.id).names == ()


def test_what_cannot_be_saved_is_named(store: Store) -> None:
    with pytest.raises(NotFound, match="No such image: nothing:latest"):
        saved(store, "busybox", "nothing")
    with pytest.raises(InvalidValue, match="archive format 'zip'"):
        saved(store, "busybox", format="zip")
    path = store.blobs.path(store.image("busybox").manifest.layers[0].digest)
    path.write_bytes(path.read_bytes().replace(b"#!", b"#?"))
    with pytest.raises(DigestMismatch, match=path.name):
        saved(store, "busybox")


# ---- archives of others


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstandard.compress])
def test_an_old_archive_is_loaded_and_keeps_its_id(other: Store, compress: Callable[[bytes], bytes]) -> None:
    files, links, image_id = old(compress)
    assert archive.load(other, io.BytesIO(write(files, links))) == [
        "Loaded image: old:1",
        "Loaded image: localhost/old:latest",
    ]
    image = other.image("old:1")
    assert image.id == image_id
    assert {each.media_type.rpartition(".")[2] for each in image.manifest.layers} <= {
        "tar",
        "tar+gzip",
        "tar+zstd",
    }
    assert other.verify() == []


def test_an_image_that_comes_back_as_an_old_archive_is_still_one(other: Store) -> None:
    files, links, _ = old(gzip.compress)
    archive.load(other, io.BytesIO(write(files, links)))
    before = other.image("old:1").digest
    plain, links, _ = old()
    archive.load(other, io.BytesIO(write(plain, links)))
    assert [(image.digest, len(image.names)) for image in other.images()] == [(before, 2)]
    damaged = other.blobs.path(other.image("old:1").manifest.layers[0].digest)
    damaged.unlink()
    archive.load(other, io.BytesIO(write(plain, links)))  # not whole here: taken as it comes
    assert other.image("old:1").digest != before


def test_an_index_whose_manifest_has_no_layers_gives_way_to_manifest_json(store: Store, other: Store) -> None:
    files = read(saved(store, "busybox:latest"))
    index = json.loads(files["index.json"])
    name = "blobs/" + index["manifests"][0]["digest"].replace(":", "/")
    manifest = json.dumps({**json.loads(files.pop(name)), "layers": None}).encode()
    index["manifests"][0] |= {"digest": digest.of(manifest), "size": len(manifest)}
    files |= {"index.json": json.dumps(index).encode(), **blobs(manifest)}
    assert archive.load(other, io.BytesIO(write(files))) == ["Loaded image: busybox:latest"]
    assert other.image("busybox").id == store.image("busybox").id
