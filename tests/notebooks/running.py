"""Running a notebook as a person does, *Restart & Run All*: a kernel of its own, every cell, and the kernel's end.

Everything that a notebook starts by hand inherits MARK in its environment, and everything that the engine starts
is in a cgroup below the run's own: so what is left behind can be counted, whatever else the machine does.
"""

import ast
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from container_lib.cgroups import hierarchy
from container_lib.engine import places
from container_lib.kernel import procfs

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = ("00_start_here", "01_namespaces", "02_cgroups", "03_overlayfs", "04_image_layers")
MARK = "BYHAND_NOTEBOOK_RUN"
CELL_DEADLINE = 240


@dataclass(frozen=True)
class Home:
    """The engine's directories for a run, and the mark of its processes."""

    root_dir: Path
    run_dir: Path
    mark: str

    @property
    def environment(self) -> dict[str, str]:
        """What the notebook's kernel is started with."""
        ours = {
            "CONTAINER_LIB_ROOT": str(self.root_dir),
            "CONTAINER_LIB_RUN": str(self.run_dir),
            MARK: self.mark,
        }
        return {**os.environ, **ours}

    @property
    def parent(self) -> Path:
        """The group above this run's containers, and above what notebooks make by hand."""
        return hierarchy.require().root / places.parent_name(self.run_dir)

    def left_behind(self) -> dict[str, list[str]]:
        """Return what is there of earlier runs: cgroups, records, mounts, processes."""
        parent = self.parent
        records = self.run_dir / "containers"
        ours = (f"{self.root_dir}/", f"{self.run_dir}/")
        return {
            "cgroups": [entry.path for entry in os.scandir(parent) if entry.is_dir()]
            if parent.is_dir()
            else [],
            "records": os.listdir(records) if records.is_dir() else [],
            "mounts": [entry.target for entry in procfs.mountinfo() if entry.target.startswith(ours)],
            "processes": marked_processes(self.mark),
        }

    def settle(self, seconds: float = 15) -> dict[str, list[str]]:
        """Return what is left behind once the launcher has had its time to end what its notebook left running."""
        deadline = time.monotonic() + seconds
        while any((left := self.left_behind()).values()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left


def marked_processes(mark: str) -> list[str]:
    """Return the processes whose environment carries the mark."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if f"{MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes():
                found.append(f"{pid}: {' '.join(procfs.command(int(pid)))[:200]}")
        except OSError:
            continue  # it has ended, or is not ours to read
    return found


def run_all(name: str, home: Home, ask: Iterable[str] = ()) -> Any:
    """Execute every cell in a fresh kernel, and then the expressions `ask`; an exception is raised here.

    Return the notebook. Each expression is a cell at its end, and its own tag: see `value`. Its metadata
    "processes" are those that were there at the end, before the kernel was told to stop.
    """
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    notebook.cells += [nbformat.v4.new_code_cell(text, metadata={"tags": [text]}) for text in (*ask, "None")]
    resources = {"metadata": {"path": str(NOTEBOOKS)}}
    client = NotebookClient(notebook, timeout=CELL_DEADLINE, kernel_name="python3", resources=resources)

    def look(cell_index: int, **_: Any) -> None:
        if cell_index == len(notebook.cells) - 1:  # the kernel still lives
            notebook.metadata["processes"] = marked_processes(home.mark)

    client.on_cell_executed = look
    client.execute(env=home.environment)
    return notebook


def outputs(notebook: Any) -> list[Any]:
    """Return every output of every cell."""
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def texts(notebook: Any) -> str:
    """Return everything that was shown, as text."""
    return "\n".join(
        str(shown.get("text") or shown.get("data", {}).get("text/plain")) for shown in outputs(notebook)
    )


def bundles(notebook: Any, tag: str) -> list[Mapping[str, Any]]:
    """Return the mime bundles that the cells with this tag have shown."""
    tagged = [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]
    assert tagged, f"no cell has the tag {tag!r}"
    return [output.data for cell in tagged for output in cell.outputs if "data" in output]


def value(notebook: Any, tag: str) -> Any:
    """Return the Python value (numbers, words, dictionaries) that the cell with this tag ends in."""
    return ast.literal_eval(bundles(notebook, tag)[-1]["text/plain"])
