"""Pages that ask for nothing: looked at in a browser whose network is off."""

from pathlib import Path

import nbformat
import pytest
from small_notebooks import write

from colorlab.course.notebooks import notebooks
from colorlab.course.pages import mathml, render
from colorlab.course.parameters import plan
from colorlab.course.running import run

pytestmark = pytest.mark.slow

FORMULAS = r"""Inline $\sigma^2 \le \tfrac12$, and by itself
$$L_C = -\frac1n \sum_i \sum_q Y^{i,q} \log f(X)^{i,q}$$
Then [back](05_brown_well.ipynb), [on](07_classification.ipynb), [words](GLOSSARY.md)."""
WIDGETS = """from colorlab.widgets.color_bins import color_bins_explorer
color_bins_explorer()"""


def test_every_formula_of_the_course_becomes_mathml():
    from colorlab.course.pages import _Renderer

    found = []

    class Collecting(_Renderer):
        def inline_math(self, body):
            return found.append(mathml(body)) or ""

        def block_math(self, body):
            return found.append(mathml(body, "block")) or ""

    from nbconvert.filters.markdown_mistune import MarkdownWithMath

    for path in notebooks():
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                MarkdownWithMath(
                    renderer=Collecting(escape=False, attachments=cell.get("attachments", {}))
                ).render(cell.source)
    assert len(found) > 50
    assert not [formula for formula in found if not formula.startswith("<math") or "\\" in formula]


def test_what_is_no_formula_stays_as_it_was_written():
    assert mathml(r"\frac{1}{") == r"<code>\frac{1}{</code>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A run of two notebooks named like two of the course: formulas, links, a widget."""
    where = tmp_path_factory.mktemp("pages")
    sources = []
    for name in ("05_brown_well", "06_color_bins"):
        path = write(where / f"{name}.ipynb", WIDGETS if name.startswith("06") else "1")
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[0].source += f"\n\n{FORMULAS}"
        nbformat.write(notebook, path)
        sources.append(path)
    assert [o.error for o in run(plan(sources), where / "out", jobs=2)] == [None, None]
    return where / "out"


def test_nothing_is_asked_of_the_network_and_everything_is_shown(chromium, folder):
    from playwright.sync_api import sync_playwright

    asked, faults = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(offline=True).new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("requestfailed", lambda request: faults.append(request.url))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto((folder / "index.html").as_uri())
        page.get_by_role("link", name="06_color_bins").first.click()
        assert page.locator("math").count() == 2
        fraction = page.locator("math[display=block] mfrac").first.bounding_box()
        assert fraction["height"] > 20  # drawn as a fraction, one above the other
        assert page.get_by_text("A widget, as it stood at the end").is_visible()
        assert page.locator("figure img").evaluate("image => image.complete && image.naturalWidth") > 100
        said = page.locator("figure div").all_inner_texts()
        assert any("bins" in text for text in said), said  # the sentence about the picture
        page.get_by_role("link", name="words").click()
        page.get_by_role("heading", name="Glossary").first.wait_for()
        page.go_back()
        page.get_by_role("link", name="on", exact=True).click()
        assert page.url.endswith("index.html#07_classification")
        assert page.locator("[id='07_classification']").is_visible()
        page.go_back()
        page.get_by_role("link", name="back").click()
        assert page.url.endswith("05_brown_well.html")
        browser.close()
    assert not faults
    assert all(url.startswith(("file:", "data:")) for url in asked)


def test_a_formula_that_a_cell_shows_is_drawn_too():
    output = nbformat.v4.new_output("display_data", data={"text/latex": "$\\frac12$", "text/plain": "1/2"})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output])])
    assert "<mfrac>" in render(notebook, {}, "a")


def test_a_picture_keeps_its_alt_text():
    output = nbformat.v4.new_output(
        "display_data", data={"image/png": "iVBO"}, metadata={"image/png": {"alt": "a <dot>"}}
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output])])
    page = render(notebook, {}, "a")
    assert 'alt="a &lt;dot&gt;"' in page and "No description" not in page
