"""What a reader does with a widget, and what must come of it. A new kind of widget gets a line in DRIVERS."""

import io
from collections.abc import Callable
from functools import partial

from controls import moves
from jupyter_page import Shown, soon, until
from PIL import Image
from static import AXE, serious_faults


def drive(shown: Shown) -> None:
    """Use a widget as its class asks for."""
    kinds = shown.ask("[kind.__name__ for kind in type(it).__mro__]")
    use = next((DRIVERS[kind] for kind in kinds if kind in DRIVERS), None)
    assert use, f"{shown.notebook.name}: nobody knows how to use a {kinds[0]}; add it to DRIVERS"
    tells_those_who_cannot_see(shown)
    use(shown)


def tells_those_who_cannot_see(shown: Shown) -> None:
    """An alt text for each picture, a sentence that is spoken at each change, and no fault that axe-core knows."""
    for image in shown.box.locator("img").all():
        until(lambda image=image: image.get_attribute("alt"), "a picture has no alt text")
    assert shown.box.locator("[role=status]").count(), "no sentence that is spoken when it changes"
    if AXE.exists():  # `make site` sets it up
        shown.box.evaluate("box => box.setAttribute('data-looked-at', '')")
        found = serious_faults(shown.page, "[data-looked-at]")
        shown.box.evaluate("box => box.removeAttribute('data-looked-at')")
        assert not found, f"axe-core finds {found}"


# ---- an explorable -------------------------------------------------------------------------------

DRAWN = "it.caption.value == it._describe(**it.state)"  # the caption is the last to be set


SEEN = (
    "[name for name, control in it.controls.items() if hasattr(control, 'layout')]"  # not set by clicks alone
)


def drive_explorable(shown: Shown) -> None:
    start = shown.seen(drawn=DRAWN)
    shown.screenshot("start")
    for place, name in enumerate(shown.ask(SEEN)):
        for way, move in moves(shown.children.nth(place)).items():
            answers_to(shown, name, way, move)
    press_every_button(shown, start)
    walk_with_tab(shown)
    if shown.box.locator(".colorlab-clickable").count():
        click_about(shown)


def answers_to(shown: Shown, name: str, way: str, move: Callable[[], None]) -> None:
    """Moving one control changes its part of the state, nothing else, and the picture."""
    before, picture = shown.seen(drawn=DRAWN)
    move()
    until(lambda: shown.ask("it.state") != before, f"{name} {way}: the state stays {before}")
    until(lambda: shown.digest() not in (None, picture), f"{name} moved {way}, the picture did not")
    after, _ = shown.seen(drawn=DRAWN)
    assert {key for key in after if after[key] != before[key]} == {name}
    shown.screenshot(f"{name} {way}")


def press_every_button(shown: Shown, start: tuple[dict, str]) -> None:
    """Reset, by keyboard, brings the first picture back; then the presets, by mouse."""
    *presets, reset = (
        shown.box.get_by_role("button", name=label, exact=True) for label in shown.ask("list(it.buttons)")
    )
    reset.press("Enter")
    until(lambda: shown.seen(drawn=DRAWN) == start, "Reset does not bring the first state and picture back")
    states = []
    for preset in presets:
        preset.click()
        states.append(shown.seen(drawn=DRAWN)[0])
    assert not presets or any(state != start[0] for state in states), "no preset changes the state"


def walk_with_tab(shown: Shown) -> None:
    """Tab, from the first control on, reaches every control, the buttons, and a picture to be clicked."""
    here = "box => [...box.children].findIndex(child => child.contains(document.activeElement))"
    shown.children.first.locator("[tabindex='0'], button, input, select").first.focus()
    reached = set()
    while (place := shown.box.evaluate(here)) >= 0:
        reached.add(place)
        shown.page.keyboard.press("Tab")
    clickable = shown.box.locator(".colorlab-clickable").count()
    wanted = set(range(len(shown.ask(SEEN)) + 1 + clickable))
    assert reached >= wanted, f"Tab reaches the parts {sorted(reached)} of {sorted(wanted)}"


# Where a click would change the state, as fractions of the picture: asked from the pure function below the widget.
PLACES = """[
    (x / 20, y / 20) for x in range(1, 20) for y in range(1, 20)
    for axes in it._figure.axes for pixel in [it._figure.bbox.size * (x / 20, 1 - y / 20)]
    for changed in [it._click(axes.get_label(), *axes.transData.inverted().transform(pixel), **it.state)]
    if axes.bbox.contains(*pixel) and isinstance(changed, dict) and it.state != {**it.state, **changed}
]"""


