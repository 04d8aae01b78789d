"""The bin explorer as a page of its own, without any code in sight."""

import pytest
from jupyter_page import picture_digest, until

pytestmark = pytest.mark.slow


def test_the_bin_explorer_answers_in_voila(page, voila):
    page.goto(f"{voila}/voila/render/06_color_bins.ipynb", timeout=300_000)
    slider = page.get_by_role("slider")
    slider.wait_for(timeout=300_000)
    image = page.locator("img[src^='blob:']").first  # what a widget draws
    before = until(lambda: picture_digest(image), "no picture")
    assert page.get_by_text("Grid 10: Q = 262 bins").count()
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.get_by_text("Grid 15: Q = ").wait_for()
    assert picture_digest(image) != before
