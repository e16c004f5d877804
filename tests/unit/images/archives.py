"""Archives of images, made and taken apart by `tarfile`: what tests load, and change before."""

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

from container_lib.images import archive
from container_lib.images.config import ImageConfig
from container_lib.images.documents import Platform
from container_lib.images.store import Store
from container_lib.storage import digest
from tests.unit.images.making import add, layer

BASE = {"bin/": b"", "bin/sh": b"#!", "zeros": bytes(300_000)}
APP = {"app/": b"", "app/main": b"main"}


def two_images(directory: Path) -> Store:
    """A store with two images that share a layer; one has two names."""
    made = Store(directory)
    add(made, ["busybox", "busybox:1.36"], BASE)
    add(made, ["registry.example:5000/me/app:1"], BASE, APP, cmd="app")
    return made


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
