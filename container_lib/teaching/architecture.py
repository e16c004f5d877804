"""What `docker run` automates, as a picture: which process does what, what the kernel gives, and which part of the
library that is.

    draw_architecture()

The boxes of the library are its packages, with the first line of each package's own docstring.
"""

from html import escape
from importlib import import_module
from importlib.util import find_spec

from container_lib.teaching.picture import BLUE, GREEN, GREY, ORANGE, PINK, SKY, Picture, tint, titled

PROCESSES = (
    ("notebook or byhand", "asks for a container. Has many threads, so it forks nothing itself", BLUE),
    ("launcher", "small, one thread: clone3 into new namespaces and into the cgroup", ORANGE),
    (
        "init, PID 1 in there",
        "mounts, pivot_root, capabilities, and execve",
        GREEN,
    ),
    ("your program", "an ordinary process that sees less, and may use less", PINK),
)
KERNEL = (
    ("namespaces", "what it sees: processes, mounts, network, host name, users"),
    ("cgroups", "what it may use: processors, memory, tasks, disks"),
    ("mounts", "which files there are: a root of its own"),
    ("capabilities", "what it may ask of the kernel, though it is root"),
)
FRONT = ("cli", "daemon", "engine", "builder")
PACKAGES = (*FRONT, "runtime", "registry", "network", "images", "isolation", "cgroups", "storage", "kernel")

_BOX = "flex:1 1 0;min-width:9em;padding:6px 10px;border-radius:4px;font-size:13px;line-height:1.35"


def draw_architecture() -> Picture:
    """Return the picture: processes from left to right, below them the kernel, below that the library's layers."""
    packages = [(name, _first_line(name)) for name in PACKAGES if _exists(name)]
    html = [
        _row("who does it", [_box(name, text, colour) for name, text, colour in PROCESSES], " → "),
        _row("what the kernel gives", [_box(name, text, SKY) for name, text in KERNEL], ""),
        _stack("the library, each layer on those below", packages),
    ]
    text = [
        "\n  → ".join(f"{name}: {what}" for name, what, _ in PROCESSES),
        "\n".join(f"kernel · {name}: {what}" for name, what in KERNEL),
        "\n".join(f"container_lib.{name}: {what}" for name, what in packages),
    ]
    return Picture("".join(html), "\n\n".join(text))


def _exists(package: str) -> bool:
    return find_spec(f"container_lib.{package}") is not None


def _first_line(package: str) -> str:
    document = import_module(f"container_lib.{package}").__doc__ or ""
    return document.strip().partition("\n")[0]


def _box(name: str, text: str, colour: str) -> str:
    return f'<div style="{_BOX};{tint(colour)}"><b>{escape(name)}</b><br>{escape(text)}</div>'


def _row(title: str, boxes: list[str], between: str) -> str:
    arrow = f'<div style="align-self:center;font-size:20px">{between.strip()}</div>' if between else ""
    return titled(title, f'<div style="display:flex;flex-wrap:wrap;gap:8px">{arrow.join(boxes)}</div>')


def _stack(title: str, layers: list[tuple[str, str]]) -> str:
    style = f"padding:4px 10px;margin:3px 0;border-radius:4px;font-size:13px;{tint(GREY)}"
    rows = (f'<div style="{style}"><code>{escape(name)}</code> {escape(text)}</div>' for name, text in layers)
    return titled(title, "".join(rows))
