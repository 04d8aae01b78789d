"""Animated GIFs in and out: every frame, its time, the loop, transparency and disposal stay as they were.

Pillow reads them. It writes them too, but merges equal neighbours into one frame, so only its encoder of a
single frame is used here, and the frames are strung together as the format's description says.

A GIF has 256 colours a frame, far fewer than a coloured photograph. They are chosen anew only where the old
ones fit badly, as at a scene cut: chosen for every frame, the choice itself would flicker. For the same
reason nothing is dithered.
"""

import dataclasses
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import GifImagePlugin, Image

from colorlab.files import gif_blocks
from colorlab.files.faults import refused_by_the_machine
from colorlab.files.media import ImageError
from colorlab.files.whole import in_one_piece

MOST_PIXELS = 2**24  # a frame; a file of 500 bytes can ask for 200 million, once for each of its frames
COLORS = 255  # of the 256, one is kept for transparent pixels
DAMAGED = (OSError, EOFError, SyntaxError, IndexError, ValueError, struct.error, Image.DecompressionBombError)
WORSE = 1.5  # a palette is kept while its error is at most this many times that of the frame it was made for


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame of a GIF as it is seen, laid over what the frames before left there.

    Attributes:
        rgb: `(H, W, 3)` uint8, white where nothing is.
        opaque: `(H, W)` bool.
        duration: milliseconds.
        disposal: what happens to it afterwards; 0 and 1: it stays, 2: it is cleared, 3: what was before
            returns.
    """

    rgb: np.ndarray
    opaque: np.ndarray
    duration: int
    disposal: int


class About(NamedTuple):
    """What a GIF says beside its frames: how many, how often repeated (0 for ever, None not), a comment, XMP."""

    frames: int
    loop: int | None
    comment: str
    xmp: bytes


def is_animated(path: str | Path) -> bool:
    """Whether a file is a GIF of more than one frame."""
    try:
        with _opened(path) as image:
            return image.is_animated
    except ImageError:
        return False


def read_gif(path: str | Path) -> Iterator[Frame]:
    """The frames of a GIF, one at a time.

    What lies outside of the first frame's screen is cut off, as browsers do.

    Raises:
        ImageError: missing, not a GIF, damaged or cut short, or of more than `MOST_PIXELS` a frame.
    """
    with _opened(path) as image:
        width, height = image.size
        for number in count():
            try:
                if number:  # the first was read on opening
                    image.disposal_method = 0  # where none is given, Pillow would keep the one before
                    image.seek(number)
            except EOFError:
                if not gif_blocks.is_whole(image.fp):  # else the frames that are missing would be so silently
                    raise ImageError(f"{path}: cut short after frame {number}; fetch it anew") from None
                return
            if image.width * image.height > MOST_PIXELS:  # a frame that reaches out enlarges Pillow's screen
                size = f"{image.width}×{image.height}"
                raise ImageError(f"{path}: too many pixels for an animation ({size}); make it smaller")
            pixels = np.asarray(image.convert("RGBA"))[:height, :width]
            opaque = pixels[..., 3] >= 128  # a pixel of a GIF is there or not
            rgb = np.where(opaque[..., None], pixels[..., :3], 255).astype(np.uint8)
            yield Frame(rgb, opaque, int(image.info.get("duration", 0)), image.disposal_method)


def about_gif(path: str | Path) -> About:
    """What lies beside the frames of a GIF.

    Raises:
        ImageError: as `read_gif`.
    """
    with _opened(path) as image:
        comment = bytes(image.info.get("comment", b"")).decode("utf-8", "replace")
        about = image.n_frames, image.info.get("loop"), comment
    with open(path, "rb") as file:
        return About(*about, gif_blocks.xmp(file))


def write_gif(
    path: str | Path,
    frames: Iterable[Frame],
    loop: int | None = None,
    replace: bool = True,
    comment: str = "",
    xmp: bytes = b"",
) -> None:
    """Write frames as they come; they are not kept. Whatever stops it leaves no file.

    Args:
        path: of the file.
        frames: at least one, all of one size.
        loop: how often it is repeated; 0 is for ever, None not at all.
        replace: whether an older file is replaced; else a FileExistsError.
        comment, xmp: what is said beside the frames.
    """
    palette, shared = _Palette(), None
    with in_one_piece(path, replace) as partial, open(partial, "wb") as file:
        for frame in frames:
            image = palette.apply(frame)
            if shared is None:
                height, width = frame.opaque.shape
                shared = image.getpalette()
                file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + bytes(shared))
                file.writelines(gif_blocks.beside(loop, comment, xmp))
            about = {"duration": frame.duration, "disposal": frame.disposal}
            if not frame.opaque.all():
                about["transparency"] = COLORS
            if image.getpalette() != shared:
                about["include_color_table"] = True
            file.writelines(GifImagePlugin.getdata(image, **about))
        file.write(b";")


@contextmanager
def _opened(path: str | Path) -> Iterator[Image.Image]:
    try:
        with _Gif(path) as image:
            yield image
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file; check the path") from None
    except ImageError:
        raise
    except DAMAGED as error:
        if refused_by_the_machine(error):
            raise
        if "not a GIF" in str(error):
            raise ImageError(f"{path}: not a GIF; its name ends like one") from None
        raise ImageError(f"{path}: damaged or cut short ({error}); fetch it anew") from error


class _Gif(GifImagePlugin.GifImageFile):
    """Where a palette is plain grey, Pillow drops it, and then the first frame's transparent index stays for all."""

    def _is_palette_needed(self, p: bytes) -> bool:
        return True


class _Palette:
    """255 colours that are kept as long as they fit."""

    def __init__(self):
        self.image: Image.Image | None = None
        self.error = 0.0

    def apply(self, frame: Frame) -> Image.Image:
        """A frame -> an image of mode "P" whose transparent pixels have the index 255."""
        rgb = Image.fromarray(frame.rgb)
        if self.image is not None:
            chosen, error = self._nearest(rgb)
        if self.image is None or error > WORSE * self.error:
            self.image = _with_palette(rgb.quantize(COLORS, Image.Quantize.MEDIANCUT).getpalette())
            chosen, self.error = self._nearest(rgb)
        index = np.asarray(chosen).copy()
        index[index == COLORS] = 0  # the last colour repeats the first; its index means transparent
        index[~frame.opaque] = COLORS
        image = Image.fromarray(index)
        image.putpalette(self.image.getpalette())
        return image

    def _nearest(self, rgb: Image.Image) -> tuple[Image.Image, float]:
        chosen = rgb.quantize(palette=self.image, dither=Image.Dither.NONE)
        return chosen, float(
            np.abs(np.asarray(chosen.convert("RGB"), np.int16) - np.asarray(rgb, np.int16)).mean()
        )


def _with_palette(colors: list[int]) -> Image.Image:
    """An image that carries a palette of 256 colours; what is missing repeats the first."""
    colors = colors[: 3 * COLORS]
    image = Image.new("P", (1, 1))
    image.putpalette(colors + colors[:3] * (256 - len(colors) // 3))
    return image
