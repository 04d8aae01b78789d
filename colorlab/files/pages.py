"""Pictures of several: every page of a TIFF, every frame of an animated GIF, WebP, PNG or AVIF.

One is read, coloured and written at a time, so memory does not grow with their number.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from colorlab.files import png
from colorlab.files.beside import Beside, beside, writing
from colorlab.files.faults import printable, short_of_memory
from colorlab.files.gif import MOST_PIXELS, about_gif, read_gif, write_gif
from colorlab.files.guards import our_guards
from colorlab.files.media import ImageError, Original, Source, opened, over_white, read_pages
from colorlab.files.png import Shown
from colorlab.files.tiff import TiffWriter, full_pages
from colorlab.files.writing import QUALITY, open_for

ANIMATIONS = {".png": "PNG", ".apng": "PNG", ".webp": "WEBP"}  # as which they can be written
MOVING = ("WEBP", "PNG", "AVIF", "GIF")
Colored = tuple[np.ndarray, np.ndarray | None]
Paint = Callable[[np.ndarray], np.ndarray]
Item, Made = TypeVar("Item"), TypeVar("Made")


def count_of_pictures(source: Source) -> int:
    """How many pages of a TIFF, or frames of what moves, a file has; 1 also where it cannot be read.

    Further views of a photograph, as phones store them, are no frames.
    """
    try:
        with opened(source) as image:
            if image.format == "TIFF":
                return len(full_pages(image))
            return len(frames_of(image)) if image.format in MOVING else 1
    except Exception:  # Pillow's readers raise all kinds of things on damaged files
        return 1


def frames_of(image: Image.Image) -> range:
    """The numbers of what moves. An APNG may hold a picture before it, for programs that show no motion."""
    return range(int(getattr(image, "default_image", False)), getattr(image, "n_frames", 1))


def colorize_pages(
    source: str | Path,
    target: str | Path,
    paint: Callable[[Original], Colored],
    replace: bool = True,
    mark: str | None = None,
) -> list[str]:
    """Colour every page of a TIFF, with progress.

    Args:
        source, target: paths; the target is written as TIFF.
        paint: a page -> colours of 8 or 16 bits, and alpha of 8 or None.
        replace: whether an older target is replaced; else a FileExistsError.
        mark: what made it.

    Returns:
        What is lost, in words.

    Raises:
        ImageError: a page cannot be read; then no target is written.
    """
    lost: list[str] = []
    total, target = count_of_pictures(source), Path(target)
    with open_for(target, "TIFF", replace) as file, closing(read_pages(source)) as pages:
        writer = TiffWriter(file)
        for page in _followed(pages, source, total, "page"):
            rgb, alpha = _painted(paint, page, source)
            options, gone = writing("TIFF", page.beside.marked(mark), rgb.shape[1::-1])
            writer.add(rgb, alpha, options.get("tags"))
            lost += [fault for fault in gone if fault not in lost]
    return lost


def read_animation(path: str | Path) -> Iterator[Shown]:
    """The frames of an animated WebP, PNG or AVIF, as they are seen, one at a time.

    Raises:
        ImageError: missing, damaged or cut short, or of more than 16 megapixels a frame.
    """
    with _animation(path) as image:
        yield from _frames(image, path)


def colorize_animation(
    source: str | Path, target: str | Path, paint: Paint, replace: bool = True, mark: str | None = None
) -> list[str]:
    """Colour every frame of an animated GIF, WebP, PNG or AVIF, with progress; only its lightness is looked at.

    Times and loop stay; of a GIF, which becomes a GIF, holes and disposal as well.

    Args:
        source, target: paths; the target ends in .gif, or in one of `ANIMATIONS` if the source is no GIF.
        paint: what makes a coloured frame of a frame, both uint8 `(H, W, 3)`; a new `FrameColorizer`.
        replace: whether an older target is replaced; else a FileExistsError.
        mark: what made it, written beside the frames.

    Returns:
        What is lost, in words.

    Raises:
        ImageError: the source cannot be read; then no target is written.
    """
    colorize = _colorize_gif if Path(target).suffix.lower() == ".gif" else _colorize_whole_frames
    return colorize(Path(source), Path(target), paint, replace, mark)


def _colorize_gif(source: Path, target: Path, paint: Paint, replace: bool, mark: str | None) -> list[str]:
    about = about_gif(source)
    frames = _followed(read_gif(source), source, about.frames, "frame")
    colored = (dataclasses.replace(frame, rgb=paint(frame.rgb)) for frame in frames)
    comment = "\n".join(text for text in (about.comment, mark) if text)
    write_gif(target, colored, about.loop, replace, comment, about.xmp)
    return []


def _colorize_whole_frames(
    source: Path, target: Path, paint: Paint, replace: bool, mark: str | None
) -> list[str]:
    kind = ANIMATIONS[target.suffix.lower()]
    with _animation(source) as image, open_for(target, kind, replace) as file:
        count, loop = len(frames_of(image)), int(image.info.get("loop", 0) or 0)
        options, lost = writing(kind, _beside(image).marked(mark), image.size)
        shown = _followed(_frames(image, source), source, count, "frame")
        frames = (frame._replace(rgb=_painted(paint, _seen(frame), source)) for frame in shown)
        if kind == "PNG":
            png.write_animation(file, frames, count, loop, options)
        else:
            _write_webp(file, frames, count, loop, options)
    return lost


def _painted(paint: Callable[[Item], Made], given: Item, source: str | Path) -> Made:
    """What `paint` makes of it; its complaint is not one of the file that is being written."""
    try:
        return paint(given)
    except ImageError:
        raise
    except ValueError as error:
        raise ImageError(f"{source}: {error}") from error


def _followed(items: Iterable[Item], source: str | Path, count: int, unit: str) -> Iterable[Item]:
    """With progress."""
    return tqdm(items, printable(Path(source).name), count, leave=None, unit=unit, disable=None)


def _seen(frame: Shown) -> np.ndarray:
    """White where it is wholly transparent: what nobody sees tells the network nothing."""
    if frame.alpha is None:
        return frame.rgb
    return over_white(frame.rgb, (frame.alpha > 0) * np.uint8(255))


def _beside(image: Image.Image) -> Beside:
    try:
        image.seek(0)
        image.load()
        return beside(image)
    except Exception:  # the frames will tell what is damaged
        return Beside()


def _write_webp(file, frames: Iterable[Shown], count: int, loop: int, options: dict) -> None:
    lazy = _Lazy(frames, count)
    lazy.save(file, "WEBP", save_all=True, loop=loop, duration=lazy.times, **QUALITY["WEBP"], **options)


class _Lazy(Image.Image):
    """An image whose frames come one at a time, as Pillow asks for them; it would keep a list of them."""

    def __init__(self, frames: Iterable[Shown], count: int):
        super().__init__()
        self.frames, self.n_frames, self.number, self.times = iter(frames), count, -1, []
        self.seek(0)  # its size has to be known

    def seek(self, number: int) -> None:
        if number == self.number + 1 and number < self.n_frames:
            shown = next(self.frames)
            made = Image.fromarray(shown.rgb if shown.alpha is None else np.dstack([shown.rgb, shown.alpha]))
            self.im, self._mode, self._size, self.number = made.im, made.mode, made.size, number
            self.times.append(round(shown.duration))

    def tell(self) -> int:
        return self.number


@contextmanager
def _animation(path: str | Path) -> Iterator[Image.Image]:
    with opened(path) as image:
        if image.width * image.height > MOST_PIXELS:
            size = f"{image.width}×{image.height}"
            raise ImageError(f"{path}: too many pixels for an animation ({size}); make it smaller")
        yield image


def _frames(image: Image.Image, path: str | Path) -> Iterator[Shown]:
    for number in frames_of(image):
        try:
            with our_guards():
                image.seek(number)
                pixels = np.asarray(image.convert("RGBA"))
        except Exception as error:  # Pillow's readers raise all kinds of things on damaged files
            if short_of_memory(error):
                raise
            raise ImageError(
                f"{path}: damaged or cut short at frame {number + 1} ({error}); fetch it anew"
            ) from error
        alpha = pixels[..., 3].copy()
        yield Shown(pixels[..., :3].copy(), alpha, float(image.info.get("duration", 0) or 0))
