"""The store: images are found by all their names; what nobody needs goes, in docker's words; the rest stays."""

import os
from pathlib import Path

import pytest

from container_lib.errors import Conflict, InvalidValue, NotFound
from container_lib.images.documents import INDEX, Descriptor, Index, Platform
from container_lib.images.image import Image
from container_lib.images.store import Store
from tests.unit.images.making import add, blob_count, descriptor, manifest, names

BASE = {"bin/": b"", "bin/sh": b"#!"}
APP = {"app/": b"", "app/main": b"main"}


def test_an_empty_store_is_asked(store: Store, tmp_path: Path) -> None:
    assert store.images() == []
    assert store.verify() == []
    assert store.clean() == []
    assert store.prune().lines == []
    with pytest.raises(NotFound, match=r"^No such image: x:latest\n"):
        store.image("x")


def test_an_image_is_found_by_all_that_it_is_called(store: Store) -> None:
    image = add(store, ["busybox:1.36", "busybox"], BASE)
    add(store, ["other"], APP)
    hexadecimal = image.id.removeprefix("sha256:")
    by_digest = f"busybox@{image.digest}"
    known = [
        "busybox",
        "busybox:1.36",
        "docker.io/library/busybox:latest",
        by_digest,
        f"busybox:1.36@{image.digest}",
    ]
    for name in [
        *known,
        image.id,
        image.digest,
        hexadecimal,
        hexadecimal[:12],
        image.id[:20],
        image.short_id,
    ]:
        for asked in (store, Store(store.blobs.directory.parent)):
            assert asked.image(name) == image
    assert image.names == ("busybox:1.36", "busybox:latest")
    assert image.config.argv == ("sh",)
    assert image.size == sum(store.blobs.size(d) for d in image.blobs)
    assert str(image) == "busybox:1.36"


@pytest.mark.parametrize(
    "name",
    ["nope", "busybox:2", "host:5000/busybox", "other@sha256:" + "0" * 64, "0" * 64, "sha256:" + "0" * 64],
)
def test_what_is_not_there_is_said_in_dockers_words(store: Store, name: str) -> None:
    add(store, ["busybox"], BASE)
    with pytest.raises(NotFound, match=r"^No such image: ") as missing:
        store.image(name)
    assert name in str(missing.value)


def test_what_is_no_name_is_refused(store: Store) -> None:
    image = add(store, ["busybox"], BASE)
    with pytest.raises(InvalidValue, match="must be lowercase"):
        store.image("Busybox")
    with pytest.raises(InvalidValue, match="invalid reference format"):
        store.tag("busybox", "a b")
    with pytest.raises(InvalidValue, match="refusing to create a tag with a digest"):
        store.tag("busybox", f"x@{image.digest}")
    with pytest.raises(InvalidValue, match="cannot name the image"):
        add(store, ["x@sha256:" + "0" * 64], BASE)
    assert names(store) == [("busybox:latest",)]


def test_a_beginning_that_several_ids_have(store: Store) -> None:
    first = {add(store, [f"i{i}"], BASE, cmd=str(i)).id.removeprefix("sha256:")[0] for i in range(17)}
    assert len(first) < 17
    ids = [image.id.removeprefix("sha256:") for image in store.images()]
    twice = next(i[0] for i in ids if sum(other[0] == i[0] for other in ids) > 1)
    with pytest.raises(Conflict, match=f"several image IDs begin with {twice}"):
        store.image(twice)


def test_a_layer_of_two_images_is_stored_once(store: Store) -> None:
    add(store, ["one"], BASE, APP)
    before = blob_count(store)
    add(store, ["two"], BASE, {"b": b""})
    assert blob_count(store) == before + 3  # a layer, a configuration and a manifest


def test_a_name_moves_and_the_image_that_had_it_stays_without(store: Store) -> None:
    old = add(store, ["app"], BASE)
    new = add(store, ["app"], APP)
    assert store.image("app").id == new.id
    assert names(store) == [(), ("app:latest",)]
    assert store.image(old.id).names == ()
    assert store.tag(old.short_id, "app").names == ("app:latest",)
    assert store.image(new.id).names == ()


def test_adding_the_same_again_changes_nothing(store: Store) -> None:
    add(store, ["app", "app"], BASE)
    before = (store.blobs.directory / "index.json").stat()
    add(store, ["app"], BASE)
    add(store, [], BASE)
    assert os.path.samestat((store.blobs.directory / "index.json").stat(), before)


def test_an_image_is_added_only_whole(store: Store) -> None:
    described = manifest(store, [BASE, APP])
    image = store.add(described)
    store.prune()
    for digest in image.blobs:
        described = manifest(store, [BASE, APP])
        store.blobs.delete(digest)
        with pytest.raises(NotFound, match=digest):
            Store(store.blobs.directory.parent).add(described, ["app"])
    assert store.images() == []


