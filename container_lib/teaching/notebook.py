"""Where the code runs: in a notebook's kernel, or in a plain interpreter; and which cell is running.

IPython is imported only where it is running already: the same functions serve scripts and tests.
"""

import sys
from typing import Any


def shell() -> Any:
    """Return the running notebook's shell, or None in a terminal, a script, a test."""
    module = sys.modules.get("IPython")
    found = module.get_ipython() if module is not None else None
    return found if hasattr(found, "kernel") else None


def in_notebook() -> bool:
    """Tell whether what is displayed reaches a notebook."""
    return shell() is not None


def display(bundle: dict[str, Any]) -> Any:
    """Show a mime bundle (type → data) below the running cell; the front end takes the best form that it
    knows.

    Returns a handle; `handle.update(bundle, raw=True)` replaces what was shown.
    """
    from IPython import display as ipython

    show: Any = ipython.display
    return show(bundle, raw=True, display_id=True)


def running_cell() -> tuple[str, str]:
    """Return (the cell's identity, the identity of this run of it); the same cell run again differs in the
    second.

    JupyterLab tells the cell's identity with each request; other front ends may not: then it is "".
    """
    running = shell()
    request: dict[str, Any] = running.get_parent() if running is not None else {}
    cell = str(request.get("metadata", {}).get("cellId") or "")
    return cell, str(request.get("header", {}).get("msg_id", ""))
