"""The library's source, live, in a notebook: what you read is what runs.

    show(clone3)      a function, a class, a method, a module, or a dataclass's instance (its class)

A notebook never holds a copy of the library's code; it shows the file at hand, as it is now. In a notebook
the source is coloured with the theme's own colours, in a terminal it is text. What is written in C (`len`,
`os.fork`) has no Python source, and is refused. Left out: following names; ask for the next function by
`show`.
"""

import functools
import inspect
import sys
import textwrap
from html import escape
from pathlib import Path
from types import FrameType, ModuleType, TracebackType
from typing import Any

from jupyterlab_pygments import JupyterStyle  # type: ignore[import-untyped]
from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter, TerminalFormatter  # type: ignore[import-untyped]
from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

from container_lib.errors import NotFound
from container_lib.teaching.notebook import display, in_notebook

_BOX = (
    "border:1px solid #8884;border-radius:4px;padding:8px 12px;margin-top:4px;font-size:13px;"
    "font-family:var(--jp-code-font-family,monospace);overflow:auto;max-height:36em"  # a module scrolls in its box
)


def show(thing: Any) -> None:
    """Display the source of a function, class, method or module. Raises `NotFound` where there is none."""
    heading, code = source(thing)
    if in_notebook():
        display({"text/html": _html(heading, code), "text/plain": f"{heading}\n\n{code}"})
    else:
        coloured = highlight(code, PythonLexer(), TerminalFormatter()) if sys.stdout.isatty() else code
        print(f"{heading}\n\n{coloured}", end="")


def source(thing: Any) -> tuple[str, str]:
    """Return where the thing is defined ("container_lib.cgroups.cpu.set_max ·
    container_lib/cgroups/cpu.py:46"),
    and its source."""
    thing = _definition(thing)
    try:
        lines, first = inspect.getsourcelines(thing)
        file = Path(inspect.getsourcefile(thing) or "")
    except (OSError, TypeError):
        raise NotFound(f"no Python source for {thing!r}", _why(thing)) from None
    if isinstance(thing, ModuleType):
        name, first = thing.__name__, 1
    else:
        name = f"{thing.__module__}.{thing.__qualname__}"
    return f"{name} · {_short(file, name)}:{first}", textwrap.dedent("".join(lines))


def _definition(thing: Any) -> Any:
    """Return what has the source: the function behind a wrapper or a method, the class of an instance."""
    if isinstance(thing, functools.partial):
        thing = thing.func
    if isinstance(thing, property):
        thing = thing.fget
    kinds = (ModuleType, TracebackType, FrameType)
    is_definition = inspect.isclass(thing) or inspect.isroutine(thing) or isinstance(thing, kinds)
    return thing if is_definition else type(thing)


def _why(thing: Any) -> str:
    if inspect.isbuiltin(thing) or getattr(thing, "__module__", "") == "builtins":
        return "it is built into the interpreter, in C; help() shows its documentation"
    return "it was not defined in a file (typed into an interpreter that keeps no source)"


def _short(file: Path, name: str) -> str:
    """Return the path from the package's directory on, or the file's name for code of a notebook's cell."""
    package = name.partition(".")[0]
    parts = file.parts
    return "/".join(parts[parts.index(package) :]) if package in parts else file.name


def _html(heading: str, code: str) -> str:
    formatter = HtmlFormatter(style=JupyterStyle, noclasses=True, nobackground=True, nowrap=True)
    name, _, place = heading.partition(" · ")
    title = f'<b>{escape(name)}</b> <span style="opacity:.65">{escape(place)}</span>'
    body = highlight(code, PythonLexer(), formatter)
    return f'<div class="mathjax_ignore" style="margin:6px 0">{title}<pre style="{_BOX}">{body}</pre></div>'
