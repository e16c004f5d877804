"""Volumes: Docker's names and words, made and removed as a whole, by many at once, and after kill -9."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from container_lib.errors import Conflict, InvalidValue, NotFound
from container_lib.storage.volumes import ANONYMOUS, Volumes

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    return Volumes(tmp_path / "volumes")


def test_a_volume_is_made_once_and_keeps_its_labels_and_its_data(volumes: Volumes) -> None:
    made = volumes.create("data", {"for": "tests"})
    (made.data / "file").write_text("kept")
    assert volumes.create("data", {"for": "others"}) == made == volumes.get("data")
    assert (made.data / "file").read_text() == "kept"
    assert made.data.stat().st_mode & 0o7777 == 0o755
    assert [volume.name for volume in volumes.all()] == ["data"]


def test_inspect_has_docker_s_fields(volumes: Volumes) -> None:
    told = volumes.create("data", {"a": "b"}).inspect()
    assert told.pop("CreatedAt").endswith("Z")
    assert told == {
        "Driver": "local",
        "Labels": {"a": "b"},
        "Mountpoint": str(volumes.directory / "data" / "_data"),
        "Name": "data",
        "Options": None,
        "Scope": "local",
    }


@pytest.mark.parametrize(
    "name", ["a", "-ab", ".ab", "_ab", "a/b", "../ab", "a b", "ab\n", "ä0", "a" * 256, ".."]
)
def test_a_name_that_docker_refuses_is_refused(volumes: Volumes, name: str) -> None:
    for act in (volumes.create, volumes.get, volumes.remove):
        with pytest.raises(InvalidValue, match="volume name"):
            act(name)
    assert not volumes.directory.exists()


@pytest.mark.parametrize("name", ["ab", "0-", "A_.-", "ingest", "a" * 255])
def test_a_name_that_docker_takes_is_taken(volumes: Volumes, name: str) -> None:
    assert volumes.create(name).name == name


def test_without_a_name_it_is_anonymous(volumes: Volumes) -> None:
    made = volumes.create()
    assert len(made.name) == 64
    assert made.labels == {ANONYMOUS: ""}


def test_one_in_use_is_not_removed(volumes: Volumes) -> None:
    volumes.create("data")
    with pytest.raises(Conflict, match=r"remove data: volume is in use - \[c1, c2\]"):
        volumes.remove("data", {"data": ["c1", "c2"]})
    volumes.remove("data", {"other": ["c1"], "data": []})
    for act in (volumes.get, volumes.remove):
        with pytest.raises(NotFound, match="get data: no such volume"):
            act("data")


def test_prune_removes_what_nobody_uses_and_named_ones_only_when_told(volumes: Volumes) -> None:
    used, unused = volumes.create(), volumes.create()
    volumes.create("named")
    (unused.data / "file").write_bytes(bytes(1000))
    os.link(unused.data / "file", unused.data / "again")
    assert volumes.prune({used.name: ["c"]}) == [(unused.name, 1000)]
    assert volumes.prune({used.name: ["c"]}, named=True) == [("named", 0)]
    assert volumes.all() == [used]


def test_a_description_that_is_none_is_named(volumes: Volumes) -> None:
    path = volumes.create("data").data.parent / "volume.json"
    for wrong in ("{", "[]", json.dumps({"CreatedAt": ""})):
        path.write_text(wrong)
        with pytest.raises(InvalidValue, match=r"data/volume\.json is no description"):
            volumes.get("data")


def test_many_at_once_make_and_remove_the_same_ones(volumes: Volumes) -> None:
    def make_and_remove(number: int) -> None:
        name = f"v{number % 3}"
        assert volumes.create(name).name == name
        with suppress(NotFound):  # another one was quicker
            volumes.remove(name)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(make_and_remove, range(60)))
    assert volumes.all() == []
    assert volumes.clean() == []


FOREVER = """
import sys
from pathlib import Path
from container_lib.storage.volumes import Volumes
volumes, number = Volumes(Path(sys.argv[1])), 0
while True:
    number += 1
    made = volumes.create(f"kept-{number % 20}")
    volumes.create("goes")
    print(made.name, flush=True)
    volumes.remove("goes")
"""


def test_kill_at_any_time_loses_nothing_and_leaves_nothing_half_made(volumes: Volumes) -> None:
    for _ in range(10):
        writer = subprocess.Popen(
            [sys.executable, "-c", FOREVER, str(volumes.directory)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
        )
        assert writer.stdout is not None
        acknowledged = {writer.stdout.readline().strip() for _ in range(3)}
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged |= set(writer.stdout.read().split("\n")[:-1])
        writer.wait()
        writer.stdout.close()
        volumes.clean()
        assert list((volumes.directory / ".ingest").iterdir()) == []
        assert acknowledged <= {volume.name for volume in volumes.all()}
        assert all(volume.data.is_dir() for volume in volumes.all())
