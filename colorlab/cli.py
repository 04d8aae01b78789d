"""`colorlab …` on the command line. Thin: every command calls one function of the library.

Made with click itself: `-p NAME VALUE`, repeated, is a pair of words, which typer cannot declare.
"""

import atexit
import io
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Literal, get_args, get_origin

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
PIPE = Path("-")  # standard input or output


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="colorlab-course")
def main() -> None:
    """Understand with your own hands how a neural network learns to colour a grey photograph.

    \b
    colorlab lab       open the course and read it
    colorlab run       execute the course without looking, and report
    colorlab progress  which exercises pass
    colorlab nbgrader  write the notebooks as assignments
    colorlab colorize  colour pictures, GIFs, videos and folders of them
    colorlab evaluate  judge the networks on pictures whose colours are known
    colorlab train     train a colorizer on your own pictures
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
    from nbformat.reader import NotJSONError

    from colorlab.course import notebooks as course

    try:
        chosen = course.check_parameters(course.find(notebooks), given)
    except (FileNotFoundError, course.ParameterError) as error:
        raise click.UsageError(str(error)) from None
    except NotJSONError:
        raise click.UsageError("one of these files is not a notebook, or a damaged one") from None
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

        try:
            outcomes = course.run(chosen, out, jobs, begin, end)
        except (OSError, course.ParameterError) as error:
            raise click.ClickException(str(error)) from None
    failed = sum(o.error is not None for o in outcomes)
    console.print(
        f"{len(outcomes) - failed} passed, {failed} failed; results in {out / 'index.html'}", highlight=False
    )
    sys.exit(1 if failed else 0)


def config_options(command: Callable) -> Callable:
    """One option for every field of `Config`, with its default."""
    from colorlab.config import Config

    for spec in reversed(fields(Config)):
        name = "--" + spec.name.replace("_", "-")
        kinds = get_args(spec.type)  # of a Literal its values, of an optional number the number's type
        kind = click.Choice(kinds) if get_origin(spec.type) is Literal else kinds[0] if kinds else spec.type
        command = click.option(name, type=kind, default=spec.default, show_default=True)(command)
    return command


@main.command()
@click.option("--data", required=True, help="A folder, a zip or tar, or a download such as tiny-imagenet.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="For the results."
)
@click.option(
    "--objective",
    type=click.Choice(["regression", "classification"]),
    default="classification",
    show_default=True,
)
@click.option(
    "--size",
    type=click.IntRange(8, 1024),
    default=192,
    show_default=True,
    help="Side of the squares the network learns from, pixels.",
)
@click.option("--grid-size", default=10.0, show_default=True, help="Distance of the bins, Lab units.")
@click.option("--targets", type=click.Choice(["hard", "soft"]), default="hard", show_default=True)
@click.option("--uniform-mix", default=0.5, show_default=True, help="λ of the rebalancing; 1 is none.")
@click.option(
    "--architecture",
    type=click.Choice(
        ["LiteUNet", "UNet", "SemanticUNet", "Ronneberger2015", "Zhang2016", "Zhang2017", "Koalarization"]
    ),
    default="LiteUNet",
    show_default=True,
    help="A U-Net whose path down has seen ImageNet, one from scratch, or one of the papers'.",
)
@click.option(
    "--width",
    type=int,
    help="Channels of the finest level.  [default: 48, UNet: 32, else as published]",
)
@click.option("--depth", type=int, help="How often a U-Net halves the resolution.  [default: 3 for UNet]")
@click.option(
    "--half-resolution/--full-resolution",
    default=None,
    help="Of the answers, where the architecture leaves the choice.  [default: half for UNet]",
)
@click.option(
    "--hints",
    is_flag=True,
    help="Also learn to follow colour hints, local and global ones, simulated from the true colours.",
)
@click.option(
    "--start-from",
    metavar="NAME|FILE",
    help="Begin with a network that has learnt already: classification, regression, guided, or a file of yours.",
)
@click.option("--with-photographs", is_flag=True, help="The course's three training photographs join in.")
@click.option("--resume", is_flag=True, help="Go on with the training that lies in --out.")
@config_options
def train(data: str, out: Path, resume: bool, **options) -> None:
    """Train a colorizer on your own pictures.

    Progress is written to --out after every measurement: checkpoint.pt to go on from, colorizer.safetensors
    to use, history.json and loss.webp to look at. Stop it with Ctrl-C, go on with --resume. Several
    processes share the work under torchrun; on CPUs with gloo, on GPUs with nccl.

    \b
    colorlab train --data my_photos/ --out build/mine --steps 2000
    colorlab train --data album/ --out build/album --start-from classification --steps 300   fit ours to yours
    colorlab train --data tiny-imagenet --out build/tiny --steps 20000 --batch-size 64 --precision bfloat16
    colorlab train --data my_photos/ --out build/mine --steps 2000 --resume
    torchrun --nproc-per-node 2 -m colorlab train --data my_photos/ --out build/two
    """
    from colorlab import recipe

    try:
        recipe.train(data, out, resume, **options)
    except (recipe.OutputError, FloatingPointError, TypeError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    if "TORCHELASTIC_RUN_ID" in os.environ:
        # All is written. As Python ends, threads of torch.distributed abort the process now and then ("terminate
        # called without an active exception"), and torchrun would call a training failed that was not.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def read_temperature(context, option, given: str | None) -> float | str | None:
    """A number > 0 or "mode"."""
    if given is None or given == "mode":
        return given
    try:
        temperature = float(given)
    except ValueError:
        temperature = 0.0
    if not 0 < temperature < float("inf"):
        raise click.BadParameter(f'expected a number > 0 or "mode", got {given!r}')
    return temperature


class Given(click.Path):
    """A path. An empty one, as of a variable that is not set, would be the folder one is in."""

    def convert(self, value, param, ctx):
        if value == "":
            self.fail("an empty name; is a variable not set?", param, ctx)
        return super().convert(value, param, ctx)


def read_share(context, option, given: float | None) -> float | None:
    """In [0, 1); click's own range lets nan through."""
    if given is not None and not 0 <= given < 1:
        raise click.BadParameter(f"expected a share in [0, 1), got {given}")
    return given


