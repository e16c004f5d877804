"""A root filesystem becomes an image; what is no root filesystem is refused, and leaves nothing."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from container_lib.errors import InvalidImage, InvalidValue, NotFound
from container_lib.images import importing
from container_lib.images.documents import Platform
from container_lib.images.store import Store
from container_lib.storage import digest
from tests.unit.images.making import layer

FILES = {"bin/": b"", "bin/sh": b"#!", "zeros": bytes(300_000)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    (made / "bin").mkdir(parents=True)
    (made / "bin" / "sh").write_bytes(b"#!")
    (made / "bin" / "ash").symlink_to("sh")
    return made


def test_a_tar_is_the_layer_byte_for_byte(store: Store, tmp_path: Path) -> None:
    tar = layer(FILES)
    (tmp_path / "rootfs.tar.gz").write_bytes(gzip.compress(tar))
    sources = (io.BytesIO(tar), io.BytesIO(gzip.compress(tar)), tmp_path / "rootfs.tar.gz")
    images = [importing.import_(store, source, f"made:{number}") for number, source in enumerate(sources)]
    assert {image.config.diff_ids for image in images} == {(digest.of(tar),)}
    assert len({image.manifest.layers for image in images}) == 1  # stored once
    assert images[0].size < 5000
    assert store.verify() == []
    assert store.clean() == []


def test_changes_message_and_platform_are_in_the_configuration(store: Store, tree: Path) -> None:
    changes = ['ENTRYPOINT ["/bin/sh"]', "ENV A=1 B=$A", "EXPOSE 80", "LABEL x=y"]
    image = importing.import_(store, tree, "made", changes, "by hand", Platform("linux", "riscv64"))
    assert image.names == ("made:latest",)
    assert image.config.run["Entrypoint"] == ["/bin/sh"]
    assert image.config.run["ExposedPorts"] == {"80/tcp": {}}
    assert str(image.config.platform) == "linux/riscv64"
    assert [entry.comment for entry in image.config.history] == ["by hand"]
    assert image.created == image.config.history[0].created != ""


def test_a_directory_comes_out_as_it_went_in(store: Store, tree: Path) -> None:
    first, second = io.BytesIO(), io.BytesIO()
    importing.export(tree, first)
    importing.export(tree, second)
    assert first.getvalue() == second.getvalue()
    with tarfile.open(fileobj=io.BytesIO(first.getvalue())) as tar:
        assert {"bin", "bin/sh", "bin/ash"} <= set(tar.getnames())
    by_tar = importing.import_(store, io.BytesIO(first.getvalue()))
    assert by_tar.config.diff_ids == importing.import_(store, tree).config.diff_ids
    assert by_tar.names == ()


def leading_out(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, link
        tar.addfile(entry)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not one entry"),
        (bytes(10_240), "not one entry"),
        (b"#!/bin/sh\n" * 100, "tar header"),
        (layer(FILES)[:9000], "cut short in zeros"),
        (gzip.compress(layer(FILES))[:-9], "gzip"),
        (leading_out("a/../../evil"), r"a/\.\./\.\./evil: leads out"),
        (leading_out("hard", tarfile.LNKTYPE, "../evil"), r"hard: leads out .*\.\./evil"),
    ],
)
def test_what_is_no_root_filesystem_is_refused_and_leaves_nothing(
    store: Store, data: bytes, words: str
) -> None:
    with pytest.raises(InvalidImage, match=words):
        importing.import_(store, io.BytesIO(data), "made")
    assert store.images() == []
    assert list(store.blobs.all()) == []
    assert list((store.blobs.directory / "ingest").iterdir()) == []


def test_what_was_said_wrongly_is_told_before_anything_is_read(
    store: Store, tree: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidValue, match="'RUN' is not known"):
        importing.import_(store, tree, changes=["RUN x"])
    with pytest.raises(InvalidValue, match="lowercase"):
        importing.import_(store, tree, "Made")
    with pytest.raises(InvalidValue, match="invalid name"):
        importing.import_(store, tree, f"made@{digest.of(b'')}")
    with pytest.raises(NotFound, match="no such file"):
        importing.import_(store, tmp_path / "missing")
    assert not store.blobs.directory.exists()


def test_progress_adds_up_to_the_bytes_of_the_source(store: Store) -> None:
    told: list[int] = []
    data = gzip.compress(layer(FILES))
    importing.import_(store, io.BytesIO(data), progress=told.append)
    assert sum(told) == len(data)
