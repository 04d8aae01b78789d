"""Every page of the built site, light and dark, on a narrow screen; `make site` builds it, else this is skipped."""

from pathlib import Path

import pytest
from static import serious_faults, served

BUILT = Path(__file__).parents[2] / "build" / "site"
NARROW = 390  # pixels

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site():
    with served(BUILT) as url:
        yield url


@pytest.fixture(scope="module")
def page(browser):
    page = browser.new_page(viewport={"width": NARROW, "height": 800})
    page.set_default_timeout(120_000)
    yield page
    page.close()


@pytest.mark.parametrize("path", sorted(p.relative_to(BUILT).as_posix() for p in BUILT.rglob("*.html")))
def test_a_page_has_no_serious_fault_does_not_scroll_sideways_and_asks_no_other_host(page, site, path):
    page.emulate_media(color_scheme="light")
    page.goto(f"{site}/{path}")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    assert serious_faults(page) == []
    page.emulate_media(color_scheme="dark")  # of what axe-core looks at, colours are all that differs
    assert serious_faults(page, rules=["color-contrast"]) == []
    asked = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert asked and [a for a in asked if not a.startswith((site, "blob:", "data:"))] == []
