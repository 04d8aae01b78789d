"""How the exercises of a saved notebook ended: what its checks said when they ran last."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SIGNS = {"passed": "✓", "failed": "✗", "not attempted": "…", "missing": "-", "unreadable": "?"}
SAID = re.compile(r"(passed|failed|not attempted): (.*)", flags=re.DOTALL)
CALLED = re.compile(r"\.(q\d{1,3})\(")
LONGEST = 100  # characters of an answer's source


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        status: "passed", "failed" or "not attempted".
        message: what the check said, or the error before it could.
        source: the last line of the cell in which the answer stands.
    """

    status: str
    message: str
    source: str


def read_answers(path: Path) -> dict[str, Answer]:
    """Exercise ("q1") -> answer. Read as plain JSON: a class is hundreds of files, and few of them are looked at.

    Raises:
        ValueError: a damaged file; the message says how.
        OSError: it cannot be read.
    """
    try:
        cells = json.loads(path.read_bytes().decode("utf-8-sig"))["cells"]
        return answers_in(cells)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"not a notebook, or a damaged one ({type(error).__name__}: {str(error)[:100]})"
        ) from None


def answers_in(cells: list[dict[str, Any]]) -> dict[str, Answer]:
    """Exercise -> answer, of the cells of a sound notebook."""
    found, blank = {}, ""
    for cell in cells:
        tags, source = cell["metadata"].get("tags", []), "".join(cell["source"])
        if "exercise" in tags:
            blank = source
        called = CALLED.search(source)
        if called and "check" in tags:
            status, message = _said(cell.get("outputs", []))
            lines = [line.strip() for line in blank.splitlines() if line.strip() and not line.startswith("#")]
            found[called[1]] = Answer(status, message, (lines or [""])[-1][:LONGEST])
    return found


def _said(outputs: list[dict[str, Any]]) -> tuple[str, str]:
    for output in outputs:
        if said := SAID.match("".join(output.get("data", {}).get("text/plain", ""))):
            return said[1], said[2]
    # An error before the check could answer, for instance a name that the reader never defined.
    for output in outputs:
        if output.get("output_type") == "error":
            return "failed", f"{output.get('ename')}: {output.get('evalue')}"
    return "not attempted", ""
