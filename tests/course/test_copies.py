"""The reader's copies: without answers at first, and with the reader's own in every later edition."""

import nbformat
import pytest
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from colorlab.cli import main
from colorlab.course import copies
from colorlab.course.contents import COPIES


def notebook(*sources: str):
    cells = [new_markdown_cell("# A title"), *map(new_code_cell, sources)]
    cells[-1].outputs, cells[-1].execution_count = [new_output("stream", text="the answer")], 7
    return new_notebook(cells=cells)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one notebook; returns a function that publishes an edition of it."""
    original = tmp_path / "course" / "05_brown_well.ipynb"
    original.parent.mkdir()
    monkeypatch.setattr(copies, "notebooks", lambda: [original])
    monkeypatch.setattr(copies, "pages", lambda: [])

    def publish(*sources: str):
        nbformat.write(notebook(*sources), original)
        return tmp_path / "mine" / original.name

    return publish


def sources(path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells[1:]]


def change(path, spoil) -> None:
    found = nbformat.read(path, as_version=4)
    spoil(found.cells)
    nbformat.write(found, path)


def test_no_answer_stands_below_its_question_in_a_copy(course):
    mine = course("a = 1", "print(a)")
    assert copies.copy_to(mine.parent) == []
    cells = nbformat.read(mine, as_version=4).cells
    assert sources(mine) == ["a = 1", "print(a)"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells[1:])


def test_a_copy_of_this_edition_is_not_called_older_whatever_the_reader_did(course):
    mine = course("a = ...", "print(a)")
    copies.copy_to(mine.parent)
    change(mine, lambda cells: cells[1].update(source="a = 3"))
    assert copies.older(mine.parent) == []


def test_a_new_edition_brings_its_cells_and_keeps_answers_outputs_and_own_cells(course):
    mine = course("a = ...", "print(a)", "gone = 1", "b = ...")
    copies.copy_to(mine.parent)

    def work(cells):
        cells[1].source = "a = 3"
        cells[2].outputs = [new_output("stream", text="3")]
        cells.insert(3, new_code_cell("mine = 1"))
        cells.insert(4, new_code_cell("mine = 2"))
        cells.append(new_code_cell("last = 3"))

    change(mine, work)
    course("new = 0", "a = ...", "print(a)", "c = 5", "b = ...")
    assert copies.older(mine.parent) == [mine]
    assert copies.update(mine) == mine
    assert sources(mine) == [
        "new = 0",
        "a = 3",
        "print(a)",
        "mine = 1",
        "mine = 2",
        "c = 5",
        "b = ...",
        "last = 3",
    ]
    assert nbformat.read(mine, as_version=4).cells[3].outputs[0].text == "3"
    assert copies.older(mine.parent) == []
    nbformat.validate(nbformat.read(mine, as_version=4))


def test_answers_to_two_questions_that_read_alike_stay_in_their_order(course):
    mine = course("x = ...", "x = ...")
    copies.copy_to(mine.parent)
    change(mine, lambda cells: cells[2].update(source="x = 2"))
    course("x = ...", "between = 1", "x = ...")
    copies.update(mine)
    assert sources(mine) == ["x = ...", "between = 1", "x = 2"]


@pytest.mark.parametrize(
    "damage", [None, b"{", b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}']
)
def test_both_files_stay_where_reader_and_edition_changed_the_same_cell(course, damage):
    mine = course("a = ...", "print(a)")
    copies.copy_to(mine.parent)
    if damage is None:
        change(mine, lambda cells: cells[1].update(source="a = 3"))
    else:
        mine.write_bytes(damage)  # also where a copy is damaged, or remembers no edition
    before = mine.read_bytes()
    course("a = ...  # a whole number", "print(a)")
    beside = copies.update(mine)
    assert beside.name == "05_brown_well.new.ipynb"
    assert sources(beside) == ["a = ...  # a whole number", "print(a)"]
    assert mine.read_bytes() == before
    change(beside, lambda cells: cells[1].update(source="a = 4"))  # the reader went on in it
    assert copies.update(mine) == beside and sources(beside)[0] == "a = 4", "of this edition: it stays"
    course("a = ...  # an even number", "print(a)")
    second = copies.update(mine)
    assert second.name == "05_brown_well.new2.ipynb" and sources(second)[0].endswith("# an even number")
    assert sources(beside)[0] == "a = 4"


def test_lab_makes_copies_names_older_ones_and_updates_them(course, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("colorlab.commands.course.open_jupyterlab", lambda folder, options: None)
    mine = course("a = ...").parent.parent / COPIES / "05_brown_well.ipynb"
    assert CliRunner().invoke(main, ["lab"]).exit_code == 0
    course("a = ...", "more = 1")
    said = CliRunner().invoke(main, ["lab"]).output
    assert "Of another edition: 05_brown_well.ipynb" in said and "lab --update" in said
    assert "05_brown_well.ipynb: brought up to date" in CliRunner().invoke(main, ["lab", "--update"]).output
    assert sources(mine) == ["a = ...", "more = 1"]
    mine.write_bytes(b"damaged")  # nobody changed a cell of it, and none is named
    said = CliRunner().invoke(main, ["lab", "--update"]).output
    wanted = "yours stays; the new edition, which cannot be joined with it, is 05_brown_well.new.ipynb"
    assert f"05_brown_well.ipynb: {wanted}" in said


def test_lab_opens_the_originals_where_their_folder_is_named(monkeypatch):
    opened = []
    monkeypatch.setattr(
        "colorlab.commands.course.open_jupyterlab", lambda folder, options: opened.append(folder)
    )
    monkeypatch.setattr(copies, "copy_to", lambda folder: pytest.fail("the originals are no copies"))
    from colorlab._share import share

    assert CliRunner().invoke(main, ["lab", "--folder", str(share("notebooks"))]).exit_code == 0
    assert opened == [share("notebooks")]


def test_progress_finds_the_copies_from_the_folder_above(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copies.copy_to(COPIES)
    found = CliRunner().invoke(main, ["progress"])
    assert found.exit_code == 0 and "exercises passed" in found.output
