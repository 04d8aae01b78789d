"""`colorlab …` on the command line. Thin: every command calls one function of the library.

Made with click itself: `-p NAME VALUE`, repeated, is a pair of words, which typer cannot declare.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
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

from colorlab import __version__

console = Console(soft_wrap=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="colorlab-course")
def main() -> None:
    """Understand with your own hands how a neural network learns to colour a grey photograph.

    \b
    colorlab lab       open the course and read it
    colorlab run       execute the course without looking, and report
    colorlab doctor    what works on this machine
    """


@main.command()
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
    from colorlab import course

    try:
        chosen = course.check_parameters(course.find(notebooks), given)
    except (FileNotFoundError, course.ParameterError) as error:
        raise click.UsageError(str(error)) from None
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task, running = progress.add_task("starting", total=len(chosen)), []

        def begin(name: str) -> None:
            running.append(name)
            progress.update(task, description=", ".join(running))

        def end(outcome: course.Outcome) -> None:
            running.remove(outcome.name)
            progress.update(task, advance=1, description=", ".join(running))
            status = (
                "[green]passed[/]" if outcome.error is None else f"[red]FAILED[/] {escape(outcome.error)}"
            )
            console.print(f"{outcome.name:<24} {outcome.seconds:6.1f} s  {status}", highlight=False)

        outcomes = course.run(chosen, out, jobs, begin, end)
    failed = sum(o.error is not None for o in outcomes)
    console.print(
        f"{len(outcomes) - failed} passed, {failed} failed; results in {out / 'index.html'}", highlight=False
    )
    sys.exit(1 if failed else 0)


@main.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Where your copy of the course lies."
)
@click.argument("jupyter_options", nargs=-1, type=click.UNPROCESSED)
def lab(folder: Path | None, jupyter_options: tuple[str, ...]) -> None:
    """Open the course in JupyterLab. Further options are handed on, e.g. --no-browser.

    In a clone the notebooks are opened where they are. Otherwise they are copied into ./colorlab-course
    (or --folder) first; a notebook that is already there is yours and is never overwritten.
    """
    from colorlab import course
    from colorlab._share import share

    in_clone = share("notebooks").parent == Path(__file__).parent.parent
    if folder is None and in_clone:
        folder = share("notebooks")
    else:
        folder = folder or Path("colorlab-course")
        kept = course.copy_to(folder)
        if kept:
            console.print(
                f"{len(kept)} notebooks were there already and stay as you left them.", highlight=False
            )
    console.print(f"The course lies in {folder.resolve()}", highlight=False)
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder.resolve()}",
        *jupyter_options,
    ]
    sys.exit(subprocess.run(command).returncode)


@main.command()
@click.argument("notebooks", nargs=-1)
def outputs(notebooks: tuple[str, ...]) -> None:
    """For authors, in a clone: execute NOTEBOOKS in place and keep the outputs that teach."""
    from colorlab import course
    from colorlab._share import share

    figures = share("data/manifest.json").parent / "figures"
    figures.mkdir(exist_ok=True)
    for path in course.find(notebooks):
        start = time.perf_counter()
        course.renew_outputs(path, figures)
        size = path.stat().st_size / 1e6
        console.print(f"{path.stem:<24} {time.perf_counter() - start:6.1f} s  {size:.2f} MB", highlight=False)


@main.command()
def doctor() -> None:
    """Say what works on this machine, a line each; exit status 1 if something needed does not."""
    failed = 0
    for name, check in DOCTOR.items():
        try:
            console.print(f"[OK]   {name}: {check()}", markup=False, highlight=False)
        except Exception as error:  # whatever is wrong, the line says so and the next check runs
            failed += 1
            console.print(f"[FAIL] {name}: {type(error).__name__}: {error}", markup=False, highlight=False)
    sys.exit(1 if failed else 0)


def _torch() -> str:
    import torch

    torch.nn.Conv2d(1, 2, 3)(torch.zeros(1, 1, 8, 8)).sum().backward()
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {os.cpu_count()} cores"
    return f"{torch.__version__}, computes on {where}"


def _photographs() -> str:
    from colorlab.data import is_original, manifest

    strange = [entry["name"] for entry in manifest() if not is_original(entry)]
    if strange:
        raise ValueError(
            f"{', '.join(strange)} differ from the manifest; install the versions of constraints.txt"
        )
    return f"{len(manifest())}, all as in the manifest"


def _notebooks() -> str:
    from colorlab import course

    if not course.notebooks():
        raise FileNotFoundError("none found; install colorlab-course again")
    return f"{len(course.notebooks())} in {course.notebooks()[0].parent}"


def _kernel() -> str:
    from jupyter_client.kernelspec import KernelSpecManager

    return KernelSpecManager().get_kernel_spec("python3").display_name


def _widgets() -> str:
    import ipywidgets

    return f"ipywidgets {ipywidgets.__version__}"


def _folder() -> str:
    with tempfile.NamedTemporaryFile(dir="."):
        return f"{Path.cwd()} can be written"


DOCTOR: dict[str, Callable[[], str]] = {
    "Python": platform.python_version,
    "torch": _torch,
    "photographs": _photographs,
    "notebooks": _notebooks,
    "Jupyter kernel": _kernel,
    "widgets": _widgets,
    "this folder": _folder,
}
