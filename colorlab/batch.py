"""Many files at a time, pictures, GIFs and videos: which becomes which, and what happened to each."""

import os
import unicodedata
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from colorlab.colorizer import Colorizer
from colorlab.files import video
from colorlab.files.gif import colorize_gif, is_animated, read_gif
from colorlab.files.media import SUFFIXES, ImageError, Picture, Source, read_image, read_picture, write_image
from colorlab.files.whole import clear_leftovers
from colorlab.flicker import SMOOTHING, FrameColorizer
from colorlab.hints import Hint
from colorlab.toning import KINDS, Kind, kind_of

WRITABLE = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}  # any other picture becomes .png
# Videos that are read; those that are not written under the same ending become .mkv, which holds most sounds.
VIDEOS = {*video.FORMATS, ".mpg", ".mpeg", ".wmv", ".ogv", ".3gp", ".mts", ".m2ts", ".flv", ".vob"}


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
    """

    temperature: float | Literal["mode"] | None = None
    hints: Sequence[Hint] | None = None
    like: np.ndarray | None = None
    smoothing: float = SMOOTHING
    only: Container[Kind] | None = None
    force: bool = False


USUAL = Settings()


def plan(inputs: Iterable[Path], out: Path) -> list[tuple[Path, Path]]:
    """(file, its result) of every input; a folder gives all pictures and videos in it, its tree mirrored.

    A folder that cannot be read is among them, so that `colorize_files` reports it.

    Args:
        inputs: pictures, GIFs, videos and folders.
        out: a folder, or the name of a file if there is one input and the name ends as its result's can.

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
        endings = _endings(inputs[0])
        if out.suffix.lower() in endings:
            _refuse_overwriting([(inputs[0], out)])
            return [(inputs[0], out)]
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
            jobs.append((path, out / _name(path)))
            continue
        if out.resolve().is_relative_to(path.resolve()):
            raise ValueError(
                f"{out} lies inside {path}: results would be coloured again; choose another folder"
            )
        for file in _found(path):
            relative = file.relative_to(path)
            jobs.append(
                (file, out / relative.parent / (relative.name if os.path.isdir(file) else _name(file)))
            )
    if not jobs:
        raise ValueError(
            f"no picture or video in {', '.join(map(str, inputs))}; endings looked for: "
            f"{', '.join(sorted(SUFFIXES | VIDEOS))}"
        )
    sources: dict[Path, Path] = {}
    for source, target in jobs:
        other = sources.setdefault(target, source)
        if other.absolute() != source.absolute():  # else named twice: itself, and the folder it lies in
            raise ValueError(f"{other} and {source} would both become {target}; rename one")
    jobs = [(source, target) for target, source in sources.items()]
    _refuse_overwriting(jobs)
    return jobs


def colorize_picture(colorizer: Colorizer, source: Source, settings: Settings = USUAL) -> Picture:
    """Colour one picture that stands still; it may be transparent."""
    rgb, alpha = read_picture(source)
    if alpha is not None:
        np.copyto(rgb, 255, where=(alpha == 0)[..., None])  # what nobody sees tells the network nothing
    return Picture(colorizer.colorize(rgb, settings.temperature, settings.hints, settings.like), alpha)


