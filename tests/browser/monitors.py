"""What the tests ask the notebook's kernel about its live graphs: code that prints JSON."""

from typing import Any

from tests.browser.notebook_page import NotebookPage

_THREADS = """
import json, threading
print(json.dumps([thread.name for thread in threading.enumerate() if thread.name.startswith("byhand-live-")]))
"""

_GRAPHS = """
import json
from container_lib.teaching.live import live_monitors
print(json.dumps([
    {"name": graph.name, "groups": {name: str(group) for name, group in graph.groups.items()},
     "updates": graph.statistics.updates, "missed": graph.statistics.missed,
     "milliseconds a frame": 1000 * graph.statistics.drawing / max(graph.statistics.updates, 1)}
    for graph in live_monitors()
]))
"""

_FILE = "import json; print(json.dumps(open({path!r}).read().strip()))"

_PROCESSOR_TIME = """
import json, os, psutil, time
times = psutil.Process().cpu_times()
print(json.dumps([time.monotonic(), times.user + times.system]))
"""


def threads(notebook: NotebookPage) -> list[str]:
    """The names of the threads that update a graph."""
    found: list[str] = notebook.ask(_THREADS)
    return found


def graphs(notebook: NotebookPage) -> list[dict[str, Any]]:
    """The graphs that are being updated: name, groups, updates, missed."""
    found: list[dict[str, Any]] = notebook.ask(_GRAPHS)
    return found


def content(notebook: NotebookPage, path: str) -> str:
    """What a file of a cgroup says, read where the kernel runs."""
    return str(notebook.ask(_FILE.format(path=path)))


def processor_time(notebook: NotebookPage) -> tuple[float, float]:
    """The clock, and the processor time that the notebook's kernel has used with all its threads: seconds."""
    clock, used = notebook.ask(_PROCESSOR_TIME)
    return clock, used
