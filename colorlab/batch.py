"""Many files at a time, pictures and what moves: which becomes which, and what happened to each.

What a file is, its content tells, see `kind_of_content`; its name may be anything. It is asked once, in `plan`.
"""

import os
import unicodedata
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from colorlab.arguments import true_or_false
from colorlab.bars import everything
from colorlab.bins import Temperature
from colorlab.colorizer import Colorizer, global_hint_of, painted
from colorlab.files import kinds, video
from colorlab.files.gif import is_animated, read_gif
from colorlab.files.media import SUFFIXES, ImageError, Original, Source, over_white, read_original, read_pages
from colorlab.files.pages import (
    ANIMATIONS,
    colorize_animation,
    colorize_pages,
    count_of_pictures,
    read_animation,
)
from colorlab.files.whole import LEFTOVERS, clear_leftovers
from colorlab.files.writing import write_image
from colorlab.flicker import SMOOTHING, FrameColorizer
from colorlab.hints import Hint, encode
from colorlab.toning import KINDS, Kind, kind_of

# As which a picture can be written; any other becomes .png.
WRITABLE = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff"}
# Films; those that are not written under the same ending become .mkv, which holds most sounds.
VIDEOS = {*video.FORMATS, ".mpg", ".mpeg", ".wmv", ".ogv", ".3gp", ".mts", ".m2ts", ".flv", ".vob"}
Sort = Literal["picture", "pages", "animation", "gif", "film"]
WRITTEN_AS: dict[Sort, tuple[str, ...]] = {  # the first one, where a file's own ending is none of them
    "picture": (".png", *sorted(WRITABLE - {".png"})),
    "pages": (".tif", ".tiff"),
    "animation": tuple(ANIMATIONS),
    "gif": (".gif",),
    "film": (".mkv", *(ending for ending in video.FORMATS if ending != ".mkv")),
}


class Job(NamedTuple):
    """One file to colour.

    Attributes:
        source, target: the file and its result.
        sort: what `source` is; None if that cannot be told, and then reading it will say why.
    """

    source: Path
    target: Path
    sort: Sort | None


@dataclass(frozen=True)
class Settings:
    """How files are coloured.

    Attributes:
        temperature, hints, like: as in `Colorizer.colorize`; hints are for pictures that stand still.
        smoothing: the share of the past in a moving picture, see `flicker.Smoother`; 0 is frame by frame.
        only: the kinds that are coloured; others are left alone, and nothing is written for them. None takes
            every file for grey, whatever colours it has.
        force: overwrite results that are there already. Without it not even what somebody else puts there
            while a file is in work is touched.
        mark: what is written into each result beside its pixels: who made it. None writes nothing.
    """

    temperature: Temperature | None = None
    hints: Sequence[Hint] | None = None
    like: np.ndarray | None = None
    smoothing: float = SMOOTHING
    only: Container[Kind] | None = None
    force: bool = False
    mark: str | None = None

    def __post_init__(self):
        true_or_false("force", self.force)


USUAL = Settings()


def plan(inputs: Iterable[Path], out: Path, skipped: dict[Path, str] | None = None) -> list[Job]:
    """Which file becomes which, and what it is; a folder gives all pictures and films in it, its tree mirrored.

    What is in a folder is a picture or a film by its content. What has only the name of one, or cannot be read,
    is among them too, so that `colorize_files` reports it.

    Args:
        inputs: pictures, films and folders.
        out: a folder, or the name of a file if there is one input and the name ends as its result's can.
        skipped: gets every file and folder that was found in a folder and is left out, and why.

    Raises:
        FileNotFoundError: an input that is not there.
        ValueError: no picture at all, results inside an input folder or over an input, or two pictures with
            one result.
    """
    inputs = list(inputs)
    missing = [str(path) for path in inputs if not path.exists()]
    if missing:
        raise FileNotFoundError(f"{', '.join(missing)}: no such file or folder; check the path")
    if len(inputs) == 1 and inputs[0].is_file() and not out.is_dir() and out.suffix:
        sort = sort_of(inputs[0])
        endings = WRITTEN_AS[sort or "picture"]
        if out.suffix.lower() in endings:
            jobs = [Job(inputs[0], out, sort)]
            _refuse_overwriting(jobs)
            return jobs
        if out.suffix.lower() in WRITABLE | SUFFIXES | VIDEOS:
            raise ValueError(
                f"{inputs[0]} cannot become {out.name}: name a file that ends in {', '.join(sorted(endings))}"
            )
    if out.is_file():
        raise ValueError(f"{out} is a file, and no result can be called so; name a folder")
    jobs = []
    for path in inputs:
        if not path.is_file() and not path.is_dir():
            raise ValueError(f"{path}: a pipe or a device; for a pipe write - and feed it to standard input")
        if path.is_file():
            sort = sort_of(path)
            jobs.append(Job(path, out / _name(path, sort), sort))
            continue
        if out.resolve().is_relative_to(path.resolve()):
            raise ValueError(
                f"{out} lies inside {path}: results would be coloured again; choose another folder"
            )
        for file, sort in _found(path, out, {} if skipped is None else skipped):
            name = file.name if os.path.isdir(file) else _name(file, sort)
            jobs.append(Job(file, out / file.relative_to(path).parent / name, sort))
    if not jobs:
        raise ValueError(
            f"no picture or video in {', '.join(map(str, inputs))}; endings looked for: "
            f"{', '.join(sorted(SUFFIXES | VIDEOS))}, and any other file that is one by its content"
        )
    results: dict[Path, Job] = {}
    for job in jobs:
        other = results.setdefault(job.target, job).source
        if other.absolute() != job.source.absolute():  # else named twice: itself, and the folder it lies in
            raise ValueError(f"{other} and {job.source} would both become {job.target}; rename one")
    jobs = list(results.values())
    _refuse_overwriting(jobs)
    return jobs


