"""Image archives: out and in again in every form; what is wrong with one is named, and changes nothing."""

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import zstandard

from container_lib.errors import DigestMismatch, InvalidImage, InvalidValue, NotFound
from container_lib.images import archive, archive_members
from container_lib.images.config import ImageConfig
from container_lib.images.documents import Platform
from container_lib.images.store import Store
from container_lib.storage import digest
from tests.unit.images.making import add, layer

BASE = {"bin/": b"", "bin/sh": b"#!", "zeros": bytes(300_000)}
APP = {"app/": b"", "app/main": b"main"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with two images that share a layer; one has two names."""
    made = Store(tmp_path / "store")
    add(made, ["busybox", "busybox:1.36"], BASE)
    add(made, ["registry.example:5000/me/app:1"], BASE, APP, cmd="app")
    return made


@pytest.fixture
def other(tmp_path: Path) -> Store:
    return Store(tmp_path / "other")


def saved(store: Store, *names: str, format: str = "docker") -> bytes:
    sink = io.BytesIO()
    archive.save(store, names, sink, format)
    return sink.getvalue()


def read(data: bytes) -> dict[str, bytes]:
    """The files of a tar, in order."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = ((entry.name, tar.extractfile(entry)) for entry in tar)
        return {name: file.read() for name, file in files if file}


def write(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return sink.getvalue()


def blobs(*documents: bytes) -> dict[str, bytes]:
    return {"blobs/" + digest.of(data).replace(":", "/"): data for data in documents}


def everything(store: Store) -> list[str]:
    """Every file of a store but its locks."""
    root = store.blobs.directory
    return sorted(
        str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and "lock" not in path.name
    )


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


def old(compress: Callable[[bytes], bytes] = bytes) -> tuple[dict[str, bytes], dict[str, str], str]:
    """An archive as docker wrote them before version 25, and podman does: files, links, and the image's ID."""
    tars = [layer(BASE), layer(APP)]
    config = ImageConfig(Platform("linux", "amd64"), tuple(map(digest.of, tars)), {"Cmd": ["sh"]}).to_json()
    names = [f"{digest.of(tar)[7:]}.tar" for tar in tars]
    config_id = digest.of(config)
    entry = {
        "Config": f"{config_id[7:]}.json",
        "RepoTags": ["old:1", "localhost/old"],
        "Layers": ["0/layer.tar", names[1]],
    }
    files = {name: compress(tar) for name, tar in zip(names, tars, strict=True)}
    files |= {"0/VERSION": b"1.0", "0/json": b"{}", "repositories": b"{}"}
    files |= {entry["Config"]: config, "manifest.json": json.dumps([entry]).encode()}  # type: ignore[dict-item]
    return files, {"0/layer.tar": f"../{names[0]}"}, config_id


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


# ---- what is wrong

Change = Callable[[dict[str, bytes]], object]


def index_with(**fields: object) -> Change:
    def change(files: dict[str, bytes]) -> None:
        index = json.loads(files["index.json"])
        index["manifests"][0] |= fields
        files["index.json"] = json.dumps(index).encode()

    return change


def entry_with(**fields: object) -> Change:
    def change(files: dict[str, bytes]) -> None:
        files["manifest.json"] = json.dumps([{**json.loads(files["manifest.json"])[0], **fields}]).encode()

    return change


def other_config(**fields: object) -> Change:
    """Let manifest.json name a changed config."""

    def change(files: dict[str, bytes]) -> None:
        [entry] = json.loads(files["manifest.json"])
        config = json.dumps({**json.loads(files[entry["Config"]]), **fields}).encode()
        files |= blobs(config)
        entry_with(Config=next(iter(blobs(config))))(files)

    return change


def without_largest(files: dict[str, bytes]) -> None:
    files.pop(max(files, key=lambda name: len(files[name])))


WRONG: dict[str, tuple[Change, str]] = {
    "no documents": (lambda files: [files.pop(name) for name in ("index.json", "manifest.json")], "no index.json"),
    "out by dots": (lambda files: files.update({"a/../../evil": b""}), r"a/\.\./\.\./evil: leads out"),
    "absolute": (lambda files: files.update({"/etc/passwd": b""}), "/etc/passwd: leads out"),
    "huge document": (lambda files: files.update({"index.json": bytes(5 << 20)}), "index.json: 5242880 bytes"),
    "no JSON": (lambda files: files.update({"manifest.json": b"["}), "manifest.json: not a JSON"),
    "no list": (lambda files: files.update({"manifest.json": b"{}"}), "manifest.json: not a list"),
    "deep JSON": (lambda files: files.update({"manifest.json": b"[" * 100_000}), "manifest.json: not a JSON"),
    "missing layer": (without_largest, "is not in the archive"),
    "changed blob": (lambda files: files.update({next(iter(blobs(b"x"))): b"y"}), digest.of(b"x")),
    "blob without a digest": (lambda files: files.update({"blobs/sha256/12": b""}), "blobs/sha256/12: .*64"),
    "unknown algorithm": (lambda files: files.update({"blobs/md5/12": b""}), "blobs/md5/12: .*'md5' is not known"),
    "media type": (index_with(mediaType="text/plain"), "index.json: .*'text/plain'"),
    "size": (index_with(size=7), "announced: 7"),
    "no name": (entry_with(RepoTags=["UPPER"]), r"manifest.json\[0\]: .*lowercase"),
    "config elsewhere": (entry_with(Config="nowhere.json"), r"manifest.json\[0\]: nowhere.json is not in"),
    "too few layers": (entry_with(Layers=[]), "0 layers, and the config names 1"),
    "wrong DiffID": (
        other_config(rootfs={"type": "layers", "diff_ids": [digest.of(b"another")]}),
        f"the config says {digest.of(b'another')}",
    ),
    "no platform": (other_config(os=None), "os: missing"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named_and_the_store_is_as_it_was(store: Store, other: Store, what: str) -> None:
    add(other, ["steady"], APP)
    files = read(saved(store, "busybox:latest"))
    change, words = WRONG[what]
    change(files)
    before = everything(other)
    with pytest.raises(InvalidImage, match=words):
        archive.load(other, io.BytesIO(write(files)))
    assert everything(other) == before
    assert os.listdir(other.blobs.directory / "ingest") == []


@pytest.mark.parametrize(
    ("links", "words"),
    [
        ({"0/layer.tar": "../../outside"}, "0/layer.tar: leads out"),
        ({"0/layer.tar": "/etc/passwd"}, "0/layer.tar: links to /etc/passwd"),
        (
            {"0/layer.tar": "../1", "1": "0/layer.tar"},
            r"manifest.json\[0\]: 0/layer.tar is not in the archive",
        ),
        ({"0/layer.tar": "../nowhere"}, "0/layer.tar is not in the archive"),
    ],
)
def test_links_stay_inside_and_end(other: Store, links: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidImage, match=words):
        archive.load(other, io.BytesIO(write(old()[0], links)))
    assert other.images() == []


def test_devices_doubles_and_endless_archives_are_refused(
    other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        device = tarfile.TarInfo("null")
        device.type = tarfile.CHRTYPE
        tar.addfile(device)
    with pytest.raises(InvalidImage, match="null: neither file nor link"):
        archive.load(other, io.BytesIO(sink.getvalue()))
    twice = write({"manifest.json": b"[]"}).rstrip(bytes(1)).ljust(1024, bytes(1)) + write(
        {"manifest.json": b"[]"}
    )
    with pytest.raises(InvalidImage, match=r"manifest\.json: twice"):
        archive.load(other, io.BytesIO(twice))
    monkeypatch.setattr(archive_members, "MOST", 5)
    with pytest.raises(InvalidImage, match="more than 5 entries"):
        archive.load(other, io.BytesIO(write({f"file{number}": b"" for number in range(6)})))


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstandard.compress])
def test_wherever_it_is_cut_short_nothing_is_loaded(
    store: Store, other: Store, compress: Callable[[bytes], bytes]
) -> None:
    data = compress(saved(store, "busybox"))
    for part in (
        1,
        511,
        600,
        len(data) // 3,
        len(data) // 2,
        len(data) - 2000 if compress is bytes else len(data) - 1,
    ):
        with pytest.raises(InvalidImage):
            archive.load(other, io.BytesIO(data[:part]))
    assert other.images() == []
    assert list(other.blobs.all()) == []


def test_an_image_for_another_machine_is_told(store: Store, other: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such file or directory"):
        archive.load(other, tmp_path / "missing.tar")
    inner = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
    data = json.dumps(inner).encode()
    listed = {"mediaType": inner["mediaType"], "digest": digest.of(data), "size": len(data)}
    outer = json.dumps({"schemaVersion": 2, "manifests": [listed]}).encode()
    with pytest.raises(NotFound, match="no image for linux/"):
        archive.load(other, io.BytesIO(write({"index.json": outer, **blobs(data)})))


def test_progress_adds_up_to_the_bytes(store: Store, other: Store) -> None:
    told: list[int] = []
    data = saved(store, "busybox")
    archive.load(other, io.BytesIO(data), told.append)
    assert sum(told) == len(data)
