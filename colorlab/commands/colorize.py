"""`colorlab colorize`: pictures, GIFs, videos and folders of them; or one picture through a pipe."""

import atexit
import io
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from colorlab.commands.console import Given, as_sentences, imports, say, sleep_while_waiting
from colorlab.files.faults import printable, sentence

PIPE = Path("-")  # standard input or output
NAMED = 5  # skipped files, for each reason


def read_temperature(context, option, given: str | None) -> float | str | None:
    """A temperature, as the library checks it."""
    if given is None:
        return None
    with imports():
        from colorlab.bins import checked_temperature

    try:
        number = float(given)
    except ValueError:
        number = given
    try:
        return checked_temperature(number)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def read_share(context, option, given: float | None) -> float | None:
    """In [0, 1); click's own range lets nan through."""
    if given is not None and not 0 <= given < 1:
        raise click.BadParameter(f"expected a share in [0, 1), got {given}")
    return given


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=Given(path_type=Path), metavar="IN...")
@click.option(
    "-o",
    "--out",
    required=True,
    type=Given(path_type=Path),
    help="A folder, or a file for one input, or - for standard output.",
)
@click.option(
    "--model",
    type=Given(),
    metavar="NAME|FILE",
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
    type=Given(path_type=Path),
    help='Colours for some places of one picture: {"hints": [{"x": 120, "y": 80, "rgb": [40, 70, 200]}]}, '
    "x and y in its pixels.",
)
@click.option(
    "--like",
    type=Given(path_type=Path),
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
    type=click.Choice(["grey", "sepia", "color"]),
    multiple=True,
    help="Colour only files of this kind; may be repeated. sepia is any even toning. Without it every file "
    "is taken for grey, whatever colours it has.",
)
@click.option("--force", is_flag=True, help="Overwrite what is there already.")
@click.option(
    "--no-mark",
    is_flag=True,
    help="Do not write into the results that colorlab made them, with which model and temperature.",
)
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
    no_mark: bool,
) -> None:
    """Colour pictures, GIFs and videos; folders with everything in them. Only their lightness is looked at.

    A folder's tree is mirrored in --out; what a file is, its content tells, whatever its name. All pages of a
    TIFF and all frames of a GIF, WebP or PNG are coloured; a video keeps its ending, its sound and its frames'
    times (for videos: pip install 'colorlab-course[video]', for HEIC 'colorlab-course[heic]'). EXIF, XMP, IPTC,
    comments, dpi and 16 bits of grey stay; what a format cannot hold is named at the end, and so is what a
    folder held that was left out. What is there already is kept, unless you say --force: so a run that was
    stopped goes on when it is started again. A file that cannot be read is named at the end, the others are
    coloured all the same; the exit status is then 1. A result gets its name when it is whole: whatever stops
    the command, Ctrl-C too (exit status 130), there are no half files.

    Each result says that colorlab made it, in its EXIF, texts or tags, beside what stood there: a coloured
    picture must not pass for a document.

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
    sleep_while_waiting()
    tally, failed, skipped, lost = Counter(), {}, {}, {}
    try:
        with _nothing_begun():
            if PIPE in (*inputs, out):
                _check_pipe(inputs, out, only, force)
            network, settings = _network_and_settings(
                model, temperature, hints_file, like, smoothing, only, force, not no_mark
            )
        if PIPE in (*inputs, out):
            _colorize_pipe(network, inputs[0], out, settings)
            return
        _colorize_files(network, inputs, out, settings, tally, failed, skipped, lost)
    except KeyboardInterrupt:
        done = ", ".join(_counts(tally, failed))
        again = " without --force" if force else ""
        click.echo(f"stopped: {done}; to go on, start it again{again}: what is done is kept", err=True)
        sys.exit(130)
    for source, gone in lost.items():
        say(("NOTE", "yellow"), f" {source}: not in its result: {', '.join(gone)}")
    for line in _left_out(skipped):
        say(("SKIPPED", "yellow"), f" {line}")
    for source, error in failed.items():
        say(("FAILED", "red"), f" {_reason(source, error)}")
    said = ", ".join(_counts(tally, failed))
    said += f", {len(skipped)} skipped" if skipped else ""
    said += "; --force would overwrite what was kept" if tally["kept"] else ""
    said += "; start it again to try once more what failed" if failed else ""
    say(f"{said}; results in {out}")
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
    model: str | None,
    temperature,
    hints_file: Path | None,
    like: Path | None,
    smoothing,
    only,
    force: bool,
    marked: bool,
) -> tuple:
    """A colorizer that can do what is asked, and a `batch.Settings`."""
    with imports():
        from colorlab.batch import Settings
        from colorlab.colorizer import open_model
        from colorlab.files.media import read_image
        from colorlab.flicker import SMOOTHING
        from colorlab.hints import read_hints

    with as_sentences():
        hints = read_hints(hints_file) if hints_file else None
        reference = read_image(like) if like else None
        model = model or ("guided" if hints_file or like else "classification")
        network = open_model(model)
        if hints and not network.takes_hints:
            raise ValueError(f"--hints: the model {model} was trained without them; use guided")
        if like and not network.takes_global_hint:
            raise ValueError(f"--like: the model {model} was trained without global hints; use guided")
        if temperature is not None and not network.objective.has_distribution:
            raise ValueError("--temperature: regression answers one colour, it has no distribution to anneal")
    smoothing = SMOOTHING if smoothing is None else smoothing
    mark = _mark(network, model, temperature) if marked else None
    return network, Settings(temperature, hints, reference, smoothing, only or None, force, mark)


def _mark(network, model: str, temperature: float | str | None) -> str:
    """What a result says of itself."""
    from colorlab import __version__

    used = network.temperature if temperature is None else temperature
    warmth = f", temperature {used}" if network.objective.has_distribution else ""
    return f"coloured by colorlab {__version__}, model {Path(model).stem}{warmth}"


def _colorize_files(
    network, inputs, out: Path, settings, tally: Counter, failed: dict, skipped: dict, lost: dict
) -> None:
    """With a progress bar; fills the last four, so that what was done is known if it is stopped."""
    from tqdm import tqdm

    from colorlab.batch import colorize_files, plan

    with as_sentences():
        jobs = plan(inputs, out, skipped)
        if settings.hints and len(jobs) > 1:
            raise ValueError(f"--hints: they belong to one picture, but {len(jobs)} are to be coloured")
    # disable=None: no bar where nobody looks. A GIF or video draws one of its frames below this one.
    with tqdm(total=len(jobs), desc="colouring", unit="file", disable=None, leave=False) as progress:
        for source, outcome in colorize_files(network, jobs, settings, lost):
            progress.set_postfix_str(printable(source.name), refresh=False)
            progress.update()
            if isinstance(outcome, Exception):
                failed[source] = outcome
            else:
                tally[outcome] += 1


def _left_out(skipped: dict[Path, str]) -> Iterator[str]:
    """One line for each reason, with the first files it holds for."""
    by_reason: dict[str, list[str]] = {}
    for path, reason in skipped.items():
        by_reason.setdefault(reason, []).append(str(path))
    for reason, names in by_reason.items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        yield f"{', '.join(names[:NAMED])}{more}: {reason}"


def _counts(tally: Counter, failed: dict) -> list[str]:
    counts = [f"{tally['written']} coloured", f"{tally['kept']} kept as they were", f"{len(failed)} failed"]
    if tally["left alone"]:
        counts.insert(2, f"{tally['left alone']} left alone because of --only")
    return counts


def _reason(name: Path | str, error: Exception) -> str:
    """What went wrong with which file, in a line; most messages of the library name the file themselves."""
    said = sentence(error).removeprefix("the picture given: ")
    return said if said.startswith(f"{name}:") else f"{name}: {said}"


def _check_pipe(inputs: tuple[Path, ...], out: Path, only: tuple[str, ...], force: bool) -> None:
    """Before anything is loaded: whatever would hang, spill bytes on a terminal or overwrite is refused."""
    with imports():
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
    from colorlab.files.pages import count_of_pictures
    from colorlab.files.writing import as_png, write_image

    name = "standard input" if source == PIPE else source
    try:
        given = sys.stdin.buffer.read() if source == PIPE else source
        if (count := count_of_pictures(io.BytesIO(given) if source == PIPE else given)) > 1:
            raise ValueError(f"has {count} pages or frames, which do not fit through -; name files for it")
        picture = colorize_picture(network, given, settings)
        if out != PIPE:
            out.parent.mkdir(parents=True, exist_ok=True)
            lost = write_image(out, picture.rgb, picture.alpha, settings.force, picture.beside)
        else:
            content, lost = as_png(picture.rgb, picture.alpha, picture.beside)
        if lost:
            click.echo(printable(f"{name}: not in its result: {', '.join(lost)}"), err=True)
        if out == PIPE:
            name = "standard output"
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
    except BrokenPipeError:  # whoever read has gone; click then ends without a word and with status 1
        raise
    except (OSError, ValueError, MemoryError, RuntimeError) as error:
        raise click.ClickException(_reason(name, error)) from None
