"""A browser too slow for the two seconds that anywidget gives a widget's code: all is shown and moves all the same."""

import pytest
from jupyter_page import Notebook, until, write_notebook

pytestmark = pytest.mark.slow

# The two seconds are over at once.
LATE = "{ const real = AbortSignal.timeout.bind(AbortSignal); AbortSignal.timeout = ms => real(ms === 2000 ? 0 : ms); }"
CELL = """
import ipywidgets
import matplotlib.figure
from colorlab.widgets.explorable import Explorable

def drawn(n):
    figure = matplotlib.figure.Figure(figsize=(2, 2))
    figure.subplots().plot(range(n))
    return figure

explorable = Explorable(drawn, lambda n: f"{n} points.", {"n": ipywidgets.IntSlider(5, 1, 9)}, {})
explorable
"""


def test_what_python_says_arrives_however_long_the_widget_took_to_load(browser, lab):
    url, folder = lab
    page, errors = browser.new_page(viewport={"width": 1300, "height": 1100}), []
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script(LATE)
    write_notebook(folder / "slow.ipynb", CELL)
    notebook = Notebook(page, url, "slow.ipynb")
    notebook.run_all()
    until(lambda: any("initialize model" in error for error in errors), "anywidget was not too late")
    shown = notebook.shown_by(0)
    assert shown.seen() and "5 points." in shown.box.inner_text()
    before = shown.digest()
    shown.box.get_by_role("slider").press("ArrowRight")
    until(lambda: "6 points." in shown.box.inner_text(), "the sentence stays")
    until(lambda: shown.digest() not in (None, before), "the picture stays")
    assert shown.image.get_attribute("alt") == "6 points."
    notebook.close()
    page.close()
