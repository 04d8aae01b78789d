"""The course as a site: `make site` runs this, and then any static host can serve build/site.

python docs/site/build.py build/site      # after `npm ci` in docs/

The pages are laid out in a folder beside, in the places they have in the repository, so that their links hold.
Each notebook gets a line where it holds a widget; nothing is executed.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGES = ("*.md", "docs/*.md", "notebooks/*.md", "notebooks/*.ipynb", "data/README.md", "colorlab/weights/*.md")
SHOWN = ("LICENSE", "data/*.json", "data/figures/*", "colorlab/weights/*.webp", "colorlab/weights/*.json")
MOST_BYTES = 85e6
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
    subprocess.run([sys.executable, "-m", "sphinx", *options, str(pages), str(folder)], check=True)
    shutil.rmtree(folder / ".doctrees")
    subprocess.run([sys.executable, str(ROOT / "docs" / "lab" / "build.py"), str(folder / "lab")], check=True)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > MOST_BYTES:
        raise SystemExit(f"{folder}: {size / 1e6:.1f} MB, more than {MOST_BYTES / 1e6:.0f}")
    print(f"{folder}: {size / 1e6:.1f} MB; look at it with: python -m http.server --directory {folder}")


def lay_out(pages: Path) -> None:
    for pattern in (*PAGES, *SHOWN):
        for source in sorted(ROOT.glob(pattern)):
            place = pages / source.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            if source.suffix == ".ipynb":
                place.write_text(json.dumps(with_notes(json.loads(source.read_text("utf-8")))), "utf-8")
            else:
                shutil.copyfile(source, place)
    shutil.copyfile(HERE / "index.md", pages / "index.md")
    shutil.copyfile(HERE / "api.md", pages / "docs" / "api.md")


def with_notes(notebook: dict) -> dict:
    """The notebook with a line in place of what a widget shows."""
    cells = []
    for cell in notebook["cells"]:
        cells.append(cell)
        if "widget" in cell["metadata"].get("tags", []):
            cell["outputs"] = []
            cells.append({"cell_type": "markdown", "id": f"{cell['id']}-note", "metadata": {}, "source": WIDGET})
    return notebook | {"cells": cells}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
