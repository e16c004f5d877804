"""kill -9 at random moments of load, import, commit and prune: what was acknowledged is there, whole."""

import os
from pathlib import Path

import pytest

from container_lib.engine.engine import Engine
from container_lib.errors import NotFound
from container_lib.images.store import Store
from tests.kernel.images.killing import ACTIONS, killed

pytestmark = pytest.mark.usefixtures("root")

TIMES = 100
FILES = 12


@pytest.fixture
def prepared(tmp_path: Path) -> Engine:
    """An engine with a small image "steady", a container of it with changes, and an archive of two images."""
    engine = Engine(tmp_path, tmp_path / "run")
    for number in range(FILES):
        path = tmp_path / "tree" / f"d{number % 3}" / f"file{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(2000) + bytes(9000))
    engine.import_image(tmp_path / "tree", "steady", ['CMD ["sh"]'])
    for name in ("loaded:0", "loaded:1"):
        engine.import_image(tmp_path / "tree", name, [f"LABEL name={name}"])
    with open(tmp_path / "archive.tar", "wb") as archive:
        engine.save(["loaded:0", "loaded:1"], archive)
    image = engine.store.image("steady")
    config = {"name": "changed", "image_id": image.id, "argv": ["sh"]}
    kept = engine.containers.create("c" * 64, engine.store.lowers(image), config)
    (kept / "upper" / "added").write_bytes(os.urandom(30_000))
    return engine


@pytest.mark.parametrize("action", ACTIONS)
def test_what_was_acknowledged_is_there_and_whole(prepared: Engine, action: str) -> None:
    there: dict[str, str] = {"steady": prepared.store.image("steady").id}
    finished = interrupted = 0
    for words in killed(prepared.root_dir, action, TIMES):
        for word in words:
            if word[0] == "there":
                there[word[1]] = word[2]
            elif word[0] == "going":
                there.pop(word[1], None)
            else:
                with pytest.raises(NotFound):
                    Store(prepared.root_dir).image(word[1])
        finished += sum(word[0] in ("there", "gone") for word in words)
        interrupted += examine(prepared.root_dir, there)
    assert finished > TIMES / 2, "hardly anything was ever finished: the kills come too early"
    assert interrupted > 5, "hardly ever was something left behind: the kills come too late"
    assert len(prepared.containers.all()) == 1
    assert prepared.run_dir.exists() is False or not list(prepared.run_dir.glob("containers/*"))


def examine(root: Path, there: dict[str, str]) -> bool:
    """Check the store as it was left, clean up, and check again. Returns whether there was anything to clean."""
    store = Store(root)
    assert store.verify() == []
    assert {name: store.image(name).id for name in there} == there
    left = store.clean()
    assert store.verify() == []
    for ingest in (root / "images" / "ingest", root / "layers" / "ingest"):
        assert not ingest.exists() or os.listdir(ingest) == []
    for layer in store.lowers(store.image("steady")):
        assert len(list(layer.rglob("file*"))) == FILES
    return bool(left)
