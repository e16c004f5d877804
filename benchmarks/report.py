"""What a benchmark hands back: tables that a person reads (rich) and a program too (artefacts/bench/*.json).

A figure without its machine means little, so each file says what kind of machine it was; never which one.
"""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.compare import Summary


@dataclass(frozen=True)
class Table:
    """Rows of words and numbers under `columns`. A cell that is a `Summary` prints as "median (low to high)"."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Report:
    """The tables of one benchmark, and the rounds that were measured."""

    name: str
    rounds: int
    tables: Sequence[Table]
    machine: dict[str, str] = field(default_factory=lambda: machine_class())


def machine_class() -> dict[str, str]:
    """Return what kind of machine this is."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return {
        "date": date.today().isoformat(),
        "processor": f"{os.cpu_count()} × {models[0] if models else platform.machine()}",
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]} {platform.machine()}",
        "python": platform.python_version(),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }


def show(report: Report, console: Console) -> None:
    """Print the report's tables."""
    for table in report.tables:
        console.print(table.title, style="bold", markup=False)
        drawn = RichTable()
        for number, column in enumerate(table.columns):
            drawn.add_column(column, justify="right" if number else "left")
        for row in table.rows:
            drawn.add_row(*(spell(cell) for cell in row))
        console.print(drawn)
        for note in table.notes:
            console.print(f"  {note}", markup=False)
    facts = ", ".join(f"{key} {value}" for key, value in report.machine.items())
    console.print(f"  {report.rounds} rounds; {facts}\n", markup=False)


def save(report: Report, directory: Path) -> Path:
    """Write the report as JSON into `directory` and return the file's path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{report.name}.json"
    path.write_text(json.dumps(asdict(report), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def spell(cell: Any) -> str:
    """Return a cell's text: at most three digits that mean something."""
    if isinstance(cell, Summary):
        return f"{spell(cell.median)} ({spell(cell.low)} to {spell(cell.high)})"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if cell >= 100 else f"{cell:.1f}" if cell >= 10 else f"{cell:.2f}"
    return str(cell)
