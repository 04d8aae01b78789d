"""What is done and unchanged need not be done again."""

import hashlib
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from colorlab.course.execution import versions
from colorlab.course.parameters import Task
from colorlab.course.reading import NotebookError, read_notebook

KEY = "colorlab"  # in the metadata of an executed notebook
PACKAGE = Path(__file__).parents[1]


def fingerprint(task: Task) -> str:
    """Equal for runs that give the same: the notebook, its parameters, versions and the files of this package."""
    given = [task.values, os.environ.get("COLORLAB_PRESET"), versions(), _package()]
    return hashlib.sha256(task.path.read_bytes() + json.dumps(given).encode()).hexdigest()


@cache
def _package() -> str:
    total = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            total.update(
                str(path.relative_to(PACKAGE)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest()
            )
    return total.hexdigest()


def sign(made: NotebookNode, mark: str, seconds: float, place: dict[str, Any]) -> None:
    """Note in an executed notebook that passed what it is the result of: its fingerprint when it began."""
    made.metadata[KEY] = {"fingerprint": mark, "seconds": seconds, "place": place}


def earlier(task: Task, out: Path) -> NotebookNode | None:
    """The result of an earlier run in this folder, if this one would be the same."""
    try:
        made = read_notebook(out / f"{task.name}.ipynb")
    except (NotebookError, OSError):
        return None
    known = made.metadata.get(KEY)  # a stranger's may be anything
    same = isinstance(known, dict) and known.get("fingerprint") == fingerprint(task)
    return made if same and (out / f"{task.name}.html").is_file() else None
