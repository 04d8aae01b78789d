"""The commands about the notebooks: `colorlab lab`, `nbgrader` and `outputs`."""

import os
import subprocess
import sys
import time
from pathlib import Path

import click

from colorlab.commands.console import Given, say
from colorlab.files.faults import sentence

STATES = {True: "written", False: "there already, stays"}


@click.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--folder",
    type=Given(path_type=Path, file_okay=False),
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
    from colorlab.course.kernel import ENCRYPTION

    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder.resolve()}",
        f"--MappingKernelManager.transport_encryption={ENCRYPTION}",
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
        kept_both = f"yours stays; the new edition, which cannot be joined with it, is {written.name}"
        say(f"{path.name}: {'brought up to date' if written == path else kept_both}")


def in_clone() -> bool:
    """Whether the notebooks lie beside the package, under version control, and not inside it."""
    from colorlab._share import share

    return share("notebooks").parent == Path(__file__).parents[2]


@click.command()
@click.argument("notebooks", nargs=-1)
@click.option(
    "--out",
    type=Given(path_type=Path, file_okay=False),
    default=Path("source"),
    show_default=True,
    help="The folder that nbgrader calls source.",
)
@click.option("--points", type=click.IntRange(1), default=1, show_default=True, help="Of each exercise.")
@click.option("--exam", is_flag=True, help="Without hints and solutions, also below the checks.")
def nbgrader(notebooks: tuple[str, ...], out: Path, points: int, exam: bool) -> None:
    """Write NOTEBOOKS (all of them if none is named) as assignments for nbgrader.

    Each becomes an assignment of its own, named like the notebook: a cell to fill in, then a locked cell
    that gives the points when the check passes. Beside the folder nbgrader_config.py is written, with limits
    that hold on a busy machine. A file that is already there stays. The page TEACHING.md, beside the
    notebooks, tells how to go on.

    \b
    colorlab nbgrader 05 07                        source/05_brown_well/05_brown_well.ipynb, …
    nbgrader generate_assignment 05_brown_well     nbgrader itself is installed apart
    """
    from colorlab.course import grading
    from colorlab.course import notebooks as course

    for path in course.find(notebooks):
        target = out / path.stem / path.name
        say(f"{target}  {STATES[grading.write_assignment(path, target, points, exam)]}")
    config = out.parent / "nbgrader_config.py"
    say(f"{config}  {STATES[grading.write_config(config)]}")


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
