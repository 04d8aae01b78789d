"""A browser without a window, which prints pages."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from colorlab.files.whole import write_whole

PRINTING = 300  # seconds that it may take


class BrowserError(RuntimeError):
    """The browser does not print."""


def find_browser() -> str | None:
    """The browser that the variable CHROMIUM names; without it the first one on the PATH."""
    named = os.environ.get("CHROMIUM")
    names = [named] if named else ["chromium", "chromium-browser", "google-chrome"]
    return next(filter(None, map(shutil.which, names)), None)


def as_pdf(page: str, browser: str) -> bytes:
    """A page, given as text, printed: tagged, so that alt texts are kept.

    Raises:
        BrowserError: what the browser said instead.
    """
    with TemporaryDirectory(prefix="colorlab-") as folder:
        source, made = Path(folder, "page.html"), Path(folder, "page.pdf")
        write_whole(source, page)
        options = [
            "--headless",
            "--disable-gpu",
            f"--user-data-dir={folder}/profile",
            "--no-pdf-header-footer",
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.append("--no-sandbox")  # which root may not use
        command = [browser, *options, f"--print-to-pdf={made}", source.as_uri()]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=PRINTING)
        except subprocess.TimeoutExpired:
            raise BrowserError(f"{browser} does not print: no page came in {PRINTING} s") from None
        if result.returncode or not made.is_file():
            raise BrowserError(f"{browser} does not print: {result.stderr.strip()[-300:]}")
        return made.read_bytes()
