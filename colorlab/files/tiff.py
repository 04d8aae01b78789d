"""TIFF: which of its directories are pages, which kinds are read wrongly, and writing.

Pages of 8 or 16 bits a channel are written one after another, each with its own tags. Pillow writes no colours
of 16 bits, and tifffile no directory of EXIF inside a page. But EXIF is a TIFF without pixels, and Pillow writes
that; so each page is such a directory, and strips of pixels after it.
"""

import struct
import zlib
from itertools import count
from typing import BinaryIO

import numpy as np
from PIL import Image

from colorlab.files.beside import directory_at
from colorlab.files.png import FAST

BITS, COMPRESSION, PLANAR, SAMPLE_FORMAT, SEPARATE, SIGNED = 258, 259, 284, 339, 2, 2
NEW_SUBFILE_TYPE, REDUCED, MASK, SUBFILE_TYPE, OLD_REDUCED, SUB_DIRECTORIES, DNG_VERSION = (
    254,
    1,
    4,
    255,
    2,
    330,
    50706,
)
DEFLATE, RGB, UNASSOCIATED_ALPHA, HORIZONTAL = 8, 2, 2, 2
STRIP = 2**18  # bytes, about, so that a reader needs little memory
LINK = 4  # where a file tells the place of its first page


def full_pages(image: Image.Image) -> list[int]:
    """The numbers of a TIFF's pages that are no reduced copies and no masks; the last one is opened.

    Raises:
        ValueError: the file is cut short; or it has none, but real pictures in places that are not read here, as
            raw files of cameras do.
    """
    _refuse_cut_short(image.fp)
    full, hidden = [], False
    for number in count():
        try:
            image.seek(number)
        except EOFError:
            break
        tags = image.tag_v2
        if DNG_VERSION in tags:
            raise ValueError("a raw file of a camera (DNG); develop it to a TIFF first")
        kind, old_kind = tags.get(NEW_SUBFILE_TYPE, 0), tags.get(SUBFILE_TYPE, 1)
        hidden |= SUB_DIRECTORIES in tags
        if not (kind & (REDUCED | MASK)) and old_kind != OLD_REDUCED:
            full.append(number)
    if not full and hidden:
        raise ValueError(
            "holds only reduced copies where pictures are, as raw files do; develop it to a TIFF first"
        )
    return full or [0]


def _refuse_cut_short(file: BinaryIO) -> None:
    """A ValueError where a page's directory is not all there, which Pillow takes for the last one."""
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(16)
    order, big = "<" if head[:2] == b"II" else ">", b"+" in head[2:4]
    count, entry, link = (f"{order}Q", 20, f"{order}Q") if big else (f"{order}H", 12, f"{order}L")
    seen: set[int] = set()
    (place,) = struct.unpack_from(link, head, 8 if big else LINK)
    while place and place not in seen:
        seen.add(place)
        end = place + struct.calcsize(count)
        if end <= size:
            file.seek(place)
            end += entry * struct.unpack(count, file.read(struct.calcsize(count)))[0]
        if end + struct.calcsize(link) > size:
            raise ValueError(f"damaged or cut short at page {len(seen)}; fetch it anew")
        file.seek(end)
        (place,) = struct.unpack(link, file.read(struct.calcsize(link)))


def refuse_misread(image: Image.Image) -> None:
    """A ValueError for the layouts that Pillow opens and shows wrong."""
    tags = image.tag_v2
    bits, signed = max(tags.get(BITS, (1,))), tags.get(SAMPLE_FORMAT, (1,))[0] == SIGNED
    if tags.get(PLANAR, 1) == SEPARATE and bits > 8:
        raise ValueError(f"colours in separate planes of {bits} bits")
    if signed and bits == 8:
        raise ValueError("signed integers of 8 bits")
    unsigned = tags.get(SAMPLE_FORMAT, (1,))[0] == 1
    if not unsigned and tags.prefix == b"MM" and tags.get(COMPRESSION, 1) != 1:
        raise ValueError(f"compressed signed or fractional numbers of {bits} bits, big end first")


class TiffWriter:
    """Adds pages to a file that is open for writing in binary mode."""

    def __init__(self, file: BinaryIO):
        self.file, self.link = file, LINK  # where the place of the next page is to be written
        file.write(b"II*\0" + bytes(4))

    def add(self, rgb: np.ndarray, alpha: np.ndarray | None = None, tags: dict | None = None) -> None:
        """One page: uint8 or uint16 `(H, W, 3)`, `(H, W)` of the same kind or None, and tags beside the layout's.

        Raises:
            struct.error: more than 4 GB, the most that a TIFF can hold.
        """
        height, width = rgb.shape[:2]
        channels = 3 if alpha is None else 4
        rows = max(1, STRIP // (width * channels * rgb.itemsize))
        starts = range(0, height, rows)
        layout = {
            **(tags or {}),
            **{256: width, 257: height, 258: (8 * rgb.itemsize,) * channels, 259: DEFLATE, 262: RGB},
            **{
                273: (0,) * len(starts),
                277: channels,
                278: rows,
                279: (2**31,) * len(starts),
                317: HORIZONTAL,
            },
            **({338: UNASSOCIATED_ALPHA} if alpha is not None else {}),
        }
        at = self.file.seek(0, 2)
        at += self.file.write(b"\0" * (at % 2))  # directories lie at even places
        self.file.write(
            directory_at(at, layout)
        )  # without the places and sizes of strips, but of the right length
        first, places, sizes = self.file.tell(), [], []
        for start in starts:
            strip = zlib.compress(_differences(rgb, alpha, slice(start, start + rows)), FAST)
            places.append(self.file.tell() - first)  # Pillow adds where its directory ends
            sizes.append(self.file.write(strip))
        layout |= {273: tuple(places), 279: tuple(sizes)}
        self._put(at, directory_at(at, layout))
        self._put(self.link, struct.pack("<I", at))
        self.link = at + 2 + 12 * len(layout)

    def _put(self, place: int, content: bytes) -> None:
        self.file.seek(place)
        self.file.write(content)


def _differences(rgb: np.ndarray, alpha: np.ndarray | None, rows: slice) -> bytes:
    """Rows with each pixel less the one before it, which makes them far smaller: TIFF's horizontal predictor."""
    strip = rgb[rows] if alpha is None else np.dstack([rgb[rows], alpha[rows]])
    less = strip.copy()
    less[:, 1:] -= strip[:, :-1]
    return less.astype(less.dtype.newbyteorder("<"), copy=False).tobytes()
