"""The README tells of every notebook, names the three commands, and no link in it leads nowhere."""

import re
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest

from colorlab.data import manifest, photo_file

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *(p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").glob("*.md")),
]


def without_code(markdown: str) -> str:
    markdown = re.sub(r"^\s*(```+|~~~+).*?^\s*\1\s*$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", markdown)


def relative_links(markdown: str) -> list[str]:
    """Targets of links, pictures and reference definitions that point into the repository."""
    markdown = without_code(markdown)
    found = [angled or plain for angled, plain in re.findall(r"\]\(\s*(?:<([^>]+)>|([^)\s]+))", markdown)]
    found += re.findall(r"^\s*\[[^\]]+\]:\s*<?([^\s>]+)", markdown, flags=re.MULTILINE)
    found += re.findall(r"(?:src|href)\s*=\s*[\"']([^\"']+)", markdown)
    return [unquote(link.split("#")[0]) for link in found if not re.match(r"[a-z][a-z+.-]*:|//|#", link)]


def listed_notebooks(markdown: str) -> list[str]:
    """The files linked from the first cell of the rows of a table, in order."""
    return re.findall(r"^\s*\|\s*\[[^\]]+\]\(notebooks/(\d\d_\w+\.ipynb)\)", markdown, flags=re.MULTILINE)


def test_the_table_lists_every_notebook_in_order():
    existing = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert existing, "notebooks/ is empty"
    assert listed_notebooks(README) == existing


@pytest.mark.parametrize("command", ["make course", "make lab", "make test"])
def test_the_readme_names_the_command(command: str):
    assert re.search(rf"\b{command}\b", README), f"README.md does not mention `{command}`"


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 90


def test_the_page_on_the_layout_names_every_flat_file_and_every_room():
    page = (ROOT / "docs" / "layout.md").read_text(encoding="utf-8")
    package = ROOT / "colorlab"
    flat = {p.name for p in package.glob("*.py")} - {"__init__.py", "__main__.py", "_share.py", "cli.py"}
    flat -= {"device.py", "media.py"}  # a function, and a second name
    rooms = {f"{p.parent.name}/" for p in package.glob("*/__init__.py")}
    assert sorted(name for name in flat | rooms if f"`{name}`" not in page) == []


def test_one_place_says_where_the_project_lives():
    """Until it is set, it is a placeholder that no page repeats and no link checker follows."""
    (address,) = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "urls"
    ].values()
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in [*PAGES, "environment.yml"]}
    cloned = {url for text in texts.values() for url in re.findall(r"git clone (\S+)", text)}
    assert cloned <= {address}
    assert not any(".invalid" in text for text in texts.values())
    assert "pyproject.toml" in texts["README.md"]


@pytest.mark.parametrize("name", PAGES)
def test_every_relative_link_exists(name: str):
    page = ROOT / name
    links = relative_links(page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == [], f"{name} links to what does not exist"


def test_the_links_are_found_wherever_markdown_hides_them():
    page = """[a](x.md "title") ![b](<y z.png>) [![c](img.svg)](LICENSE) <img src="d/e.png">
[ref]: other.md
[web](https://example.org/x) [part](#here) [both](x.md#part) `[no](code.md)`
```
[no](fence.md)
```
"""
    assert relative_links(page) == ["x.md", "y z.png", "img.svg", "LICENSE", "x.md", "other.md", "d/e.png"]


def test_only_table_rows_that_begin_with_a_link_count():
    page = "| notebook | question |\n|---|---|\n| [01](notebooks/01_lab.ipynb) | ? |\n[02](notebooks/02_x.ipynb)\n"
    assert listed_notebooks(page) == ["01_lab.ipynb"]


def run_example(page, shorter):
    """Execute the Python of a page as it stands there, but for what takes long or is not there."""
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    for long, short in shorter.items():
        assert long in code
        code = code.replace(long, short)
    found = {}
    exec(code, found)
    return found


@pytest.mark.slow
def test_the_example_for_grey_photographs_runs_as_written():
    found = run_example(README, {'"old.jpg"': repr(str(photo_file(manifest()[0])))})
    assert found["picture"].shape == found["blue_door"].shape == (512, 512, 3)


@pytest.mark.slow
def test_the_example_for_builders_runs_as_written():
    photograph = photo_file(manifest()[0])
    found = run_example(TRAINING, {'"holiday.jpg"': repr(str(photograph)), "steps=300": "steps=2"})
    assert found["picture"].shape == (512, 512, 3)
    assert found["history"].step[-1] == 2
