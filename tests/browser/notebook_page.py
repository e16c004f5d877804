"""Drives one notebook in JupyterLab: opens it, runs cells, looks at outputs, asks its kernel.

Cells are selected and run by JupyterLab's own commands; sliders and buttons are used with keyboard and mouse.
`ask` runs code in the notebook's kernel beside the cells, and leaves no trace in the notebook.
"""

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import ElementHandle, Page

_READY = """() => {
  const panel = window.jupyterapp?.shell?.currentWidget;
  return panel?.sessionContext?.session?.kernel?.status === 'idle' && panel.content?.widgets?.length > 0;
}"""

_ASK = """async code => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({code, store_history: false, stop_on_error: false});
  let text = '', error = '';
  future.onIOPub = message => {
    if (message.header.msg_type === 'stream') text += message.content.text;
    if (message.header.msg_type === 'error') error = message.content.traceback.join('\\n');
  };
  await future.done;
  if (error) throw new Error(error);
  return text;
}"""

_RUN = """async index => {
  const app = window.jupyterapp, notebook = app.shell.currentWidget.content;
  notebook.activeCellIndex = index;
  notebook.deselectAll();
  await app.commands.execute('notebook:run-cell');
}"""

_SOURCES = """() => window.jupyterapp.shell.currentWidget.content.widgets.map(
  cell => cell.model.type === 'code' ? cell.model.sharedModel.getSource() : '')"""

_ERRORS = """index => window.jupyterapp.shell.currentWidget.content.widgets[index].model.outputs?.toJSON()
  .filter(output => output.output_type === 'error').map(output => output.evalue) ?? []"""

_SCROLL = """async index => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  await notebook.scrollToItem(index, 'start');
}"""


class NotebookPage:
    """A notebook that is open in the browser. Cells are counted from 0, text cells included."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        page.goto(url)
        page.wait_for_function(_READY, timeout=90_000)
        self.sources: list[str] = page.evaluate(_SOURCES)

    def cell_with(self, text: str) -> int:
        """The first code cell that contains the text."""
        found = [index for index, source in enumerate(self.sources) if text in source]
        assert found, f"no cell of the notebook contains {text!r}"
        return found[0]

    def run(self, index: int) -> None:
        """Run a cell, and return when it is done; it must not fail."""
        self.page.evaluate(_RUN, index)
        errors = self.page.evaluate(_ERRORS, index)
        assert errors == [], f"cell {index} failed: {errors}\n{self.sources[index]}"

    def run_through(self, last: int, first: int = 0) -> None:
        """Run all code cells from `first` to `last`."""
        for index in range(first, last + 1):
            if self.sources[index]:
                self.run(index)

    def clear_output(self, index: int) -> None:
        """Clear a cell's output, as by the menu."""
        self.page.evaluate(
            "index => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = index }", index
        )
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-cell-output')")

    def close(self) -> None:
        """Shut the kernel down, and close the page without saving."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close(run_before_unload=False)

    def screenshot(self, path: Path) -> None:
        """Write what the browser shows now as a PNG."""
        self.page.screenshot(path=path)

    def ask(self, code: str) -> Any:
        """Run code in the kernel that prints JSON, and return the value."""
        return json.loads(self.page.evaluate(_ASK, code))

    def picture(self, index: int) -> ElementHandle:
        """The live graph's image below the cell, when the browser has it decoded."""
        self.page.evaluate(_SCROLL, index)
        image = self.page.wait_for_selector(f"{_cell(index)} img.byhand-live", timeout=30_000)
        assert image is not None
        self.page.wait_for_function("image => image.complete && image.naturalWidth > 100", arg=image)
        return image

    def pixels(self, index: int) -> str:
        """A number for what the picture below the cell shows now: a digest of its pixels."""
        return str(self.picture(index).evaluate(_DIGEST))

    def slider(self, index: int, quantity: str) -> ElementHandle:
        """The handle of the first slider for "cpu", "memory" or "pids" below the cell."""
        handle = self.page.wait_for_selector(f"{_cell(index)} .byhand-slider-{quantity} .noUi-handle")
        assert handle is not None
        return handle

    def click(self, index: int, selector: str) -> None:
        """Click on something in the cell's output."""
        self.page.click(f"{_cell(index)} {selector}")


_DIGEST = """async image => {
  // the picture's next frame may be on its way at this moment: wait until it has been decoded
  for (let i = 0; i < 250 && !(image.complete && image.naturalWidth); i += 1)
    await new Promise(done => setTimeout(done, 20));
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  let hash = 0;
  for (let i = 0; i < data.length; i += 1) hash = (hash * 31 + data[i]) | 0;
  return hash;
}"""


def _cell(index: int) -> str:
    return f'.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell[data-windowed-list-index="{index}"]'
