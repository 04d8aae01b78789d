"""What a run of notebooks left behind: one page that compares, and its numbers for a program."""

import csv
import html
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nbformat import NotebookNode

from colorlab.course.contents import notebooks
from colorlab.course.parameters import Task, defaults
from colorlab.course.record import Recorded, recorded_in, shown
from colorlab.files.faults import printable
from colorlab.files.whole import write_whole

NOT_RUN = "not run"
STYLE = """
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
  .wide { overflow-x: auto; }
  table { border-collapse: collapse; }
  th, td { text-align: left; vertical-align: top; padding: .4rem .75rem; border-bottom: 1px solid #8888; }
  td:nth-child(2) { white-space: nowrap; }
  td.number { text-align: right; font-variant-numeric: tabular-nums; }
  .multiples { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: 1rem; }
  .multiples figure { margin: 0; } .multiples img { width: 100%; }
  figcaption { overflow-wrap: anywhere; }
"""


@dataclass(frozen=True)
class Outcome:
    """What became of one run of a notebook.

    Attributes:
        name: of its results, without ending.
        seconds: how long it ran.
        error: None, or the failing cell and what it raised.
        page: the rendered result, relative to the output folder; None if there is nothing to render.
        notebook: the name of the notebook.
        swept: the parameters by which it differs from other runs of the notebook.
        parameters: all of them.
        recorded: what it recorded.
        place: versions, machine and date.
        kept: whether it is the result of an earlier run.
    """

    name: str
    seconds: float
    error: str | None
    page: str | None
    notebook: str = ""
    swept: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    recorded: Recorded = field(default_factory=Recorded)
    place: dict[str, Any] = field(default_factory=dict)
    kept: bool = False

    @classmethod
    def of(
        cls,
        task: Task,
        error: str | None,
        seconds: float = 0.0,
        page: str | None = None,
        made: NotebookNode | None = None,
        **more: Any,
    ) -> "Outcome":
        given = {
            "notebook": task.path.stem,
            "swept": task.swept,
            "parameters": defaults(task.path) | task.values,
        }
        recorded = recorded_in(made) if made else Recorded()
        return cls(task.name, round(seconds, 1), error, page, recorded=recorded, **given, **more)

    @property
    def status(self) -> str:
        return {None: "passed", NOT_RUN: NOT_RUN}.get(self.error, "failed")


def summary_of(outcomes: Sequence[Outcome]) -> str:
    """ "10 passed, 1 failed", and how many were not run, if there are such."""
    count = [outcome.status for outcome in outcomes].count
    waiting = f", {count(NOT_RUN)} {NOT_RUN}" if count(NOT_RUN) else ""
    return f"{count('passed')} passed, {count('failed')} failed{waiting}"


def write_report(out: Path, outcomes: Sequence[Outcome]) -> None:
    """Write `index.html`, `results.json` and `results.csv` into the output folder: the same numbers in all three."""
    write_whole(out / "index.html", index(outcomes))
    write_whole(
        out / "results.json", json.dumps([_for_json(o) for o in outcomes], indent=1, ensure_ascii=False)
    )
    write_whole(out / "results.csv", _table_as_csv(outcomes))


def _for_json(o: Outcome) -> dict[str, Any]:
    names = ("name", "notebook", "status", "error", "seconds", "swept", "parameters", "page", "kept")
    return {name: getattr(o, name) for name in names} | {"recorded": o.recorded.values} | o.place


def table(outcomes: Sequence[Outcome]) -> list[list[str]]:
    """Heads, then a row a run, as printed: what was set and what was recorded."""
    parameters = list(dict.fromkeys(name for o in outcomes for name in o.parameters))
    recorded = list(dict.fromkeys(name for o in outcomes for name in o.recorded.values))
    rows = [["run", "status", "seconds", *parameters, *recorded]]
    for o in outcomes:
        found = [o.parameters.get(name, "") for name in parameters]
        found += [o.recorded.values.get(name, "") for name in recorded]
        rows.append([o.name, o.status, f"{o.seconds:.1f}", *map(shown, found)])
    return rows


