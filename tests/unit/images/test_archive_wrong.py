"""Image archives that are wrong: what is wrong is named, and the store is as it was."""

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from container_lib.errors import InvalidImage, NotFound
from container_lib.images import archive, archive_members
from container_lib.images.store import Store
from container_lib.storage import digest
from tests.unit.images.archives import APP, blobs, old, read, saved, two_images, write
from tests.unit.images.making import add


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return two_images(tmp_path / "store")


@pytest.fixture
def other(tmp_path: Path) -> Store:
    return Store(tmp_path / "other")


def everything(store: Store) -> list[str]:
    """Every file of a store but its locks."""
    root = store.blobs.directory
    return sorted(
        str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and "lock" not in path.name
    )


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
