"""The course as a site: `make site` runs this, and then any static host can serve build/site.

python docs/site/build.py build/site      # after `npm ci` in docs/

The pages are laid out in a folder beside, in the places they have in the repository, so that their links hold.
Each notebook gets a line where it holds a widget; nothing is executed.
"""

import base64
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from starts import repository, with_starts  # beside this file

from colorlab.papers import table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGES = (
    "*.md",
    "docs/*.md",
    "notebooks/*.md",
    "notebooks/*.ipynb",
    "data/README.md",
    "colorlab/weights/*.md",
)
SHOWN = (
    "LICENSE",
    "pyproject.toml",
    "data/*.json",
    "data/figures/*",
    "colorlab/weights/*.webp",
    "colorlab/weights/*.json",
    "colorlab/weights/[NL]*",  # NOTICE and the licence it names
)
MOST_BYTES = 85e6
PLACE_OF_DIFFERENCES, PLACE_OF_MODULES = "<!-- differences -->", "<!-- modules -->"
MODULE = "# colorlab.{0}\n\n```{{eval-rst}}\n.. automodule:: colorlab.{0}\n```\n"
DOORS = ("_share", "cli", "device", "media")  # modules that are no topic of their own
WIDGET = (
    'A widget stands here in JupyterLab; below is its static figure. <a href="../lab/index.html">The lab page</a> '
    "has bins, networks, temperature and λ that move."
)


def main(folder: Path) -> None:
    pages = folder.with_name(folder.name + "-pages")
    shutil.rmtree(pages, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    lay_out(pages)
    options = ["-W", "--keep-going", "-q", "-b", "html", "-c", str(HERE)]
    run("-m", "sphinx", *options, pages, folder)
    shutil.rmtree(folder / ".doctrees")
    name_parts(folder)
    run(ROOT / "docs" / "lab" / "build.py", folder / "lab")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > MOST_BYTES:
        raise SystemExit(f"{folder}: {size / 1e6:.1f} MB, more than {MOST_BYTES / 1e6:.0f}")
    print(f"{folder}: {size / 1e6:.1f} MB; look at it with: python -m http.server --directory {folder}")


def run(*arguments: str | Path) -> None:
    """Another Python; if it fails it has said why."""
    if failed := subprocess.run([sys.executable, *map(str, arguments)]).returncode:
        raise SystemExit(failed)


def name_parts(folder: Path) -> None:
    """Tell a screen reader what Sphinx and the theme leave out: levels of headings, and which list is which. And a
    browser that there is no icon, or it would ask for one."""
    for page in folder.rglob("*.html"):
        text = page.read_text("utf-8")
        text = text.replace('role="heading">', 'role="heading" aria-level="2">')
        text = text.replace("</head>", '<link rel="icon" href="data:,"></head>', 1)
        text = text.replace(
            '<aside class="sidebar-drawer">', '<aside class="sidebar-drawer" aria-label="All pages">'
        )
        page.write_text(
            text.replace('<aside class="toc-drawer">', '<aside class="toc-drawer" aria-label="This page">'),
            "utf-8",
        )


def lay_out(pages: Path) -> None:
    for pattern in (*PAGES, *SHOWN):
        for source in sorted(ROOT.glob(pattern)):
            place = pages / source.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            if source.suffix == ".ipynb":
                notebook = with_notes(json.loads(source.read_text("utf-8")))
                place.write_text(json.dumps(with_pictures_beside(notebook, place)), "utf-8")
            else:
                shutil.copyfile(source, place)
    home = (HERE / "index.md").read_text("utf-8")
    (pages / "index.md").write_text(with_starts(home, repository()), "utf-8")
    names, docs = modules(), pages / "docs"
    entries = "\n".join(f"api/{name}" for name in names)
    api = (HERE / "api.md").read_text("utf-8").replace(PLACE_OF_MODULES, entries)
    (docs / "api.md").write_text(api, "utf-8")
    (docs / "api").mkdir()
    for name in names:
        (docs / "api" / f"{name}.md").write_text(MODULE.format(name), "utf-8")
    papers = (HERE / "papers.md").read_text("utf-8").replace(PLACE_OF_DIFFERENCES, table())
    (docs / "papers.md").write_text(papers, "utf-8")


def modules() -> list[str]:
    """The flat modules in the order of the page on the layout, then the networks: each gets a page."""
    package, layout = ROOT / "colorlab", (ROOT / "docs" / "layout.md").read_text("utf-8")
    flat = [p.stem for p in package.glob("[!_]*.py") if p.stem not in DOORS]
    flat.sort(key=lambda stem: (layout.find(f"`{stem}.py`"), stem))
    return flat + sorted(f"networks.{p.stem}" for p in (package / "networks").glob("[!_]*.py"))


def with_notes(notebook: dict) -> dict:
    """The notebook with a line in place of what a widget shows, and links in outputs to pages."""
    cells = []
    for cell in notebook["cells"]:
        cells.append(cell)
        for data in (
            output["data"] for output in cell.get("outputs", []) if "text/html" in output.get("data", {})
        ):
            data["text/html"] = re.sub(r'(href="\w+)\.ipynb"', r'\1.html"', "".join(data["text/html"]))
        if "widget" in cell["metadata"].get("tags", []):
            cell["outputs"] = []
            cells.append(
                {"cell_type": "markdown", "id": f"{cell['id']}-note", "metadata": {}, "source": WIDGET}
            )
    return notebook | {"cells": cells}


def with_pictures_beside(notebook: dict, place: Path) -> dict:
    """The notebook with the pictures that its texts carry written beside it: Sphinx looks for files."""
    for cell in notebook["cells"]:
        for name, (content,) in ((n, a.values()) for n, a in cell.pop("attachments", {}).items()):
            file = f"{place.stem}-{name}"
            (place.parent / file).write_bytes(base64.b64decode(content))
            cell["source"] = "".join(cell["source"]).replace(f"attachment:{name}", file)
    return notebook


if __name__ == "__main__":
    main(Path(sys.argv[1]))