def _table_as_csv(outcomes: Sequence[Outcome]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table(outcomes))
    return text.getvalue()


# ---- the page ------------------------------------------------------------------------------------


def index(outcomes: Sequence[Outcome]) -> str:
    """The page, as text."""
    from colorlab.course.comparison import drawn_over_sweeps

    summary = f"{summary_of(outcomes)}, {sum(o.seconds for o in outcomes):.0f} s"
    parts = [_runs(outcomes)]
    if errors := [
        f"<li>{_link(o)}: <code>{_safe(o.error)}</code></li>" for o in outcomes if o.status == "failed"
    ]:
        parts.append(f"<h2>What failed</h2><ul>{''.join(errors)}</ul>")
    if all(o.status != NOT_RUN for o in outcomes):
        parts += drawn_over_sweeps(outcomes)
    if pictures := [_picture(o) for o in outcomes if o.recorded.picture]:
        parts.append(f'<h2>The key figure of each run</h2><div class="multiples">{"".join(pictures)}</div>')
    parts += [_places(outcomes), _others(outcomes)]
    return _page(f"colorlab: {summary}", f"<h1>The course, executed</h1><p>{summary}</p>{''.join(parts)}")


def no_page(name: str) -> str:
    """In the place of the page of a run that has none."""
    return _page(name, f'<p>{_safe(name)}: no result. <a href="index.html">All runs</a></p>')


def _runs(outcomes: Sequence[Outcome]) -> str:
    heads, *rows = table(outcomes)
    signs = {"passed": "✓ passed", "failed": "✗ failed", NOT_RUN: f"… {NOT_RUN}"}
    lines = []
    for o, (_, _, *values) in zip(outcomes, rows, strict=True):
        kept = " earlier" if o.kept else ""
        cells = "".join(f'<td class="number">{_safe(value)}</td>' for value in values)
        lines.append(f"<tr><td>{_link(o)}</td><td>{signs[o.status]}{kept}</td>{cells}</tr>")
    head = "".join(f'<th scope="col">{_safe(name)}</th>' for name in heads)
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    numbers = 'The numbers: <a href="results.csv">results.csv</a>, <a href="results.json">results.json</a>'
    return f'<div class="wide" tabindex="0"><table>{body}</table></div><p>{numbers}</p>'


def _picture(o: Outcome) -> str:
    alt = html.escape(o.recorded.alt or f"what {o.name} shows as its result", quote=True)
    address = html.escape(o.recorded.picture, quote=True)
    return f'<figure><img alt="{alt}" src="{address}"><figcaption>{_link(o)}</figcaption></figure>'


def _places(outcomes: Sequence[Outcome]) -> str:
    """Versions and machines, each once, with the first and the last of its dates."""
    found: dict[str, list[str]] = {}
    for o in (o for o in outcomes if o.place):
        versions = ", ".join(f"{name} {number}" for name, number in o.place["versions"].items())
        found.setdefault(f"{o.place['machine']}; {versions}", []).append(o.place["date"])
    lines = [f"<li>{_safe(where)}; {min(dates)} to {max(dates)}</li>" for where, dates in found.items()]
    return f"<h2>Where and when</h2><ul>{''.join(lines)}</ul>" if lines else ""


def _others(outcomes: Sequence[Outcome]) -> str:
    """The notebooks of the course that were not part of this run: links from the others lead here."""
    others = [p.stem for p in notebooks() if p.stem not in {o.notebook for o in outcomes}]
    lines = [f'<li id="{name}">{name}: <code>colorlab run {name[:2]}</code></li>' for name in others]
    return f"<h2>Not part of this run</h2><ul>{''.join(lines)}</ul>" if lines else ""


def _link(o: Outcome) -> str:
    # "./": a name such as javascript:… is a name, and no address
    return f'<a href="./{quote(os.fsencode(o.page))}">{_safe(o.name)}</a>' if o.page else _safe(o.name)


def _safe(text: object) -> str:
    return html.escape(printable(text))


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{_safe(title)}</title>
<style>{STYLE}</style>
<body>{body}</body>
</html>
"""
