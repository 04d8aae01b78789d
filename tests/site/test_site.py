"""The site and what a release needs: links lead somewhere, nothing is asked of other hosts, versions agree."""

import importlib.util
import json
import re
import runpy
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from IPython.core.interactiveshell import InteractiveShell

import colorlab

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "build" / "site"
STARTS = runpy.run_path(str(ROOT / "docs" / "site" / "starts.py"), run_name="starts")

built = pytest.mark.skipif(
    not (BUILT / "index.html").exists(), reason="no site is built; `make site` builds one"
)


class Page(HTMLParser):
    """What a page links to, what it loads, and the names inside it."""

    def __init__(self, path: Path):
        super().__init__()
        self.links, self.loads, self.names = [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.names |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag in ("img", "script", "iframe", "source") and found.get("src"):
            self.loads.append(found["src"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads.append(found["href"])


@pytest.fixture(scope="module")
def pages() -> dict[Path, Page]:
    return {path: Page(path) for path in BUILT.rglob("*.html")}


@built
def test_every_link_inside_the_site_leads_somewhere(pages):
    lost = []
    for path, page in pages.items():
        for link in (*page.links, *page.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            known = pages.get(target)
            if not target.exists() or (
                known and parts.fragment and unquote(parts.fragment) not in known.names
            ):
                lost.append(f"{path.relative_to(BUILT)} -> {link}")
    assert lost == []


@built
def test_no_page_loads_anything_from_another_host(pages):
    elsewhere = [(p.name, u) for p, page in pages.items() for u in page.loads if urlsplit(u).netloc]
    assert elsewhere == []


@built
def test_the_site_is_at_most_85_megabytes_and_holds_every_notebook(pages):
    assert sum(path.stat().st_size for path in BUILT.rglob("*") if path.is_file()) <= 85e6
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert (BUILT / "notebooks" / f"{notebook.stem}.html").exists()


def test_while_the_address_is_a_placeholder_no_start_is_offered():
    assert STARTS["starts"]("https://colorlab.invalid/") == ""


def test_an_address_gives_the_starts_that_can_open_it():
    found = STARTS["starts"]("https://example.org/us/colorlab")
    assert "mybinder.org/v2/git/https%3A%2F%2Fexample.org%2Fus%2Fcolorlab/HEAD" in found
    assert "lab%2Ftree%2Fcolorlab%2Fnotebooks%2F00_welcome.ipynb" in found
    assert "[Colab]" not in found
    on_github = STARTS["starts"]("https://github.com/us/colorlab/")
    assert "colab.research.google.com/github/us/colorlab/blob/main/notebooks/00_welcome.ipynb" in on_github
    assert "codespaces.new/us/colorlab" in on_github


def test_the_readme_shows_the_starts_of_the_address_that_is_set_and_the_site_has_a_place_for_them():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == STARTS["with_starts"](readme, STARTS["repository"]()), "run: python docs/site/starts.py"
    for page in (readme, (ROOT / "docs" / "site" / "index.md").read_text(encoding="utf-8")):
        shown = STARTS["with_starts"](page, "https://example.org/us/colorlab")
        assert shown.count("[Binder](https://mybinder.org/") == 1
        assert STARTS["with_starts"](shown, "https://colorlab.invalid/") == page  # and they can be taken back


def test_a_page_gets_its_starts_whole_or_not_at_all(tmp_path):
    page, second = tmp_path / "README.md", tmp_path / "before.md"
    page.write_text(before := f"λ {STARTS['BEGIN']}{STARTS['END']} rest", "utf-8")
    second.hardlink_to(page)  # shows the older content, unless somebody writes into the file itself
    STARTS["write_starts"](page, "https://example.org/us/colorlab")
    assert "[Binder](https://mybinder.org/" in page.read_text("utf-8")
    assert second.read_text("utf-8") == before


@pytest.mark.parametrize("missing", [True, False])
def test_the_cell_for_colab_installs_where_colorlab_is_missing_and_else_does_nothing(missing, monkeypatch):
    if missing:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    shell, asked = InteractiveShell(), []
    shell.register_magic_function(asked.append, magic_name="pip")
    shell.run_cell(STARTS["colab_cell"]("https://example.org/us/colorlab/")).raise_error()
    assert asked == ['install --quiet "colorlab-course @ git+https://example.org/us/colorlab"'] * missing


def test_the_lock_file_pins_every_package_and_names_no_host():
    lock = json.loads((ROOT / "docs" / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages and all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert not any("resolved" in entry for entry in packages.values())
    wanted = json.loads((ROOT / "docs" / "package.json").read_text(encoding="utf-8"))
    asked = wanted["dependencies"] | wanted["devDependencies"]
    assert asked == {name: packages[f"node_modules/{name}"]["version"] for name in asked}


def test_the_citation_names_the_version_that_this_is():
    assert (
        yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == colorlab.__version__
    )


@pytest.mark.parametrize("name", ["test.yml", "site.yml"])
def test_a_workflow_parses_and_needs_no_make(name):
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert steps and not any(re.match(r"make\b", step.get("run", "")) for step in steps)


def test_the_container_description_parses():
    assert json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())["postCreateCommand"]