def colorize_picture(colorizer: Colorizer, source: Source, settings: Settings = USUAL) -> Original:
    """Colour one picture that stands still; it may be transparent, and has 16 bits a channel if its greys had."""
    original = read_original(source)
    rgb, alpha = _paint(colorizer, original, settings)
    return Original(rgb, alpha, None, original.beside.marked(settings.mark))


def _paint(
    colorizer: Colorizer, original: Original, settings: Settings
) -> tuple[np.ndarray, np.ndarray | None]:
    rgb, alpha, deep, _ = original
    if alpha is not None:
        np.copyto(rgb, 255, where=(alpha == 0)[..., None])  # what nobody sees tells the network nothing
    if deep is None:
        return colorizer.colorize(rgb, settings.temperature, settings.hints, settings.like), alpha
    small = colorizer.small_copy(rgb)
    hints = encode(settings.hints, rgb.shape[:2], tuple(small.shape[-2:])) if settings.hints else None
    like = None if settings.like is None else global_hint_of(settings.like)
    ab = colorizer.predict_ab(small, settings.temperature, hints, like).cpu()
    return painted(deep, ab, small, everything(deep) if settings.hints else None), alpha


def colorize_files(
    colorizer: Colorizer,
    jobs: list[Job],
    settings: Settings = USUAL,
    lost: dict[Path, list[str]] | None = None,
) -> Iterator[tuple[Path, str | Exception]]:
    """Colour one after another; a failure is reported and does not stop the rest.

    What is transparent stays so where the result's format can, and is laid over white elsewhere. Memory: at
    most 10 bytes a pixel of a JPEG or PNG (14 where greys have 16 bits) and 100 MB; 100 megapixels take 1.1 GB
    with Python and the network. Of what moves or has pages a few are held at a time, however many there are.

    A result appears under its name when it is whole, so a run that was stopped, SIGKILL included, goes on when
    it is started again; the first thing it does is to remove the temporary files that were left then. Several
    processes may share one folder of results.

    Args:
        colorizer, jobs: from `plan`, who colours what.
        settings: how.
        lost: gets what a result could not hold of its source, in words, for each file of which that is so.

    Yields:
        (file, "written"; "kept" because its result was there already; "left alone" because of `only`; or the
        error).
    """
    for folder in {job.target.parent for job in jobs}:
        clear_leftovers(folder)
    first: dict[str, Path] = {}
    for job in jobs:
        source, target, sort = job
        try:
            if os.path.isdir(source):
                os.listdir(source)  # says why it cannot be read
            _refuse_same_file(first.setdefault(_folded(target), target), target)
            if os.path.lexists(target) and not settings.force:
                outcome = "kept"
            elif settings.only is not None and kind_of_file(source, sort) not in settings.only:
                outcome = "left alone"
            else:
                outcome, gone = _colorize_file(colorizer, job, settings)
                if gone and lost is not None:
                    lost[source] = gone
        # ValueError: a hint outside the picture; RuntimeError: what torch raises when memory is short;
        # ModuleNotFoundError: a video without the extra that reads it
        except (ImageError, OSError, ValueError, MemoryError, RuntimeError, ModuleNotFoundError) as error:
            outcome = error
        yield source, outcome


def sort_of(path: Path) -> Sort | None:
    """What a file is by its content; where that tells nothing, by its name; None if it is nothing to colour.

    A kind that is known and not read here is a picture if its name says so: reading it will name the kind.
    """
    kind, ending = kinds.kind_of_content(path), path.suffix.lower()
    if kind == kinds.FILM:
        return "film" if video.is_film(path) else None
    if kind == kinds.GIF:
        return "gif" if is_animated(path) else "picture"
    if kind == kinds.TIFF:
        return "pages" if count_of_pictures(path) > 1 else "picture"
    if kind in (kinds.PICTURE, kinds.HEIC):
        return "animation" if count_of_pictures(path) > 1 else "picture"
    if kind == kinds.SOUND:
        return None
    return "picture" if ending in SUFFIXES else "film" if ending in VIDEOS else None


def some_frames(source: Path, frames: int = 5) -> list[np.ndarray]:
    """A picture as it is seen, or some frames of one that moves: of a video spread over it, of others the first.

    Raises:
        ImageError, ModuleNotFoundError: it cannot be read.
    """
    sort = sort_of(source)
    return video.sample(source, frames) if sort == "film" else list(islice(_seen(source, sort), frames))


