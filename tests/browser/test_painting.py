"""The hint painter in a real browser: a click and a colour move the picture there and not far away."""

import pytest
from jupyter_page import Notebook, picture_digest, until, write_notebook

pytestmark = pytest.mark.slow

CELL = """
from colorlab.colorizer import Colorizer
from colorlab.data import to_lab, photo, picture_tensor
from colorlab.lab import rgb_to_lab
from colorlab.widgets.hint_painter import HintPainter

painter = HintPainter(Colorizer.pretrained("guided"), photo("coffee", side=128).rgb)
start = painter.answer

def ab(picture, x, y):
    return to_lab(picture)[1:, y, x]

def away(x, y, other):  # Lab units between what is at (x, y) now and another colour
    return float((ab(painter.answer, x, y) - other).norm())

painter
"""


@pytest.fixture(scope="module")
def shown(page, lab):
    url, folder = lab
    write_notebook(folder / "painter.ipynb", CELL)
    notebook = Notebook(page, url, "painter.ipynb")
    notebook.run_all()
    shown = notebook.shown_by(0)
    until(shown.digest, "no picture")
    yield shown
    notebook.close()


def hints(shown):
    return shown.ask("it.hints")


def click_at(shown, x, y):
    box = shown.image.bounding_box()
    shown.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    until(
        lambda: shown.ask("it.place") == [int(x * 192 + 1e-6), int(y * 128 + 1e-6)],
        "the click does not arrive",
    )


def test_a_click_and_a_color_move_the_picture_near_and_not_far(shown):
    before = picture_digest(shown.image)
    click_at(shown, 0.3, 0.8)  # on the saucer
    shown.box.locator("input[type=color]").fill("#2846c8")
    shown.box.get_by_role("button", name="Put it there").click()
    until(lambda: len(hints(shown)) == 1, "no hint arrives")
    until(lambda: picture_digest(shown.image) not in (None, before), "the picture stays")
    x, y = map(int, hints(shown)[0][:2])
    wanted = "to_lab(__import__('numpy').uint8([[it.hints[0][2]]]))[1:, 0, 0]"
    was, now = shown.ask(f"[float((ab(start, {x}, {y}) - {wanted}).norm()), away({x}, {y}, {wanted})]")
    assert now < 0.5 * was, f"the colour at the hint came from {was:.0f} to {now:.0f} Lab units from it"
    near, far = shown.ask(f"[away({x}, {y}, ab(start, {x}, {y})), away(187, 5, ab(start, 187, 5))]")
    assert far < near / 3, "far from the hint the picture went wild"
    shown.screenshot("blue")


def test_a_proposed_color_is_put_by_mouse_and_undone_by_keyboard(shown):
    count = len(hints(shown))
    click_at(shown, 0.8, 0.2)
    shown.box.locator("button[title*=probability]").nth(1).click()
    until(lambda: len(hints(shown)) == count + 1, "the palette puts nothing")
    shown.box.get_by_role("button", name="Undo").press("Enter")
    until(lambda: len(hints(shown)) == count, "Undo takes nothing away")


def test_a_hint_is_dragged(shown):
    before = hints(shown)
    box = shown.image.bounding_box()
    x, y = before[0][0] / 192, before[0][1] / 128
    shown.page.mouse.move(box["x"] + x * box["width"] + 1, box["y"] + y * box["height"] + 1)
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.85 * box["height"], steps=5)
    shown.page.mouse.up()
    until(lambda: hints(shown) != before, "the drag moves no hint")
    assert len(hints(shown)) == len(before)
    assert hints(shown)[0][0] == pytest.approx(0.6 * 192, abs=2)


def test_everything_also_by_keyboard(shown):
    shown.box.get_by_role("button", name="Clear").press("Enter")
    until(lambda: hints(shown) == [], "Clear leaves hints")
    frame = shown.box.locator(".colorlab-clickable")
    frame.focus()
    for key in ["Shift+ArrowLeft"] * 30 + ["Shift+ArrowRight"] * 4 + ["Enter"]:
        frame.press(key)
    until(lambda: shown.ask("it.place[0]") == pytest.approx(0.2 * 192, abs=2), "Enter clicks nowhere")
    shown.box.locator("button[title*=probability]").first.press("Enter")
    until(lambda: len(hints(shown)) == 1, "the palette does not answer Enter")
