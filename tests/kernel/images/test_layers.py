"""Layers unpacked for containers: once, whole or not at all, whatever the disk, the bytes or the neighbours do."""

import errno
import gzip
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from container_lib.errors import DigestMismatch, InvalidImage, KernelError
from container_lib.images.documents import LAYER, MANIFEST, Descriptor
from container_lib.images.image import Image
from container_lib.images.store import Store
from container_lib.kernel import syscalls
from container_lib.storage.layers.reading import Bounds
from container_lib.storage.overlay import Overlay
from tests.unit.images import making

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of 2 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    syscalls.mount("tmpfs", str(place), "tmpfs", 0, "size=2m")
    yield place
    syscalls.umount2(str(place))


def used(place: Path) -> int:
    """Return the bytes that are taken on a filesystem."""
    found = os.statvfs(place)
    return (found.f_blocks - found.f_bfree) * found.f_bsize


def everything(directory: Path) -> list[str]:
    """Return the names of what is being unpacked and of what is unpacked."""
    places = (directory / "layers" / "ingest", directory / "layers" / "sha256")
    return [name for place in places if place.is_dir() for name in os.listdir(place)]


def test_on_a_full_disk_there_is_all_of_a_layer_or_nothing(small_disk: Path) -> None:
    store = Store(small_disk)
    image = making.add(
        store,
        ["big:1"],
        {"first": b"1"},
        {"etc/": b"", "etc/fits": b"x", "etc/does-not": os.urandom(900_000)},
    )
    (small_disk / "filler").write_bytes(bytes(400_000))
    before = used(small_disk)
    with pytest.raises(KernelError) as caught:
        store.lowers(image)
    assert caught.value.errno == errno.ENOSPC
    for word in ("big:1", "layer 2 of 2", image.manifest.layers[1].digest, "etc/does-not"):
        assert word in caught.value.message
    assert len(everything(small_disk)) == 1  # the first layer, whole
    assert used(small_disk) - before < 50_000
    assert store.verify() == []
    (small_disk / "filler").unlink()
    assert (store.lowers(image)[0] / "etc" / "does-not").stat().st_size == 900_000


def test_a_blob_that_does_not_fit_leaves_nothing(small_disk: Path) -> None:
    store = Store(small_disk)
    making.add(store, ["there:1"], {"a": b"a"})
    before = used(small_disk)
    with pytest.raises(KernelError, match="No space left"):
        store.blobs.put(os.urandom(3 << 20))
    assert used(small_disk) - before < 50_000
    assert store.verify() == []
    assert store.image("there:1").names == ("there:1",)


def compressed_image(store: Store, blob: bytes, tar: bytes) -> Image:
    """An image of one gzip layer, whose configuration names the DiffID of `tar`."""
    plain = making.manifest(store, [{"placeholder": b""}])
    from container_lib.images import image as images
    from container_lib.storage import digest

    found = images.read(store.blobs, plain)
    config = found.config.to_json().replace(found.config.diff_ids[0].encode(), digest.of(tar).encode())
    manifest = found.manifest.to_json()
    manifest = manifest.replace(found.manifest.config.digest.encode(), store.blobs.put(config).encode())
    manifest = manifest.replace(
        found.manifest.layers[0].digest.encode(), store.blobs.put(blob).encode()
    ).replace(f'"{LAYER}"'.encode(), f'"{LAYER}+gzip"'.encode())
    manifest = manifest.replace(b'"size":%d' % found.manifest.layers[0].size, b'"size":%d' % len(blob))
    descriptor = Descriptor(MANIFEST, store.blobs.put(manifest), len(manifest))
    return store.add(descriptor, ["made:1"])


def test_a_layer_that_is_not_what_its_configuration_says(tmp_path: Path) -> None:
    tar, other = making.layer({"a": b"a"}), making.layer({"a": b"b"})
    store = Store(tmp_path)
    image = compressed_image(store, gzip.compress(tar, mtime=0), other)
    with pytest.raises(DigestMismatch, match="layer 1 of 1"):
        store.lowers(image)
    assert everything(tmp_path) == []


def test_a_truncated_layer_names_where_it_ends(tmp_path: Path) -> None:
    tar = making.layer({"a": os.urandom(100_000)})
    blob = gzip.compress(tar, mtime=0)[:50_000]
    store = Store(tmp_path)
    image = compressed_image(store, blob, tar)
    with pytest.raises(InvalidImage, match="layer 1 of 1"):
        store.lowers(image)
    assert everything(tmp_path) == []


def test_a_bomb_is_stopped_at_its_bound(tmp_path: Path) -> None:
    tar = making.layer({"zeros": bytes(40 << 20)})
    blob = gzip.compress(tar, mtime=0)
    image = compressed_image(Store(tmp_path), blob, tar)
    for bounds in (Bounds(bytes=1 << 20), Bounds(entries=0)):
        with pytest.raises(InvalidImage, match="bound"):
            Store(tmp_path, bounds).lowers(image)
        assert everything(tmp_path) == []
    assert Store(tmp_path).lowers(image)[0].joinpath("zeros").stat().st_size == 40 << 20


def test_two_hundred_layers(tmp_path: Path) -> None:
    store = Store(tmp_path)
    layers = [{f"file{number}": b"%d" % number} for number in range(200)]
    image = making.add(store, ["deep:1"], *layers)
    lowers = store.lowers(image)
    assert len(set(lowers)) == 200
    (tmp_path / "merged").mkdir()
    with Overlay(tuple(lowers)).mounted(tmp_path / "merged") as merged:
        assert len(list(merged.iterdir())) == 200
        assert (merged / "file150").read_bytes() == b"150"


def test_a_layer_is_unpacked_once_however_many_want_it(tmp_path: Path) -> None:
    image = making.add(
        Store(tmp_path), ["shared:1"], {f"file{number}": os.urandom(500) for number in range(300)}
    )
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.extend(Store(tmp_path).lowers(image))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    assert len(list(found[0].iterdir())) == 300
    assert everything(tmp_path) == [found[0].parent.name]


def test_the_same_layer_below_two_images_is_one_directory_and_one_blob(tmp_path: Path) -> None:
    store = Store(tmp_path)
    base, own = {"lib": os.urandom(5000)}, {"app": b"x"}
    one, two = making.add(store, ["one:1"], base), making.add(store, ["two:1"], base, own)
    assert store.lowers(one)[0] == store.lowers(two)[1]
    assert len(everything(tmp_path)) == 2
    assert one.manifest.layers[0].digest == two.manifest.layers[0].digest


def test_what_a_killed_process_left_of_a_layer_is_not_taken_for_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    image = making.add(store, ["app:1"], {"whole": b"1"})
    left = tmp_path / "layers" / "ingest" / image.config.chain_ids[0].removeprefix("sha256:")
    (left / "diff").mkdir(parents=True)
    (left / "diff" / "half").write_bytes(b"0")
    assert os.listdir(store.lowers(image)[0]) == ["whole"]
    assert everything(tmp_path) == [left.name]
