"""The picture that can be clicked: what arrives in Python, from wherever it stands on the screen."""

import pytest
from drivers import drive
from jupyter_page import Notebook, until, write_notebook

pytestmark = pytest.mark.slow

CELL = """
import io
import ipywidgets
from PIL import Image
from colorlab.widgets.clickable import Clickable

def png(width, height):
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(file, "PNG")
    return file.getvalue()

picture = Clickable(value=png(640, 400), description="a gradient")
picture.layout.max_width = "100%"
places = []
picture.on_msg(lambda widget, message, buffers: places.append(message["click"]))
ipywidgets.VBox([picture])
"""


@pytest.fixture(scope="module")
def shown(page, lab):
    url, folder = lab
    below = "print('a line\\n' * 100)"  # so that there is something to scroll
    write_notebook(folder / "clickable.ipynb", CELL, below)
    notebook = Notebook(page, url, "clickable.ipynb")
    notebook.run_all()
    shown = notebook.shown_by(0)
    until(lambda: shown.image.evaluate("image => image.naturalWidth") == 640, "the picture is not loaded")
    yield shown
    notebook.close()


@pytest.fixture
def frame(shown):
    return shown.box.locator(".colorlab-clickable")


def click_at(shown, x, y):
    """Click there, as fractions; answer with what arrived."""
    count = shown.notebook.ask("len(places)")
    box = shown.image.bounding_box()
    shown.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    until(lambda: shown.notebook.ask("len(places)") > count, f"the click at ({x}, {y}) does not arrive")
    assert shown.notebook.ask("len(places)") == count + 1
    return shown.notebook.ask("places[-1]")


PLACES = [(0.25, 0.75), (0.9, 0.1)]


@pytest.mark.parametrize("x, y", PLACES)
def test_a_click_arrives_where_it_was_made(shown, x, y):
    shown.image.scroll_into_view_if_needed()
    assert click_at(shown, x, y) == pytest.approx([x, y], abs=0.01)


@pytest.mark.parametrize("x, y", PLACES)
def test_also_after_the_page_was_scrolled(shown, x, y):
    shown.image.scroll_into_view_if_needed()
    before = shown.image.bounding_box()["y"]
    shown.image.hover()
    shown.page.mouse.wheel(0, 120)
    until(lambda: abs(shown.image.bounding_box()["y"] - before) > 50, "the page did not scroll")
    assert click_at(shown, x, y) == pytest.approx([x, y], abs=0.01)


@pytest.mark.parametrize("x, y", PLACES)
def test_also_in_a_window_too_narrow_for_the_picture(shown, x, y):
    size = shown.page.viewport_size
    shown.page.set_viewport_size({"width": 700, "height": 700})
    try:
        until(lambda: shown.image.bounding_box()["width"] < 500, "the picture did not shrink")
        shown.image.scroll_into_view_if_needed()
        assert click_at(shown, x, y) == pytest.approx([x, y], abs=0.01)
        box = shown.image.bounding_box()
        assert box["width"] / box["height"] == pytest.approx(640 / 400, rel=0.01)
    finally:
        shown.page.set_viewport_size(size)


def test_the_keyboard_moves_a_cross_and_clicks(shown, frame):
    x, y = click_at(shown, 0.5, 0.5)
    count = shown.notebook.ask("len(places)")
    frame.focus()
    for key in ("Shift+ArrowLeft", "Shift+ArrowLeft", "ArrowRight", "Shift+ArrowDown", "ArrowUp", "Enter"):
        shown.page.keyboard.press(key)
    until(lambda: shown.notebook.ask("len(places)") > count, "Enter does not click")
    assert shown.notebook.ask("places[-1]") == pytest.approx([x - 0.095, y + 0.045], abs=1e-6)
    cross, image = frame.locator("div").bounding_box(), shown.image.bounding_box()
    middle = (cross["x"] + cross["width"] / 2 - image["x"]) / image["width"]
    assert middle == pytest.approx(x - 0.095, abs=0.01)
    assert shown.page.evaluate("() => jupyterapp.shell.currentWidget.content.activeCellIndex") == 0


def test_tab_reaches_it_and_it_says_what_it_is(shown, frame):
    frame.press("Tab")
    shown.page.keyboard.press("Shift+Tab")
    assert frame.evaluate("frame => frame === document.activeElement")
    assert "a gradient" in frame.get_attribute("aria-label")


def test_a_new_picture_from_python_is_shown(shown):
    before = shown.digest()
    shown.notebook.ask("setattr(picture, 'value', png(64, 40))")
    until(lambda: shown.digest() not in (None, before), "the picture stays")
    assert shown.image.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [64, 40]


EXPLORABLE = """
import ipywidgets
from matplotlib.figure import Figure
from colorlab.widgets.explorable import Explorable

def render(place):
    figure = Figure(figsize=(5, 3))
    axes = figure.subplots()
    axes.axvline(place)
    axes.set(xlim=(0, 10), ylim=(0, 1))
    return figure

def move(label, x, y, place):
    return {"place": x}

slider = ipywidgets.FloatSlider(5, min=0, max=10, step=0.1, description="place")
Explorable(render, "at {place}".format, {"place": slider}, {"Left": {"place": 0}}, click=move)
"""


def test_an_explorable_that_can_be_clicked(page, lab):
    url, folder = lab
    write_notebook(folder / "explorable.ipynb", EXPLORABLE)
    notebook = Notebook(page, url, "explorable.ipynb")
    notebook.run_all()
    drive(notebook.shown_by(0))
    notebook.close()