def click_about(shown: Shown) -> None:
    """A click on the picture, by mouse and by keyboard, changes the state."""
    frame = shown.box.locator(".colorlab-clickable")

    def by_mouse(x: float, y: float) -> None:
        size = shown.image.bounding_box()
        shown.image.click(position={"x": x * size["width"], "y": y * size["height"]})

    def by_keyboard(x: float, y: float) -> None:
        to_the_corner = ["Left"] * 20 + ["Up"] * 20
        for way in to_the_corner + ["Right"] * round(20 * x) + ["Down"] * round(20 * y):
            frame.press(f"Shift+Arrow{way}")
        frame.press("Enter")

    for way, click in {"by mouse": by_mouse, "by keyboard": by_keyboard}.items():
        before, _ = shown.seen(drawn=DRAWN)
        places = shown.ask(PLACES)
        assert places, f"no click on the picture would change {before}"
        some = places[len(places) // 6 :: len(places) // 3 + 1]  # a place may be at an edge
        assert any(changes_state(shown, partial(click, *place)) for place in some), (
            f"clicks {way} at {some} do not change {before}"
        )
        shown.seen(drawn=DRAWN)
        shown.screenshot(f"click {way}")


def changes_state(shown: Shown, click: Callable[[], None]) -> bool:
    before = shown.ask("it.state")
    click()
    return bool(soon(lambda: shown.ask("it.state") != before, seconds=2))


# ---- your own photograph -------------------------------------------------------------------------


MESSAGE = "it.message.value"


def drive_own_photo(shown: Shown) -> None:
    _, picture = shown.seen(MESSAGE)
    file = io.BytesIO()
    Image.linear_gradient("L").resize((48, 32)).save(file, "PNG")
    chosen = {"name": "gradient.png", "mimeType": "image/png", "buffer": file.getvalue()}
    with shown.page.expect_file_chooser() as dialog:
        shown.box.get_by_role("button", name="Choose a photograph", exact=True).click()
    dialog.value.set_files(chosen)
    until(lambda: "gradient.png" in shown.ask(MESSAGE), "the file's name is not in the message")
    message, new_picture = shown.seen(MESSAGE)
    assert new_picture != picture, "a photograph was uploaded, the picture stayed"
    assert "48×32" in message and message in shown.box.inner_text()
    shown.screenshot("uploaded")


# ---- the blind test ------------------------------------------------------------------------------


def drive_blind_test(shown: Shown) -> None:
    """An answer by keyboard, one by mouse: each is counted and the next pair comes."""
    _, picture = shown.seen(MESSAGE)
    shown.box.get_by_role("button", name="The left one is the photograph").press("Enter")
    until(lambda: len(shown.ask("it.answers")) == 1, "Enter on a button answers nothing")
    until(lambda: shown.digest() not in (None, picture), "answered, and the same pair stays")
    shown.box.get_by_role("button", name="The right one is the photograph").click()
    until(lambda: len(shown.ask("it.answers")) == 2, "a click on a button answers nothing")
    until(lambda: "of 2 right" in shown.box.inner_text(), "the rate is not told")
    shown.screenshot("two answers")


# ---- before and after ----------------------------------------------------------------------------


def drive_before_after(shown: Shown) -> None:
    """The line moves by arrow keys and by dragging, the lists choose the pictures; Python hears of all."""
    left, slider = shown.box.locator("img").nth(1), shown.box.get_by_role("slider")

    def moved(fault: str, act: Callable[[], object], name: str) -> None:
        before, look = shown.ask("it.state"), (left.get_attribute("style"), left.get_attribute("src"))
        act()
        until(lambda: shown.ask("it.state") != before, f"{fault}: the state stays {before}")
        after = shown.ask("it.state")
        assert {key for key in after if after[key] != before[key]} == {name}
        assert (left.get_attribute("style"), left.get_attribute("src")) != look, f"{fault}: the picture stays"
        shown.screenshot(fault)

    slider.focus()
    moved("line by keyboard", lambda: slider.press("ArrowRight"), "position")

    def drag() -> None:
        place = left.bounding_box()
        shown.page.mouse.move(place["x"] + place["width"] / 2, place["y"] + 20)
        shown.page.mouse.down()
        shown.page.mouse.move(place["x"] + place["width"] / 4, place["y"] + 30, steps=4)
        shown.page.mouse.up()

    moved("line by mouse", drag, "position")
    assert abs(shown.ask("it.position") - 25) <= 1
    lists = shown.box.get_by_role("combobox")
    moved("left by keyboard", lambda: lists.nth(0).press("ArrowUp"), "left")
    lists.nth(1).select_option("Black & White")
    until(lambda: shown.ask("it.right") == "Black & White", "the list on the right chooses nothing")


# ---- the hint painter ----------------------------------------------------------------------------


def drive_hint_painter(shown: Shown) -> None:
    """A click, then a colour of the palette, by mouse; undone by keyboard. (More in test_painting.py.)"""
    until(shown.digest, "no picture")
    before, size = shown.digest(), shown.image.bounding_box()
    shown.image.click(position={"x": 0.4 * size["width"], "y": 0.6 * size["height"]})
    until(lambda: "chosen" in shown.ask(MESSAGE), "the click chooses no place")
    shown.box.locator("button[title*=probability]").last.click()
    until(lambda: len(shown.ask("it.hints")) == 1, "the palette puts no hint")
    until(lambda: shown.digest() not in (None, before), "a hint was put, the picture stayed")
    shown.screenshot("one hint")
    shown.box.get_by_role("button", name="Undo").press("Enter")
    until(lambda: shown.ask("it.hints") == [], "Undo takes nothing away")


# The class of what the cell shows -> how a reader uses it.
DRIVERS = {
    "Explorable": drive_explorable,
    "OwnPhoto": drive_own_photo,
    "BeforeAfter": drive_before_after,
    "BlindTest": drive_blind_test,
    "HintPainter": drive_hint_painter,
}
