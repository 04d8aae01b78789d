"""Reading pictures: whatever a stranger's file holds becomes uint8 RGB, or an error that says why not."""

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MOST_PIXELS = 100_000_000  # a hundred megapixels take 300 MB

Source = str | Path | bytes | Image.Image


class ImageError(ValueError):
    """A file that is not a readable picture; the message names the file, the fault and the remedy."""


def read_image(source: Source) -> np.ndarray:
    """Read a picture and lay what is transparent over white.

    Args:
        source: a path, the bytes of an image file in any format that Pillow reads, or a PIL image.

    Returns:
        `(H, W, 3)` uint8, turned upright by its EXIF rotation; 16-bit and float pictures are scaled
        from their full range.

    Raises:
        ImageError: missing, a folder, empty, not an image, truncated, or absurdly large.
    """
    rgb, alpha = read_picture(source)
    if alpha is None:
        return rgb
    opacity = alpha[..., None] / 255
    return np.round(rgb * opacity + 255 * (1 - opacity)).astype(np.uint8)


def read_picture(source: Source) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a picture and keep its transparency: rgb `(H, W, 3)` uint8, alpha `(H, W)` uint8 or None."""
    if not isinstance(source, (str, Path, bytes, Image.Image)):
        raise TypeError(f"expected a path, the bytes of a file or a PIL image, got {type(source).__name__}")
    name = str(source) if isinstance(source, (str, Path)) else "the picture given"
    try:
        image = source if isinstance(source, Image.Image) else Image.open(io.BytesIO(_bytes(source, name)))
        if image.width * image.height > MOST_PIXELS:
            size = f"{image.width}×{image.height}"
            raise ImageError(f"{name}: too many pixels to be opened safely ({size}); make it smaller")
        return _to_rgb_and_alpha(ImageOps.exif_transpose(image), name)
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not a picture in a format Pillow reads; try PNG or JPEG") from None
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: too many pixels to be opened safely ({error}); make it smaller") from None
    except ImageError:
        raise
    except Exception as error:  # Pillow's readers raise all kinds of things on damaged files
        raise ImageError(f"{name}: damaged or cut short ({error}); fetch it anew") from error


def _bytes(source: Source, name: str) -> bytes:
    try:
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{name}: no such file; check the path") from None
    except IsADirectoryError:
        raise ImageError(f"{name}: a folder, not a picture; name a file in it") from None
    except (OSError, ValueError) as error:  # no permission; a name with a NUL in it
        raise ImageError(f"{name}: cannot be read ({error}); check its name and permissions") from None
    if not content:
        raise ImageError(f"{name}: empty (0 bytes); fetch it anew")
    return content


def _to_rgb_and_alpha(image: Image.Image, name: str) -> tuple[np.ndarray, np.ndarray | None]:
    if image.mode.startswith(("I", "F")):  # 16-bit and float greys: Pillow would clip them, not scale them
        grey = np.asarray(image, dtype=np.float64)
        if not np.isfinite(grey).all():
            raise ImageError(f"{name}: holds NaN or infinite values; save it again without them")
        if image.mode == "F" and grey.min() >= 0 and grey.max() <= 1:
            grey = grey * 255
        elif image.mode.startswith("I") and grey.min() >= 0 and grey.max() <= 65535:
            grey = grey / 65535 * 255
        else:
            grey = (grey - grey.min()) / max(np.ptp(grey), 1e-12) * 255
        return np.repeat(np.round(grey).astype(np.uint8)[..., None], 3, axis=2), None
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    rgba = np.asarray(image.convert("RGBA" if has_alpha else "RGB"))
    return rgba[..., :3].copy(), (rgba[..., 3].copy() if has_alpha else None)


def write_image(path: str | Path, rgb: np.ndarray) -> None:
    """Write uint8 `(H, W, 3)` to a file whose ending says the format, via a temporary name beside it.

    Raises:
        ImageError: the ending is none that Pillow can write.
        OSError: the place cannot be written.
    """
    path = Path(path)
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise ImageError(
            f"{path}: pictures cannot be written as {path.suffix or 'a file without ending'!r}; use .png"
        )
    partial = path.with_name(path.name + ".partial")
    try:
        Image.fromarray(rgb).save(partial, kind, **({"quality": 92} if kind in ("JPEG", "WEBP") else {}))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
