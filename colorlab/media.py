"""Reading pictures: whatever a stranger's file holds becomes uint8 RGB, or an error that says why not."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

Source = str | Path | bytes


class ImageError(ValueError):
    """A file that is not a readable picture; the message names the file, the fault and the remedy."""


def read_image(source: Source) -> np.ndarray:
    """Read a picture and lay what is transparent over white.

    Args:
        source: a path, or the bytes of an image file in any format that Pillow reads.

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
    name = "these bytes" if isinstance(source, bytes) else str(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(_bytes(source, name))) as image:
                image = ImageOps.exif_transpose(image)
                return _to_rgb_and_alpha(image, name)
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not a picture in a format Pillow reads; try PNG or JPEG") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{name}: too many pixels to be opened safely ({error}); make it smaller") from None
    except (OSError, SyntaxError, EOFError) as error:
        raise ImageError(f"{name}: damaged or cut short ({error}); fetch it anew") from error


def _bytes(source: Source, name: str) -> bytes:
    if not isinstance(source, (str, Path, bytes)):
        raise TypeError(f"expected a path or the bytes of a file, got {type(source).__name__}")
    try:
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{name}: no such file; check the path") from None
    except IsADirectoryError:
        raise ImageError(f"{name}: a folder, not a picture; name a file in it") from None
    except OSError as error:
        raise ImageError(f"{name}: cannot be read ({error.strerror}); check its permissions") from None
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
