"""A class at a glance: who answered what, what is failed and how, which files are damaged."""

import csv
import io
import json
import subprocess
import sys

import nbformat
import pytest
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_notebook, new_output

from colorlab.cli import main
from colorlab.course.classroom import classroom

ANSWERS = {"ada": "passed", "ben": "failed", "cem": "failed", "dot": "not attempted"}


def save(path, status: str, blank: str = "mine = 3") -> None:
    shown = new_output("execute_result", data={"text/plain": f"{status}: <because>", "text/html": "<b>…</b>"})
    cells = [
        new_code_cell(f"# Exercise 1\n{blank}", metadata={"tags": ["exercise"]}),
        new_code_cell("check.q1(mine)", metadata={"tags": ["check"]}, outputs=[shown]),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)


@pytest.fixture(
    params=["{}/05_brown_well.ipynb", "{}/05_brown_well/05_brown_well.ipynb"], ids=["plain", "nbgrader"]
)
def submitted(tmp_path, request):
    for student, status in ANSWERS.items():
        save(tmp_path / request.param.format(student), status)
    (tmp_path / "ada" / "06_color_bins.ipynb").write_text('{"cells": ')
    (tmp_path / "ada" / "notes.ipynb").write_text("mine")
    return tmp_path


def said(*words) -> str:
    result = CliRunner().invoke(main, ["progress", *map(str, words)])
    assert result.exit_code == 0, result.output
    return result.output


def test_students_by_exercises_what_is_failed_with_which_answer_and_damaged_files(submitted):
    lines = said(submitted).splitlines()
    assert lines[0].startswith("4 students, 1 exercises")
    assert [line.split() for line in lines[2:6]] == [["ada", "✓"], ["ben", "✗"], ["cem", "✗"], ["dot", "…"]]
    assert lines[6:8] == ["05_brown_well q1: 2 of 4 fail", "    2 × mine = 3 → <because>"]
    assert lines[8].startswith(f"damaged: {submitted / 'ada' / '06_color_bins.ipynb'}: not a notebook")


def test_a_name_no_exercise_has_does_not_spoil_the_class(submitted):
    path = next(submitted.glob("ben/**/05_brown_well.ipynb"))
    book = nbformat.read(path, as_version=4)
    book.cells[1].source = f"check.q{'1' * 5000}(mine)"
    nbformat.write(book, path)
    assert "4 students" in said(submitted)


def test_the_same_as_csv_as_json_and_as_a_page(submitted):
    rows = list(csv.reader(io.StringIO(said(submitted, "--csv"))))
    assert rows[0] == ["student", "05_brown_well q1"] and dict(rows[1:5]) == ANSWERS
    made = json.loads(said(submitted, "--json"))
    assert made["students"]["ben"]["05_brown_well q1"]["source"] == "mine = 3"
    assert made["failing"][0]["fail"] == 2 and len(made["damaged"]) == 1
    page = said(submitted, "--html")
    assert page.count('aria-label="failed"') == 2 and "2 × mine = 3 → &lt;because&gt;" in page
    assert "<because>" not in page and "http" not in page


def test_a_student_of_nbgraders_is_a_student_and_no_class(tmp_path):
    save(tmp_path / "ada" / "05_brown_well" / "05_brown_well.ipynb", "passed")
    assert "1 ✓ passed" in said(tmp_path / "ada")
    result = CliRunner().invoke(main, ["progress", str(tmp_path / "ada"), "--csv"])
    assert result.exit_code == 2 and "--csv is for a class" in result.output


def test_a_notebook_not_handed_in_and_one_without_outputs_are_told_apart(tmp_path):
    save(tmp_path / "ada" / "05_brown_well.ipynb", "passed")
    save(tmp_path / "ben" / "06_color_bins.ipynb", "passed")
    found = classroom(tmp_path)
    assert found.status("ben", ("05_brown_well", "q1")) == "missing"
    assert found.passed(("05_brown_well", "q1")) == 1


def test_a_class_is_read_without_torch(submitted):
    code = "import sys; sys.modules['torch'] = None; from colorlab.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code, "progress", str(submitted)], capture_output=True, text=True
    )
    assert result.returncode == 0 and result.stdout.startswith("4 students"), result.stderr


def test_no_name_and_no_answer_forges_a_line(tmp_path):
    save(tmp_path / "ada\nzoe  ✓\x1b]0;title\x07" / "05_brown_well.ipynb", "failed", "mine = 3")
    save(tmp_path / "ben" / "05_brown_well.ipynb", "failed: no\nben  ✓ \x1b[31m", "mine = 4")
    plain, table = said(tmp_path), said(tmp_path, "--csv")
    assert not [line for line in plain.splitlines() if line.startswith(("zoe", "ben  ✓"))]
    assert table.rstrip().count("\n") == 2 and "\x1b" not in plain + table