@main.command()
@click.argument("inputs", nargs=-1, required=True, type=Given(path_type=Path), metavar="IN...")
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="A folder, or a file for one input, or - for standard output.",
)
@click.option(
    "--model",
    help="regression, classification, guided, or a file that colorlab train wrote.  "
    "[default: classification; with --hints or --like: guided]",
)
@click.option(
    "--temperature",
    callback=read_temperature,
    help='From a distribution to a colour: 1 is its mean, "mode" its mode. The default comes with the model.',
)
@click.option(
    "--hints",
    "hints_file",
    type=click.Path(path_type=Path),
    help='Colours for some places of one picture: {"hints": [{"x": 120, "y": 80, "rgb": [40, 70, 200]}]}, '
    "x and y in its pixels.",
)
@click.option(
    "--like",
    type=click.Path(path_type=Path),
    help="A colour picture whose colours, as a whole, the results should have.",
)
@click.option(
    "--smoothing",
    type=float,
    callback=read_share,
    help="How much of the past a still pixel of a GIF or video keeps, against flicker; 0 colours frame by "
    "frame.  [default: 0.95]",
)
@click.option(
    "--only",
    type=click.Choice(["grey", "sepia", "colour"]),
    multiple=True,
    help="Colour only files of this kind; may be repeated. sepia is any even toning. Without it every file "
    "is taken for grey, whatever colours it has.",
)
@click.option("--force", is_flag=True, help="Overwrite what is there already.")
def colorize(
    inputs: tuple[Path, ...],
    out: Path,
    model: str | None,
    temperature: float | str | None,
    hints_file: Path | None,
    like: Path | None,
    smoothing: float | None,
    only: tuple[str, ...],
    force: bool,
) -> None:
    """Colour pictures, GIFs and videos; folders with everything in them. Only their lightness is looked at.

    A folder's tree is mirrored in --out. A GIF that moves stays one; a video keeps its ending, its sound and
    its frames' times (for videos: pip install 'colorlab-course[video]'); of other files with several pages or
    frames, such as TIFF or WebP, the first is coloured. What is there already is kept,
    unless you say --force: so a run that was stopped goes on when it is started again. A file that cannot be
    read is named at the end, the others are coloured all the same; the exit status is then 1. A result gets
    its name when it is whole: whatever stops the command, Ctrl-C too (exit status 130), there are no half
    files.

    - is standard input, or after -o standard output, which gets a PNG and nothing else.

    \b
    colorlab colorize old.jpg -o colored.png
    colorlab colorize album/ -o colored/
    colorlab colorize album/ -o colored/                      again: goes on, what is there is kept
    colorlab colorize album/ -o colored/ --force              again: all of it anew
    cat old.jpg | colorlab colorize - -o - > colored.png      from a pipe into a pipe
    colorlab colorize album/ -o brown/ --model regression
    colorlab colorize old.jpg -o vivid.png --temperature mode
    colorlab colorize old.jpg -o blue_door.png --hints blue_door.json
    colorlab colorize album/ -o autumn/ --like autumn.jpg
    colorlab colorize film.mp4 -o colored.mp4                 also .mov, .mkv, .avi, .webm, .gif
    colorlab colorize scans/ -o colored/ --only grey --only sepia    leaves alone what has colours
    """
    # While Python tidies up there is nothing left to stop.
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
    tally, failed = Counter(), {}
    try:
        with _nothing_begun():
            if PIPE in (*inputs, out):
                _check_pipe(inputs, out, only, force)
            network, settings = _network_and_settings(
                model, temperature, hints_file, like, smoothing, only, force
            )
        if PIPE in (*inputs, out):
            _colorize_pipe(network, inputs[0], out, settings)
            return
        _colorize_files(network, inputs, out, settings, tally, failed)
    except KeyboardInterrupt:
        done = ", ".join(_counts(tally, failed))
        again = " without --force" if force else ""
        click.echo(f"stopped: {done}; to go on, start it again{again}: what is done is kept", err=True)
        sys.exit(130)
    for source, error in failed.items():
        console.print(f"[red]FAILED[/] {escape(_reason(source, error))}", highlight=False)
    said = ", ".join(_counts(tally, failed))
    said += "; --force would overwrite what was kept" if tally["kept"] else ""
    said += "; start it again to try once more what failed" if failed else ""
    console.print(f"{said}; results in {out}", highlight=False)
    sys.exit(1 if failed else 0)


