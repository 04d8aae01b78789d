"""One-click starts, all from the one address in pyproject.toml: links for README and site, and a cell for Colab.

    python docs/site/starts.py      # after the address was set: writes them into README.md

While the address is a placeholder there are none.
"""

import re
import tomllib
from pathlib import Path
from urllib.parse import quote, urlsplit

from colorlab.files.whole import write_whole

ROOT = Path(__file__).resolve().parents[2]
PLACEHOLDER = "https://colorlab.invalid/"
BEGIN, END = "<!-- one-click starts -->", "<!-- end of the starts -->"
FIRST = "notebooks/00_welcome.ipynb"
CELL = """import importlib.util

if importlib.util.find_spec("colorlab") is None:  # here it is missing; where it is there, nothing happens
    %pip install --quiet "colorlab-course @ git+{address}"
"""


def repository() -> str:
    """Where pyproject.toml says that the project lives."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository", PLACEHOLDER)


def is_set(address: str) -> bool:
    return not urlsplit(address).hostname.endswith(".invalid")


def starts(address: str) -> str:
    """Links that open the course elsewhere, and the cell for Colab, in Markdown; empty for a placeholder."""
    if not is_set(address):
        return ""
    links = " · ".join(f"[{service}]({link})" for service, link in services(address).items())
    cell = "In Colab, or in any notebook where colorlab may be missing, run this cell first:"
    return f"Start without installing: {links}\n\n{cell}\n\n```\n{colab_cell(address)}```"


def services(address: str) -> dict[str, str]:
    """Name of the service -> the link that opens the first notebook there."""
    parts = urlsplit(address)
    owner_and_name = parts.path.strip("/")
    name, whole = owner_and_name.rpartition("/")[2], quote(address.rstrip("/"), safe="")
    found = {
        "Binder": f"https://mybinder.org/v2/git/{whole}/HEAD?urlpath=lab/tree/{FIRST}",
        "your JupyterHub": "https://nbgitpuller.readthedocs.io/link?"
        f"repo={whole}&branch=main&urlpath={quote(f'lab/tree/{name}/{FIRST}', safe='')}",
    }
    if parts.hostname == "github.com":  # these two open nothing else
        found["Colab"] = f"https://colab.research.google.com/github/{owner_and_name}/blob/main/{FIRST}"
        found["Codespaces"] = f"https://codespaces.new/{owner_and_name}"
    return found


def colab_cell(address: str) -> str:
    return CELL.format(address=address.rstrip("/"))


def with_starts(page: str, address: str) -> str:
    """A page with the starts between its two marks, in place of what stood there."""
    inside = f"{BEGIN}\n{starts(address)}\n{END}" if is_set(address) else f"{BEGIN}{END}"
    return re.sub(f"{BEGIN}.*?{END}", lambda _: inside, page, flags=re.DOTALL)


def write_starts(page: Path, address: str) -> None:
    """Put the starts into a page that lies there, whole or not at all."""
    write_whole(page, with_starts(page.read_text("utf-8"), address))


if __name__ == "__main__":
    write_starts(ROOT / "README.md", repository())
