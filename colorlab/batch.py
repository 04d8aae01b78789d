"""Many pictures at a time: which file becomes which, and what happened to each."""

import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from colorlab.colorizer import Colorizer
from colorlab.data import SUFFIXES
from colorlab.files import clear_leftovers
from colorlab.hints import Hint
from colorlab.media import ImageError, Picture, Source, read_picture, write_image

WRITABLE = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}  # anything else becomes .png


def plan(inputs: Iterable[Path], out: Path) -> list[tuple[Path, Path]]:
    """(picture, its result) of every input; a folder gives all pictures in it, its tree mirrored.

    A folder that cannot be read is among them, so that `colorize_files` reports it.

    Args:
        inputs: pictures and folders.
        out: a folder, or a file's name if there is one picture and the name ends like a picture's.

    Raises:
        FileNotFoundError: an input that is not there.
        ValueError: no picture at all, results inside an input folder or over an input, or two pictures with
            one result.
    """
    inputs = list(inputs)
    missing = [str(path) for path in inputs if not path.exists()]
    if missing:
        raise FileNotFoundError(f"{', '.join(missing)}: no such file or folder; check the path")
    if len(inputs) == 1 and inputs[0].is_file() and out.suffix.lower() in WRITABLE and not out.is_dir():
        _refuse_overwriting([(inputs[0], out)])
        return [(inputs[0], out)]
    if out.is_file():
        raise ValueError(f"{out} is a file; several pictures need a folder")
    jobs = []
    for path in inputs:
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
                (file, out / relative if os.path.isdir(file) else out / relative.parent / _name(relative))
            )
    if not jobs:
        raise ValueError(
            f"no picture in {', '.join(map(str, inputs))}; endings looked for: {', '.join(sorted(SUFFIXES))}"
        )
    sources: dict[Path, Path] = {}
    for source, target in jobs:
        if target in sources:
            raise ValueError(f"{sources[target]} and {source} would both become {target}; rename one")
        sources[target] = source
    _refuse_overwriting(jobs)
    return jobs


def colorize_picture(
    colorizer: Colorizer,
    source: Source,
    temperature=None,
    hints: Sequence[Hint] | None = None,
    like: np.ndarray | None = None,
) -> Picture:
    """Colour one picture, which may be transparent; arguments as in `Colorizer.colorize`."""
    rgb, alpha = read_picture(source)
    if alpha is not None:
        np.copyto(rgb, 255, where=(alpha == 0)[..., None])  # what nobody sees tells the network nothing
    return Picture(colorizer.colorize(rgb, temperature, hints, like), alpha)


def colorize_files(
    colorizer: Colorizer,
    jobs: list[tuple[Path, Path]],
    temperature=None,
    force: bool = False,
    hints: Sequence[Hint] | None = None,
    like: np.ndarray | None = None,
) -> Iterator[tuple[Path, str | Exception]]:
    """Colour one after another; a failure is reported and does not stop the rest.

    What is transparent stays so where the result's format can, and is laid over white elsewhere. Memory: at
    most 10 bytes a pixel of a JPEG or PNG and 100 MB; 100 megapixels take 1.1 GB with Python and the network.

    A result appears under its name when it is whole, so a run that was stopped, SIGKILL included, goes on when
    it is started again; the first thing it does is to remove the temporary files that were left then. Several
    processes may share one folder of results.

    Args:
        colorizer, jobs: from `plan`, who colours what.
        temperature, hints, like: as in `Colorizer.colorize`.
        force: overwrite results that are there already. Without it not even what somebody else puts there
            while a picture is in work is touched.

    Yields:
        (picture, "written", "kept" because its result was there already, or the error).
    """
    for folder in {target.parent for _, target in jobs}:
        clear_leftovers(folder)
    first: dict[str, Path] = {}
    for source, target in jobs:
        try:
            if os.path.isdir(source):
                os.listdir(source)  # says why it cannot be read
            _refuse_same_file(first.setdefault(_folded(target), target), target)
            if os.path.lexists(target) and not force:
                outcome = "kept"
            else:
                picture = colorize_picture(colorizer, source, temperature, hints, like)
                target.parent.mkdir(parents=True, exist_ok=True)
                outcome = _write(target, picture, force)
        # ValueError: a hint outside the picture; RuntimeError: what torch raises when memory is short
        except (ImageError, OSError, ValueError, MemoryError, RuntimeError) as error:
            outcome = error
        yield source, outcome


def _write(target: Path, picture: Picture, force: bool) -> str:
    try:
        write_image(target, *picture, replace=force)
    except FileExistsError:  # made by somebody else in the meantime
        return "kept"
    return "written"


def _found(folder: Path) -> list[Path]:
    """All pictures in a folder and in those below it, and the folders among these that cannot be read."""
    unreadable = []
    walk = os.walk(folder, onerror=lambda error: unreadable.append(Path(error.filename)))
    files = [Path(where, name) for where, _, names in walk for name in names]
    # "._a.jpg" is what macOS notes about a.jpg on foreign disks.
    wanted = (p for p in files if p.suffix.lower() in SUFFIXES and not p.name.startswith("._"))
    return sorted([p for p in wanted if _may_be_file(p)] + unreadable)


def _may_be_file(path: Path) -> bool:
    try:
        return path.is_file()
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
    return path.name if path.suffix.lower() in WRITABLE else f"{path.stem}.png"
