"""Containers on disk: what is left of one between its start and its removal, and after its end.

    <root>/containers/<id>/
        container.json     what it is and how it ended; written aside and renamed
        upper/  work/      its writable layer, over the layers of its image (kernel.overlayfs)
    <root>/containers/.names/NAME    a symbolic link to the id
    <root>/containers/.lock          held while a name is taken or given up
    <root>/containers/.<id>          on its way in or out: `clean` removes what a kill -9 left so

A container runs as long as the runtime has a record of it and the record's launcher lives (runtime.records); so
nobody has to be there to write "it was killed". Left out so far: starting one again.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from container_lib.cgroups import group as cgroup
from container_lib.cgroups import hierarchy
from container_lib.engine import names
from container_lib.engine.kept import Kept, fields_of, now, read, write
from container_lib.errors import AbilityMissing, Conflict, InvalidValue, NotFound
from container_lib.runtime.outcome import Exit
from container_lib.storage import overlay


class Containers:
    """The containers below <root_dir>/containers; `run_dir` is where the runtime keeps records of what runs."""

    def __init__(self, root_dir: Path, run_dir: Path) -> None:
        self.root_dir = root_dir
        self.directory = root_dir / "containers"
        self.run_dir = run_dir

    def create(self, container_id: str, lowers: Sequence[Path], config: dict[str, Any]) -> Path:
        """Make a container with an empty writable layer, and return its directory.

        `config` has the fields of container.json that are known by now; a missing name is chosen. Raises
        `Conflict` if the name is taken, `InvalidValue` if it cannot be one.
        """
        with self._locked():
            name = self._free_name(config.get("name") or "")
            fields = {**config, "id": container_id, "name": name, "created": now()}
            fields["lowers"] = [os.path.relpath(lower, self.root_dir) for lower in lowers]
            unfinished = self.directory / f".{container_id}"
            overlay.create(unfinished, lowers)
            write(unfinished, fields)
            os.symlink(container_id, self._link(name))
            os.rename(unfinished, self.directory / container_id)
        return self.directory / container_id

    def finish(self, container_id: str, ended: Exit | None) -> None:
        """Write down how a container ended; one that was to be removed is removed."""
        directory = self.directory / container_id
        with self._locked():
            fields = fields_of(directory)
            if fields is None:
                return  # removed by force, while it ran
            if not fields.get("auto_remove"):
                how = {"exit_code": ended.code, "oom_killed": ended.oom_killed} if ended else {}
                write(directory, {**fields, "finished": now(), **how})
                return
            unfinished = self._take_away(container_id, fields["name"])
        shutil.rmtree(unfinished)

    def all(self) -> list[Kept]:
        """Return every container, the newest first."""
        found = [self._kept(name) for name in self._names() if not name.startswith(".")]
        return sorted(filter(None, found), key=lambda kept: kept.created, reverse=True)

    @property
    def images_in_use(self) -> "InUse":
        """The image ID for each container's id, as it is whenever it is looked at."""
        return InUse(self)

    @property
    def volumes_in_use(self) -> dict[str, list[str]]:
        """The ids of the containers that use it, for each volume's name."""
        users: dict[str, list[str]] = {}
        for kept in self.all():
            for volume in kept.volumes:
                users.setdefault(volume, []).append(kept.id)
        return users

    def get(self, name: str) -> Kept:
        """Return the container with this id, name, or unambiguous beginning of an id. Raises `NotFound`."""
        word = name.removeprefix("/")
        found = []
        if names.possible(word) and os.path.islink(self._link(word)):
            found = [os.readlink(self._link(word))]
        elif word and not word.startswith("."):
            found = [entry for entry in self._names() if entry.startswith(word)]
        if len(found) > 1:
            raise InvalidValue(f"multiple containers found with the prefix {name!r}", "give more of the id")
        kept = self._kept(found[0]) if found else None
        if kept is None:
            raise NotFound(f"No such container: {name}")
        return kept

    def remove(self, name: str, force: bool = False) -> Kept:
        """Remove a container and all that it has written; returns what it was.

        Raises `Conflict` for one that runs, unless `force`: then all of its processes are killed.
        """
        kept = self.get(name)
        if kept.state == "running":
            if not force:
                raise Conflict(
                    f"cannot remove container {kept.name!r}: container is running",
                    "stop the container before removing or force remove",
                )
            if kept.group is None:
                raise AbilityMissing(
                    f"container {kept.name!r} has no cgroup to kill it by", hierarchy.NO_CGROUP2
                )
            cgroup.kill(kept.group)
        with self._locked():
            unfinished = self._take_away(kept.id, kept.name) if kept.directory.exists() else None
        if unfinished is not None:  # it may have removed itself at its end
            shutil.rmtree(unfinished)
        return kept

    def clean(self) -> list[str]:
        """Remove what was on its way in or out when its process was killed, or was to be removed at its end."""
        with self._locked():
            for kept in self.all():
                if kept.auto_remove and kept.state != "running":
                    self._take_away(kept.id, kept.name)
            left = [name for name in self._names() if name.startswith(".") and len(name) == 65]
            for name in left:
                shutil.rmtree(self.directory / name)
            for link in os.scandir(self.directory / ".names"):
                if not (self.directory / os.readlink(link)).exists():
                    os.unlink(link)
        return [f"container {name[1:13]}" for name in left]

    def _take_away(self, container_id: str, name: str) -> Path:
        hidden = self.directory / f".{container_id}"
        os.rename(self.directory / container_id, hidden)
        self._link(name).unlink(missing_ok=True)  # a link to nowhere hinders nobody: its name is free
        return hidden

    def _kept(self, container_id: str) -> Kept | None:
        return read(self.directory / container_id, self.root_dir, self.run_dir)

    def _free_name(self, wanted: str) -> str:
        if not wanted:
            return next(
                name for name in names.choices(secrets.randbelow) if not os.path.islink(self._link(name))
            )
        names.check(wanted)
        link = self._link(wanted)
        if os.path.islink(link) and (self.directory / os.readlink(link)).exists():
            raise Conflict(
                f'the container name "/{wanted}" is already in use by container "{os.readlink(link)}"',
                "remove or rename that container to be able to reuse the name",
            )
        link.unlink(missing_ok=True)  # a kill -9 came between the link and what it leads to
        return wanted

    def _link(self, name: str) -> Path:
        return self.directory / ".names" / name

    def _names(self) -> list[str]:
        return os.listdir(self.directory) if self.directory.is_dir() else []

    @contextmanager
    def _locked(self) -> Iterator[None]:
        (self.directory / ".names").mkdir(parents=True, exist_ok=True)
        with open(self.directory / ".lock", "ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class InUse(Mapping[str, str]):
    """Which image each container is of. Read anew each time: whoever removes images looks under a lock."""

    def __init__(self, containers: Containers) -> None:
        self.containers = containers

    def __getitem__(self, container_id: str) -> str:
        return self.containers.get(container_id).image_id

    def __iter__(self) -> Iterator[str]:
        return (kept.id for kept in self.containers.all())

    def __len__(self) -> int:
        return len(self.containers.all())


class WritableLayer:
    """What the runtime asks about the writable layer of one container to be (runtime.outcome.Layer)."""

    def __init__(
        self,
        containers: Containers,
        lowers: Sequence[Path],
        config: dict[str, Any],
        on_record: Callable[[], None],
    ) -> None:
        self.containers = containers
        self.lowers = lowers
        self.config = config
        self.on_record = on_record
        self.id = ""

    def begin(self, container_id: str) -> Path:
        """Make the container on disk, now that it has an id."""
        directory = self.containers.create(container_id, self.lowers, self.config)
        self.id = container_id
        self.on_record()
        return directory

    def end(self, ended: Exit | None) -> None:
        """Write down how it ended."""
        if self.id:
            self.containers.finish(self.id, ended)