@contextmanager
def _nothing_begun() -> Iterator[None]:
    """Ctrl-C ends the process at once here: as an exception in the middle of torch's import it may abort it."""

    def leave(*_) -> None:
        os.write(2, b"stopped: nothing was begun; start it again\n")
        os._exit(130)

    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _network_and_settings(
    model: str | None, temperature, hints_file: Path | None, like: Path | None, smoothing, only, force: bool
) -> tuple:
    """A colorizer that can do what is asked, and a `batch.Settings`."""
    from colorlab.batch import Settings
    from colorlab.colorizer import TEMPERATURES
    from colorlab.evaluation import open_model
    from colorlab.files.media import read_image
    from colorlab.flicker import SMOOTHING
    from colorlab.hints import read_hints

    with _as_sentences():
        hints = read_hints(hints_file) if hints_file else None
        reference = read_image(like) if like else None
        network = open_model(model or ("guided" if hints_file or like else "classification"))
        if hints and not network.takes_hints:
            raise ValueError(f"--hints: the model {model} was trained without them; use guided")
        if like and not network.takes_global_hint:
            raise ValueError(f"--like: the model {model} was trained without global hints; use guided")
        if temperature is not None and not hasattr(network.objective, "bins"):
            raise ValueError("--temperature: regression answers one colour, it has no distribution to anneal")
        least, most = TEMPERATURES
        if isinstance(temperature, float) and not least <= temperature <= most:
            raise ValueError(f"--temperature: expected {least} to {most}, or mode, got {temperature:g}")
    smoothing = SMOOTHING if smoothing is None else smoothing
    return network, Settings(temperature, hints, reference, smoothing, only or None, force)


def _colorize_files(network, inputs, out: Path, settings, tally: Counter, failed: dict) -> None:
    """With a progress bar; counts in `tally` and `failed`, so that what was done is known if it is stopped."""
    from tqdm import tqdm

    from colorlab.batch import colorize_files, plan

    with _as_sentences():
        jobs = plan(inputs, out)
        if settings.hints and len(jobs) > 1:
            raise ValueError(f"--hints: they belong to one picture, but {len(jobs)} are to be coloured")
    # disable=None: no bar where nobody looks. A GIF or video draws one of its frames below this one.
    with tqdm(total=len(jobs), desc="colouring", unit="file", disable=None, leave=False) as progress:
        for source, outcome in colorize_files(network, jobs, settings):
            progress.set_postfix_str(source.name, refresh=False)
            progress.update()
            if isinstance(outcome, Exception):
                failed[source] = outcome
            else:
                tally[outcome] += 1