def test_removing_names_and_then_the_image(store: Store) -> None:
    image = add(store, ["app:1", "app:2"], BASE, APP)
    other = add(store, ["base"], BASE)
    assert store.remove("app:1") == ["Untagged: app:1"]
    top = image.config.chain_ids[1]  # the lower layer is the other image's too
    assert store.remove("app:2") == ["Untagged: app:2", f"Deleted: {image.id}", f"Deleted: {top}"]
    assert [image.id for image in store.images()] == [other.id]
    assert blob_count(store) == 3
    assert store.remove("base")[1:] == [f"Deleted: {other.id}", f"Deleted: {other.config.chain_ids[0]}"]
    assert blob_count(store) == 0
    with pytest.raises(NotFound, match="No such image: base:latest"):
        store.remove("base")


def test_removing_by_id_wants_force_where_docker_wants_it(store: Store) -> None:
    image = add(store, ["app:1", "app:2"], BASE)
    wanted = (
        rf"conflict: unable to delete {image.short_id} \(must be forced\) - image is referenced in multiple"
    )
    with pytest.raises(Conflict, match=wanted):
        store.remove(image.short_id)
    assert len(store.remove(image.short_id, force=True)) == 4
    assert store.images() == []


def test_an_image_in_use_is_not_deleted(store: Store) -> None:
    image = add(store, ["app"], BASE)
    in_use = {"c0ffee" * 10: image.id}
    with pytest.raises(
        Conflict, match=r'reference "app:latest" \(must force\) - container c0ffeec0ffee is using'
    ):
        store.remove("app", in_use=in_use)
    with pytest.raises(Conflict, match=r"\(cannot be forced\) - image is being used by container c0ffee"):
        store.remove(image.id, force=True, in_use=in_use)
    assert store.prune(all=True, in_use=in_use).lines == []
    assert store.remove("app", force=True, in_use=in_use) == ["Untagged: app:latest"]
    assert store.prune(all=True, in_use=in_use).lines == []
    assert store.image(image.id).names == ()
    assert store.prune().lines == [f"Deleted: {image.id}", f"Deleted: {image.config.chain_ids[0]}"]


def test_another_name_of_an_image_in_use_goes_without_force(store: Store) -> None:
    image = add(store, ["app", "also"], BASE)
    assert store.remove("also", in_use={"c": image.id}) == ["Untagged: also:latest"]


def test_pruning(store: Store) -> None:
    dangling = add(store, [], BASE, cmd="old")
    kept = add(store, ["app"], BASE)
    garbage = store.blobs.put(b"of a load that was killed")
    pruned = store.prune()
    assert pruned.lines == [f"Deleted: {dangling.id}"]
    assert pruned.reclaimed == len(b"of a load that was killed") + dangling.size - store.blobs.size(
        kept.blobs[-1]
    )
    assert not store.blobs.has(garbage)
    assert store.prune().lines == []
    assert store.prune(all=True).lines[0] == "Untagged: app:latest"
    assert blob_count(store) == 0


def test_while_somebody_adds_the_bytes_stay(store: Store) -> None:
    add(store, ["app"], BASE)
    with store.adding():
        assert len(store.remove("app")) == 3
        assert store.images() == []
        assert blob_count(store) == 3
    assert store.prune().reclaimed > 0
    assert blob_count(store) == 0


def test_the_same_configuration_with_layers_stored_otherwise_is_one_image(store: Store) -> None:
    first = add(store, ["app:1"], BASE)
    again = first.manifest.to_json().replace(b'"schemaVersion"', b'"annotations":{"a":"b"},"schemaVersion"')
    second = store.add(descriptor(store, again, first.descriptor.media_type), ["app:2"])
    assert second.id == first.id
    assert second.digest != first.digest
    assert store.remove("app:1") == ["Untagged: app:1"]
    assert store.verify() == []
    assert len(store.remove("app:2")) == 3
    assert blob_count(store) == 0


def test_an_index_of_several_machines(store: Store) -> None:
    described = [
        Descriptor(found.media_type, found.digest, found.size, platform=platform)
        for platform in (Platform("linux", "s390x"), Platform("linux", store_machine()))
        for found in [manifest(store, [BASE], platform=platform)]
    ]
    index = store.add(descriptor(store, Index(tuple(described)).to_json(), INDEX), ["app"])
    assert index.config.platform.architecture == store_machine()
    assert store.prune().lines == []
    assert blob_count(store) == 6
    store.blobs.delete(described[0].digest)  # nobody fetched the other machine's
    assert store.verify() == []
    foreign = Index((described[0],))
    manifest(store, [BASE], platform=Platform("linux", "s390x"))
    with pytest.raises(NotFound, match=f"no image for linux/{store_machine()}; there is linux/s390x"):
        store.add(descriptor(store, foreign.to_json(), INDEX), ["app"])
    store.remove("app")
    store.prune()
    assert blob_count(store) == 0


def store_machine() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


def test_many_names(store: Store) -> None:
    image: Image = add(store, [f"app:{number}" for number in range(300)], BASE)
    assert len(image.names) == 300
    assert len(store.remove(image.id, force=True)) == 302
