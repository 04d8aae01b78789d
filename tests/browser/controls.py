"""Move any control of ipywidgets, found by what it is made of: by keyboard, and by mouse."""

from collections.abc import Callable
from functools import partial

from playwright.sync_api import Locator

Move = Callable[[Locator], None]


def slide_by_keyboard(handle: Locator) -> None:
    low, now, high = (float(handle.get_attribute(f"aria-value{name}")) for name in ("min", "now", "max"))
    handle.focus()
    for _ in range(3):
        handle.page.keyboard.press("ArrowRight" if now < (low + high) / 2 else "ArrowLeft")


def slide_by_mouse(handle: Locator) -> None:
    """Drag to a quarter of the track, or to three quarters where the handle is left of the middle."""
    track, mouse = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-target')]"), handle.page.mouse
    handle.scroll_into_view_if_needed()
    start, rail = handle.bounding_box(), track.bounding_box()
    x, y = start["x"] + start["width"] / 2, start["y"] + start["height"] / 2
    mouse.move(x, y)
    mouse.down()
    mouse.move(rail["x"] + rail["width"] * (0.75 if x < rail["x"] + rail["width"] / 2 else 0.25), y, steps=4)
    mouse.up()


def other_button(button: Locator) -> Locator:
    """A button of the same row that is not pressed."""
    row = button.locator("xpath=ancestor::*[contains(@class, 'widget-toggle-buttons')]")
    return row.locator("button:not(.mod-active)").last


def choose_by_keyboard(box: Locator) -> None:
    way = "ArrowUp" if box.evaluate("box => box.selectedIndex") else "ArrowDown"
    for key in ("Space", way, "Enter"):  # opens the list, moves in it, chooses
        box.press(key)


def choose_by_mouse(box: Locator) -> None:
    # The list of choices is drawn by the system, outside of the page: no mouse of ours reaches it.
    box.select_option(index=box.evaluate("box => box.selectedIndex ? 0 : box.options.length - 1"))


def step_by_keyboard(field: Locator) -> None:
    field.focus()
    field.page.keyboard.press("ArrowDown" if at_maximum(field) else "ArrowUp")
    field.page.keyboard.press("Enter")


def step_by_mouse(field: Locator) -> None:
    """Click one of the two small arrows at the right end."""
    box = field.bounding_box()
    height = 0.75 if at_maximum(field) else 0.25
    field.click(position={"x": box["width"] - 9, "y": box["height"] * height})


def at_maximum(field: Locator) -> bool:
    return field.evaluate("f => f.max !== '' && +f.value + (+f.step || 1) > +f.max")


def type_number(number: str, field: Locator) -> None:
    field.click()
    field.press("ControlOrMeta+a")
    field.page.keyboard.type(number)
    field.press("Enter")


def press(key: str) -> Move:
    return lambda control: control.press(key)


# What to look for -> how to move it by keyboard and by mouse.
CONTROLS: dict[str, tuple[Move, Move]] = {
    "[role=slider]": (slide_by_keyboard, slide_by_mouse),
    ".widget-toggle-buttons button": (
        lambda button: other_button(button).press("Enter"),
        lambda button: other_button(button).click(),
    ),
    "select": (choose_by_keyboard, choose_by_mouse),
    "input[type=checkbox]": (press("Space"), Locator.click),
    "input[type=radio]:not(:checked)": (press("Space"), Locator.click),
    ".widget-toggle-button": (press("Enter"), Locator.click),
    "input[type=number]": (step_by_keyboard, step_by_mouse),
    "input[type=text]": (partial(type_number, "1,5"), partial(type_number, "-2.5")),
}


def moves(control: Locator) -> dict[str, Callable[[], None]]:
    """How to move a control, "by keyboard" and "by mouse"."""
    for selector, (by_keyboard, by_mouse) in CONTROLS.items():
        found = control.locator("xpath=descendant-or-self::*").and_(control.page.locator(selector)).first
        if found.count():
            return {"by keyboard": partial(by_keyboard, found), "by mouse": partial(by_mouse, found)}
    raise AssertionError(f"no way to move this control, add one to CONTROLS: {control.inner_html()[:300]}")
