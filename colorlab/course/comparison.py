"""Recorded numbers drawn over the swept values."""

import base64
import html
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from colorlab.course.record import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from colorlab.course.report import Outcome

ABREAST = 3  # panels
Lines = dict[str, list[tuple[float, float]]]


def drawn_over_sweeps(outcomes: Sequence["Outcome"]) -> list[str]:
    """For each notebook with a swept number: its recorded numbers over it, a line for the other swept values."""
    parts = []
    for notebook in dict.fromkeys(o.notebook for o in outcomes):
        runs = [o for o in outcomes if o.notebook == notebook and o.status == "passed"]
        names = [n for o in runs[:1] for n, v in o.swept.items() if _number(v)]
        over = next((n for n in names if len({o.swept[n] for o in runs}) > 1), None)
        measured = dict.fromkeys(n for o in runs for n, v in o.recorded.values.items() if _number(v))
        if over and measured:
            parts.append(f"<h2>{html.escape(notebook)} over {html.escape(over)}</h2>")
            parts.append(_drawn(over, {name: _lines(runs, over, name) for name in measured}))
    return parts


def _lines(runs: Sequence["Outcome"], over: str, name: str) -> Lines:
    lines: Lines = defaultdict(list)
    for run in runs:
        others = ", ".join(f"{n} = {shown(v)}" for n, v in run.swept.items() if n != over)
        if _number(value := run.recorded.values.get(name)):  # a run may have had but a word for it
            lines[others].append((run.swept[over], value))
    return {label: sorted(points) for label, points in lines.items()}


def _drawn(over: str, measured: dict[str, Lines]) -> str:
    from colorlab.plots import styled, to_bytes

    picture = base64.b64encode(to_bytes(styled(_figure)(over, measured))).decode()
    told = "; ".join(
        f"{name} {label}: " + ", ".join(f"{shown(y)} at {shown(x)}" for x, y in points)
        for name, lines in measured.items()
        for label, points in lines.items()
    )
    return f'<img alt="{html.escape(told)}" style="max-width: 100%" src="data:image/png;base64,{picture}">'


def _figure(over: str, measured: dict[str, Lines]) -> "Figure":
    """A panel for each recorded number."""
    from matplotlib.figure import Figure

    columns = min(ABREAST, len(measured))
    rows = -(-len(measured) // columns)
    figure = Figure(figsize=(4 * columns, 3 * rows), layout="constrained")
    for i, (name, lines) in enumerate(measured.items()):
        axes = figure.add_subplot(rows, columns, i + 1)
        for label, points in lines.items():
            axes.plot(*zip(*points, strict=True), "o-", label=label or None)
        axes.set(xlabel=over, title=name)
        if any(lines):
            axes.legend()
    return figure


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
