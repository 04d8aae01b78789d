"""From the pointer to changed pixels: explorables in JupyterLab, dragged in Chromium.

    python benchmarks/bench/pointer.py           needs a chromium, as tests/browser does

A kernel, a server and a browser share the machine, as they do at a reader's. Each is moved twenty times; the
time runs from the pointer's event until the page has painted the picture that it led to.
"""

import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Page, TimeoutError, sync_playwright

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tests" / "browser")]

MOVES, PATIENCE = 20, 2_000  # milliseconds after which a move is taken for one that changed nothing

# The first pointer event since the last picture, and the end of the frame in which a new picture was painted.
WATCH = """box => {
  window.delays = []; window.since = null;
  const noted = event => { window.since ??= event.timeStamp; };
  addEventListener("pointermove", noted, true); addEventListener("pointerdown", noted, true);
  const painted = () => {
    const after = new MessageChannel();
    after.port1.onmessage = () => {
      if (window.since !== null) window.delays.push(performance.now() - window.since);
      window.since = null;
    };
    after.port2.postMessage(0);
  };
  box.addEventListener("load", () => requestAnimationFrame(painted), true);
}"""


def pointer_delays(chromium: str) -> Iterator[dict]:
    """The delays of every explorable that is moved with the pointer, in seconds, sorted."""
    from conftest import FLAGS, serve
    from explorables import explorables
    from jupyter_page import Notebook, write_notebook

    names = list(explorables())
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        setup = f"import sys; sys.path.insert(0, {str(HERE)!r})\nimport explorables\nall = explorables.explorables()"
        write_notebook(Path(folder) / "pointer.ipynb", setup, *(f"all[{name!r}][0]" for name in names))
        options = ["jupyterlab", "--allow-root", "--no-browser", "--IdentityProvider.token="]
        options += ["--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}"]
        home = {"JUPYTER_CONFIG_DIR": Path(folder) / "config"}
        with serve(options, "ServerApp.port", "/api", home, Path(folder) / "log") as url:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page(viewport={"width": 1300, "height": 1100})
            page.set_default_timeout(60_000)
            notebook = Notebook(page, url, "pointer.ipynb")
            notebook.run_all()
            for cell, name in enumerate(names, 1):
                box = notebook.shown_by(cell).box
                box.evaluate("box => box.scrollIntoView({ block: 'center' })")
                box.evaluate(WATCH)
                handle = box.locator(".noUi-handle")
                if not handle.count():
                    continue  # clicked or typed, not dragged
                drag(page, handle.first)
                delays = page.evaluate("window.delays")
                yield {"explorable": name, "seconds": sorted(delay / 1000 for delay in delays)}
            browser.close()


def drag(page: Page, handle) -> None:
    """To and fro along the rail, a step at a time, each after the picture of the one before."""
    rail = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-target')]").bounding_box()
    y = rail["y"] + rail["height"] / 2
    grip = handle.bounding_box()
    page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
    page.mouse.down()
    for move in range(MOVES):
        before = page.evaluate("window.since = null, window.delays.length")
        page.mouse.move(rail["x"] + rail["width"] * (0.2 + 0.6 * (move * 7 % MOVES) / MOVES), y)
        with suppress(TimeoutError):  # no new picture: told by the number of moves, and not in the median
            page.wait_for_function("before => window.delays.length > before", arg=before, timeout=PATIENCE)
    page.mouse.up()


def main() -> None:
    from shutil import which

    chromium = which("chromium") or which("chromium-browser") or which("google-chrome")
    if chromium is None:
        sys.exit("no chromium found; on Debian: apt-get install chromium")
    every = []
    for found in pointer_delays(chromium):
        every += found["seconds"]
        print(f"{found['explorable']:<28}{told(found['seconds'])}", flush=True)
    print(f"{'all; to reach: 80, 150 ms':<28}{told(sorted(every))}")


def told(seconds: list[float]) -> str:
    if not seconds:
        return "no move changed the picture"
    late = seconds[int(0.95 * (len(seconds) - 1))]
    return f"{len(seconds)} moves seen, median {1000 * statistics.median(seconds):.0f} ms, 95 % {1000 * late:.0f} ms"


if __name__ == "__main__":
    main()
