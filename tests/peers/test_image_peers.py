"""skopeo, umoci and podman read what we write, and we read what they write: names, IDs, documents, every file.

The subject is an image of three layers, which a kernel made: busybox, and two containers committed on top of each
other, with whiteouts, an opaque directory, hard links, attributes, owners, times in ns.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from container_lib.engine.engine import Engine
from container_lib.images.image import Image
from container_lib.images.store import Store
from container_lib.storage.layers.unpacking import unpack
from container_lib.storage.overlay import Overlay
from tests.kernel.storage.random_trees import describe

pytestmark = [
    pytest.mark.usefixtures("root"),
    *(
        pytest.mark.skipif(not shutil.which(peer), reason=f"needs {peer}: apt-get install {peer}")
        for peer in ("skopeo", "umoci", "podman")
    ),
]

NAME = "localhost:5000/team/subject:1.0"
FIRST = """
mkdir -p /opt/a/deep /opt/b; echo one > /opt/a/one; ln /opt/a/one /opt/b/also-one; ln -s ../a/one /opt/b/link
echo two > /opt/a/deep/two; chown 1000:2000 /opt/a/deep/two; chmod 4755 /opt/a/deep/two; mknod /opt/pipe p
touch -d '2001-02-03 04:05:06.789' /opt/a/deep; rm /bin/vi; touch '/opt/näme with blank'
"""
SECOND = """
rm -r /opt/a; mkdir /opt/a; echo new > /opt/a/new; chmod 700 /opt/b; rm /opt/b/link
rm -r /var/log; echo >> /etc/passwd
"""
SCHEMAS = Path(__file__).parent / "oci_schemas"


@pytest.fixture
def subject(engine: Engine) -> Image:
    """The image, in the engine's store."""
    engine.run("busybox", "sh", "-ec", FIRST, name="first", remove=False)
    os.setxattr(engine.containers.get("first").upper / "opt/a/one", "user.colour", b"\0blue")
    engine.commit("first", "step:1", message="first changes")
    engine.run("step:1", "sh", "-ec", SECOND, name="second", remove=False)
    engine.commit("second", NAME, ["ENV A=b", 'CMD ["sh", "-c", "cat /opt/a/new"]'], author="Ann <a@b.c>")
    assert engine.run(NAME).text == "new\n"
    image = engine.store.image(NAME)
    assert len(image.manifest.layers) == 3
    return image


@pytest.fixture
def podman() -> Iterator[Callable[..., str]]:
    """podman with a storage of this test's own; its path has to be short."""
    with tempfile.TemporaryDirectory(prefix="podman-") as place:
        words = ["podman", f"--root={place}/root", f"--runroot={place}/run", "--storage-driver=vfs"]
        yield lambda *argv: run(*words, *argv)


