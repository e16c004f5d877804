"""A disk that fills up while an archive is loaded or a tree imported: told as such, and the store is as it was."""

import io
import os
from collections.abc import Callable, Iterator
from errno import ENOSPC
from pathlib import Path

import pytest

from container_lib.errors import KernelError
from container_lib.images import archive, importing
from container_lib.images.store import Store
from container_lib.kernel import syscalls
from tests.unit.images.archives import saved, two_images
from tests.unit.images.making import add, layer

RANDOM = {"random": os.urandom(900_000)}


@pytest.fixture
def small(root: None, tmp_path: Path) -> Iterator[Store]:
    """A store with one image, on a disk of 700 KiB."""
    (tmp_path / "small").mkdir()
    syscalls.mount("tmpfs", str(tmp_path / "small"), "tmpfs", 0, "size=700k")
    store = Store(tmp_path / "small")
    add(store, ["steady"], {"file": b"kept"})
    yield store
    syscalls.umount2(str(tmp_path / "small"))


@pytest.mark.parametrize(
    "act",
    [
        lambda store, place: archive.load(store, io.BytesIO(saved(big(place), "big"))),
        lambda store, _: importing.import_(store, io.BytesIO(layer(RANDOM))),
    ],
    ids=["load", "import"],
)
def test_a_full_disk_is_told_and_nothing_stays(
    small: Store, tmp_path: Path, act: Callable[[Store, Path], object]
) -> None:
    before = list(small.blobs.all())
    with pytest.raises(KernelError, match="No space left") as caught:
        act(small, tmp_path)
    assert caught.value.errno == ENOSPC
    assert list(small.blobs.all()) == before
    assert os.listdir(small.blobs.directory / "ingest") == []
    assert small.verify() == []
    archive.load(small, io.BytesIO(saved(two_images(tmp_path / "two"), "busybox")))  # there is room again


def big(place: Path) -> Store:
    store = Store(place / "big")
    add(store, ["big"], RANDOM)
    return store