def kind_of_file(source: Path, sort: Sort | None) -> Kind:
    """`toning.kind_of` for a file of this sort; of several pages or frames the most colourful tells."""
    frames = video.sample(source) if sort == "film" else _seen(source, sort)
    most = KINDS[0]
    for rgb in frames:
        most = max(most, kind_of(rgb), key=KINDS.index)
        if most == KINDS[-1]:
            break
    return most


def _seen(source: Path, sort: Sort | None) -> Iterator[np.ndarray]:
    """The pages or frames of what is no film, as they are seen."""
    if sort == "gif":
        return (frame.rgb for frame in read_gif(source))
    shown = read_animation(source) if sort == "animation" else read_pages(source)
    return (page.rgb if page.alpha is None else over_white(page.rgb, page.alpha) for page in shown)


def _colorize_file(colorizer: Colorizer, job: Job, settings: Settings) -> tuple[str, list[str]]:
    """(what happened, what was lost)."""
    source, target, sort = job
    if sort not in (None, "picture") and settings.hints:
        raise ValueError(f"{source}: moves, and hints are for pictures that stand still; leave them out")
    colored = colorize_picture(colorizer, source, settings) if sort in (None, "picture") else None
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if colored:
            return "written", write_image(target, colored.rgb, colored.alpha, settings.force, colored.beside)
        return "written", _colorize_several(colorizer, job, settings)
    except FileExistsError:  # made by somebody else in the meantime
        return "kept", []


def _colorize_several(colorizer: Colorizer, job: Job, settings: Settings) -> list[str]:
    """Pages, or frames; returns what was lost."""
    source, target, sort = job
    how = {"replace": settings.force, "mark": settings.mark}
    if sort == "pages":
        return colorize_pages(source, target, lambda page: _paint(colorizer, page, settings), **how)

    def paint() -> FrameColorizer:
        return FrameColorizer(colorizer, settings.smoothing, settings.temperature, settings.like)

    if sort == "film":
        return video.colorize_video(source, target, paint(), again=paint, **how)
    return colorize_animation(source, target, paint(), **how)


def _found(folder: Path, out: Path, skipped: dict[Path, str]) -> list[tuple[Path, Sort | None]]:
    """All files to colour in a folder and in those below it, linked ones too, and folders that cannot be read."""
    found: list[tuple[Path, Sort | None]] = []
    been: dict[tuple[int, int] | None, Path] = {_identity(folder): folder}
    for where, folders, names in os.walk(
        folder, onerror=lambda error: found.append((Path(error.filename), None)), followlinks=True
    ):
        for name in folders.copy():
            path = Path(where, name)
            own = _identity(path)
            if own is None:
                continue  # it cannot be reached, which `os.walk` tells
            other = been.setdefault(own, path)
            if other is not path or own == _identity(out):
                skipped[path] = f"the same folder as {other}" if other is not path else "holds the results"
                folders.remove(name)
        for path in (Path(where, name) for name in names):
            sort, reason = _look_at(path)
            if reason:
                skipped[path] = reason
            else:
                found.append((path, sort))
    return sorted(found, key=lambda each: each[0])


def _look_at(path: Path) -> tuple[Sort | None, str | None]:
    """(what a file in a folder is, why it is left out)."""
    if reason := _reason_before_reading(path):
        return None, reason
    if sort := sort_of(path):
        return sort, None
    kind = kinds.kind_of_content(path)
    if kind == kinds.FILM:
        return None, "sound without pictures"
    return None, f"{kind}, which is not read here" if kind else "no picture and no film that is read here"


def _reason_before_reading(path: Path) -> str | None:
    if path.name.startswith("._"):
        return "notes of macOS about another file"
    if not _may_be_file(path):
        return "a pipe or a device"
    return "the beginning of a result" if path.match(LEFTOVERS) else None


def _may_be_file(path: Path) -> bool:
    try:
        return path.is_file() or path.is_symlink()  # of a link to nothing, reading it will say so
    except OSError:  # forbidden; reading it will say so
        return True


def _refuse_overwriting(jobs: list[Job]) -> None:
    """No input is written over, under whatever name: a link to it, or one in other letters on macOS."""
    inputs = {_identity(job.source): job.source for job in jobs}
    for source, target, _ in jobs:
        if os.path.exists(target) and (lost := inputs.get(_identity(target))):
            culprit = "its own result" if lost == source else f"the result of {source}"
            raise ValueError(f"{lost} would be overwritten by {culprit}; choose another --out")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _refuse_same_file(other: Path, target: Path) -> None:
    if other != target and other.exists() and target.exists() and other.samefile(target):
        raise ValueError(
            f"its result {target} is the same file as {other}: upper and lower case are one here; rename it"
        )


def _folded(path: Path) -> str:
    return unicodedata.normalize("NFC", str(path)).casefold()


def _name(path: Path, sort: Sort | None) -> str:
    """What the result is called: as the file is, where that can be written."""
    endings = WRITTEN_AS[sort or "picture"]
    return path.name if path.suffix.lower() in endings else path.stem + endings[0]
