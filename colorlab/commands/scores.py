"""What `colorlab evaluate` found, as tables on a screen. A file of its own: rich takes as long to load as all else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from colorlab.commands.console import say
from colorlab.files.faults import printable

if TYPE_CHECKING:  # torch is loaded when the command runs
    from colorlab.evaluation import Report, Row

console = Console(soft_wrap=True)

MEASURES = {  # measure -> title, digits
    "psnr": ("PSNR, dB", 2),
    "rebalanced_auc": ("rebalanced\nAuC", 1),
    "chroma_ratio": ("chroma\nratio", 2),
    "hits": ("hits, %", 1),
    "farther_than_grey": ("farther,\n%", 0),
    "patchiness": ("patchiness", 2),
}


def show(report: Report) -> None:
    """The report as tables that fit the width of the screen."""
    data = report.data
    say(
        f"{data['pictures']:,} pictures of {data['name']} ({data['part']}), coloured whole, as `colorlab colorize` does"
    )
    tables = [measures(report)]
    if report.hints:
        tables.append(hints(report.hints))
    if report.global_hint:
        tables.append(global_hints(report))
    for made in [*tables, flicker(report)]:
        console.print()
        console.print(made, soft_wrap=False)


def measures(report: Report) -> Table:
    caption = (
        "Below each score: 95 % bootstrap intervals over pictures. Rebalanced AuC can be compared on one set only. "
        "Hits: clearly coloured pixels (chroma > 30) within 25 units of the truth. Farther: pictures farther from the "
        "truth than grey. –: nothing to measure it on."
    )
    titles = [title for title, _ in MEASURES.values()]
    rows = {name: [cell(row, measure) for measure in MEASURES] for name, row in report.rows.items()}
    return as_table("Scores", titles, rows, caption)


def cell(row: Row, measure: str) -> str:
    """A score and, below it, its interval; a dash where nothing could be measured."""
    if math.isnan(row.scores.get(measure, math.nan)):
        return "–"
    digits = MEASURES[measure][1]
    low, high = row.interval[measure]
    return f"{row.scores[measure]:.{digits}f}\n{low:.{digits}f}–{high:.{digits}f}"


def hints(curve: dict) -> Table:
    labels = {"guided": "guided network", "spread": "hints spread alone"}
    rows = {label: [f"{psnr:.2f}" for psnr in curve[name]["psnr"]] for name, label in labels.items()}
    return as_table("PSNR, dB, by hints a picture", [str(n) for n in curve["counts"]], rows)


def global_hints(report: Report) -> Table:
    scores = {name: row.scores for name, row in report.global_hint.items()}
    rows = {name: [f"{s['psnr']:.2f}", f"{s['chroma_ratio']:.2f}"] for name, s in scores.items()}
    return as_table("By whose global hint", ["PSNR, dB", "chroma ratio"], rows)


def flicker(report: Report) -> Table:
    caption = (
        "On a clip of a still camera, the same for all data: the mean change of ab where L did not change, Lab "
        "units a frame."
    )
    ways = ("by_frame", "smoothed")
    rows = {
        name: [f"{found[way][key]:.2f}" for key in ("flicker", "rebalanced_auc") for way in ways]
        for name, found in report.flicker.items()
    }
    titles = ["frame by frame", "smoothed", "rebalanced AuC", "smoothed"]
    return as_table("Flicker", titles, rows, caption)


def as_table(title: str, columns: list[str], rows: dict[str, list[str]], caption: str | None = None) -> Table:
    """Names on the left, figures on the right; in the names of strangers' files is no markup."""
    made = Table(title=title, caption=caption, title_justify="left", caption_justify="left", box=None)
    made.padding, made.collapse_padding, made.pad_edge = (0, 1), True, False  # all columns fit 80 characters
    made.add_column(overflow="fold", min_width=len("classification,"))
    for column in columns:
        made.add_column(column, justify="right", overflow="fold")
    for name, cells in rows.items():
        made.add_row(Text(printable(name)), *cells)
    return made
