"""The map of the course: what it says about exercises, and from where it knows."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook, new_output

from colorlab.checks import brown_well, exercise
from colorlab.cli import main
from colorlab.course import notebooks as course
from colorlab.course.progress import heading, progress

NOTEBOOKS = course.notebooks()


def shown(status: str):
    return new_output("execute_result", data={"text/plain": f"{status}: because", "text/html": "<b>…</b>"})


def save(folder: Path, name: str, **outputs) -> None:
    """A reader's copy of a notebook, of which only the check cells are left, with these outputs."""
    cells = [
        new_code_cell(f"check.{q}(answer)", metadata={"tags": ["check"]}, outputs=[output] if output else [])
        for q, output in outputs.items()
    ]
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells), folder / name)


def row(found, name: str):
    return next(row for row in found.rows if row.file == name)


def test_the_map_shows_every_notebook_with_title_promise_and_place():
    found = progress(here="05")
    assert [r.file for r in found.rows] == [path.name for path in NOTEBOOKS]
    assert [r.file for r in found.rows if r.here] == ["05_brown_well.ipynb"]
    brown = row(found, "05_brown_well.ipynb")
    assert brown.title == "05 · The brown well"
    assert brown.promise.startswith("In half an hour you will know, to the decimal")
    assert all(r.promise.endswith(".") for r in found.rows)
    page = found._repr_html_()
    assert all(f'<a href="{path.name}">' in page for path in NOTEBOOKS)
    assert page.count("you are here") == repr(found).count("you are here") == 1


def test_a_place_that_is_no_notebook_is_refused():
    with pytest.raises(FileNotFoundError, match="05_brown"):
        progress(here="99_nowhere")


