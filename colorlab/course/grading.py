"""The notebooks as assignments for nbgrader, which is not needed to make them."""

import copy
import os
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from colorlab.course.reading import read_notebook
from colorlab.files.whole import clear_leftovers, write_whole

TEST = """\
result = {check}
display(result)
assert result.status == "passed", result.message"""
NO_HELP = """\
# An exam: the checks answer, and show neither hints nor solutions.
from colorlab.checks.exercise import without_help

without_help()"""
CONFIG = """\
# How nbgrader runs what it grades: limits that hold on a busy machine, one thread a kernel.
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # several kernels on one machine wait for each other otherwise
os.environ.setdefault("COLORLAB_PRESET", "smoke")  # no check looks at a network that the notebook trained

c = get_config()
c.ExecutePreprocessor.timeout = 1200  # seconds a cell may take; nbgrader's own are 30
c.ExecutePreprocessor.startup_timeout = 300  # until a kernel answers; its own are 60
c.ExecutePreprocessor.iopub_timeout = 300  # until the outputs of a cell have arrived; its own are 4
c.ExecutePreprocessor.raise_on_iopub_timeout = True  # an output that is late is an error, and never a 0
c.KernelManager.transport_encryption = "auto"
c.ClearSolutions.code_stub = {"python": "# your answer: replace the dots above"}
"""
LONGEST = 80  # characters of a source in an error
BLANK_AND_SOLUTION = """\
{blank}
### BEGIN SOLUTION
{solution}
### END SOLUTION"""


def for_nbgrader(notebook: NotebookNode, points: float = 1, exam: bool = False) -> NotebookNode:
    """A copy whose exercises nbgrader can grade; the notebook itself is left as it is.

    A cell tagged `exercise` becomes a solution cell: the blank stays, and the library's solution stands
    below it for the instructor; `nbgrader generate_assignment` takes it out. A cell tagged `check` becomes a
    locked test that gives its points when the check passes. Both get the tag `raises-exception`, so that
    Run All goes on after an exercise that was left out.

    Args:
        notebook: one of the course, format 4.
        points: of each exercise.
        exam: neither hints nor solutions, in it or in what its checks show.

    Returns:
        The copy, with cell metadata of nbgrader's schema 3.

    Raises:
        ValueError: the notebook has no check, or one that is not a call like `check.q1(answer)`.
    """
    notebook = copy.deepcopy(notebook)
    blank, graded = None, 0
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "exercise" in tags:
            blank = cell
        elif "check" in tags:
            _to_solution_and_test(blank, cell, points, exam)
            graded += 1
    if not graded:
        raise ValueError("nothing to grade: no cell is tagged `check`")
    if exam:
        first = new_code_cell(NO_HELP, metadata={"tags": []})
        _mark(first, grade_id="exam", locked=True)
        notebook.cells.insert(1, first)
    return notebook


def _to_solution_and_test(blank: NotebookNode, check: NotebookNode, points: float, exam: bool) -> None:
    called = re.fullmatch(r"(\w+\.(q\d+))\((\w+)\)", check.source.strip())
    shown = check.source if len(check.source) <= LONGEST else f"{check.source[:LONGEST]}…"
    if not (blank and called):
        raise ValueError(f"`{shown}`: expected a call like `check.q1(answer)` after a cell tagged `exercise`")
    exercise, q, name = called.groups()
    # The solution of an exercise that asks for a function is that function; any other returns the answer.
    solution = f"{exercise}.solution" if f"def {name}(" in blank.source else f"{exercise}.solution()"
    solution = "# none in an exam: nbgrader puts its stub here" if exam else f"{name} = {solution}"
    blank.source = BLANK_AND_SOLUTION.format(blank=blank.source, solution=solution)
    check.source = TEST.format(check=check.source.strip())
    _mark(blank, grade_id=f"{q}_answer", solution=True)
    _mark(check, grade_id=q, grade=True, locked=True, points=points)


def write_config(target: Path) -> bool:
    """Write `nbgrader_config.py`; one that is already there stays. Returns whether it was written."""
    try:
        write_whole(target, CONFIG, replace=False)
    except FileExistsError:
        return False
    return True


def write_assignment(path: Path, target: Path, points: float = 1, exam: bool = False) -> bool:
    """Write a notebook of the course as an assignment; a file that is already there stays.

    Returns:
        Whether it was written.

    Raises:
        ValueError: it is no notebook, or has nothing to grade.
        OSError: the place cannot be written.
    """
    if os.path.lexists(target):
        return False
    try:
        text = nbformat.writes(for_nbgrader(read_notebook(path), points, exam))
    except ValueError as error:
        said = str(error)
        raise ValueError(said if said.startswith(f"{path}:") else f"{path}: {said}") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(target.parent)
    try:
        write_whole(target, text + "\n", replace=False)
    except FileExistsError:  # made meanwhile
        return False
    return True


def _mark(cell: NotebookNode, **given: object) -> None:
    cell.metadata["nbgrader"] = (
        dict(schema_version=3, grade=False, solution=False, locked=False, task=False) | given
    )
    cell.metadata["tags"] = [*cell.metadata["tags"], "raises-exception"]
    cell.outputs, cell.execution_count = [], None