def run(*argv: object) -> str:
    done = subprocess.run(
        [str(word) for word in argv], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


def merged(engine: Engine, image: Image, place: Path) -> Any:
    """What a container of the image sees, described entry by entry."""
    place.mkdir()
    with Overlay(tuple(engine.store.lowers(image))).mounted(place):
        return describe(place)


def test_umoci_unpacks_our_store_to_the_tree_that_a_container_sees(
    engine: Engine, subject: Image, tmp_path: Path
) -> None:
    layout = engine.root_dir / "images"
    assert subject.names[0] in run("umoci", "list", "--layout", layout).splitlines()
    run("umoci", "unpack", "--image", f"{layout}:{NAME}", tmp_path / "bundle")
    theirs = describe(tmp_path / "bundle" / "rootfs")
    assert theirs == merged(engine, subject, tmp_path / "place")
    assert len(theirs) > 250


def test_each_layer_applied_by_us_gives_what_umoci_gives(
    engine: Engine, subject: Image, tmp_path: Path
) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    for layer in subject.manifest.layers:
        with engine.store.blobs.open(layer.digest, layer.size) as blob:
            unpack(blob, ours, whiteouts="apply", digest=layer.digest)
    run("umoci", "unpack", "--image", f"{engine.root_dir}/images:{NAME}", tmp_path / "bundle")
    assert describe(ours) == describe(tmp_path / "bundle" / "rootfs")


@pytest.mark.parametrize("transport", ["oci", "oci-archive", "docker-archive", "dir"])
def test_skopeo_takes_it_and_we_take_it_back(
    engine: Engine, subject: Image, tmp_path: Path, transport: str
) -> None:
    there = {"docker-archive": f"{tmp_path}/there:{NAME}", "dir": f"{tmp_path}/there"}
    target = there.get(transport, f"{tmp_path}/there:subject")
    run(
        "skopeo", "copy", "--insecure-policy", f"oci:{engine.root_dir}/images:{NAME}", f"{transport}:{target}"
    )
    inspected = json.loads(run("skopeo", "inspect", "--config", f"{transport}:{target}"))
    assert inspected["rootfs"]["diff_ids"] == list(subject.config.diff_ids)
    if transport == "dir":
        return  # skopeo's own, which nobody else reads
    other = Engine(tmp_path / "other", tmp_path / "other-run")
    lines = other.load(tmp_path / "there")
    assert len(lines) == 1
    back = other.store.images()[0]
    assert (back.id, back.config) == (subject.id, subject.config)
    assert other.store.verify() == []
    assert merged(other, back, tmp_path / "p1") == merged(engine, subject, tmp_path / "p2")


@pytest.mark.parametrize("format_", ["docker", "oci"])
def test_podman_loads_what_we_save(
    engine: Engine, subject: Image, tmp_path: Path, podman: Callable[..., str], format_: str
) -> None:
    with open(tmp_path / "saved.tar", "wb") as sink:
        engine.save([NAME, "step:1"], sink, format=format_)
    if format_ == "docker":
        podman("load", "-i", tmp_path / "saved.tar")
        seen = json.loads(podman("image", "inspect", NAME))[0]
        assert seen["RepoTags"] == [NAME]
        assert (
            json.loads(podman("image", "inspect", "step:1"))[0]["RootFS"]["Layers"]
            == seen["RootFS"]["Layers"][:2]
        )
    else:
        podman("pull", f"oci-archive:{tmp_path}/saved.tar:{NAME}")
        seen = json.loads(podman("image", "inspect", subject.id.removeprefix("sha256:")))[0]
    assert f"sha256:{seen['Id']}" == subject.id
    assert seen["RootFS"]["Layers"] == list(subject.config.diff_ids)
    assert seen["Config"]["Env"][-1] == "A=b"
    assert [step.get("author") for step in seen["History"]][-1] == "Ann <a@b.c>"


@pytest.mark.parametrize("format_", ["docker-archive", "oci-archive"])
def test_we_load_what_podman_saves(
    engine: Engine, subject: Image, tmp_path: Path, podman: Callable[..., str], format_: str
) -> None:
    with open(tmp_path / "ours.tar", "wb") as sink:
        engine.save([NAME], sink)
    podman("load", "-i", tmp_path / "ours.tar")
    podman("save", "--format", format_, "-o", tmp_path / "theirs.tar", NAME)
    other = Engine(tmp_path / "other", tmp_path / "other-run")
    assert other.load(tmp_path / "theirs.tar") == [f"Loaded image: {NAME}"]
    back = other.store.image(NAME)
    assert back.config.diff_ids == subject.config.diff_ids
    assert back.id == subject.id
    assert merged(other, back, tmp_path / "p1") == merged(engine, subject, tmp_path / "p2")


def test_podman_import_and_ours_give_the_same_tree(
    engine: Engine, subject: Image, tmp_path: Path, podman: Callable[..., str]
) -> None:
    with open(tmp_path / "exported.tar", "wb") as sink:
        engine.export("second", sink)
    podman("import", tmp_path / "exported.tar", "flat:1")
    podman("save", "-o", tmp_path / "flat.tar", "flat:1")
    other = Engine(tmp_path / "other", tmp_path / "other-run")
    other.load(tmp_path / "flat.tar")
    theirs = merged(other, other.store.images()[0], tmp_path / "p1")
    other.import_image(tmp_path / "exported.tar", "ours:1")
    assert theirs == merged(other, other.store.image("ours:1"), tmp_path / "p2")
    assert theirs == merged(engine, subject, tmp_path / "p3")


def test_every_document_is_as_its_schema_says(engine: Engine, subject: Image) -> None:
    layout = engine.root_dir / "images"
    blobs = Store(engine.root_dir).blobs
    validate("image-layout-schema", (layout / "oci-layout").read_bytes())
    validate("image-index-schema", (layout / "index.json").read_bytes())
    for image in engine.store.images():
        validate("image-manifest-schema", blobs.read(image.digest))
        validate("config-schema", blobs.read(image.id))
        validate("content-descriptor", json.dumps(image.descriptor.values()).encode())
    with pytest.raises(jsonschema.ValidationError):
        validate("image-manifest-schema", blobs.read(subject.id))


def validate(name: str, document: bytes) -> None:
    """Raise unless the document is as the schema says."""
    schemas = {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
    resources = [Resource(contents=schema, specification=DRAFT4) for schema in schemas.values()]
    registry: Registry = Registry()
    for file, resource in zip(schemas, resources, strict=True):
        for where in ("https://opencontainers.org/schema/", "https://opencontainers.org/schema/image/"):
            registry = registry.with_resource(where + file, resource)
    jsonschema.Draft4Validator(schemas[f"{name}.json"], registry=registry).validate(json.loads(document))
