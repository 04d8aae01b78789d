"""A class at a glance: students × exercises, from the notebooks they handed in; nothing is run, torch stays away."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path

from colorlab.course.answers import SIGNS, Answer, read_answers
from colorlab.files.faults import printable

NOTEBOOK = re.compile(r"(\d\d_\w+)\.ipynb")
MOST_SHOWN = 3  # of the wrong answers to an exercise
STYLE = """
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; }
  table { border-collapse: collapse; } .wide { overflow-x: auto; }
  th, td { text-align: left; vertical-align: top; padding: .2rem .5rem; border-bottom: 1px solid #8888; }
"""


@dataclass(frozen=True)
class Classroom:
    """Who answered what.

    Attributes:
        students: name -> (notebook, exercise) -> answer.
        damaged: files that could not be read, with what is wrong.
    """

    students: dict[str, dict[tuple[str, str], Answer]]
    damaged: dict[Path, str]

    @cached_property
    def exercises(self) -> list[tuple[str, str]]:
        """(notebook, exercise), in reading order, of all that anybody has."""
        found = {exercise for answers in self.students.values() for exercise in answers}
        return sorted(found, key=lambda exercise: (exercise[0], int(exercise[1][1:])))

    def status(self, student: str, exercise: tuple[str, str]) -> str:
        """ "passed", "failed", "not attempted", or "missing" where the notebook was not handed in."""
        answer = self.students[student].get(exercise)
        return answer.status if answer else "missing"

    def passed(self, exercise: tuple[str, str]) -> int:
        """How many students pass it."""
        return sum(self.status(student, exercise) == "passed" for student in self.students)

    def failing(self) -> list[tuple[tuple[str, str], int, list[tuple[str, int]]]]:
        """Exercises that somebody fails, the worst first: how many fail, and the commonest answers."""
        found = []
        for exercise in self.exercises:
            wrong = [a[exercise] for a in self.students.values() if exercise in a]
            wrong = [answer for answer in wrong if answer.status == "failed"]
            if wrong:
                counted = Counter(f"{answer.source} → {answer.message}" for answer in wrong)
                found.append((exercise, len(wrong), counted.most_common(MOST_SHOWN)))
        return sorted(found, key=lambda entry: -entry[1])

    def __str__(self) -> str:
        names = {student: printable(student) for student in self.students}  # in one line, whatever they hold
        width = max(map(len, names.values()), default=0)
        counted = f"{len(self.students)} students, {len(self.exercises)} exercises"
        lines = [f"{counted}: ✓ passed  ✗ failed  … not attempted  - missing"]
        columns: dict[str, list[tuple[str, str]]] = {}
        for exercise in self.exercises:
            columns.setdefault(exercise[0], []).append(exercise)
        heads = {notebook: max(len(notebook[:2]), len(found)) for notebook, found in columns.items()}
        lines.append(" " * width + "  " + " ".join(f"{notebook[:2]:<{w}}" for notebook, w in heads.items()))
        for student in self.students:
            cells = (
                f"{''.join(SIGNS[self.status(student, e)] for e in found):<{heads[notebook]}}"
                for notebook, found in columns.items()
            )
            lines.append(f"{names[student]:<{width}}  {' '.join(cells)}")
        for (notebook, q), count, answers in self.failing():
            lines.append(f"{notebook} {q}: {count} of {len(self.students)} fail")
            lines += [f"    {times} × {printable(answer)}" for answer, times in answers]
        damaged = (f"damaged: {path}: {why}" for path, why in self.damaged.items())
        return "\n".join([*lines, *map(printable, damaged)])


def classroom(folder: Path) -> Classroom:
    """Read what a class handed in.

    Args:
        folder: of the students' folders, which hold notebooks, or folders of nbgrader's assignments that do.
    """
    students: dict[str, dict[tuple[str, str], Answer]] = {}
    damaged = {}
    for student, path in handed_in(folder):
        answers = students.setdefault(student, {})
        try:
            for q, answer in read_answers(path).items():
                answers[path.stem, q] = answer
        except (ValueError, OSError) as error:
            damaged[path] = str(error)
    return Classroom(students, damaged)


def handed_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """(student, notebook) of every subfolder that holds notebooks of the course, itself or in folders of their name."""
    for student in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        for path in sorted([*student.glob("*.ipynb"), *student.glob("*/*.ipynb")]):
            if NOTEBOOK.fullmatch(path.name) and not path.parent.name.startswith("."):
                yield student.name, path


# ---- for programs and browsers -------------------------------------------------------------------


def as_csv(found: Classroom) -> str:
    """A row a student, a column an exercise."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["student", *(f"{notebook} {q}" for notebook, q in found.exercises)])
    writer.writerows([printable(s), *(found.status(s, e) for e in found.exercises)] for s in found.students)
    return text.getvalue()


def as_json(found: Classroom) -> str:
    students = {
        student: {f"{n} {q}": vars(answer) for (n, q), answer in answers.items()}
        for student, answers in found.students.items()
    }
    failing = [
        {"exercise": f"{n} {q}", "fail": count, "answers": [{"answer": a, "times": t} for a, t in answers]}
        for (n, q), count, answers in found.failing()
    ]
    damaged = {str(path): why for path, why in found.damaged.items()}
    return json.dumps(
        {"students": students, "failing": failing, "damaged": damaged}, indent=1, ensure_ascii=False
    )


def as_html(found: Classroom) -> str:
    heads = "".join(f'<th scope="col">{_safe(n[:2])} {_safe(q)}</th>' for n, q in found.exercises)
    rows = []
    for student in found.students:
        cells = "".join(_cell(found, student, exercise) for exercise in found.exercises)
        rows.append(f'<tr><th scope="row">{_safe(student)}</th>{cells}</tr>')
    passed = "".join(f"<td>{found.passed(e)}</td>" for e in found.exercises)
    rows.append(f'<tr><th scope="row">passed</th>{passed}</tr>')
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>A class at a glance</title>
<style>{STYLE}</style>
<h1>{len(found.students)} students, {len(found.exercises)} exercises</h1>
<p>✓ passed, ✗ failed, … not attempted, - not handed in. Point at a sign to read the answer.</p>
<div class="wide" tabindex="0"><table><thead><tr><th>student</th>{heads}</tr></thead>
<tbody>{"".join(rows)}</tbody></table></div>
<h2>What the class fails</h2>
{_lists([(f"{n} {q}: {count} fail", [f"{t} × {a}" for a, t in answers]) for (n, q), count, answers in found.failing()])}
<h2>Damaged files</h2>
{_lists([(str(path), [why]) for path, why in found.damaged.items()])}
</html>
"""


def _cell(found: Classroom, student: str, exercise: tuple[str, str]) -> str:
    status, answer = found.status(student, exercise), found.students[student].get(exercise)
    said = f"{student}, {exercise[0]} {exercise[1]}: {status}. {answer.message if answer else ''}"
    sign = f'<span role="img" aria-label="{_safe(status)}">{SIGNS[status]}</span>'
    return f'<td title="{_safe(said)}">{sign}</td>'


def _lists(entries: Sequence[tuple[str, Sequence[str]]]) -> str:
    lines = []
    for head, inner in entries:
        lines.append(
            f"<li>{_safe(head)}<ul>{''.join(f'<li><code>{_safe(x)}</code></li>' for x in inner)}</ul></li>"
        )
    return f"<ul>{''.join(lines)}</ul>" if lines else "<p>None.</p>"


def _safe(text: str) -> str:
    return escape(printable(text))
