"""Images as the front ends speak of them: lists, filters, history, sizes; on a store, without root."""

import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from container_lib.engine import filters, images, inspecting
from container_lib.errors import Conflict, InvalidValue, NotFound
from container_lib.images.config import History, ImageConfig
from container_lib.images.documents import CONFIG, LAYER, MANIFEST, Descriptor, Manifest, Platform
from container_lib.images.store import Store
from container_lib.storage import digest
from container_lib.storage.layers.writing import END


def gzipped(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=31)
    return made.compress(data) + made.flush()


def add(store: Store, *names: str, created: str = "2026-01-02T00:00:00Z", labels: dict[str, str] | None = None,
        layers: int = 1) -> str:  # fmt: skip
    """Add an image of some empty layers, with a step that made none on top, and return its id."""
    blob = gzipped(END * 10)
    layer = Descriptor(f"{LAYER}+gzip", store.blobs.put(blob), len(blob))
    steps = [History(created, f"COPY {n}") for n in range(layers)]
    config = ImageConfig(
        Platform("linux", "amd64"), (digest.of(END * 10),) * layers, {"Labels": labels or {}, "Cmd": ["sh"]},
        (*steps, History(created, "CMD sh", comment="last", empty_layer=True)), created,
    ).to_json()  # fmt: skip
    manifest = Manifest(Descriptor(CONFIG, store.blobs.put(config), len(config)), (layer,) * layers).to_json()
    return store.add(Descriptor(MANIFEST, store.blobs.put(manifest), len(manifest)), names).id


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path)
    add(made, "old:1", created="2020-01-01T00:00:00Z", labels={"a": "1"})
    add(
        made,
        "me/app:1",
        "me/app:latest",
        created="2026-01-01T00:00:00Z",
        labels={"a": "2", "b": ""},
        layers=2,
    )
    add(made, created="2023-01-01T00:00:00.123456789+02:00")
    return made


def listed(store: Store, pattern: str = "", *words: str) -> list[str]:
    return [f"{line.repository}:{line.tag}" for line in images.images(store, pattern, words)]


EVERYTHING = ["me/app:1", "me/app:latest", "<none>:<none>", "old:1"]


def test_the_newest_image_comes_first_under_each_of_its_names(store: Store) -> None:
    assert listed(store) == EVERYTHING


@pytest.mark.parametrize(
    ("pattern", "words", "expected"),
    [
        ("me/app", [], EVERYTHING[:2]),
        ("me/app:1", [], ["me/app:1"]),
        ("*/app:l*", [], ["me/app:latest"]),
        ("*", [], ["old:1"]),  # of one component only, as a shell has it
        ("ol[a-d]:?", [], ["old:1"]),
        ("", ["dangling=true"], ["<none>:<none>"]),
        ("", ["dangling=false"], [*EVERYTHING[:2], "old:1"]),
        ("", ["label=a"], [*EVERYTHING[:2], "old:1"]),
        ("", ["label=a=1"], ["old:1"]),
        ("", ["label=a", "label=b"], EVERYTHING[:2]),
        ("", ["label!=b"], EVERYTHING[2:]),
        ("", ["before=me/app:1"], EVERYTHING[2:]),
        ("", ["since=old:1"], EVERYTHING[:3]),
        ("", ["until=2021-01-01"], ["old:1"]),
        ("", ["reference=old*", "reference=*/*:1"], ["me/app:1", "old:1"]),
    ],
)
def test_filters_are_dockers(store: Store, pattern: str, words: list[str], expected: list[str]) -> None:
    assert listed(store, pattern, *words) == expected


def test_a_filter_may_name_an_image_that_is_not_there(store: Store) -> None:
    with pytest.raises(NotFound, match="No such image: old:latest"):
        listed(store, "", "since=old")


@pytest.mark.parametrize(
    "word",
    ["x", "color=red", "dangling=maybe", "until=soon", "reference=[z-a]", "label", "until=99999999999999"],
)
def test_a_filter_that_is_none_is_named(store: Store, word: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        listed(store, "", word)
    assert word.partition("=")[2] in str(caught.value)


def test_a_length_of_time_is_before_now(store: Store) -> None:
    [limit] = filters.parse(["until=1h30m"], store.image).before
    assert abs(datetime.now(UTC) - timedelta(minutes=90) - limit) < timedelta(seconds=60)


def test_history_tells_the_last_step_first_and_each_layers_size(store: Store) -> None:
    image = store.image("me/app:1")
    lines = images.history(store, "me/app:1")
    assert [(line.id, line.created_by, line.size, line.comment) for line in lines] == [
        (image.id, "CMD sh", 0, "last"),
        ("<missing>", "COPY 1", len(END) * 10, ""),
        ("<missing>", "COPY 0", len(END) * 10, ""),
    ]


def test_an_images_size_is_that_of_its_layers_unpacked(store: Store) -> None:
    [line] = images.images(store, "old:1")
    assert line.size == len(END) * 10 > store.image("old:1").manifest.layers[0].size


def test_inspect_has_dockers_keys(store: Store) -> None:
    found = inspecting.inspect_image(store, "me/app")
    assert found["RepoTags"] == ["me/app:1", "me/app:latest"]
    assert found["RepoDigests"] == [f"me/app@{store.image('me/app').digest}"]
    assert (found["Os"], found["Architecture"], found["Comment"]) == ("linux", "amd64", "last")
    assert found["Config"] | {"Labels": None} == {
        "User": None, "ExposedPorts": None, "Env": None, "Entrypoint": None, "Cmd": ["sh"], "Volumes": None,
        "WorkingDir": None, "Labels": None,
    }  # fmt: skip
    assert found["RootFS"] == {"Type": "layers", "Layers": [digest.of(END * 10)] * 2}
    assert found["GraphDriver"]["Data"]["UpperDir"].endswith("/diff")


def test_names_are_given_and_taken_and_the_last_one_takes_the_image(store: Store) -> None:
    images.tag(store, "old:1", "me/app:latest")
    assert listed(store) == ["me/app:1", "<none>:<none>", "old:1", "me/app:latest"]
    assert images.remove_image(store, {}, "old:1") == ["Untagged: old:1"]
    lines = images.remove_image(store, {}, "me/app:latest")
    assert lines[0] == "Untagged: me/app:latest"
    assert lines[1].startswith("Deleted: sha256:")


def test_an_image_in_use_stays(store: Store) -> None:
    in_use = {"c" * 64: store.image("old:1").id}
    with pytest.raises(Conflict, match=f"container {'c' * 12} is using"):
        images.remove_image(store, in_use, "old:1")
    images.prune_images(store, in_use, all=True)
    assert listed(store) == ["old:1"]


def test_a_prune_with_filters_removes_what_fits(store: Store) -> None:
    done = images.prune_images(store, {}, all=True, words=["until=2021-01-01"])
    assert done.lines[0] == "Untagged: old:1"
    assert listed(store) == EVERYTHING[:3]
    images.prune_images(store, {})
    assert listed(store) == EVERYTHING[:2]
