"""The commands about the notebooks: `colorlab lab`, `run`, `progress`, `nbgrader` and `outputs`."""

import os
import subprocess
import sys
import time
from pathlib import Path

import click

from colorlab.commands.console import say
from colorlab.files.faults import printable, sentence


@click.command()
@click.argument("notebooks", nargs=-1)
@click.option(
    "-p",
    "--parameter",
    "given",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Set a parameter; may be repeated.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("build/course"),
    show_default=True,
    help="Folder for the results.",
)
@click.option(
    "--jobs", type=click.IntRange(1), default=1, show_default=True, help="How many notebooks at a time."
)
def run(notebooks: tuple[str, ...], given: tuple[tuple[str, str], ...], out: Path, jobs: int) -> None:
    """Execute NOTEBOOKS (all of them if none is named) with papermill.

    Every parameter is checked before anything runs. A notebook that fails does not stop the others; the
    exit status is 1 if one failed. Open index.html in the output folder to see the results.

    \b
    colorlab run                                   the whole course
    colorlab run 05 07 -p seed 3                   two notebooks with another seed
    colorlab run color_bins -p grid_size 20        one, by its name, with coarser bins
    colorlab run -p preset smoke --jobs 2          a quick look whether everything works
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    from colorlab.course import notebooks as course
    from colorlab.course.reading import NotebookError

    try:
        chosen = course.check_parameters(course.find(notebooks), given)
    except (FileNotFoundError, course.ParameterError, NotebookError) as error:
        raise click.UsageError(printable(error)) from None
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = Console()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task, running = progress.add_task("starting", total=len(chosen)), []

        def begin(name: str) -> None:
            running.append(name)
            progress.update(task, description=escape(printable(", ".join(running))))

        def end(outcome: course.Outcome) -> None:
            running.remove(outcome.name)
            progress.update(task, advance=1, description=escape(printable(", ".join(running))))
            passed = outcome.error is None
            status = ("passed", "green") if passed else ("FAILED", "red")
            say(
                f"{outcome.name:<24} {outcome.seconds:6.1f} s  ",
                status,
                "" if passed else f" {outcome.error}",
            )

        outcomes = course.run(chosen, out, jobs, begin, end)
    failed = sum(o.error is not None for o in outcomes)
    say(f"{len(outcomes) - failed} passed, {failed} failed; results in {out / 'index.html'}")
    sys.exit(1 if failed else 0)


@click.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("colorlab-course"),
    show_default=True,
    help="Where your copies lie.",
)
@click.option("--update", is_flag=True, help="Bring copies of an older edition to this one.")
@click.argument("jupyter_options", nargs=-1, type=click.UNPROCESSED)
def lab(folder: Path, update: bool, jupyter_options: tuple[str, ...]) -> None:
    """Open your copies of the course in JupyterLab. Further options are handed on, e.g. --no-browser.

    The first time the notebooks are copied, without their outputs, so that no answer stands below its
    question. A file that is already there is yours and is never overwritten.

    \b
    colorlab lab                        your copies, in ./colorlab-course
    colorlab lab --update               new cells of a newer edition, with your answers and own cells; where
                                        both changed a cell, the new notebook lies beside yours
    colorlab lab --folder notebooks     in a clone: the originals, with all outputs
    """
    from colorlab._share import share

    if folder.resolve() != share("notebooks").resolve():
        try:
            _make_copies(folder, update)
        except OSError as error:
            raise click.ClickException(f"{sentence(error)}; choose another --folder") from None
    say(f"The course lies in {folder.resolve()}")
    open_jupyterlab(folder, jupyter_options)


def open_jupyterlab(folder: Path, jupyter_options: tuple[str, ...]) -> None:
    """Become JupyterLab, showing this folder."""
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder.resolve()}",
        *jupyter_options,
    ]
    if os.name == "posix":
        os.execv(sys.executable, command)  # Jupyter itself answers Ctrl-C and the end of the terminal
    sys.exit(subprocess.run(command).returncode)


def _make_copies(folder: Path, update: bool) -> None:
    from colorlab.course import copies

    if kept := copies.copy_to(folder):
        say(f"{len(kept)} files were there already and stay as you left them.")
    older = copies.older(folder)
    if older and not update:
        say(f"Of another edition: {', '.join(path.name for path in older)}.")
        say("colorlab lab --update brings their new cells and keeps your answers.")
    for path in older if update else ():
        written = copies.update(path)
        kept_both = f"you and the new edition changed the same cell; the new one is {written.name}"
        say(f"{path.name}: {'brought up to date' if written == path else kept_both}")


def in_clone() -> bool:
    """Whether the notebooks lie beside the package, under version control, and not inside it."""
    from colorlab._share import share

    return share("notebooks").parent == Path(__file__).parents[2]


@click.command()
@click.argument(
    "folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path("."), required=False
)
def progress(folder: Path) -> None:
    """Print which exercises pass in the notebooks of FOLDER (this folder, if none is named).

    It reads the answers that the checks gave when they ran last, as they were saved with the notebooks, and
    runs nothing. To have them run anew, say colorlab run first and look at its results.

    \b
    colorlab progress                              your own
    colorlab progress submitted/ada/               a student's, also as nbgrader collects them
    colorlab run submitted/ada/05_brown_well.ipynb --out build/ada
    colorlab progress build/ada
    """
    from colorlab.course.contents import COPIES, notebooks
    from colorlab.course.progress import find_copy, progress

    def holds_copies(place: Path) -> bool:
        return any(find_copy(path, place) for path in notebooks())

    if not holds_copies(folder) and holds_copies(folder / COPIES):
        folder = folder / COPIES  # where colorlab lab put them
    if not holds_copies(folder):
        raise click.UsageError(f"{folder} holds no notebook of the course; name the folder where they lie")
    for line in str(progress(folder=folder)).splitlines():
        say(line)


@click.command()
@click.argument("notebooks", nargs=-1)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("source"),
    show_default=True,
    help="The folder that nbgrader calls source.",
)
@click.option("--points", type=click.IntRange(1), default=1, show_default=True, help="Of each exercise.")
def nbgrader(notebooks: tuple[str, ...], out: Path, points: int) -> None:
    """Write NOTEBOOKS (all of them if none is named) as assignments for nbgrader.

    Each becomes an assignment of its own, named like the notebook: a cell to fill in, then a locked cell
    that gives the points when the check passes. A file that is already there stays. The page TEACHING.md,
    beside the notebooks, tells how to go on.

    \b
    colorlab nbgrader 05 07                        source/05_brown_well/05_brown_well.ipynb, …
    nbgrader generate_assignment 05_brown_well     nbgrader itself is installed apart
    """
    from colorlab.course import grading
    from colorlab.course import notebooks as course

    for path in course.find(notebooks):
        target = out / path.stem / path.name
        state = "written" if grading.write_assignment(path, target, points) else "there already, stays"
        say(f"{target}  {state}")


@click.command()
@click.argument("notebooks", nargs=-1)
def outputs(notebooks: tuple[str, ...]) -> None:
    """For authors, in a clone: execute NOTEBOOKS in place and keep the outputs that teach."""
    from colorlab._share import share
    from colorlab.course import notebooks as course

    if not in_clone():
        raise click.ClickException("this renews committed outputs: run it in a clone of the repository")
    figures = share("data/manifest.json").parent / "figures"
    figures.mkdir(exist_ok=True)
    for path in course.find(notebooks):
        start = time.perf_counter()
        course.renew_outputs(path, figures)
        size = path.stat().st_size / 1e6
        say(f"{path.stem:<24} {time.perf_counter() - start:6.1f} s  {size:.2f} MB")
