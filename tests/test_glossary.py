"""One glossary: sorted, its names exist in the library, its words in the notebooks. No page links to nowhere."""

import importlib
import inspect
import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import nbformat
import pytest
from test_readme import ROOT, relative_links

from colorlab.course import contents as course

FOLDER = ROOT / "notebooks"
HEAD, *ROWS = re.findall(r"^\| (.*) \|$", (FOLDER / "GLOSSARY.md").read_text("utf-8"), flags=re.MULTILINE)
ENTRIES = {row.split(" | ")[0].strip("*"): [cell.strip() for cell in row.split(" | ")] for row in ROWS}
# Where upper and lower case mean different things.
CASE_MATTERS = {"L", "Q", "ab", "Lab", "nat"}


def find(name: str) -> object:
    """`colorlab.bins.ColorBins.decode` -> that method."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[n:]:
            found = getattr(found, attribute)
        return found
    raise ModuleNotFoundError(name)


def names_of(thing: object) -> set[str]:
    """The parameters of a function or class, and the fields of a dataclass."""
    found = set(inspect.signature(thing).parameters)
    return found | {f.name for f in fields(thing)} if is_dataclass(thing) else found


def source_of(path: Path) -> str:
    return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)


def test_the_table_is_whole_and_sorted():
    assert HEAD.split(" | ") == ["word", "symbol", "what it is", "in the code", "explained in"]
    assert len(ENTRIES) == len(ROWS) >= 40, "an entry stands twice, or the table is broken"
    assert list(ENTRIES) == sorted(ENTRIES, key=str.casefold)


@pytest.mark.parametrize("word", ENTRIES)
def test_an_entry_says_what_it_is_in_one_or_two_sentences(word: str):
    cells = ENTRIES[word]
    assert len(cells) == 5
    assert cells[0] == f"**{word}**"
    what = re.sub(r"\$[^$]*\$", "formula", cells[2])
    assert what.endswith(".")
    assert 1 <= len(re.findall(r"[.!?](?= [A-Z]|$)", what)) <= 2


@pytest.mark.parametrize("word", ENTRIES)
def test_its_name_in_the_code_exists(word: str):
    code = ENTRIES[word][3]
    if code == "–":
        return
    names = re.fullmatch(r"(?:`(\w+)` of )?`(colorlab\.[\w.]+)`", code)
    assert names, f"{word}: expected `colorlab.…`, or `parameter` of `colorlab.…`, got {code}"
    parameter, owner = names.groups()
    found = find(owner)
    assert parameter is None or parameter in names_of(found)


@pytest.mark.parametrize("word", ENTRIES)
def test_the_notebook_that_explains_it_speaks_of_it(word: str):
    link = re.fullmatch(r"\[(\d\d)\]\((\1_\w+\.ipynb)\)", ENTRIES[word][4])
    assert link, f"{word}: expected one link such as [05](05_brown_well.ipynb)"
    path = FOLDER / link[2]
    assert path.is_file(), f"{word}: {link[2]} does not exist"
    flags = 0 if word in CASE_MATTERS else re.IGNORECASE
    assert re.search(rf"(?<!\w){re.escape(word)}", source_of(path), flags), f"{link[2]} never says {word}"


def test_a_name_that_does_not_exist_would_be_found_out():
    assert find("colorlab.bins.ColorBins.decode").__name__ == "decode"
    for missing in ("colorlab.bins.ColorBins.decoded", "colorlab.bin.ColorBins"):
        with pytest.raises((AttributeError, ModuleNotFoundError)):
            find(missing)
    assert "uniform_mix" in names_of(find("colorlab.objectives.Classification"))
    assert "mixture" not in names_of(find("colorlab.objectives.Classification"))


PAGES = [*course.pages(), *course.notebooks()]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_relative_link_leads_into_the_folder_that_readers_get(path: Path):
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = path.read_text("utf-8")
    links = relative_links(text)
    copied = {page.name for page in PAGES}
    assert set(links) <= copied, f"{path.name} links to what `colorlab lab` does not copy"


def test_the_readme_and_the_first_notebook_lead_to_the_glossary():
    assert "GLOSSARY.md" in relative_links(source_of(course.notebooks()[0]))
    assert {"notebooks/GLOSSARY.md", "notebooks/TEACHING.md"} <= set(
        relative_links((ROOT / "README.md").read_text("utf-8"))
    )


def test_the_instructors_page_knows_every_notebook_and_no_command_that_is_none():
    from colorlab.cli import main

    text = (FOLDER / "TEACHING.md").read_text("utf-8")
    rows = re.findall(r"^\| \[\d\d\]\((\d\d_\w+\.ipynb)\)", text, flags=re.MULTILINE)
    assert rows == [path.name for path in course.notebooks()]
    commands = set(re.findall(r"^\s*colorlab (\w+)", text, flags=re.MULTILINE))
    assert {"run", "progress", "nbgrader"} <= commands <= set(main.commands)