def colorize_files(
    colorizer: Colorizer, jobs: list[tuple[Path, Path]], settings: Settings = USUAL
) -> Iterator[tuple[Path, str | Exception]]:
    """Colour one after another; a failure is reported and does not stop the rest.

    What is transparent stays so where the result's format can, and is laid over white elsewhere. Memory: at
    most 10 bytes a pixel of a JPEG or PNG and 100 MB; 100 megapixels take 1.1 GB with Python and the network.
    Of a GIF or a video a few frames are held at a time, however long it is.

    A result appears under its name when it is whole, so a run that was stopped, SIGKILL included, goes on when
    it is started again; the first thing it does is to remove the temporary files that were left then. Several
    processes may share one folder of results.

    Args:
        colorizer, jobs: from `plan`, who colours what.
        settings: how.

    Yields:
        (file, "written"; "kept" because its result was there already; "left alone" because of `only`; or the
        error).
    """
    for folder in {target.parent for _, target in jobs}:
        clear_leftovers(folder)
    first: dict[str, Path] = {}
    for source, target in jobs:
        try:
            if os.path.isdir(source):
                os.listdir(source)  # says why it cannot be read
            _refuse_same_file(first.setdefault(_folded(target), target), target)
            if os.path.lexists(target) and not settings.force:
                outcome = "kept"
            elif settings.only is not None and kind_of_file(source) not in settings.only:
                outcome = "left alone"
            else:
                outcome = _colorize_file(colorizer, source, target, settings)
        # ValueError: a hint outside the picture; RuntimeError: what torch raises when memory is short;
        # ModuleNotFoundError: a video without the extra that reads it
        except (ImageError, OSError, ValueError, MemoryError, RuntimeError, ModuleNotFoundError) as error:
            outcome = error
        yield source, outcome


def some_frames(source: Path, frames: int = 5) -> list[np.ndarray]:
    """A picture as it is seen, or some frames of one that moves: of a video spread over it, of a GIF the first.

    Raises:
        ImageError, ModuleNotFoundError: it cannot be read.
    """
    if source.suffix.lower() in VIDEOS:
        return video.sample(source, frames)
    if is_animated(source):
        return [frame.rgb for frame in islice(read_gif(source), frames)]
    return [read_image(source)]


def kind_of_file(source: Path) -> Kind:
    """`tint.kind_of` for files; what moves has the most colourful kind of the frames looked at."""
    return max(map(kind_of, some_frames(source)), key=KINDS.index)


def _colorize_file(colorizer: Colorizer, source: Path, target: Path, settings: Settings) -> str:
    moving = None
    if source.suffix.lower() in VIDEOS:
        moving = video.colorize_video
    elif is_animated(source):
        moving = colorize_gif
    if moving and settings.hints:
        raise ValueError(f"{source}: moves, and hints are for pictures that stand still; leave them out")
    picture = None if moving else colorize_picture(colorizer, source, settings)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if moving:
            paint = FrameColorizer(colorizer, settings.smoothing, settings.temperature, settings.like)
            moving(source, target, paint, settings.force)
        else:
            write_image(target, *picture, replace=settings.force)
    except FileExistsError:  # made by somebody else in the meantime
        return "kept"
    return "written"


def _found(folder: Path) -> list[Path]:
    """All files to colour in a folder and in those below it, and the folders among these that cannot be read."""
    unreadable = []
    walk = os.walk(folder, onerror=lambda error: unreadable.append(Path(error.filename)))
    files = [Path(where, name) for where, _, names in walk for name in names]
    # "._a.jpg" is what macOS notes about a.jpg on foreign disks.
    wanted = (p for p in files if p.suffix.lower() in SUFFIXES | VIDEOS and not p.name.startswith("._"))
    return sorted([p for p in wanted if _may_be_file(p)] + unreadable)


def _may_be_file(path: Path) -> bool:
    try:
        return path.is_file() or path.is_symlink()  # of a link to nothing, reading it will say so
    except OSError:  # forbidden; reading it will say so
        return True


def _refuse_overwriting(jobs: list[tuple[Path, Path]]) -> None:
    """No input is written over, under whatever name: a link to it, or one in other letters on macOS."""
    inputs = {_identity(source): source for source, _ in jobs}
    for source, target in jobs:
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


def _name(path: Path) -> str:
    """What the result is called: as the file is, where that can be written."""
    endings = _endings(path)
    if path.suffix.lower() in endings:
        return path.name
    return path.stem + next(ending for ending in (".png", ".gif", ".mkv") if ending in endings)


def _endings(path: Path) -> set[str]:
    """How the name of a file's result may end."""
    if path.suffix.lower() in VIDEOS:
        return set(video.FORMATS)
    return {".gif"} if is_animated(path) else WRITABLE
