"""From a name and options to all that the runtime needs: docker run, up to the moment where something happens.

    name ──▶ image ──▶ configuration ─┬─▶ Options ─▶ Spec
                │          options ───┘
                └────▶ layers' directories ─▶ WritableLayer

What the options don't say, the image's configuration does: command, environment, user, working directory. A path
("/srv/rootfs", "./rootfs") instead of a name is a root filesystem; its containers write in memory.
See docker run(1), and the OCI image specification, "Conversion to OCI Runtime Configuration".
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from container_lib.engine.containers import WritableLayer
from container_lib.engine.options import Options, environment, to_spec
from container_lib.errors import InvalidValue, NotFound
from container_lib.runtime.spec import Spec

if TYPE_CHECKING:
    from container_lib.engine.engine import Engine

SHELL = ("sh",)
"""What runs in a root filesystem when nobody says what: a directory has no configuration"""


class Creation(ExitStack):
    """A container to be; in its `with` block its image's layers stay. `layer` is None for a root filesystem."""

    spec: Spec
    layer: WritableLayer | None = None


def prepare(
    engine: "Engine",
    image: str,
    argv: Sequence[str],
    options: Mapping[str, Any],
    name: str = "",
    remove: bool = True,
) -> Creation:
    """Return what would be run. Raises `NotFound`, `InvalidValue`, and what unpacking a layer raises."""
    wish = Options(**options)
    made = Creation()
    try:
        if _is_path(image):
            _from_directory(engine, made, _directory(image), argv, wish)
        else:
            _from_image(engine, made, image, argv, wish, name, remove)
    except BaseException:
        made.close()
        raise
    return made


def with_image(wish: Options, run: Mapping[str, Any]) -> Options:
    """Return the options with the image's environment below them, and what they leave open taken from it."""
    inherited = [word for word in run.get("Env") or () if word.partition("=")[0]]
    return replace(
        wish,
        env=[*inherited, *wish.env],
        user=wish.user or run.get("User") or "",
        workdir=wish.workdir or run.get("WorkingDir") or "",
    )


def command(argv: Sequence[str], entrypoint: str, run: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what to execute: the entrypoint, then the words given or the image's command.

    A given entrypoint replaces the image's, and its command with it. Raises `InvalidValue` for nothing at all.
    """
    first = (entrypoint,) if entrypoint else tuple(run.get("Entrypoint") or ())
    rest = tuple(argv) or (() if entrypoint else tuple(run.get("Cmd") or ()))
    if not first + rest:
        raise InvalidValue("no command specified", "the image has none either: give one, such as sh")
    return first + rest


def _from_directory(engine: "Engine", made: Creation, root: Path, argv: Sequence[str], wish: Options) -> None:
    words = command(argv, wish.entrypoint, {"Cmd": SHELL})
    made.spec = _spec(engine, words, (root,), wish)


def _from_image(
    engine: "Engine", made: Creation, name: str, argv: Sequence[str], wish: Options, own: str, remove: bool
) -> None:
    held = made.enter_context(ExitStack())
    held.enter_context(engine.store.adding())
    image = engine.store.image(name)
    whole = with_image(wish, image.config.run)
    words = command(argv, wish.entrypoint, image.config.run)
    lowers = tuple(engine.store.lowers(image, engine.progress))
    made.spec = _spec(engine, words, lowers, whole)
    config = {
        "name": own,
        "image": name,
        "image_id": image.id,
        "argv": words,
        "auto_remove": remove,
        "volumes": [word.partition(":")[0] for word in wish.volume if not word.startswith("/")],
        "run": {
            "Cmd": list(argv) or image.config.run.get("Cmd"),
            "Entrypoint": [wish.entrypoint] if wish.entrypoint else image.config.run.get("Entrypoint"),
            "Env": [f"{key}={value}" for key, value in environment(whole.env).items()],
            "User": whole.user,
            "WorkingDir": whole.workdir,
        },
    }
    made.layer = WritableLayer(engine.containers, lowers, config, on_record=held.close)


def _spec(engine: "Engine", argv: tuple[str, ...], layers: tuple[Path, ...], wish: Options) -> Spec:
    named = [f"{_volume(engine, word)}" for word in wish.volume]
    spec, warnings = to_spec(argv, layers, replace(wish, volume=named), engine.tree)
    for warning in warnings:
        engine.warn(warning)
    return spec


def _volume(engine: "Engine", text: str) -> str:
    """Return "name:/path" with the directory of the volume instead of its name; the volume is made if need be."""
    name, colon, rest = text.partition(":")
    if not colon or text.startswith(("/", ".")):
        return text
    return f"{engine.volumes.create(name).data}:{rest}"


def _is_path(image: str) -> bool:
    return image.startswith(("/", "./", "../"))


def _directory(image: str) -> Path:
    path = Path(image).resolve()
    if not path.exists():
        raise NotFound(f"no such root filesystem: {image} ({path})")
    return path
