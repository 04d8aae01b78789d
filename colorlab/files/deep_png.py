"""PNG of 16 bits a channel, which Pillow does not write, some rows at a time: PyAV's encoder would hold the whole
picture four times over."""

import struct
import zlib
from typing import BinaryIO

import numpy as np

from colorlab.files.media import bands
from colorlab.files.png import FAST, SIGNATURE, about, chunk

RGB, RGB_AND_ALPHA, SUB = 2, 6, 1  # PNG's numbers for kinds of colour and for a filter


def write_deep(file: BinaryIO, rgb: np.ndarray, alpha: np.ndarray | None, options: dict) -> None:
    """Colours of 16 bits, some rows at a time.

    Args:
        file: open for writing.
        rgb, alpha: uint16 `(H, W, 3)`, and `(H, W)` or None.
        options: what Pillow would be told about a picture of 8 bits.
    """
    height, width = rgb.shape[:2]
    kind = RGB if alpha is None else RGB_AND_ALPHA
    file.write(SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)))
    file.writelines(about(options))
    squeezed = zlib.compressobj(FAST)
    for rows in bands(height, width):
        pixels = rgb[rows] if alpha is None else np.dstack([rgb[rows], alpha[rows]])
        file.write(chunk(b"IDAT", squeezed.compress(_differences(pixels))))
    file.write(chunk(b"IDAT", squeezed.flush()) + chunk(b"IEND", b""))


def _differences(pixels: np.ndarray) -> bytes:
    """Rows of uint16 `(n, W, C)` with each byte less the same one a pixel before: PNG's filter "Sub"."""
    stored = pixels.astype(">u2").view(np.uint8)  # (n, W, 2 C)
    less = stored.copy()
    less[:, 1:] -= stored[:, :-1]
    return np.insert(less.reshape(len(less), -1), 0, SUB, axis=1).tobytes()
