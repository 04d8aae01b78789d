"""Reading and writing pictures: a stranger's file becomes uint8 sRGB, or an error that says why not."""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from colorlab.files.whole import in_one_piece

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif"}
MOST_PIXELS = 200_000_000
MOST_SIDE = 100_000
BAND = 2**18  # pixels worked on at a time, where each of them needs many bytes for a moment
# Not all that Pillow knows: a stranger's EPS would start Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF", "PPM")
HEIC = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1", b"ftypmsf1")
KEEP_ALPHA = ("PNG", "WEBP", "TIFF")
SRGB = ImageCms.createProfile("sRGB")
BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # TIFF 6.0

# Pillow's own limit, which it also applies to pictures inside of pictures: a warning here, an error at twice.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS

Source = str | os.PathLike | bytes | BinaryIO | Image.Image


class ImageError(ValueError):
    """A file that is not a readable picture; the message names the file, the fault and the remedy."""


class Picture(NamedTuple):
    """A picture and how opaque it is.

    Attributes:
        rgb: `(H, W, 3)` uint8, sRGB; not multiplied by alpha.
        alpha: `(H, W)` uint8, 0 is transparent; None where all is opaque.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None


def read_image(source: Source) -> np.ndarray:
    """Read a picture and lay what is transparent over white.

    Args:
        source: a path, the bytes of a file, a file opened in binary mode, or a PIL image. JPEG, PNG, WebP,
            TIFF, BMP, GIF and PPM; AVIF and HEIC where the installed Pillow can. Of several pages or frames,
            the first.

    Returns:
        `(H, W, 3)` uint8 sRGB, turned upright by EXIF. An ICC profile is followed. EXIF that is damaged is
        ignored, and so is a profile that is damaged or made for other channels, as browsers do. Greys of 16
        bits are scaled from 0..65535, floats from 0..1; where a value lies outside, from the least to the
        largest. Of colours with 16 bits a channel Pillow keeps the upper 8.

    Raises:
        ImageError: missing, a folder, empty, without permission, not an image, damaged, cut short, with NaN,
            or of more pixels than `MOST_PIXELS` or `MOST_SIDE`, which is found before anything is decoded.
        TypeError: none of those sources.
    """
    picture = read_picture(source)
    return picture.rgb if picture.alpha is None else over_white(*picture)


def read_picture(source: Source) -> Picture:
    """Read a picture and keep its transparency. Everything else is as in `read_image`."""
    if not isinstance(source, (str, os.PathLike, bytes, Image.Image)) and not hasattr(source, "read"):
        kind = type(source).__name__
        raise TypeError(f"expected a path, the bytes of a file, a binary file or a PIL image, got {kind}")
    if isinstance(source, io.TextIOBase):
        raise TypeError('expected a binary file, got one opened as text; open it with mode "rb"')
    path = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", None)
    name = str(path) if isinstance(path, (str, os.PathLike)) else "the picture given"
    try:
        if isinstance(source, Image.Image):
            _refuse_absurd(source, name)
            return _decode(source.copy(), name)
        with _opened(source, name) as file:
            return _decode(_identified(file, name), name)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{name}: too many pixels to be opened safely ({error}); make it smaller") from None
    except Exception as error:  # Pillow's readers raise all kinds of things on damaged files
        reason = str(error) or type(error).__name__
        raise ImageError(f"{name}: damaged or cut short ({reason}); fetch it anew") from error


def over_white(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """What a transparent picture looks like on white paper: `(H, W, 3)` uint8."""
    laid = np.empty_like(rgb)
    for rows in bands(*alpha.shape):
        opacity = alpha[rows, :, None].astype(np.uint16)
        laid[rows] = (rgb[rows] * opacity + 255 * (255 - opacity) + 127) // 255
    return laid


def write_image(
    path: str | Path, rgb: np.ndarray, alpha: np.ndarray | None = None, replace: bool = True
) -> None:
    """Write a picture to a file whose ending says the format, via a temporary name beside it.

    Args:
        path: of the file.
        rgb: `(H, W, 3)` uint8, sRGB.
        alpha: `(H, W)` uint8. Written as PNG, WebP or TIFF; under other formats the paper is white.
        replace: whether an older file is replaced; it is replaced at once and whole.

    Raises:
        ImageError: the ending is none that Pillow can write, or the format cannot hold this picture.
        FileExistsError: there is an older file, which is not to be replaced.
        OSError: the place cannot be written.
    """
    path = Path(path)
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise ImageError(
            f"{path}: pictures cannot be written as {path.suffix or 'a file without ending'!r}; use .png"
        )
    if alpha is not None and kind not in KEEP_ALPHA:
        rgb, alpha = over_white(rgb, alpha), None
    with in_one_piece(path, replace) as partial:
        try:
            with _Checked(open(partial, "w+b", buffering=0)) as file:
                _image(rgb, alpha).save(file, kind, **({"quality": 92} if kind in ("JPEG", "WEBP") else {}))
        except (OSError, ValueError, OverflowError) as error:
            if getattr(error, "errno", None):  # the system's word, not Pillow's
                error.filename = str(path)
                raise
            raise ImageError(f"{path}: {kind} cannot hold this picture ({error}); use .png") from error


def as_png(rgb: np.ndarray, alpha: np.ndarray | None = None) -> bytes:
    """The bytes of a PNG; arguments as in `write_image`."""
    file = io.BytesIO()
    _image(rgb, alpha).save(file, "PNG")
    return file.getvalue()


def bands(height: int, width: int) -> Iterator[slice]:
    """The rows of a picture, `BAND` pixels at a time (at least one row)."""
    step = max(1, BAND // width)
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


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


def _opened(source: Source, name: str) -> contextlib.AbstractContextManager[BinaryIO]:
    try:
        if isinstance(source, bytes):
            return io.BytesIO(source)
        if hasattr(source, "read"):
            return io.BytesIO(source.read())
        if os.path.isdir(source):
            raise ImageError(f"{name}: a folder, not a picture; name a file in it")
        return open(source, "rb")
    except FileNotFoundError:
        raise ImageError(f"{name}: no such file; check the path") from None
    except ImageError:
        raise
    except (OSError, ValueError) as error:  # no permission; a name with a NUL in it; a closed file
        raise ImageError(f"{name}: cannot be read ({error}); check its name and permissions") from None


def _identified(file: BinaryIO, name: str) -> Image.Image:
    """The picture in a file: its size is known and not absurd, its pixels are not decoded yet."""
    Image.init()  # so that all formats are known; AVIF and HEIF are not known to every Pillow
    try:
        image = Image.open(file, formats=[f for f in FORMATS if f in Image.OPEN])
    except UnidentifiedImageError:
        file.seek(0)
        head = file.read(12)
        if not head:
            raise ImageError(f"{name}: empty (0 bytes); fetch it anew") from None
        if head[4:] in HEIC:
            raise ImageError(f"{name}: HEIC, which this Pillow does not read; save it as JPEG") from None
        raise ImageError(
            f"{name}: not a picture in a format that is read here, or damaged at its very beginning; "
            "save it as PNG or JPEG"
        ) from None
    _refuse_absurd(image, name)
    return image


def _refuse_absurd(image: Image.Image, name: str) -> None:
    size = f"{image.width}×{image.height}"
    if 0 in image.size:
        raise ImageError(f"{name}: has no pixels ({size}); fetch it anew")
    if image.width * image.height > MOST_PIXELS or max(image.size) > MOST_SIDE:
        raise ImageError(f"{name}: too many pixels to be opened safely ({size}); make it smaller")


def _decode(image: Image.Image, name: str) -> Picture:
    """The pixels of an image, which is changed on the way: a big one is not copied without need."""
    image.load()
    with contextlib.suppress(Exception):  # damaged EXIF; where its rotation was legible, it is done by now
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image, name)
    image = _to_srgb(image, "RGBA" if image.has_transparency_data else "RGB")
    height, width = image.height, image.width
    rgb = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.uint8) if image.mode == "RGBA" else None
    for rows in bands(height, width):
        band = np.asarray(image.crop((0, rows.start, width, rows.stop)))
        rgb[rows] = band[..., :3]
        if alpha is not None:
            alpha[rows] = band[..., 3]
    return Picture(rgb, alpha)


def _eight_bits(image: Image.Image, name: str) -> Image.Image:
    """A grey of integers or floats, scaled to 0..255; Pillow itself would clip it."""
    grey = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    black, white = float(grey.min()), float(grey.max())
    if not np.isfinite([black, white]).all():
        raise ImageError(f"{name}: holds NaN or infinite values; save it again without them")
    largest = 1 if image.mode == "F" else 2 ** min(tags.get(BITS_PER_SAMPLE, (16,))[0], 16) - 1
    if black >= 0 and white <= largest:
        black, white = 0, largest
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        black, white = white, black
    scaled = np.empty(grey.shape, np.uint8)
    for rows in bands(*grey.shape):
        scaled[rows] = np.round((grey[rows] - np.float64(black)) * (255 / ((white - black) or 1)))
    result = Image.fromarray(scaled)
    result.info = {k: v for k, v in image.info.items() if k == "icc_profile"}
    if (transparent := image.info.get("transparency")) is not None:  # one grey of a PNG, of 16 bits as well
        result.putalpha(Image.fromarray(grey != transparent))
    return result


def _to_srgb(image: Image.Image, mode: str) -> Image.Image:
    """An image of 8 bits a channel -> `mode`, which is RGB or RGBA, in sRGB."""
    if image.mode == "La":  # of a TIFF, multiplied by alpha; Pillow has no direct way
        image = image.convert("LA")
    if content := image.info.get("icc_profile"):
        with contextlib.suppress(ImageCms.PyCMSError):  # broken
            return _follow(ImageCms.getOpenProfile(io.BytesIO(content)), image, mode)
    return image if image.mode == mode else image.convert(mode)


def _follow(profile: ImageCms.ImageCmsProfile, image: Image.Image, mode: str) -> Image.Image:
    """From the colours that an ICC profile describes to sRGB. One made for other channels is ignored."""
    space = profile.profile.xcolor_space.strip()
    if space == "CMYK" and image.mode == "CMYK":
        return ImageCms.profileToProfile(image, profile, SRGB, outputMode="RGB")
    if space == "GRAY" and image.mode in ("1", "L", "LA"):
        exact = ImageCms.Flags.NOOPTIMIZE  # slower; else a dark grey is wrong by up to 10 of 255
        colors = ImageCms.profileToProfile(image.convert("L"), profile, SRGB, outputMode="RGB", flags=exact)
        if mode == "RGBA":
            colors.putalpha(image.convert("RGBA").getchannel("A"))
        return colors
    matches = space == "RGB" and image.mode not in ("CMYK", "LAB")
    image = image if image.mode == mode else image.convert(mode)
    if matches:
        ImageCms.profileToProfile(image, profile, SRGB, inPlace=True)
    return image