def _counts(tally: Counter, failed: dict) -> list[str]:
    counts = [f"{tally['written']} coloured", f"{tally['kept']} kept as they were", f"{len(failed)} failed"]
    if tally["left alone"]:
        counts.insert(2, f"{tally['left alone']} left alone because of --only")
    return counts


def _reason(name: Path | str, error: Exception) -> str:
    """What went wrong with which file, in a line; most messages of the library name the file themselves."""
    said = str(error).removeprefix("the picture given: ") or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        said = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return said if said.startswith(f"{name}:") else f"{name}: {said}"


def _check_pipe(inputs: tuple[Path, ...], out: Path, only: tuple[str, ...], force: bool) -> None:
    """Before anything is loaded: whatever would hang, spill bytes on a terminal or overwrite is refused."""
    from colorlab.batch import WRITABLE

    if only:
        raise click.UsageError("--only chooses among files; what comes through - is coloured")
    if len(inputs) > 1 or inputs[0].is_dir():
        raise click.UsageError("- is for one picture; several need files or folders")
    if inputs[0] == PIPE and (sys.stdin is None or sys.stdin.isatty()):
        raise click.UsageError(
            "no picture comes in, standard input is a terminal or closed; feed it one: "
            "colorlab colorize - -o colored.png < old.jpg"
        )
    if out == PIPE and (sys.stdout is None or sys.stdout.isatty()):
        raise click.UsageError(
            "standard output is a terminal, which cannot show a PNG, or closed; send it on: "
            "colorlab colorize old.jpg -o - > colored.png"
        )
    if out != PIPE and (out.suffix.lower() not in WRITABLE or out.is_dir()):
        raise click.UsageError(f"-o {out}: name a file that ends in {', '.join(sorted(WRITABLE))}; or -")
    if out != PIPE and os.path.lexists(out) and not force:
        raise click.ClickException(f"{out} is there already; --force would overwrite it")


def _colorize_pipe(network, source: Path, out: Path, settings) -> None:
    """One picture from standard input, to standard output, or both. Prints nothing if all goes well."""
    from colorlab.batch import colorize_picture
    from colorlab.files.gif import is_animated
    from colorlab.files.media import as_png, write_image

    name = "standard input" if source == PIPE else source
    try:
        given = sys.stdin.buffer.read() if source == PIPE else source
        if is_animated(io.BytesIO(given) if source == PIPE else given):
            raise ValueError("an animated GIF does not fit through -; name files for it")
        picture = colorize_picture(network, given, settings)
        if out != PIPE:
            out.parent.mkdir(parents=True, exist_ok=True)
            write_image(out, *picture, replace=settings.force)
            return
        name, content = "standard output", as_png(*picture)
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # whoever read has gone; click then ends without a word and with status 1
        raise
    except (OSError, ValueError, MemoryError, RuntimeError) as error:
        raise click.ClickException(_reason(name, error)) from None


@contextmanager
def _as_sentences() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, ModuleNotFoundError) as error:
        raise click.ClickException(str(error)) from None


@main.command()
@click.argument("source", metavar="FOLDER")
@click.option(
    "--model",
    "models",
    multiple=True,
    help="A shipped network or a file; may be repeated.  [default: all three that are shipped]",
)
@click.option(
    "--part",
    type=click.Choice(["all", "held out", "validation", "train"]),
    help="Which pictures, by a hash of their names. Without it: all, or the held-out part of the data "
    "that the networks were trained on.",
)
@click.option("--without", multiple=True, metavar="NAME", help="A folder at the top of FOLDER to leave out.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for other programs.")
def evaluate(
    source: str, models: tuple[str, ...], part: str | None, without: tuple[str, ...], as_json: bool
) -> None:
    """Judge networks on the colour pictures of FOLDER (also a zip, a tar, or a download's name).

    Each picture is shrunk until its shorter side has at most 216 pixels and coloured whole, as `colorlab
    colorize` does. All measures are over the pixels of all pictures together, with 95 % bootstrap intervals
    over pictures, beside what no network at all would reach.

    \b
    colorlab evaluate my_photos/
    colorlab evaluate my_photos/ --model build/mine/colorizer.safetensors --json
    colorlab evaluate tiny-imagenet                the held-out pictures of that download
    """
    import json

    from colorlab import evaluation

    try:
        result = evaluation.evaluate(source, models or evaluation.PRETRAINED, part, without)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        console.print(evaluation.table(result), highlight=False, markup=False)


