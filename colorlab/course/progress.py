"""Where a reader stands: the map of the course, and which of its exercises pass."""

import json
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

from colorlab.checks import exercise
from colorlab.course import contents
from colorlab.course.answers import SIGNS, answers_in, read_answers


@dataclass(frozen=True)
class Row:
    """One notebook of the map.

    Attributes:
        file: its name, which is also the link to it.
        title: the first line of its first cell.
        promise: the sentence in italics below the title.
        exercises: name ("q1") -> "passed", "failed" or "not attempted", in the order of the notebook;
            "unreadable" where the reader's file is damaged.
        here: whether this is where the reader is.
    """

    file: str
    title: str
    promise: str
    exercises: dict[str, str]
    here: bool


@dataclass(frozen=True)
class Progress:
    """The map of the course, a row a notebook; shows itself as a table, in a notebook with links."""

    rows: tuple[Row, ...]

    @property
    def passed(self) -> int:
        return sum(status == "passed" for row in self.rows for status in row.exercises.values())

    @property
    def total(self) -> int:
        return sum(len(row.exercises) for row in self.rows)

    def __repr__(self) -> str:
        width = max(len(row.title) for row in self.rows)
        lines = [
            f"{row.title:<{width}}  {', '.join(_said(row))}{'  ← you are here' if row.here else ''}"
            for row in self.rows
        ]
        return "\n".join([*lines, self._summary()])

    def _repr_html_(self) -> str:
        left = 'style="text-align: left; vertical-align: top"'
        heads = "".join(
            f'<th scope="col" {left}>{head}</th>' for head in ("notebook", "promise", "exercises")
        )
        rows = []
        for row in self.rows:
            here = "<br><b>← you are here</b>" if row.here else ""
            cells = (
                f'<a href="{row.file}">{escape(row.title)}</a>{here}',
                escape(row.promise),
                "<br>".join(said.replace(" ", "&nbsp;") for said in _said(row)),
            )
            rows.append("<tr>" + "".join(f"<td {left}>{cell}</td>" for cell in cells) + "</tr>")
        table = f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        return f"{table}<p>{self._summary()}</p>"

    def _summary(self) -> str:
        return f"{self.passed} of {self.total} exercises passed"


def progress(here: str | None = None, folder: str | Path = ".") -> Progress:
    """The map of the course, with what is known about every exercise.

    A check that ran in this kernel counts as it answered last. Of the other notebooks the outputs count that
    were saved with them. Nothing else is kept anywhere: clear the outputs, and you start afresh.

    Args:
        here: the notebook that asks, by its number or name.
        folder: where the reader's notebooks lie, side by side or each in a folder of its own name; where this
            kernel runs if not given.

    Raises:
        FileNotFoundError: `here` is no notebook of the course.
    """
    where = contents.find([here])[0].name if here else None
    rows = []
    for path in contents.notebooks():
        original = json.loads(path.read_bytes())  # at once: a map needs no schema
        exercises = dict.fromkeys(answers_in(original["cells"]), "not attempted")
        if mine := contents.find_copy(path, Path(folder)):
            exercises |= saved_in(mine, exercises)
        for q in exercises:
            if result := exercise.last_results.get((path.stem[3:], q)):
                exercises[q] = result.status
        title, promise = heading(original)
        rows.append(Row(path.name, title, promise, exercises, path.name == where))
    return Progress(tuple(rows))


def heading(notebook: dict) -> tuple[str, str]:
    """The title and the promise, the sentence in italics, of a notebook's first cell."""
    source = "".join(notebook["cells"][0]["source"])
    promise = re.search(r"^\*([^*].*)\*$", source, flags=re.MULTILINE)
    return source.splitlines()[0].removeprefix("# "), promise[1] if promise else ""


def saved_in(path: Path, exercises: dict[str, str]) -> dict[str, str]:
    """The exercises of a notebook, of which those named are looked for, with how its saved checks ended."""
    try:
        saved = read_answers(path)
    except (ValueError, OSError):  # a damaged file; the map of the others is still wanted
        return dict.fromkeys(exercises, "unreadable")
    return {q: answer.status for q, answer in saved.items() if q in exercises}


def _said(row: Row) -> list[str]:
    return [f"{q.removeprefix('q')} {SIGNS[status]} {status}" for q, status in row.exercises.items()]
