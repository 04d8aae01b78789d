"""What a test does in a page: run a notebook, ask its kernel, look at a widget and move it."""

import json
import re
import time
from ast import literal_eval
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import nbformat
from playwright.sync_api import Error, Locator, Page

SCREENSHOTS = Path(__file__).parents[2] / "build/screenshots"
WIDGET = ".jupyter-widgets, .colorlab-before-after"  # of ipywidgets, and one that is all our own
T = TypeVar("T")

STATUS = """() => {
  const panel = window.jupyterapp?.shell.currentWidget, kernel = panel?.sessionContext?.session?.kernel;
  if (!panel?.content?.widgets || kernel?.connectionStatus !== "connected") return "starting";
  const waits = cell => cell.model.executionState === "running" || cell.promptNode?.textContent.includes("*");
  return kernel.status === "idle" && panel.content.widgets.some(waits) ? "waiting" : kernel.status;
}"""
ASK = """async ([expression, limit]) => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute(
    { code: "", silent: true, store_history: false, user_expressions: { answer: expression } });
  const late = new Promise((_, fail) => setTimeout(() => fail(new Error(`no answer: ${expression}`)), limit));
  return (await Promise.race([future.done, late])).content.user_expressions.answer;
}"""
CELLS = """() => jupyterapp.shell.currentWidget.content.widgets.map((cell, index) => ({
  index, type: cell.model.type, source: cell.model.sharedModel.source, count: cell.model.executionCount,
  errors: cell.model.type === "code" ? cell.model.outputs.toJSON()
    .filter(output => output.output_type === "error").map(output => `${output.ename}: ${output.evalue}`) : [],
}))"""
# Pictures arrive as blobs, so the address says nothing of what is in them.
DIGEST = """async image => {
  const bytes = await (await fetch(image.src)).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, byte => byte.toString(16).padStart(2, "0")).join("");
}"""


def soon(found: Callable[[], T | None], seconds: float) -> T | None:
    """Ask again until there is an answer. From here and not in the page, where a promise has no time limit."""
    end = time.monotonic() + seconds
    while not (answer := found()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer


def until(found: Callable[[], T | None], fault: str, seconds: float = 120) -> T:
    """As `soon`; no answer is a failure."""
    answer = soon(found, seconds)
    assert answer, f"{fault} (waited {seconds:g} s)"
    return answer


def picture_digest(image: Locator) -> str | None:
    """SHA-256 of the bytes that an `<img>` shows; None while it is being exchanged."""
    try:
        return image.evaluate(DIGEST)
    except Error:
        return None


def write_notebook(path: Path, *code: str) -> None:
    """A small notebook of code cells, for what no notebook of the course shows."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in code])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


class Notebook:
    """One notebook in JupyterLab.

    Args:
        page: the browser's page.
        url: of the server.
        name: of the notebook's file.
    """

    def __init__(self, page: Page, url: str, name: str):
        self.page, self.name = page, name
        page.goto(f"{url}/lab/tree/{name}?reset")
        self.wait_idle()

    def status(self) -> str:
        return self.page.evaluate(STATUS)

    def wait_idle(self, seconds: float = 120) -> None:
        """Until the kernel is idle on three looks in a row: between two cells it is idle for a moment."""
        looks = 0

        def idle() -> bool:
            nonlocal looks
            looks = looks + 1 if self.status() == "idle" else 0
            return looks == 3

        until(idle, f"{self.name}: the kernel is not idle", seconds)

    def command(self, name: str) -> None:
        """Start a command of JupyterLab, without waiting for its end."""
        self.page.evaluate("name => { jupyterapp.commands.execute(name); }", name)

    def run_all(self) -> None:
        """Run every cell; none may be left out, none may raise."""
        self.command("notebook:run-all-cells")
        self.wait_idle()
        cells = [cell for cell in self.page.evaluate(CELLS) if cell["type"] == "code" and cell["source"]]
        errors = {cell["index"]: cell["errors"] for cell in cells if cell["errors"]}
        assert not errors, f"{self.name}: cells that raised: {errors}"
        left_out = [cell["index"] for cell in cells if not cell["count"]]
        assert not left_out, f"{self.name}: cells that did not run: {left_out}"

    def ask(self, expression: str) -> Any:
        """The value of an expression in the notebook's kernel, through JSON."""
        answer = self.page.evaluate(ASK, [f"__import__('json').dumps({expression}, default=str)", 20_000])
        assert answer["status"] == "ok", f"{self.name}: {expression}: {answer}"
        return json.loads(literal_eval(answer["data"]["text/plain"]))

    def shown_by(self, cell: int) -> "Shown":
        """The widget that a cell shows."""
        self.page.evaluate("i => jupyterapp.shell.currentWidget.content.scrollToItem(i, 'start')", cell)
        count = self.page.evaluate(CELLS)[cell]["count"]
        return Shown(self, f"Out[{count}]", self.page.locator(f'[data-windowed-list-index="{cell}"]'))

    def close(self) -> None:
        """End the kernel, which holds some hundred MB."""
        self.command("kernelmenu:shutdown")
        until(lambda: self.status() == "starting", f"{self.name}: its kernel does not end")


class Shown:
    """A widget below its cell, beside the object in the kernel that it shows.

    Args:
        notebook: where.
        expression: the object, in the kernel.
        cell: the cell with its output.
    """

    def __init__(self, notebook: Notebook, expression: str, cell: Locator):
        self.notebook, self.page, self.expression = notebook, notebook.page, expression
        self.box = cell.locator(".jp-OutputArea-output").locator(WIDGET).first
        self.box.wait_for()
        self.children = self.box.locator("> *")
        self.image = self.box.locator("img").first

    def ask(self, expression: str) -> Any:
        """The value of an expression in the kernel, in which `it` is the object."""
        return self.notebook.ask(f"(lambda it: {expression})({self.expression})")

    def screenshot(self, label: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        label = re.sub(r"\W+", "_", label)
        self.box.evaluate("box => box.scrollIntoView({ block: 'center' })")
        self.page.screenshot(path=SCREENSHOTS / f"{Path(self.notebook.name).stem}_{label}.png")

    def digest(self) -> str | None:
        return picture_digest(self.image)

    def seen(self, state: str = "it.state", drawn: str = "True") -> tuple[Any, str]:
        """The state in the kernel and the picture on the screen, once the screen shows what Python holds.

        Args:
            state: what to read.
            drawn: whether the picture is already that of the state; callbacks run beside what we ask.
        """
        held = f"({state}, {drawn}, __import__('hashlib').sha256(it.picture.value).hexdigest())"

        def agreed() -> tuple[Any, str] | None:
            first = self.ask(held)
            self.notebook.wait_idle()
            value, ready, digest = second = self.ask(held)
            return (value, digest) if ready and first == second and digest == self.digest() else None

        return until(agreed, f"{self.notebook.name}: the screen does not show the picture that Python holds")
