"""Sphinx's settings; `build.py` beside it lays the pages out and runs it."""

import re
import tomllib
from pathlib import Path

from colorlab import __version__

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project, release, language = "colorlab", __version__, "en"
copyright = f"{PROJECT['authors'][0]['name']}, MIT licence"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]

nb_execution_mode = "off"  # the committed outputs are what is shown
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # they stand in the docstrings, with shapes and units
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # or attributes that are properties too would be described twice

html_theme = "furo"
html_title = "colorlab"
html_static_path = [
    str(ROOT / "docs" / "node_modules" / "mathjax" / "es5" / "tex-svg.js"),
    str(ROOT / "docs" / "site" / "scrolls.js"),
    str(ROOT / "docs" / "site" / "site.css"),
]
html_js_files = ["scrolls.js"]
html_css_files = ["site.css"]
mathjax_path = "tex-svg.js"  # this site's own: nothing is asked of another host
html_copy_source = False


def setup(app) -> None:
    app.connect("autodoc-process-docstring", plain, priority=400)  # before napoleon makes markup of it


def plain(app, what, name, object, options, lines: list[str]) -> None:
    """Docstrings are sentences with code in single backticks; nothing else in them is markup."""
    parts = "\n".join(lines).split("`")
    for at in range(0, len(parts), 2):  # outside of code
        parts[at] = re.sub(r"([\\*|])|_(?=\W)", lambda found: "\\" + found[0], parts[at])
        if at and re.match(r"\w", parts[at]):  # "`Photo`s": code ends within a word
            parts[at] = "\\ " + parts[at]
    lines[:] = with_bullets("``".join(parts).split("\n"))


def with_bullets(lines: list[str]) -> list[str]:
    """A dict that is returned is described key by key, `key: …` with longer lines indented: as a list."""
    found, returns = [], False
    for line in lines:
        returns = line == "Returns:" or (returns and line[:1] in ("", " "))
        if returns and re.match(r"    \w+: ", line):
            line = "    - " + line[4:].replace(
                ": ", " – ", 1
            )  # napoleon takes what a colon follows for a type
        elif returns and line.startswith("        "):
            line = "      " + line.strip()
        found.append(line)
    return found