def test_nothing_done_is_not_attempted(tmp_path):
    found = progress(folder=tmp_path)
    assert found.passed == 0
    assert found.total == sum(len(r.exercises) for r in found.rows) > 2 * len(NOTEBOOKS) - 1
    assert {status for r in found.rows for status in r.exercises.values()} == {"not attempted"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_exercises_of_the_map_are_those_of_the_checks(path: Path):
    checks = vars(__import__(f"colorlab.checks.{path.stem[3:]}", fromlist=["q1"]))
    existing = [name for name, value in checks.items() if isinstance(value, exercise.Exercise)]
    assert list(row(progress(), path.name).exercises) == existing


def test_what_ran_in_this_kernel_counts_as_it_ended(tmp_path):
    brown_well.q1(brown_well.best_guess())
    brown_well.q2(3)
    brown_well.q3(...)
    found = row(progress(folder=tmp_path), "05_brown_well.ipynb")
    assert found.exercises == {"q1": "passed", "q2": "failed", "q3": "not attempted"}
    brown_well.q1([0, 0])
    assert row(progress(folder=tmp_path), "05_brown_well.ipynb").exercises["q1"] == "failed"


@pytest.mark.parametrize("inner", ["", "05_brown_well"])
def test_what_was_saved_counts_unless_this_kernel_knows_better(tmp_path, inner):
    saved = dict(q1=shown("failed"), q2=shown("passed"), q3=None, q9=shown("passed"))
    save(tmp_path / inner, "05_brown_well.ipynb", **saved)
    found = row(progress(folder=tmp_path), "05_brown_well.ipynb")
    assert found.exercises == {"q1": "failed", "q2": "passed", "q3": "not attempted"}  # and no q9
    brown_well.q1(brown_well.best_guess())
    found = progress(folder=tmp_path)
    assert row(found, "05_brown_well.ipynb").exercises["q1"] == "passed"
    assert found.passed == 2


def test_without_a_folder_the_notebooks_beside_the_kernel_count(tmp_path, monkeypatch):
    save(tmp_path, "05_brown_well.ipynb", q2=shown("passed"))
    monkeypatch.chdir(tmp_path)
    assert row(progress(), "05_brown_well.ipynb").exercises["q2"] == "passed"


def test_a_check_that_could_not_run_has_failed(tmp_path):
    error = new_output("error", ename="NameError", evalue="my_guess is not defined", traceback=[])
    save(tmp_path, "05_brown_well.ipynb", q1=error, q2=new_output("stream", name="stdout", text="passed: no"))
    found = row(progress(folder=tmp_path), "05_brown_well.ipynb")
    assert found.exercises == {"q1": "failed", "q2": "not attempted", "q3": "not attempted"}


@pytest.mark.parametrize("damage", ["", "not a notebook", "[]", '{"cells": 3}', '{"nbformat": 4}', "\udcff"])
def test_a_damaged_file_is_said_and_hides_no_other(tmp_path, damage):
    (tmp_path / "05_brown_well.ipynb").write_text(damage, encoding="utf-8", errors="surrogateescape")
    save(tmp_path, "04_regression.ipynb", q1=shown("passed"))
    found = progress(folder=tmp_path)
    assert set(row(found, "05_brown_well.ipynb").exercises.values()) == {"unreadable"}
    assert "1 ? unreadable" in repr(found)
    assert found.passed == 1


def test_signs_never_stand_without_their_words(tmp_path):
    save(tmp_path, "05_brown_well.ipynb", q1=shown("passed"), q2=shown("failed"))
    found = progress(folder=tmp_path)
    for text in (repr(found), found._repr_html_().replace("&nbsp;", " ")):
        assert "1 ✓ passed" in text
        assert "2 ✗ failed" in text
        assert "3 … not attempted" in text
        assert not re.search("✓(?! passed)|✗(?! failed)|…(?! not attempted)", text)
        assert f"1 of {found.total} exercises passed" in text


@pytest.mark.slow
def test_answers_in_a_real_kernel_are_seen_there_and_in_the_saved_file(tmp_path):
    tags = {"tags": ["check"]}
    cells = [
        new_code_cell("from colorlab.checks import brown_well as check"),
        new_code_cell("check.q1(check.best_guess())", metadata=tags),
        new_code_cell("check.q2(3)", metadata=tags),
        new_code_cell("from colorlab.course.progress import progress\nprogress(here='brown_well')"),
    ]
    notebook = new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    said = "05 · The brown well"
    line = next(x for x in cells[-1].outputs[0].data["text/plain"].splitlines() if x.startswith(said))
    assert line.endswith("1 ✓ passed, 2 ✗ failed, 3 … not attempted  ← you are here")
    nbformat.write(notebook, tmp_path / "05_brown_well.ipynb")
    result = CliRunner().invoke(main, ["progress", str(tmp_path)])
    assert result.exit_code == 0
    assert line.removesuffix("  ← you are here") in result.output.splitlines()


def test_the_map_needs_neither_torch_nor_a_schema():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('torch', 'numpy', 'nbformat', 'rich'), None)); "
        "from colorlab.cli import main; main(['progress', sys.argv[1]])"
    )
    command = [sys.executable, "-c", code, str(NOTEBOOKS[0].parent)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == repr(progress(folder=NOTEBOOKS[0].parent)).splitlines()


def test_a_folder_without_the_course_is_refused(tmp_path):
    result = CliRunner().invoke(main, ["progress", str(tmp_path)])
    assert result.exit_code == 2
    assert "holds no notebook of the course; name the folder" in result.output


def test_the_committed_map_is_that_of_the_committed_notebooks():
    cells = nbformat.read(NOTEBOOKS[0], as_version=4).cells
    committed = [c.outputs[0].data["text/html"] for c in cells if c.source.startswith("progress(")]
    assert committed == [progress("00", NOTEBOOKS[0].parent)._repr_html_()], "run `colorlab outputs 00`"


def test_a_title_is_found_without_a_promise():
    notebook = new_notebook(cells=[nbformat.v4.new_markdown_cell("# 12 · Something\n\n**Bold** is *none*.")])
    assert heading(notebook) == ("12 · Something", "")
