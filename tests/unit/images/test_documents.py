"""Documents that are wrong: each refused with the field's name, none with a traceback of ours."""

import json
from typing import Any

import pytest

from container_lib.errors import ContainerError, InvalidImage, NotFound
from container_lib.images import graph
from container_lib.images.config import ImageConfig
from container_lib.images.documents import (
    CONFIG,
    DOCKER_CONFIG,
    DOCKER_INDEX,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    INDEX,
    LAYER,
    MANIFEST,
    Descriptor,
    Index,
    Manifest,
    chain_ids,
)
from container_lib.images.store import Store
from container_lib.storage import digest
from tests.unit.images import making

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
GOOD: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": MANIFEST,
    "config": {"mediaType": CONFIG, "digest": A, "size": 7},
    "layers": [{"mediaType": LAYER, "digest": B, "size": 9}],
    "annotations": {"note": "x"},
    "org.example.more": [1, 2],
}
CONFIGURATION: dict[str, Any] = {
    "os": "linux",
    "architecture": "amd64",
    "config": {"Env": ["A=b"], "Cmd": ["sh"]},
    "rootfs": {"type": "layers", "diff_ids": [A]},
    "history": [{"created_by": "x"}, {"created_by": "y", "empty_layer": True}],
}


def test_what_is_read_is_written_again_with_what_is_not_known() -> None:
    assert json.loads(Manifest.from_json(json.dumps(GOOD).encode()).to_json()) == GOOD
    assert json.loads(ImageConfig.from_json(json.dumps(CONFIGURATION).encode()).to_json()) == CONFIGURATION


def test_the_same_document_has_the_same_bytes() -> None:
    turned = dict(reversed(GOOD.items()))
    one, other = (Manifest.from_json(json.dumps(text).encode()).to_json() for text in (GOOD, turned))
    assert digest.of(one) == digest.of(other)


def test_dockers_older_documents_are_read() -> None:
    words = {MANIFEST: DOCKER_MANIFEST, CONFIG: DOCKER_CONFIG, LAYER: f"{DOCKER_LAYER}.gzip"}
    text = json.dumps(GOOD)
    for ours, theirs in words.items():
        text = text.replace(f'"{ours}"', f'"{theirs}"')
    manifest = Manifest.from_json(text.encode())
    assert (manifest.media_type, manifest.layers[0].media_type) == (DOCKER_MANIFEST, f"{DOCKER_LAYER}.gzip")
    listed = [
        {
            "mediaType": DOCKER_MANIFEST,
            "digest": A,
            "size": 1,
            "platform": {"os": "linux", "architecture": "arm64"},
        }
    ]
    index = Index.from_json(
        json.dumps({"schemaVersion": 2, "mediaType": DOCKER_INDEX, "manifests": listed}).encode()
    )
    assert str(index.manifests[0].platform) == "linux/arm64"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"schemaVersion": 1}, "schemaVersion"),
        ({"schemaVersion": "2"}, "schemaVersion"),
        ({"mediaType": "application/json"}, "application/json"),
        ({"mediaType": 5}, "mediaType"),
        ({"config": None}, "config"),
        ({"config": []}, "config"),
        ({"config": {"mediaType": "text/plain", "digest": A, "size": 7}}, "text/plain"),
        ({"config": {"mediaType": CONFIG, "digest": "sha256:abc", "size": 7}}, "sha256:abc"),
        ({"config": {"mediaType": CONFIG, "digest": "md5:" + "a" * 32, "size": 7}}, "md5:"),
        ({"config": {"mediaType": CONFIG, "digest": A, "size": -1}}, "size"),
        ({"config": {"mediaType": CONFIG, "digest": A, "size": True}}, "size"),
        ({"config": {"mediaType": CONFIG, "digest": A, "size": 1.5}}, "size"),
        ({"config": {"mediaType": CONFIG, "digest": A}}, "size"),
        ({"layers": {}}, "layers"),
        ({"layers": [7]}, "layers"),
        ({"layers": [{"mediaType": "application/x-rar", "digest": B, "size": 9}]}, "application/x-rar"),
        ({"annotations": {"a": 1}}, "annotations"),
        ({"annotations": []}, "annotations"),
    ],
)
def test_a_wrong_manifest_is_refused_with_the_fields_name(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidImage) as caught:
        Manifest.from_json(json.dumps({**GOOD, **changes}).encode(), "manifest X")
    assert word in caught.value.message
    assert "manifest X" in caught.value.message


