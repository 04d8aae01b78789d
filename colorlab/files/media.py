"""Reading pictures: a stranger's file becomes uint8 sRGB, or an error that says why not."""

import contextlib
import io
import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin, UnidentifiedImageError

from colorlab.files import gif_blocks
from colorlab.files.beside import Beside, beside
from colorlab.files.faults import short_of_memory
from colorlab.files.guards import MOST_PIXELS, our_guards
from colorlab.files.kinds import FILM, GIF, HEAD, HEIC, PICTURE, TIFF, told_by
from colorlab.files.mending import may_be_mended, mended, unread_kind
from colorlab.files.tiff import full_pages, refuse_misread

# Endings that a folder of pictures may have; what a file is, its content tells, see `colorlab.files.kinds`.
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif"}
SUFFIXES |= {".jfif", ".jpe", ".dib", ".apng", ".jp2", ".j2k", ".jpf", ".jpx", ".pgm", ".ppm", ".pbm", ".pnm"}
SUFFIXES |= {".mpo"}
MOST_SIDE = 100_000
BAND = 2**18  # pixels worked on at a time, where each of them needs many bytes for a moment
# Not all that Pillow knows: a stranger's EPS would start Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF", "PPM", "DIB", "MPO", "JPEG2000")
SRGB = ImageCms.createProfile("sRGB")
BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO, SAMPLE_FORMAT, UNSIGNED = 258, 262, 0, 339, 1  # TIFF 6.0
UNSUPPORTED = "of a kind that is not supported"

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


