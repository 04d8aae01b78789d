"""Slides and PDF for a lecture: nothing fetched, formulas and alt texts included."""

import errno
import sys

import nbformat
import pytest
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from colorlab.cli import main
from colorlab.course import browser, pack
from colorlab.course.reading import NotebookError
from colorlab.files import whole

pytestmark = pytest.mark.slow

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def lecture(path):
    picture = new_output(
        "display_data", data={"image/png": DOT}, metadata={"image/png": {"alt": "a single dot", "width": 99}}
    )
    cells = [
        new_markdown_cell("# A lecture\n\nwith $\\frac{1}{2}$"),
        new_code_cell("secret = 1"),
        new_code_cell("draw()", outputs=[picture]),
        new_markdown_cell("## The second column\n\n$$\\sum_i x_i$$"),
    ]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_slides_are_shown_and_a_pdf_is_printed_without_a_network(chromium, tmp_path):
    from playwright.sync_api import sync_playwright

    out, faults = tmp_path / "out", []
    result = CliRunner().invoke(main, ["pack", str(lecture(tmp_path / "05_a.ipynb")), "--out", str(out)])
    assert result.exit_code == 0, result.output
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(offline=True).new_page()
        page.on("requestfailed", lambda request: faults.append(request.url))
        page.on("request", lambda request: faults.append(request.url) if "http" in request.url else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto((out / "05_a.slides.html").as_uri())
        page.get_by_role("heading", name="A lecture").wait_for()
        assert page.locator("section.present mfrac").count() == 1
        page.keyboard.press("ArrowDown")
        page.locator("section.present img[alt='a single dot']").wait_for()
        assert page.get_by_text("secret").count() == 0  # the code is in the PDF
        page.keyboard.press("ArrowRight")
        page.get_by_role("heading", name="The second column").wait_for()
        browser.close()
    assert not faults
    pdf = (out / "05_a.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and b"/Alt (a single dot)" in pdf


def test_what_is_missing_is_said_with_how_to_get_it(tmp_path, monkeypatch):
    words = ["pack", str(lecture(tmp_path / "05_a.ipynb")), "--out", str(tmp_path / "out")]
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "none"))
    assert "no browser was found that prints" in CliRunner().invoke(main, words).output
    monkeypatch.setenv("CHROMIUM", sys.executable)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'colorlab-course[slides]'" in CliRunner().invoke(main, words).output


def test_on_a_full_disk_a_file_of_the_slides_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    pytest.importorskip("sphinx_revealjs")

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(whole.os, "fsync", full)
        with pytest.raises(OSError, match="No space left") as caught:
            pack.copy_reveal(tmp_path)
    assert caught.value.filename == str(tmp_path / "reveal" / pack.REVEAL[0])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    pack.copy_reveal(tmp_path)
    assert all((tmp_path / "reveal" / name).exists() for name in pack.REVEAL)


def test_neither_odd_notebooks_nor_a_browser_that_hangs_end_in_a_traceback(tmp_path, monkeypatch):
    odd = tmp_path / "a.ipynb"
    odd.write_text("{}")
    for make in (pack.slides, lambda path: pack.pdf(path, "none")):
        with pytest.raises(NotebookError, match="not a notebook"):
            make(odd)
    hanging = tmp_path / "browser"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    monkeypatch.setattr(browser, "PRINTING", 0.1)
    with pytest.raises(browser.BrowserError, match=r"no page came in 0\.1 s"):
        browser.as_pdf("", str(hanging))