@main.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Where your copy of the course lies."
)
@click.argument("jupyter_options", nargs=-1, type=click.UNPROCESSED)
def lab(folder: Path | None, jupyter_options: tuple[str, ...]) -> None:
    """Open the course in JupyterLab. Further options are handed on, e.g. --no-browser.

    In a clone the notebooks are opened where they are. Otherwise they are copied into ./colorlab-course
    (or --folder) first; a file that is already there is yours and is never overwritten.
    """
    from colorlab._share import share
    from colorlab.course import notebooks as course

    if folder is None and in_clone():
        folder = share("notebooks")
    else:
        folder = folder or Path("colorlab-course")
        try:
            kept = course.copy_to(folder)
        except OSError as error:
            raise click.ClickException(
                f"{folder} cannot be written ({error}); choose another --folder"
            ) from None
        if kept:
            console.print(f"{len(kept)} files were there already and stay as you left them.", highlight=False)
    console.print(f"The course lies in {folder.resolve()}", highlight=False)
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


def in_clone() -> bool:
    """Whether the notebooks lie beside the package, under version control, and not inside it."""
    from colorlab._share import share

    return share("notebooks").parent == Path(__file__).parent.parent


@main.command()
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
    from colorlab.course import notebooks as course
    from colorlab.course.progress import find_copy, progress

    if not any(find_copy(path, folder) for path in course.notebooks()):
        raise click.UsageError(f"{folder} holds no notebook of the course; name the folder where they lie")
    console.print(str(progress(folder=folder)), markup=False, highlight=False)


@main.command()
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
    from colorlab.checks import grading
    from colorlab.course import notebooks as course

    try:
        for path in course.find(notebooks):
            target = out / path.stem / path.name
            state = "written" if grading.write_assignment(path, target, points) else "there already, stays"
            console.print(f"{target}  {state}", markup=False, highlight=False)
    except OSError as error:
        raise click.ClickException(str(error)) from None


@main.command()
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
        console.print(f"{path.stem:<24} {time.perf_counter() - start:6.1f} s  {size:.2f} MB", highlight=False)


@main.command()
def doctor() -> None:
    """Say what works on this machine, a line each; exit status 1 if something needed does not."""
    failed = 0
    for name, check in DOCTOR.items():
        try:
            click.echo(f"[OK]   {name}: {check()}")  # plain: in a notebook rich makes a block of every line
        except Exception as error:  # whatever is wrong, the line says so and the next check runs
            failed += 1
            click.echo(f"[FAIL] {name}: {type(error).__name__}: {error}")
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


def _networks() -> str:
    from colorlab.colorizer import PRETRAINED, Colorizer

    for name in PRETRAINED:
        Colorizer.pretrained(name)
    return ", ".join(PRETRAINED)


def _notebooks() -> str:
    from colorlab.course import notebooks as course

    if not course.notebooks():
        raise FileNotFoundError("none found; install colorlab-course again")
    return f"{len(course.notebooks())}, in the folder {course.notebooks()[0].parent.name}"


def _kernel() -> str:
    from jupyter_client.kernelspec import KernelSpecManager

    kernel = KernelSpecManager().get_kernel_spec("python3")
    python = kernel.argv[0]
    own = Path(python).name == python  # a bare "python" is replaced by the Python that runs Jupyter
    if not own and Path(python).absolute().parent != Path(sys.executable).absolute().parent:
        raise RuntimeError(
            f"the kernel python3 runs {python}, not {sys.executable}: reinstall ipykernel here"
        )
    return kernel.display_name


def _widgets() -> str:
    import ipywidgets

    return f"ipywidgets {ipywidgets.__version__}"


def _files() -> str:
    from PIL import Image

    from colorlab.files.media import FORMATS
    from colorlab.files.video import pyav

    Image.init()
    pictures = ", ".join(name for name in FORMATS if name in Image.OPEN)
    try:
        return f"{pictures}; videos with PyAV {pyav().__version__}"
    except ModuleNotFoundError:
        return f"{pictures}; no videos without the extra: pip install 'colorlab-course[video]'"


def _folder() -> str:
    with tempfile.NamedTemporaryFile(dir="."):
        return "files can be written here"


DOCTOR: dict[str, Callable[[], str]] = {
    "Python": platform.python_version,
    "torch": _torch,
    "photographs": _photographs,
    "trained networks": _networks,
    "notebooks": _notebooks,
    "Jupyter kernel": _kernel,
    "widgets": _widgets,
    "files that can be coloured": _files,
    "this folder": _folder,
}
