"""Blobs: stored once, under their digest, whole or not at all; read only if they are still what they were."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container_lib.errors import DigestMismatch, InvalidImage, NotFound
from container_lib.storage import digest, ingest
from container_lib.storage.blobs import Blobs


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path)


def left_in_ingest(blobs: Blobs) -> list[str]:
    return os.listdir(blobs.directory / "ingest")


def test_what_is_put_is_read(blobs: Blobs) -> None:
    name = blobs.put(b"hello")
    assert name == digest.of(b"hello")
    assert blobs.path(name) == blobs.directory / "blobs" / "sha256" / digest.encoded(name)
    assert blobs.has(name)
    assert blobs.size(name) == 5
    assert blobs.read(name) == b"hello"
    assert blobs.verify(name) == 5
    assert list(blobs.all()) == [name]
    assert left_in_ingest(blobs) == []


def test_the_same_bytes_are_stored_once(blobs: Blobs) -> None:
    name = blobs.put(b"hello")
    inode = blobs.path(name).stat().st_ino
    assert blobs.put(b"hello") == name
    assert blobs.path(name).stat().st_ino == inode
    assert left_in_ingest(blobs) == []


def test_a_blob_that_lost_its_end_is_stored_anew(blobs: Blobs) -> None:
    name = blobs.put(b"hello")
    os.truncate(blobs.path(name), 3)
    assert blobs.put(b"hello") == name
    assert blobs.read(name) == b"hello"


def test_a_changed_byte_is_found_by_every_reader(blobs: Blobs) -> None:
    name = blobs.put(b"hello")
    blobs.path(name).write_bytes(b"jello")
    with pytest.raises(DigestMismatch, match=name) as found:
        blobs.read(name)
    assert str(blobs.path(name)) in found.value.hint
    with pytest.raises(DigestMismatch, match=name):
        blobs.verify(name)
    with blobs.open(name, size=5) as stream:
        assert stream.read(5) == b"jello"
        with pytest.raises(DigestMismatch, match=name):
            stream.read()


@pytest.mark.parametrize("size", [4, 6])
def test_another_size_than_announced_is_refused_before_reading(blobs: Blobs, size: int) -> None:
    name = blobs.put(b"hello")
    with pytest.raises(DigestMismatch, match=f"{name}.*5 bytes.*should have {size}"):
        blobs.open(name, size=size)


def test_bytes_that_were_announced_differently_are_never_visible(blobs: Blobs) -> None:
    other = digest.of(b"other")
    for expected, size in [(other, None), (other, 5), ("", 6)]:
        with blobs.writer(expected, size) as writer:
            writer.write(b"hello")
            with pytest.raises(DigestMismatch, match=expected or "5 bytes, and 6 were announced"):
                writer.commit()
    with blobs.writer(size=4) as writer, pytest.raises(DigestMismatch, match="more than the 4 bytes"):
        writer.write(b"hello")
    assert list(blobs.all()) == []
    assert left_in_ingest(blobs) == []


def test_what_is_not_committed_is_removed(blobs: Blobs) -> None:
    with blobs.writer() as writer:
        writer.write(b"hello")
        assert len(left_in_ingest(blobs)) == 1
    assert left_in_ingest(blobs) == []
    assert list(blobs.all()) == []


def test_a_cleaner_takes_what_the_killed_left_and_leaves_what_is_being_written(blobs: Blobs) -> None:
    abandoned, fd = ingest.begin(blobs.directory / "ingest")
    os.close(fd)
    with blobs.writer() as writer:
        writer.write(b"hello")
        assert ingest.clean(blobs.directory / "ingest") == [str(abandoned)]
        name = writer.commit()
    assert blobs.read(name) == b"hello"


def test_a_blob_that_is_not_there_is_named(blobs: Blobs) -> None:
    name = digest.of(b"never")
    for call in (blobs.read, blobs.open, blobs.size, blobs.verify):
        with pytest.raises(NotFound, match=name):
            call(name)
    assert blobs.delete(name) == 0


def test_a_document_has_a_limit(blobs: Blobs) -> None:
    name = blobs.put(b"x" * 101)
    assert blobs.read(name, limit=101)
    with pytest.raises(InvalidImage, match=f"{name}: 101 bytes.*100"):
        blobs.read(name, limit=100)


def test_collecting_keeps_what_is_reachable(blobs: Blobs) -> None:
    kept, first, second = (blobs.put(data) for data in (b"kept", b"a", b"bc"))
    assert sorted(blobs.collect({kept})) == sorted([(first, 1), (second, 2)])
    assert list(blobs.all()) == [kept]


def test_sha512(blobs: Blobs) -> None:
    name = digest.of(b"hello", "sha512")
    with blobs.writer(name) as writer:
        writer.write(b"hello")
        assert writer.commit() == name
    assert blobs.read(name) == b"hello"
    assert list(blobs.all()) == [name]


@settings(max_examples=60, deadline=None)
@given(chunks=st.lists(st.binary(max_size=3000)), sizes=st.lists(st.integers(1, 4000), min_size=1))
def test_pieces_make_no_difference(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], sizes: list[int]
) -> None:
    blobs = Blobs(tmp_path_factory.getbasetemp() / "pieces")
    with blobs.writer() as writer:
        for chunk in chunks:
            writer.write(chunk)
        name = writer.commit()
    whole = b"".join(chunks)
    assert name == digest.of(whole)
    with blobs.open(name, len(whole)) as stream:
        read = []
        while piece := stream.read(sizes[len(read) % len(sizes)]):
            read.append(piece)
    assert b"".join(read) == whole
