r"""The instructions of a Dockerfile that change an image's configuration and no file: --change of import, commit.

    apply(config, ["ENV A=1 B='two words'", "WORKDIR srv", 'CMD ["run"]'])

    CMD, ENTRYPOINT     ["a", "b"] as it is, anything else for /bin/sh -c; ENTRYPOINT forgets an inherited CMD
    ENV, LABEL          NAME=value NAME="the value" …, or for ENV: NAME the rest of the line
    EXPOSE, VOLUME      80 53/udp 8000-8002; /a /b or ["/a", "/b"]
    USER, WORKDIR, STOPSIGNAL, ONBUILD

In words, "…" and '…' keep blanks together, \ takes the next character as it is, and $NAME and ${NAME} stand for a
variable that the image has so far, but not in '…' and not in CMD, ENTRYPOINT and ONBUILD.
Left out: HEALTHCHECK and SHELL; ${NAME:-default}. See the Dockerfile reference.
"""

import json
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from container_lib.errors import InvalidValue
from container_lib.images.config import ImageConfig

_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?", re.ASCII).fullmatch
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))", re.ASCII)
_SHELL = ["/bin/sh", "-c"]
_Run = dict[str, Any]


def apply(config: ImageConfig, instructions: Iterable[str]) -> ImageConfig:
    """Return the configuration with these instructions carried out on it, in their order.

    Raises `InvalidValue` that holds the instruction.

    >>> from container_lib.images.documents import Platform
    >>> dict(apply(ImageConfig(Platform("linux", "amd64"), ()), ["ENV A=1", "CMD echo $A"]).run)
    {'Env': ['A=1'], 'Cmd': ['/bin/sh', '-c', 'echo $A']}
    """
    run: _Run = dict(config.run)
    commanded = False
    for instruction in instructions:
        name, _, text = instruction.strip().partition(" ")
        name, text = name.upper(), text.strip()
        if name not in _APPLY:
            raise InvalidValue(
                f"instruction {instruction!r}: {name!r} is not known", f"known: {', '.join(_APPLY)}"
            )
        if not text:
            raise InvalidValue(f"instruction {instruction!r}: {name} requires an argument")
        try:
            _APPLY[name](run, text)
        except ValueError as error:
            raise InvalidValue(f"instruction {instruction!r}: {error}") from None
        if name == "ENTRYPOINT" and not commanded:
            run.pop("Cmd", None)
        commanded = commanded or name == "CMD"
    return replace(config, run=run)


# ---- one function an instruction; each changes `run`, or raises `ValueError`


def _command(field: str) -> Callable[[_Run, str], None]:
    def set_command(run: _Run, text: str) -> None:
        listed = _list(text)
        run[field] = [*_SHELL, text] if listed is None else listed

    return set_command


def _text(field: str) -> Callable[[_Run, str], None]:
    def set_text(run: _Run, text: str) -> None:
        run[field] = " ".join(_words(text, run))

    return set_text


def _env(run: _Run, text: str) -> None:
    if "=" not in text.split()[0]:
        name, _, value = text.partition(" ")
        pairs = {name: _expand(value.strip(), _variables(run))}
    else:
        pairs = _pairs(text, run)
    run["Env"] = [f"{name}={value}" for name, value in {**_variables(run), **pairs}.items()]


def _label(run: _Run, text: str) -> None:
    run["Labels"] = {**(run.get("Labels") or {}), **_pairs(text, run)}


def _expose(run: _Run, text: str) -> None:
    ports = dict(run.get("ExposedPorts") or {})
    for word in _words(text, run):
        found = _PORT(word)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not found or not 0 < first <= last < 65536:
            raise ValueError(f"invalid containerPort: {word}")
        ports |= {f"{port}/{found[3] or 'tcp'}": {} for port in range(first, last + 1)}
    run["ExposedPorts"] = ports


def _volume(run: _Run, text: str) -> None:
    listed = _list(text)
    paths = _words(text, run) if listed is None else listed
    run["Volumes"] = {**(run.get("Volumes") or {}), **{path: {} for path in paths}}


def _workdir(run: _Run, text: str) -> None:
    [path] = [" ".join(_words(text, run))]
    run["WorkingDir"] = posixpath.normpath(posixpath.join("/", run.get("WorkingDir") or "/", path))


def _onbuild(run: _Run, text: str) -> None:
    trigger = text.split()[0].upper()
    if trigger in ("ONBUILD", "FROM", "MAINTAINER"):
        raise ValueError(f"{trigger} isn't allowed as an ONBUILD trigger")
    run["OnBuild"] = [*(run.get("OnBuild") or ()), text]


_APPLY: dict[str, Callable[[_Run, str], None]] = {
    "CMD": _command("Cmd"),
    "ENTRYPOINT": _command("Entrypoint"),
    "ENV": _env,
    "EXPOSE": _expose,
    "LABEL": _label,
    "ONBUILD": _onbuild,
    "STOPSIGNAL": _text("StopSignal"),
    "USER": _text("User"),
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}


# ---- words


def _list(text: str) -> list[str] | None:
    """Return the strings of a JSON list, or None where the text is something else."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, list) and all(isinstance(item, str) for item in found) else None


def _pairs(text: str, run: _Run) -> dict[str, str]:
    pairs = {}
    for word in _words(text, run):
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise ValueError(f"can't find = in {word!r}: must be of the form name=value")
        pairs[name] = value
    return pairs


def _words(text: str, run: _Run) -> list[str]:
    """Return the words of a line, without their quotes and with their variables filled in."""
    words: list[str] = []
    word, quote, started, at = "", "", False, 0
    variables = _variables(run)
    while at < len(text):
        letter = text[at]
        found = _VARIABLE.match(text, at) if quote != "'" else None
        if letter == "\\" and quote != "'" and at + 1 < len(text):
            word, at = word + text[at + 1], at + 1
        elif found:
            word, at = word + variables.get(found[1] or found[2], ""), found.end() - 1
        elif letter == quote or (letter in "'\"" and not quote):
            quote, started = ("" if quote else letter), True
        elif letter.isspace() and not quote:
            words, word, started = [*words, word] if word or started else words, "", False
        else:
            word += letter
        at += 1
    if quote:
        raise ValueError(f"a {quote} without its second one")
    return [*words, word] if word or started else words


def _variables(run: Mapping[str, Any]) -> dict[str, str]:
    pairs = (entry.partition("=") for entry in run.get("Env") or ())
    return {name: value for name, _, value in pairs}


def _expand(text: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], ""), text)
