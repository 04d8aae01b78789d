"""The reader's own copies of the notebooks: no answers in them at first, and none lost to a new edition."""

import hashlib
from collections import defaultdict, deque
from itertools import count
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from colorlab.course.contents import notebooks, pages
from colorlab.course.reading import NotebookError, read_notebook
from colorlab.files.whole import clear_leftovers, write_whole


def copy_to(folder: Path) -> list[Path]:
    """Copy the course into a folder, outputs cleared; a file that is already there is a reader's work and stays.

    Returns:
        The files that were there already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clear_leftovers(folder)
    kept = []
    for source in [*notebooks(), *pages()]:
        try:
            write_whole(folder / source.name, fresh(source), replace=False)
        except FileExistsError:  # also a link to nothing: it is a reader's
            kept.append(folder / source.name)
    return kept


def older(folder: Path) -> list[Path]:
    """The notebooks and pages of a folder that are not of this edition."""
    return [
        folder / source.name
        for source in [*notebooks(), *pages()]
        if (folder / source.name).is_file() and not _is_current(folder / source.name, source)
    ]


def update(path: Path) -> Path:
    """Bring a reader's copy to this edition: its new cells, with the reader's answers and own cells.

    Where the reader and the new edition changed the same cell, nobody but the reader can decide: the copy
    stays as it is, and the new edition is written beside it.

    Returns:
        The file written: `path`, or its neighbour `….new.ipynb`, `….new2.ipynb` where one of another edition lies
        there already.

    Raises:
        OSError: the place cannot be written.
    """
    (source,) = (each for each in [*notebooks(), *pages()] if each.name == path.name)
    text = fresh(source)
    if path.suffix == ".ipynb":
        try:
            both = merged(read_notebook(path), nbformat.reads(text, as_version=4))
        except NotebookError:  # a damaged file may still hold answers
            both = None
        if both is not None:
            write_whole(path, nbformat.writes(both) + "\n")
            return path
    for number in count(1):  # pragma: no branch
        beside = path.with_suffix(f".new{number if number > 1 else ''}{path.suffix}")
        try:
            write_whole(beside, text, replace=False)
        except FileExistsError:  # a reader may have begun to work in it
            if not _is_current(beside, source):
                continue
        break
    return beside


def fresh(source: Path) -> str:
    """What a reader gets of a file of the course: of a notebook no outputs, and a note from which edition it is."""
    text = source.read_text(encoding="utf-8")
    if source.suffix != ".ipynb":
        return text
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook.cells:
        cell.metadata["colorlab"] = {"original": _digest(cell.source)}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata["colorlab"] = {"edition": _digest(nbformat.writes(notebook))}
    return nbformat.writes(notebook) + "\n"


def merged(mine: NotebookNode, new: NotebookNode) -> NotebookNode | None:
    """The new edition with the reader's answers and own cells; None where both changed the same cell.

    A cell of the copy remembers the original that it was, so an answer finds its place by the question.
    """
    of_original: dict[str, deque[NotebookNode]] = defaultdict(deque)
    for cell in mine.cells:
        of_original[_original(cell)].append(cell)
    own = of_original.pop("", ())
    cells = []
    for cell in new.cells:
        waiting = of_original[_original(cell)]
        cells.append(waiting.popleft() if waiting else cell)
    left_over = (cell for waiting in of_original.values() for cell in waiting)
    if not _notes_originals(mine) or any(_digest(cell.source) != _original(cell) for cell in left_over):
        return None
    place = 0  # own cells stand behind the cell that they stood behind
    for cell in mine.cells:
        at = next((i for i, each in enumerate(cells, start=1) if each is cell), place)
        if any(cell is each for each in own):
            cells.insert(place, cell)
            at = place + 1
        place = at
    return NotebookNode({**new, "cells": cells})


def _is_current(mine: Path, source: Path) -> bool:
    text = fresh(source)
    if source.suffix != ".ipynb":
        return mine.read_text(encoding="utf-8", errors="replace") == text
    try:
        return _edition(read_notebook(mine)) == _edition(nbformat.reads(text, as_version=4))
    except NotebookError:
        return False


def _edition(notebook: NotebookNode) -> str | None:
    return _noted(notebook, "edition")


def _notes_originals(notebook: NotebookNode) -> bool:
    """False for a copy that was made before copies remembered."""
    return _edition(notebook) is not None


def _original(cell: NotebookNode) -> str:
    """The digest of what this cell was in the course; "" for a reader's own."""
    return _noted(cell, "original") or ""


def _noted(of: NotebookNode, name: str) -> str | None:
    """What colorlab noted in the metadata of a notebook or a cell, where a reader may have put anything."""
    notes = of.metadata.get("colorlab")
    found = notes.get(name) if isinstance(notes, dict) else None
    return found if isinstance(found, str) else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
