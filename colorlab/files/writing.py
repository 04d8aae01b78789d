"""Writing pictures, with what lies beside the pixels, each as well as its format can hold it."""

import contextlib
import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from colorlab.files.beside import Beside, writing
from colorlab.files.deep_png import write_deep
from colorlab.files.media import ImageError, over_white
from colorlab.files.tiff import TiffWriter
from colorlab.files.whole import in_one_piece

KEEP_ALPHA, KEEP_DEPTH = ("PNG", "WEBP", "TIFF"), ("PNG", "TIFF")
QUALITY = {  # what Pillow is told beside what it is to hold; colour, which was made here, at full resolution
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "PNG": {"compress_level": 4},  # half of the time of the usual 6, files a fortieth larger
}


def write_image(
    path: str | Path,
    rgb: np.ndarray,
    alpha: np.ndarray | None = None,
    replace: bool = True,
    about: Beside | None = None,
) -> list[str]:
    """Write a picture to a file whose ending says the format, via a temporary name beside it.

    Args:
        path: of the file.
        rgb: `(H, W, 3)` uint8, sRGB; or uint16, of which PNG and TIFF keep all, other formats the upper 8 bits.
        alpha: `(H, W)` uint8. Written as PNG, WebP or TIFF; under other formats the paper is white.
        replace: whether an older file is replaced; it is replaced at once and whole.
        about: what is written beside the pixels.

    Returns:
        What the format cannot hold, or what was lost even on reading, in words.

    Raises:
        ImageError: the ending is none that Pillow can write, or the format cannot hold this picture.
        FileExistsError: there is an older file, which is not to be replaced.
        OSError: the place cannot be written.
    """
    path = Path(path)
    kind = format_of(path)
    options, lost = writing(kind, about or Beside(), rgb.shape[1::-1])
    rgb, shallower = _fitting(rgb, kind)
    lost = lost + shallower
    if alpha is not None and kind not in KEEP_ALPHA:
        rgb, alpha, lost = over_white(rgb, alpha), None, [*lost, "its transparency"]
    with open_for(path, kind, replace) as file:
        _encode(file, kind, rgb, alpha, options)
    return lost


def format_of(path: Path) -> str:
    """What Pillow calls the format that a name's ending stands for.

    Raises:
        ImageError: it writes none such.
    """
    Image.init()
    kind = "PNG" if path.suffix.lower() == ".apng" else Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise ImageError(
            f"{path}: pictures cannot be written as {path.suffix or 'a file without ending'!r}; use .png"
        )
    return kind


@contextlib.contextmanager
def open_for(path: Path, kind: str, replace: bool) -> Iterator[BinaryIO]:
    """A file to write a picture into. What Pillow says is told from what the system says."""
    with in_one_piece(path, replace) as partial:
        try:
            with _Checked(open(partial, "w+b", buffering=0)) as file:
                yield file
        except (OSError, ValueError, OverflowError, struct.error) as error:
            if isinstance(error, ImageError):
                raise
            if getattr(error, "errno", None):  # the system's word, not Pillow's
                error.filename = str(path)
                raise
            raise ImageError(f"{path}: {kind} cannot hold this picture ({error}); use .png") from error


def _encode(file: BinaryIO, kind: str, rgb: np.ndarray, alpha: np.ndarray | None, options: dict) -> None:
    deep = rgb.dtype == np.uint16
    if deep and alpha is not None:
        alpha = alpha.astype(np.uint16) * 257
    if kind == "TIFF":
        TiffWriter(file).add(rgb, alpha, options.get("tags"))
    elif deep:
        write_deep(file, rgb, alpha, options)
    else:
        _image(rgb, alpha).save(file, kind, **QUALITY.get(kind, {}), **options)


def as_png(
    rgb: np.ndarray, alpha: np.ndarray | None = None, about: Beside | None = None
) -> tuple[bytes, list[str]]:
    """(the bytes of a PNG, what it cannot hold in words); arguments as in `write_image`."""
    file = io.BytesIO()
    options, lost = writing("PNG", about or Beside(), rgb.shape[1::-1])
    rgb, shallower = _fitting(rgb, "PNG")
    _encode(file, "PNG", rgb, alpha, options)
    return file.getvalue(), lost + shallower


def _fitting(rgb: np.ndarray, kind: str) -> tuple[np.ndarray, list[str]]:
    """(the colours as deep as a format can hold them, what is lost by that)."""
    if rgb.dtype != np.uint16 or kind in KEEP_DEPTH:
        return rgb, []
    return (rgb >> 8).astype(np.uint8), ["the lower 8 of 16 bits a channel"]


class _Checked(io.BufferedRandom):
    """A file without a number, so that Pillow writes through Python, which notices when a disk is full.

    By itself, Pillow takes half of a JPEG, TIFF or BMP for written.
    """

    def fileno(self):
        raise io.UnsupportedOperation("fileno")


def _image(rgb: np.ndarray, alpha: np.ndarray | None) -> Image.Image:
    image = Image.fromarray(rgb)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    return image
