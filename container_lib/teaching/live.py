"""Live graphs of one or several containers, side by side, with sliders for their limits.

    live({"web": container, "db": container})         processors, memory, tasks; 5 updates a second, for a
    minute

Each graph has one thread (`live_monitor`), which reads the groups' files (`live_reading`), remembers the
last seconds (`live_history`), draws a PNG (`live_figure`), and puts its bytes into one image widget: only
the picture's bytes travel, so nothing flickers. The sliders (`live_controls`) write the groups' limits.

An update ends when the cell runs again, its output is closed, Stop is pressed, the time is up, or the
containers are gone. Where no widget can show, the picture beside it in the output stands in: an empty graph
first, the last frame at the end. Outside a notebook, or with `static=True`, `live` watches for some seconds
and returns a picture.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from container_lib.errors import InvalidValue
from container_lib.teaching.live_monitor import Monitor, live_monitors, register
from container_lib.teaching.notebook import display, in_notebook, running_cell
from container_lib.teaching.picture import Still

__all__ = ["live", "live_monitors"]

QUANTITIES = ("cpu", "memory", "pids")
MOST = 6
STATIC_SECONDS = 3.0


class HasGroup(Protocol):
    """A container of the runtime, or whatever else knows its cgroup's directory."""

    @property
    def group(self) -> Path | None: ...


Watched = Path | HasGroup


def live(
    groups: Watched | Mapping[str, Watched] | Iterable[Watched],
    limits: bool = True,
    hz: float = 5.0,
    seconds: float = 60.0,
    show: Sequence[str] = QUANTITIES,
    sliders: bool | Sequence[str] | Mapping[str, Sequence[float]] = True,
    name: str = "",
    static: bool | None = None,
) -> Monitor | Still:
    """Show live graphs of the groups, and return the monitor behind them (`.stop()`, `.still()`,
    `.statistics`).

    `groups`: a container, a group's directory, several of them, or a dictionary with the names to show.
    `limits`: draw them, dashed. `hz`: updates a second. `sliders`: for all of `show`, for some of them, or
    for none; a dictionary gives the steps (CPUs, MiB, tasks). `name`: a graph of the same name is replaced.
    Raises `InvalidValue`, and `NotFound` for a group that does not exist.
    """
    named = _name(groups)
    _check(named, show, sliders, hz, seconds)
    if static or (static is None and not in_notebook()):
        seconds = min(seconds, STATIC_SECONDS)
        monitor = Monitor(named, show, hz, seconds, name or ",".join(named), limits)
        monitor.start(lambda _png, _monitor: None)
        monitor.wait()
        return monitor.still()
    monitor = Monitor(named, show, hz, seconds, name or ",".join(named), limits)
    monitor.run = running_cell()
    register(monitor)
    _present(monitor, show, sliders)
    return monitor


def _present(monitor: Monitor, show: Sequence[str], sliders: Any) -> None:
    """Build the widgets, show them, and start."""
    from container_lib.teaching.live_widget import LiveWidget  # ipywidgets are needed only here

    widget = LiveWidget(monitor, show, sliders)
    caption = f"live graph of {monitor.name}"
    fallback = {"image/png": b64encode(monitor.picture).decode(), "text/plain": caption}
    handle = display(widget.bundle() | fallback)

    def deliver(png: bytes, _monitor: Monitor) -> None:
        widget.update(png)
        if monitor.ended and handle is not None and not widget.closed:
            last = {"image/png": b64encode(png).decode(), "text/plain": repr(monitor.still())}
            handle.update(widget.bundle() | last, raw=True)

    monitor.start(deliver)


def _name(groups: Any) -> dict[str, Path]:
    """Return the groups' directories by the names that stand above their graphs."""
    if isinstance(groups, Mapping):
        return {str(name): _directory(thing) for name, thing in groups.items()}
    things = [groups] if isinstance(groups, Path) or hasattr(groups, "group") else list(groups)
    named: dict[str, Path] = {}
    for thing in things:
        label = str(getattr(thing, "name", "") or getattr(thing, "id", "")[:12] or "container")
        named[label if label not in named else f"{label} ({len(named) + 1})"] = _directory(thing)
    return named


def _directory(thing: Any) -> Path:
    group = thing if isinstance(thing, (Path, str)) else getattr(thing, "group", None)
    if group is None:
        hint = "give a group's directory, or a container with a cgroup; byhand doctor says where cgroups work"
        raise InvalidValue(f"no cgroup to watch in {thing!r}", hint)
    return Path(group)


def _check(groups: dict[str, Path], show: Sequence[str], sliders: Any, hz: float, seconds: float) -> None:
    if not 1 <= len(groups) <= MOST:
        raise InvalidValue(f"invalid number of containers {len(groups)}", f"1 to {MOST} fit side by side")
    for asked in (show, [] if isinstance(sliders, bool) else sliders):
        if not set(asked) <= set(QUANTITIES) or not show:
            raise InvalidValue(f"invalid quantities {list(asked)!r}", f"choose from {', '.join(QUANTITIES)}")
    if not 0.1 <= hz <= 20:
        raise InvalidValue(f"invalid number of updates a second {hz!r}", "0.1 to 20; 5 is smooth enough")
    if not 0 < seconds <= 3600:
        raise InvalidValue(f"invalid time {seconds!r}", "more than 0 and at most 3600 seconds")
