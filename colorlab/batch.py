"""Many pictures at a time: which file becomes which, and what happened to each."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from colorlab.colorizer import Colorizer
from colorlab.data import SUFFIXES
from colorlab.hints import Hint
from colorlab.media import ImageError, read_picture, write_image

WRITABLE = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}  # anything else becomes .png


def plan(inputs: Iterable[Path], out: Path) -> list[tuple[Path, Path]]:
    """(picture, its result) of every input; a folder gives all pictures in it, its tree mirrored.

    Args:
        inputs: pictures and folders.
        out: a folder, or a file's name if there is one picture and the name ends like a picture's.

    Raises:
        FileNotFoundError: an input that is not there.
        ValueError: no picture at all, results inside an input folder, or two pictures with one result.
    """
    inputs = list(inputs)
    missing = [str(path) for path in inputs if not path.exists()]
    if missing:
        raise FileNotFoundError(f"{', '.join(missing)}: no such file or folder; check the path")
    if len(inputs) == 1 and inputs[0].is_file() and out.suffix.lower() in WRITABLE and not out.is_dir():
        _refuse_overwriting(inputs[0], out)
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
        for file in sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()):
            relative = file.relative_to(path)
            jobs.append((file, out / relative.parent / _name(relative)))
    if not jobs:
        raise ValueError(
            f"no picture in {', '.join(map(str, inputs))}; endings looked for: {', '.join(sorted(SUFFIXES))}"
        )
    sources: dict[Path, Path] = {}
    for source, target in jobs:
        if target in sources:
            raise ValueError(f"{sources[target]} and {source} would both become {target}; rename one")
        _refuse_overwriting(source, target)
        sources[target] = source
    return jobs


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

    Args:
        colorizer, jobs: from `plan`, who colours what.
        temperature, hints, like: as in `Colorizer.colorize`.
        force: overwrite results that are there already.

    Yields:
        (picture, "written", "kept" because its result was there already, or the error).
    """
    for source, target in jobs:
        if target.exists() and not force:
            yield source, "kept"
            continue
        try:
            rgb, alpha = read_picture(source)
            if alpha is not None:
                np.copyto(
                    rgb, 255, where=(alpha == 0)[..., None]
                )  # what nobody sees tells the network nothing
            rgb = colorizer.colorize(rgb, temperature, hints, like)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_image(target, rgb, alpha)
        except (ImageError, OSError, ValueError) as error:  # ValueError: a hint outside the picture
            yield source, error
        else:
            yield source, "written"


def _refuse_overwriting(source: Path, target: Path) -> None:
    if target.resolve() == source.resolve():
        raise ValueError(f"{source} would be overwritten by its own result; choose another --out")


def _name(path: Path) -> str:
    return path.name if path.suffix.lower() in WRITABLE else f"{path.stem}.png"
