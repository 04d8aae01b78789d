"""Notebooks as nbgrader's assignments. nbgrader itself is not installed here; what it asks for is."""

import copy
import importlib
import inspect
import json
import os
import re
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from traitlets.config import Config

from colorlab.checks import exercise
from colorlab.cli import main
from colorlab.course import notebooks as course
from colorlab.course.grading import for_nbgrader, write_assignment, write_config

NOTEBOOKS = course.notebooks()
SOLUTION = re.compile(r"\n### BEGIN SOLUTION\n(.*)\n### END SOLUTION")


def small() -> nbformat.NotebookNode:
    """The exercises of notebook 05 alone."""
    cells = [new_code_cell("from colorlab.checks import brown_well as check")]
    for q, blank in (
        ("q1", "mine = ..."),
        ("q2", "def floor(ab, p):\n    return ..."),
        ("q3", "world = ..."),
    ):
        name = "floor" if q == "q2" else blank.split()[0]
        cells.append(new_code_cell(blank, metadata={"tags": ["exercise"]}))
        cells.append(new_code_cell(f"check.{q}({name})", metadata={"tags": ["check"]}))
    cells.append(new_code_cell("print('the end')"))
    return new_notebook(cells=cells)


def released(notebook: nbformat.NotebookNode, stub: str) -> nbformat.NotebookNode:
    """As `nbgrader generate_assignment` gives it to students: a stub in the place of the solution."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        cell.source = SOLUTION.sub(f"\n{stub}", cell.source)
    return notebook


def outcomes(notebook: nbformat.NotebookNode) -> dict[str, str | None]:
    """grade_id -> the error its cell ended with, after Run All."""
    NotebookClient(notebook, kernel_name="python3").execute()  # raises where Run All would stop
    assert notebook.cells[-1].outputs[0].text == "the end\n"
    found = {}
    for cell in notebook.cells:
        if grade_id := cell.metadata.get("nbgrader", {}).get("grade_id"):
            errors = [output.evalue for output in cell.outputs if output.output_type == "error"]
            found[grade_id] = errors[0] if errors else None
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_metadata_are_what_schema_3_asks_for(path: Path):
    original = nbformat.read(path, as_version=4)
    before = copy.deepcopy(original)
    notebook = for_nbgrader(original, points=2)
    assert original == before
    nbformat.validate(notebook)
    marked = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    ids = [cell.metadata.nbgrader.grade_id for cell in marked]
    assert (
        len(set(ids)) == len(ids) == sum("exercise" in c.metadata.get("tags", []) for c in before.cells) * 2
    )
    for cell in marked:
        given = dict(cell.metadata.nbgrader)
        assert re.fullmatch(r"[a-zA-Z0-9_-]+", given.pop("grade_id"))
        test = "check" in cell.metadata.tags
        assert given.pop("points", None) == (2 if test else None)
        assert given == dict(schema_version=3, grade=test, locked=test, solution=not test, task=False)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_solution_in_the_instructors_copy_passes_its_test(path: Path):
    found = {"check": importlib.import_module(f"colorlab.checks.{path.stem[3:]}"), "display": lambda _: None}
    tests = 0
    for cell in for_nbgrader(nbformat.read(path, as_version=4)).cells:
        if "nbgrader" in cell.metadata:
            code = SOLUTION.search(cell.source)
            exec(code[1] if code else cell.source, found)
            tests += code is None
    assert tests >= 2


def test_after_the_release_the_exercise_is_the_courses_own():
    original = small()
    for before, after in zip(original.cells, released(for_nbgrader(original), "# mine").cells, strict=True):
        if "exercise" in before.metadata.get("tags", []):
            assert after.source == f"{before.source}\n# mine"


@pytest.mark.slow
@pytest.mark.parametrize(
    "stub", ["# your answer: replace the dots", "# YOUR CODE HERE\nraise NotImplementedError()"]
)
def test_right_wrong_and_unanswered_give_a_point_none_and_none_and_run_all_goes_on(stub):
    notebook = released(for_nbgrader(small()), stub)
    answers = {
        "q1_answer": "mine = check.best_guess()",
        "q2_answer": "def floor(ab, p):\n    return ab[0, 0]",
    }
    for cell in notebook.cells:
        if (grade_id := cell.metadata.get("nbgrader", {}).get("grade_id")) in answers:
            cell.source = answers[grade_id]
    found = outcomes(notebook)
    assert found["q1"] is None
    assert "variance" in found["q2"]
    assert found["q3"].startswith("Replace the ... and run again")


@pytest.mark.slow
def test_nbgraders_rules_of_scoring_are_kept():
    # nbgrader reads a number in Out[] as points, and gives none where something is on stderr.
    notebook = for_nbgrader(small())
    assert outcomes(notebook) == dict.fromkeys(["q1_answer", "q1", "q2_answer", "q2", "q3_answer", "q3"])
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            assert [output.output_type for output in cell.outputs] == ["display_data"]


@pytest.mark.parametrize("source", ["print(check.q1(mine))", "check.q1(mine, 2)", "check.q1(2)\nmine"])
def test_a_check_that_cannot_be_graded_is_refused(source):
    notebook = small()
    notebook.cells[2].source = source
    with pytest.raises(ValueError, match=r"expected a call like `check.q1\(answer\)`"):
        for_nbgrader(notebook)


def test_a_check_without_its_exercise_and_a_notebook_without_checks_are_refused():
    with pytest.raises(ValueError, match="after a cell tagged `exercise`"):
        for_nbgrader(new_notebook(cells=small().cells[2:]))
    with pytest.raises(ValueError, match="nothing to grade"):
        for_nbgrader(new_notebook(cells=small().cells[:1]))


def test_an_assignment_is_written_once_and_never_over_another(tmp_path):
    arguments = ["nbgrader", "05", "07", "--out", str(tmp_path / "source"), "--points", "3"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert result.output.count("  written\n") == 3
    path = tmp_path / "source" / "05_brown_well" / "05_brown_well.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    assert {c.metadata.nbgrader.get("points") for c in cells if "nbgrader" in c.metadata} == {None, 3}
    path.write_text("mine")
    result = CliRunner().invoke(main, arguments)
    assert result.output.count("there already, stays") == 3
    assert path.read_text() == "mine"
    assert not write_assignment(NOTEBOOKS[0], path)


def test_an_unknown_notebook_is_refused_by_name(tmp_path):
    result = CliRunner().invoke(main, ["nbgrader", "99", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "99: no such notebook" in result.output


# ---- an exam -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_an_exam_holds_no_hint_and_no_solution(path: Path):
    checks = vars(importlib.import_module(f"colorlab.checks.{path.stem[3:]}")).values()
    exercises = [check for check in checks if isinstance(check, exercise.Exercise)]
    written = nbformat.writes(for_nbgrader(nbformat.read(path, as_version=4), exam=True))
    assert len(exercises) >= 2 and ".solution" not in written
    for check in exercises:
        told = [*check.hints, inspect.getsource(check.solution)]
        assert not [text for text in told if json.dumps(text, ensure_ascii=False)[1:-1] in written]


@pytest.mark.slow
def test_in_an_exam_a_check_shows_neither_when_it_runs():
    notebook = released(for_nbgrader(small(), exam=True), "# mine")
    assert set(outcomes(notebook)) == {"exam", "q1_answer", "q1", "q2_answer", "q2", "q3_answer", "q3"}
    shown = [
        json.dumps(cell.outputs) for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")
    ]
    assert len(shown) == 3
    assert all("Replace the ..." in text and "Hint" not in text and "Solution" not in text for text in shown)


def test_the_configuration_is_written_once_with_limits_that_hold(tmp_path, monkeypatch):
    for name in ("OMP_NUM_THREADS", "COLORLAB_PRESET"):
        monkeypatch.delenv(name, raising=False)
    assert write_config(tmp_path / "nbgrader_config.py")
    config = Config()
    exec((tmp_path / "nbgrader_config.py").read_text(), {"get_config": lambda: config})
    assert config.ExecutePreprocessor.iopub_timeout >= 60 and os.environ["OMP_NUM_THREADS"] == "1"
    assert not write_config(tmp_path / "nbgrader_config.py")