class Original(NamedTuple):
    """A picture with all that its file knows.

    Attributes:
        rgb, alpha: as of `Picture`.
        deep: `(H, W)` uint16, sRGB: the same grey more exactly, where the file has more than 256 of them; or None.
        beside: what lies beside the pixels.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None
    deep: np.ndarray | None
    beside: Beside


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
    original = read_original(source)
    return Picture(original.rgb, original.alpha)


def read_original(source: Source) -> Original:
    """Read a picture with its transparency, its finer greys and what lies beside the pixels, else as `read_image`."""
    with contextlib.closing(read_pages(source)) as pages:
        return next(pages)


def read_pages(source: Source) -> Iterator[Original]:
    """All pages of a TIFF, one at a time, each as `read_original`; of every other file the one picture."""
    if not isinstance(source, (str, os.PathLike, bytes, Image.Image)) and not hasattr(source, "read"):
        kind = type(source).__name__
        raise TypeError(f"expected a path, the bytes of a file, a binary file or a PIL image, got {kind}")
    if isinstance(source, io.TextIOBase):
        raise TypeError('expected a binary file, got one opened as text; open it with mode "rb"')
    name = _name_of(source)
    try:
        if isinstance(source, Image.Image):
            _refuse_absurd(source, name)
            yield _decode(source.copy(), name)
            return
        with _opened(source, name) as file:
            yield from _pages_in(file, name)
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{name}: too many pixels to be opened safely ({error}); make it smaller") from None
    except Exception as error:  # Pillow's readers raise all kinds of things on damaged files
        if short_of_memory(error):
            raise
        raise ImageError(f"{name}: {_fault(error)}") from error


@contextlib.contextmanager
def opened(source: Source) -> Iterator[Image.Image]:
    """A picture whose pixels are not decoded yet.

    Raises:
        ImageError: it cannot be read.
    """
    name = _name_of(source)
    with _opened(source, name) as file:
        try:
            image = _identified(file, name)
        except Exception as error:
            if isinstance(error, ImageError) or short_of_memory(error):
                raise
            raise ImageError(f"{name}: {_fault(error)}") from error
        yield image


def over_white(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """What a transparent picture looks like on white paper: `(H, W, 3)` uint8."""
    laid = np.empty_like(rgb)
    for rows in bands(*alpha.shape):
        opacity = alpha[rows, :, None].astype(np.uint16)
        laid[rows] = (rgb[rows] * opacity + 255 * (255 - opacity) + 127) // 255
    return laid


def bands(height: int, width: int) -> Iterator[slice]:
    """The rows of a picture, `BAND` pixels at a time (at least one row)."""
    step = max(1, BAND // width)
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


def _name_of(source: Source) -> str:
    path = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", None)
    return str(path) if isinstance(path, (str, os.PathLike)) else "the picture given"


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


@our_guards()
def _identified(file: BinaryIO, name: str) -> Image.Image:
    """The picture in a file: its size is known and not absurd, its pixels are not decoded yet."""
    learn_formats()
    if kind := unread_kind(file):
        raise ImageError(f"{name}: {UNSUPPORTED} ({kind}); save it as PNG or TIFF anew")
    file.seek(0)
    try:
        image = Image.open(file, formats=[f for f in FORMATS if f in Image.OPEN])
    except UnidentifiedImageError:
        file.seek(0)
        raise ImageError(f"{name}: {_why_unidentified(file, file.read(HEAD))}") from None
    except KeyError as error:  # from Pillow's table of compressions
        raise ImageError(
            f"{name}: {UNSUPPORTED} (compression {error}); save it as PNG or TIFF anew"
        ) from None
    _refuse_absurd(image, name)
    if image.format == "GIF":  # Pillow does not look for it
        place = file.tell()
        image.info["xmp"] = gif_blocks.xmp(file)
        file.seek(place)
    return image


def learn_formats() -> None:
    """So that Pillow knows all its formats, and HEIC where the extra is installed that reads it."""
    Image.init()
    if "HEIF" not in Image.OPEN:
        with contextlib.suppress(ModuleNotFoundError):
            import pillow_heif

            pillow_heif.register_heif_opener(thumbnails=False)


def _why_unidentified(file: BinaryIO, head: bytes) -> str:
    """What to say of a file that Pillow does not take for a picture."""
    kind = told_by(head)
    if not head:
        return "empty (0 bytes); fetch it anew"
    if kind == HEIC and "HEIF" in Image.OPEN:
        return "HEIC, damaged or cut short; fetch it anew"
    if kind == HEIC:
        return (
            "HEIC, which this Pillow does not read; pip install 'colorlab-course[heic]', or save it as JPEG"
        )
    if kind == FILM:
        return "a film, no picture; colour it as a file: colorlab colorize FILM -o OUT"
    if head.startswith(b"MM\0+"):  # of which Pillow reads only the other kind
        return f"{UNSUPPORTED} (BigTIFF, big end first); save it as PNG or TIFF anew"
    if kind == TIFF:
        try:
            file.seek(0)
            TiffImagePlugin.TiffImageFile(file)
        except SyntaxError as error:
            if "unknown" in str(error):
                return f"{UNSUPPORTED} ({error}); save it as PNG or TIFF anew"
        except Exception:  # of a damaged one there is nothing more to say
            pass
        return "damaged or cut short, or a TIFF of a kind that is not supported; save it as PNG, or fetch it anew"
    if kind not in (None, PICTURE, GIF):
        return f"not a picture in a format that is read here but {kind}; save it as TIFF, PNG or JPEG"
    return "not a picture in a format that is read here, or damaged at its very beginning; save it as PNG or JPEG"


def _fault(error: Exception) -> str:
    """What to say of an error of Pillow's readers."""
    reason = str(error) or type(error).__name__
    if any(word in reason for word in ("Unsupported", "not supported", "not available", "unknown")):
        return f"{UNSUPPORTED} ({reason}); save it as PNG or TIFF anew"
    return f"damaged or cut short ({reason}); fetch it anew"


def _pages_in(file: BinaryIO, name: str) -> Iterator[Original]:
    """What can be seen in a file; what is whole although Pillow takes it for damaged is mended first."""
    try:
        yield from _decoded_pages(_identified(file, name), name)
    except (ValueError, OSError, SyntaxError) as error:
        file.seek(0)
        if not may_be_mended(file.read(HEAD)):
            raise
        file.seek(0)
        content, lost = mended(file.read(), error)
        if content is None:
            raise
        original = next(_decoded_pages(_identified(io.BytesIO(content), name), name))
        original.beside.lost += lost
        yield original


def _decoded_pages(image: Image.Image, name: str) -> Iterator[Original]:
    if image.format != "TIFF":
        yield _decode(image, name)
        return
    try:
        numbers = full_pages(image)
    except ValueError as error:
        raise ImageError(f"{name}: {error}") from None
    for number in numbers:
        image.seek(number)
        _refuse_absurd(image, name)
        try:
            refuse_misread(image)
        except ValueError as error:
            raise ImageError(f"{name}: {UNSUPPORTED} ({error}); save it as PNG or TIFF anew") from None
        yield _decode(image, name)