@pytest.mark.parametrize("field", ["schemaVersion", "config", "layers"])
def test_a_field_that_is_missing_is_named(field: str) -> None:
    with pytest.raises(InvalidImage, match=field):
        Manifest.from_json(json.dumps({key: value for key, value in GOOD.items() if key != field}).encode())


@pytest.mark.parametrize(
    "data", [b"", b"null", b"[]", b"7", b'"x"', b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":NaN}']
)
def test_what_is_no_document_is_refused(data: bytes) -> None:
    for read in (Manifest.from_json, Index.from_json, ImageConfig.from_json):
        with pytest.raises(InvalidImage):
            read(data)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"os": 1}, "os"),
        ({"rootfs": {"type": "tree", "diff_ids": []}}, "tree"),
        ({"rootfs": {"type": "layers", "diff_ids": ["x"]}}, "diff_ids"),
        ({"rootfs": {"type": "layers"}}, "diff_ids"),
        ({"rootfs": 1}, "rootfs"),
        ({"config": {"Env": "A=b"}}, "Env"),
        ({"config": {"Cmd": [1]}}, "Cmd"),
        ({"config": []}, "config"),
        ({"history": {}}, "history"),
        ({"history": [{"created": "yesterday"}]}, "yesterday"),
        ({"created": "2026-13-45"}, "created"),
    ],
)
def test_a_wrong_configuration_is_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidImage, match=word):
        ImageConfig.from_json(json.dumps({**CONFIGURATION, **changes}).encode())


def test_configuration_and_manifest_speak_of_as_many_layers() -> None:
    config = ImageConfig.from_json(json.dumps(CONFIGURATION).encode())
    more = {**GOOD, "layers": GOOD["layers"] * 2}
    with pytest.raises(InvalidImage, match="2 layers"):
        config.check_layers(Manifest.from_json(json.dumps(more).encode()))


def test_chain_ids_are_those_of_the_specification() -> None:
    assert chain_ids([A]) == (A,)
    two = digest.of(f"{A} {B}".encode())
    assert chain_ids([A, B, C]) == (A, two, digest.of(f"{two} {C}".encode()))


# ---- documents that refer to documents


def nested(store: Store, depth: int) -> Descriptor:
    """An index in an index in an index, around one image."""
    inner = making.manifest(store, [{"a": b"a"}])
    for _ in range(depth):
        inner = making.descriptor(store, Index((inner,)).to_json(), INDEX)
    return inner


def test_indexes_in_indexes_are_followed_to_a_depth(store: Store) -> None:
    assert graph.resolve(store.blobs, nested(store, graph.DEEPEST)).media_type == MANIFEST
    with pytest.raises(InvalidImage, match="more than 8 indexes below each other"):
        graph.resolve(store.blobs, nested(store, graph.DEEPEST + 1))


def test_an_index_that_lists_more_than_anybody_reads_is_refused(store: Store) -> None:
    image = making.manifest(store, [{"a": b"a"}])
    lists = []
    for number in range(graph.MOST + 1):
        document = Index((image,), annotations={"number": str(number)}).to_json()
        lists.append(making.descriptor(store, document, INDEX))
    root = making.descriptor(store, Index(tuple(lists)).to_json(), INDEX)
    with pytest.raises(InvalidImage, match="more than 1000 documents"):
        list(graph.documents(store.blobs, root))


def test_a_document_that_claims_the_digest_of_itself_cannot_be_made(store: Store) -> None:
    """A circle would need a digest that is known before its document; a forged one is found by hashing."""
    claimed = "sha256:" + "1" * 64
    document = Index((Descriptor(INDEX, claimed, 100),)).to_json()
    store.blobs.put(b"x")
    path = store.blobs.path(claimed)
    path.write_bytes(document)
    with pytest.raises(ContainerError, match="digest"):
        list(graph.documents(store.blobs, Descriptor(INDEX, claimed, len(document))))


def test_no_image_for_this_machine(store: Store) -> None:
    other = making.manifest(store, [{"a": b"a"}])
    listed = json.loads(Index((other,)).to_json())
    listed["manifests"][0]["platform"] = {"os": "plan9", "architecture": "mips"}
    root = making.descriptor(store, json.dumps(listed).encode(), INDEX)
    with pytest.raises(NotFound, match="there is plan9/mips"):
        graph.resolve(store.blobs, root)
