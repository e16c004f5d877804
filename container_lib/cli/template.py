"""The part of Go's text/template that --format needs.

    {{.Config.Cmd}}                  a field, and a field of it; {{.}} is the whole
    {{json .Config}}                 as JSON
    {{len .RepoTags}} {{index .Config.Labels "a.b"}} {{join .Config.Cmd " "}} {{upper .Os}} {{println .Id}}
    {{range .RepoTags}}…{{else}}…{{end}}     for each element, which is {{.}} inside
    {{if .Parent}}…{{else}}…{{end}}          empty text, 0, false, nothing: no

Values are printed as Go prints them: true, [a b], map[key:value], <no value>. A field that isn't there is an
error; but one in lower case is a key of a map that the image's author wrote (Labels), and has no value there.

Left out: variables, pipes, parentheses, with, define, comparisons, printf, and - for trimming. What isn't known
is named.
See https://pkg.go.dev/text/template
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from container_lib.cli.words import compact
from container_lib.errors import InvalidValue

_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_WORD = re.compile(r'\s*("(?:[^"\\]|\\.)*"|`[^`]*`|[^\s"`]+)')
KNOWN = "a field such as {{.ID}}, json, len, index, join, upper, lower, println, range, if, else, end"


@dataclass(frozen=True)
class Node:
    """One piece: text as it is, an action to print, or a block with what stands inside and after its else."""

    kind: str
    words: tuple[str, ...] = ()
    text: str = ""
    body: tuple[Node, ...] = ()
    otherwise: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Template:
    """A template that has been read."""

    nodes: tuple[Node, ...]

    def render(self, value: Any) -> str:
        """Return the template filled from `value`. Raises `InvalidValue` for a field that isn't there."""
        return "".join(_render(self.nodes, value))


def parse(text: str) -> Template:
    """Read a template. Raises `InvalidValue`, which names the action that isn't known.

    >>> parse("{{.Name}} has {{len .Tags}}").render({"Name": "busybox", "Tags": ["latest"]})
    'busybox has 1'
    """
    pieces = list(_pieces(text))
    nodes, end = _block(pieces, 0, text)
    if end < len(pieces):
        raise InvalidValue(
            f"invalid template {text!r}: {{{{{' '.join(pieces[end].words)}}}}} without a beginning"
        )
    return Template(nodes)


def _pieces(text: str) -> Iterator[Node]:
    at = 0
    for found in _ACTION.finditer(text):
        yield Node("text", text=text[at : found.start()])
        words = tuple(_WORD.findall(found[1]))
        _check(words, found[0])
        yield Node(words[0] if words[0] in ("range", "if", "else", "end") else "print", words)
        at = found.end()
    if "{{" in text[at:]:
        raise InvalidValue(f"invalid template {text!r}: {{{{ without }}}}")
    yield Node("text", text=text[at:])


def _check(words: tuple[str, ...], action: str) -> None:
    counts = {"range": 1, "if": 1, "else": 0, "end": 0, "index": None, **_TAKES}
    if not words or (words[0] not in counts and not words[0].startswith((".", '"', "`"))):
        raise InvalidValue(f"unsupported template action {action}", f"what is understood: {KNOWN}")
    count = counts.get(words[0], 0)
    bad = [word for word in words[1:] if not word.startswith((".", '"', "`")) and not word.isdigit()]
    if bad or (count is not None and len(words) - 1 != count) or (words[0] == "index" and len(words) < 2):
        raise InvalidValue(f"unsupported template action {action}", f"what is understood: {KNOWN}")


def _block(pieces: list[Node], at: int, text: str) -> tuple[tuple[Node, ...], int]:
    """Gather nodes up to an else or an end that belongs to no block inside; return them and where that stands."""
    nodes = []
    while at < len(pieces) and pieces[at].kind not in ("else", "end"):
        node = pieces[at]
        if node.kind in ("range", "if"):
            body, at = _block(pieces, at + 1, text)
            otherwise: tuple[Node, ...] = ()
            if at < len(pieces) and pieces[at].kind == "else":
                otherwise, at = _block(pieces, at + 1, text)
            if at >= len(pieces) or pieces[at].kind != "end":
                raise InvalidValue(
                    f"invalid template {text!r}: {{{{{' '.join(node.words)}}}}} without {{{{end}}}}"
                )
            node = Node(node.kind, node.words, body=body, otherwise=otherwise)
        nodes.append(node)
        at += 1
    return tuple(nodes), at


def _render(nodes: tuple[Node, ...], value: Any) -> Iterator[str]:
    for node in nodes:
        if node.kind == "text":
            yield node.text
        elif node.kind == "print":
            yield _printed(_result(node.words, value))
        elif node.kind == "if":
            yield from _render(node.body if _argument(node.words[1], value) else node.otherwise, value)
        else:
            items = _argument(node.words[1], value) or ()
            items = [items[key] for key in sorted(items)] if isinstance(items, Mapping) else items
            for item in items:
                yield from _render(node.body, item)
            if not items:
                yield from _render(node.otherwise, value)


def _result(words: tuple[str, ...], value: Any) -> Any:
    arguments = [_argument(word, value) for word in (words[1:] if words[0] in _CALLS else words)]
    if words[0] not in _CALLS:
        return arguments[0]
    try:
        return _CALLS[words[0]](*arguments)
    except (TypeError, AttributeError, LookupError) as error:
        raise InvalidValue(f"template {{{{{' '.join(words)}}}}}: {error}") from None


def _argument(word: str, value: Any) -> Any:
    if word.isdigit():
        return int(word)
    if word[0] in '"`':
        return json.loads(word) if word[0] == '"' else word[1:-1]
    for name in filter(None, word.split(".")):
        if isinstance(value, Mapping) and name not in value and name[0].islower():
            return None
        if not isinstance(value, Mapping) or name not in value:
            have = (
                ", ".join(sorted(value))
                if isinstance(value, Mapping)
                else f"no fields: it is {_printed(value)}"
            )
            raise InvalidValue(f"template: {{{{{word}}}}}: there is no field {name!r}", f"there is {have}")
        value = value[name]
    return value


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = value.get(key, "") if isinstance(value, Mapping) else value[key]
    return value


def _printed(value: Any) -> str:
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{key}:{_printed(value[key])}' for key in sorted(value))}]"
    if isinstance(value, (list, tuple)):
        return f"[{' '.join(map(_printed, value))}]"
    return str(value)


_CALLS: dict[str, Callable[..., Any]] = {
    "json": compact,
    "len": len,
    "index": _index,
    "join": lambda items, between: between.join(items),
    "upper": lambda text: text.upper(),
    "lower": lambda text: text.lower(),
    "println": lambda item: _printed(item) + "\n",
}
_TAKES = {"json": 1, "len": 1, "join": 2, "upper": 1, "lower": 1, "println": 1}