def _refuse_absurd(image: Image.Image, name: str) -> None:
    size = f"{image.width}×{image.height}"
    if 0 in image.size:
        raise ImageError(f"{name}: has no pixels ({size}); fetch it anew")
    if image.width * image.height > MOST_PIXELS or max(image.size) > MOST_SIDE:
        raise ImageError(f"{name}: too many pixels to be opened safely ({size}); make it smaller")


@our_guards()
def _decode(image: Image.Image, name: str) -> Original:
    """The pixels of an image, which is changed on the way: a big one is not copied without need."""
    shallower = _loses_depth(image)
    image.load()
    about = beside(image)
    if shallower:
        about.lost.append("the lower 8 of its 16 bits a channel")
    if image.format == "MPO" and image.n_frames > 1:
        about.lost.append("the other views or maps that it carries")
    with contextlib.suppress(Exception):  # damaged EXIF; where its rotation was legible, it is done by now
        ImageOps.exif_transpose(image, in_place=True)
    deep = None
    if image.mode.startswith(("I", "F")):
        image, deep = _eight_bits(image, name)
    image = _to_srgb(image, "RGBA" if image.has_transparency_data else "RGB")
    height, width = image.height, image.width
    rgb = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.uint8) if image.mode == "RGBA" else None
    for rows in bands(height, width):
        band = np.asarray(image.crop((0, rows.start, width, rows.stop)))
        rgb[rows] = band[..., :3]
        if alpha is not None:
            alpha[rows] = band[..., 3]
    return Original(rgb, alpha, deep, about)


def _loses_depth(image: Image.Image) -> bool:
    """Whether Pillow keeps only the upper 8 bits of a colour; to be asked before it is loaded."""
    return not image.mode.startswith(("I", "F")) and any(
        ";16" in str(tile) and "BGR;16" not in str(tile)  # that is 16 bits a pixel
        for tile in getattr(image, "tile", [])
    )


def _eight_bits(image: Image.Image, name: str) -> tuple[Image.Image, np.ndarray]:
    """A grey of integers or floats, scaled to 0..255, which Pillow itself would clip; and to 0..65535, in sRGB."""
    grey = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(BITS_PER_SAMPLE, (16,))[0]
    if bits == 32 and image.mode == "I" and tags.get(SAMPLE_FORMAT, (1,))[0] == UNSIGNED:
        grey = grey.view(np.uint32)  # Pillow's are signed
    black, white = float(grey.min()), float(grey.max())
    if not np.isfinite([black, white]).all():
        raise ImageError(f"{name}: holds NaN or infinite values; save it again without them")
    largest = 1 if image.mode == "F" else 2 ** min(bits, 16) - 1
    if black >= 0 and white <= largest:
        black, white = 0, largest
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        black, white = white, black
    scaled, deep = np.empty(grey.shape, np.uint8), np.empty(grey.shape, np.uint16)
    for rows in bands(*grey.shape):
        share = (grey[rows] - np.float64(black)) / ((white - black) or 1)
        scaled[rows], deep[rows] = np.round(share * 255), np.round(share * 65_535)
    result = Image.fromarray(scaled)
    result.info = {k: v for k, v in image.info.items() if k == "icc_profile"}
    _follow_grey_profile(deep, image.info.get("icc_profile"))
    if (transparent := image.info.get("transparency")) is not None:  # one grey of a PNG, of 16 bits as well
        result.putalpha(Image.fromarray(grey != transparent))
    return result, deep


def _follow_grey_profile(deep: np.ndarray, profile: bytes | None) -> None:
    """In place; 256 greys tell how all the others between them are changed."""
    if not profile:
        return
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    ramp.info["icc_profile"] = profile
    seen = np.asarray(_to_srgb(ramp, "RGB"))[0, :, 1].astype(np.float64)
    for rows in bands(*deep.shape):
        deep[rows] = np.interp(deep[rows] / 257, np.arange(256), seen * 257).round()


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
