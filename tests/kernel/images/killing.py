"""A victim: a process that works on an image store, says what it has finished, and is killed at a random moment.

    for told in killed(root, "load", times=100): the victim's words, up to the kill -9

It is forked from a server that has everything imported, so a round takes some tens of milliseconds. Its words are
("there", name, id) once an image is acknowledged, and ("going", name) before it is taken away.
"""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from container_lib.engine.engine import Engine
from container_lib.errors import NotFound

Word = tuple[str, ...]
LONGEST = 0.04
"""seconds that a victim lives at most"""


def killed(root: Path, action: str, times: int) -> Iterator[list[Word]]:
    """Let a victim carry out `action` again and again, kill it, and yield what it said; `times` times."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    chance = random.Random(action)
    for _ in range(times):
        ours, theirs = context.Pipe(duplex=False)
        victim = context.Process(target=work, args=(root, action, theirs), daemon=True)
        victim.start()
        theirs.close()
        told = [ours.recv()]
        while told[-1] != ("ready",):
            told.append(ours.recv())
        time.sleep(chance.uniform(0, LONGEST))
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
        yield [*told[:-1], *words(ours)]


def words(connection: Connection) -> Iterator[Word]:
    """Yield what was said before the end. A word that was cut off by the kill was not said."""
    try:
        while True:
            yield connection.recv()
    except (EOFError, OSError):
        connection.close()


def work(root: Path, action: str, connection: Connection) -> None:
    """Be the victim."""
    engine = Engine(root, root / "run")
    ACTIONS[action](engine, 0, connection.send)  # whatever is imported late is there now
    connection.send(("ready",))
    number = 0
    while True:
        number += 1
        ACTIONS[action](engine, number, connection.send)


def load(engine: Engine, number: int, say: Callable[[Word], None]) -> None:
    """Load the archive of two images; one of them is taken away before."""
    name = f"loaded:{number % 2}"
    take_away(engine, name, say)
    engine.load(engine.root_dir / "archive.tar")
    for each in ("loaded:0", "loaded:1"):
        say(("there", each, engine.store.image(each).id))


def import_(engine: Engine, number: int, say: Callable[[Word], None]) -> None:
    """Import a tree as an image, another one each time, under one of three names."""
    name = f"imported:{number % 3}"
    take_away(engine, name, say)
    message = f"{os.getpid()} {number}"
    image_id = engine.import_image(engine.root_dir / "tree", name, message=message)
    engine.store.lowers(engine.store.image(image_id))
    say(("there", name, image_id))


def commit(engine: Engine, number: int, say: Callable[[Word], None]) -> None:
    """Commit a container, under one of three names."""
    name = f"committed:{number % 3}"
    take_away(engine, name, say)
    say(("there", name, engine.commit("c" * 64, name, message=f"{os.getpid()} {number}")))


def prune(engine: Engine, number: int, say: Callable[[Word], None]) -> None:
    """Make an image that nobody names, and prune: it goes, and nothing else."""
    image_id = engine.import_image(engine.root_dir / "tree", message=f"{os.getpid()} {number}")
    engine.store.lowers(engine.store.image(image_id))
    engine.prune_images()
    say(("gone", image_id))


def take_away(engine: Engine, name: str, say: Callable[[Word], None]) -> None:
    """Remove an image, if it is there."""
    say(("going", name))
    try:
        engine.remove_image(name, force=True)
    except NotFound:
        return


ACTIONS = {"load": load, "import": import_, "commit": commit, "prune": prune}
