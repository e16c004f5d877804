"""JupyterLab, started once for all browser tests where a learner would get it, and Debian's Chromium.

The screenshots go to artefacts/browser, for people to look at.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from machine import abilities
from tests.browser import server
from tests.browser.notebook_page import NotebookPage

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",  # Chromium refuses its sandbox to root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ARTEFACTS = server.CHECKOUT / "artefacts" / "browser"

Open = Callable[[str], NotebookPage]


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Where screenshots and figures go; git ignores it."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    return ARTEFACTS


@pytest.fixture(scope="session")
def jupyter(artefacts: Path) -> Iterator[server.Server]:
    """JupyterLab on the checkout: here where limits work here, else in the embedded guest."""
    start = server.here if abilities.where_to_run() == "here" else server.guest
    with start(artefacts / "jupyter.log") as running:
        running.never_save()
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    if not CHROMIUM.exists():
        pytest.skip(f"needs {CHROMIUM}; install it by: make setup-test")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def open_notebook(jupyter: server.Server, browser: Browser) -> Iterator[Open]:
    """Open notebooks by their path in the checkout; at the end, close their pages and end their kernels."""
    opened: list[NotebookPage] = []

    def open_one(path: str) -> NotebookPage:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        opened.append(NotebookPage(page, jupyter.url(path)))
        return opened[-1]

    yield open_one
    for notebook in opened:
        notebook.close()
