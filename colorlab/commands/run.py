"""`colorlab run`: the course executed without looking, and a report."""

import sys
import time
from pathlib import Path

import click

from colorlab.commands.console import Given, leave, say
from colorlab.files.faults import printable

EVERY = 30  # seconds from one line to the next where no terminal shows a bar


@click.command()
@click.argument("notebooks", nargs=-1)
@click.option(
    "-p",
    "--parameter",
    "given",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Set a parameter; may be repeated with another name.",
)
@click.option(
    "--sweep",
    "sweeps",
    nargs=2,
    multiple=True,
    metavar="NAME VALUES",
    help="Run with each of several values, separated by commas; two sweeps give every combination.",
)
@click.option(
    "-f",
    "--file",
    type=Given(path_type=Path, exists=True, dir_okay=False),
    help="Parameters from a YAML file, NAME: VALUE a line; a list is swept. What -p and --sweep say is stronger.",
)
@click.option("--resume", is_flag=True, help="Keep what passed here before and would be the same again.")
@click.option(
    "--out",
    type=Given(path_type=Path),
    default=Path("build/course"),
    show_default=True,
    help="Folder for the results.",
)
@click.option(
    "--jobs", type=click.IntRange(1), default=1, show_default=True, help="How many notebooks at a time."
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How long a notebook may take.",
)
@click.option(
    "--dask",
    metavar="ADDRESS",
    help="Run on the workers of this Dask scheduler, e.g. tcp://10.0.0.1:8786 (extra `cluster`).",
)
def run(
    notebooks: tuple[str, ...],
    given: tuple[tuple[str, str], ...],
    sweeps: tuple[tuple[str, str], ...],
    file: Path | None,
    resume: bool,
    out: Path,
    jobs: int,
    timeout: float,
    dask: str | None,
) -> None:
    """Execute NOTEBOOKS (all of them if none is named) with papermill.

    Every parameter is checked before anything runs. A notebook that fails does not stop the others; the
    exit status is 1 if one failed. Open index.html in the output folder to see the results. Ctrl-C ends
    everything and leaves a report of what was done.

    \b
    colorlab run                                   the whole course
    colorlab run 05 07 -p seed 3                   two notebooks with another seed
    colorlab run color_bins -p grid_size 20        one, by its name, with coarser bins
    colorlab run -p preset smoke --jobs 2          a quick look whether everything works
    colorlab run 06 07 --sweep grid_size 5,10,20 --sweep seed 0,1
                                                   twelve runs; the report compares them
    """
    from colorlab.course import running
    from colorlab.course.contents import find
    from colorlab.course.parameters import ParameterError, plan, with_file
    from colorlab.course.reading import NotebookError
    from colorlab.course.report import summary_of

    try:
        swept = [(name, values.split(",")) for name, values in sweeps]
        tasks = plan(find(notebooks), *with_file(file, given, swept))
    except (FileNotFoundError, ParameterError, NotebookError) as error:
        raise click.UsageError(printable(error)) from None
    try:
        with Watch(len(tasks)) as watch:
            outcomes = running.run(
                tasks, out, jobs, timeout, dask, resume, watch.cell, watch.ended, watch.look
            )
    except running.Stopped as stopped:
        say(f"{stopped}; what was done until then: {out / 'index.html'}")
        leave(stopped.status)
    say(f"{summary_of(outcomes)}; results in {out / 'index.html'}")
    sys.exit(any(outcome.error for outcome in outcomes))


class Watch:
    """Says what is running: a bar in a terminal, elsewhere a line now and then; and how each run ended."""

    def __init__(self, total: int):
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        self.console = Console()
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        hidden = not self.console.is_terminal
        self.bar = Progress(*columns, console=self.console, disable=hidden, transient=True)
        self.task = self.bar.add_task("starting", total=total)
        self.at: dict[str, str] = {}
        self.began: dict[str, float] = {}
        self.said = time.monotonic()

    def __enter__(self) -> "Watch":
        self.bar.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.__exit__(*exception)

    def cell(self, name: str, cell: int, cells: int) -> None:
        self.began.setdefault(name, time.monotonic())
        self.at[name] = f"cell {cell} of {cells}"

    def look(self) -> None:
        from rich.markup import escape

        at = list(self.at.items())  # other threads go on writing
        self.bar.update(self.task, description=escape(printable(", ".join(f"{n} {a}" for n, a in at))))
        if self.console.is_terminal or time.monotonic() - self.said < EVERY:
            return
        self.said = time.monotonic()
        for name, cell in at:
            say(f"{name:<24} {cell}, {(self.said - self.began[name]) / 60:.1f} min")

    def ended(self, outcome) -> None:
        self.at.pop(outcome.name, None)
        self.bar.advance(self.task)
        status = ("FAILED", "red") if outcome.error else ("passed", "green")
        say(
            f"{outcome.name:<24} {outcome.seconds:6.1f} s  ",
            status,
            f" {outcome.error}" if outcome.error else "",
        )
