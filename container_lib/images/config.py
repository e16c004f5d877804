"""The image's configuration: what to run in which environment, and how the layers came to be.

    {"architecture": "amd64", "os": "linux", "created": "2026-01-31T12:00:00Z",
     "config": {"Cmd": ["sh"], "Env": ["PATH=…"], "WorkingDir": "/", …},     what `docker run` starts from
     "rootfs": {"type": "layers", "diff_ids": ["sha256:…", …]},              the layers, uncompressed, bottom first
     "history": [{"created_by": "COPY …"}, {"created_by": "ENV …", "empty_layer": true}, …]}

The digest of this document is the image's ID. It names the layers by their DiffID, the digest of the tar stream
before compression: the same files compressed otherwise are another blob, and the same image.
See the OCI image specification, config.md; `HEALTHCHECK`, `ONBUILD` and `SHELL` are docker's additions to it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from container_lib.errors import InvalidImage, InvalidValue
from container_lib.images import fields
from container_lib.images.documents import Manifest, Other, Platform, chain_ids
from container_lib.images.fields import Fields
from container_lib.storage import digest as digests

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII).fullmatch


@dataclass(frozen=True)
class History:
    """How one layer was made. `empty_layer`: it changed the configuration alone and made none."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False
    other: Other = field(default_factory=dict, hash=False)

    @staticmethod
    def of(given: Fields) -> "History":
        """Return one entry of a history."""
        known = ("created", "created_by", "author", "comment", "empty_layer")
        texts = (given.text("created_by", ""), given.text("author", ""), given.text("comment", ""))
        return History(_time(given), *texts, given.flag("empty_layer"), given.others(known))

    def values(self) -> dict[str, Any]:
        """Return the entry as JSON has it."""
        own = {name: value for name, value in vars(self).items() if value and name != "other"}
        return {**self.other, **own}


@dataclass(frozen=True)
class ImageConfig:
    """What an image runs, and its layers' DiffIDs. `run` is the document's field "config", kept as it was."""

    platform: Platform
    diff_ids: tuple[str, ...]
    run: Mapping[str, Any] = field(default_factory=dict, hash=False)
    history: tuple[History, ...] = ()
    created: str = ""
    author: str = ""
    other: Other = field(default_factory=dict, hash=False)

    @staticmethod
    def from_json(data: bytes, where: str = "config") -> "ImageConfig":
        """Return the configuration in a document. Raises `InvalidImage`; `where` names it in the message."""
        given = fields.load(data, where)
        platform = Platform(given.text("os"), given.text("architecture"), given.text("variant", ""))
        run = given.object("config")
        _check_run(run)
        known = ("os", "architecture", "variant", "config", "rootfs", "history", "created", "author")
        return ImageConfig(
            platform,
            _diff_ids(given.required("rootfs")),
            dict(run.values),
            tuple(History.of(entry) for entry in given.objects("history")),
            _time(given),
            given.text("author", ""),
            given.others(known),
        )

    def to_json(self) -> bytes:
        """Return the document's bytes."""
        said = {"created": self.created, "author": self.author, "config": dict(self.run)}
        own = {
            **self.platform.values(),
            **{name: value for name, value in said.items() if value},
            "rootfs": {"type": "layers", "diff_ids": list(self.diff_ids)},
            "history": [entry.values() for entry in self.history],
        }
        return fields.dump({**self.other, **own})

    @property
    def chain_ids(self) -> tuple[str, ...]:
        """The ChainIDs of the layers, bottom first."""
        return chain_ids(self.diff_ids)

    @property
    def argv(self) -> tuple[str, ...]:
        """What runs by default: the entrypoint, then the command."""
        return (*(self.run.get("Entrypoint") or ()), *(self.run.get("Cmd") or ()))

    @property
    def env(self) -> tuple[str, ...]:
        """The environment, each "NAME=value"."""
        return tuple(self.run.get("Env") or ())

    def check_layers(self, manifest: Manifest, where: str = "image") -> None:
        """Raise `InvalidImage` unless this configuration and a manifest speak of as many layers."""
        if len(self.diff_ids) != len(manifest.layers):
            counts = (
                f"{len(manifest.layers)} layers, and the config names {len(self.diff_ids)} (rootfs.diff_ids)"
            )
            raise InvalidImage(f"{where}: the manifest has {counts}")


def timestamp(when: datetime) -> str:
    """Return a time as documents have it (RFC 3339, in UTC).

    >>> timestamp(datetime.fromtimestamp(0, UTC))
    '1970-01-01T00:00:00Z'
    """
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _diff_ids(rootfs: Fields) -> tuple[str, ...]:
    kind = rootfs.text("type", "layers")
    if kind != "layers":
        raise rootfs.wrong("type", f"{kind!r}, and only 'layers' is known")
    rootfs.must_have("diff_ids")
    try:
        return tuple(digests.check(text) for text in rootfs.texts("diff_ids"))
    except InvalidValue as error:
        raise rootfs.wrong("diff_ids", error.message) from None


def _check_run(run: Fields) -> None:
    """Check the types of what others will rely on."""
    for name in ("Env", "Entrypoint", "Cmd"):
        run.texts(name)
    for name in ("User", "WorkingDir", "StopSignal"):
        run.text(name, "")
    run.mapping("Labels")
    for name in ("ExposedPorts", "Volumes"):
        for key in run.object(name).values:
            run.object(name).object(key)


def _time(given: Fields) -> str:
    text = given.text("created", "")
    if text and not _RFC3339(text):
        raise given.wrong("created", f"{text!r} is not a time as RFC 3339 writes it: 2026-01-31T12:00:00Z")
    return text
