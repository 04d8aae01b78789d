"""Some pixels at a time, so that what lies between stays in the cache of a processor core."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def in_blocks(convert: Callable[[Tensor], Tensor], pixels: Tensor, at_once: int) -> Tensor:
    """`convert(pixels)`, on a CPU and where no gradient is wanted some pixels at a time.

    Args:
        convert: `(n, C, p)` -> `(n, D, p)`, each pixel by itself.
        pixels: `(N, C, P)`.
        at_once: about how many pixels.

    Returns:
        `(N, D, P)`.
    """
    n, _, p = pixels.shape
    wanted = pixels.requires_grad and torch.is_grad_enabled()
    if wanted or pixels.device.type != "cpu" or n * p <= at_once:
        return convert(pixels)
    pictures, converted = max(1, at_once // p), None
    for first in range(0, n, pictures):
        for left in range(0, p, at_once):
            place = slice(first, first + pictures), slice(None), slice(left, left + at_once)
            block = convert(pixels[place])
            if converted is None:
                converted = block.new_empty(n, block.shape[1], p)
            converted[place] = block
    return converted


def on_arrays(
    convert: Callable[[np.ndarray], np.ndarray], pixels: Tensor, channels: int, at_once: int
) -> Tensor:
    """`convert(pixels)` on NumPy's arrays, some pixels at a time.

    On one thread: two wait for one another at every step of Python's and are no faster (benchmarks/README.md).

    Args:
        convert: `(n, C, p)` -> `(n, channels, p)`, each pixel by itself; float32 of uint8, else the type stays.
        pixels: `(N, C, P)` on the CPU. Without gradient.
        channels: of the result.
        at_once: about how many pixels.

    Returns:
        `(N, channels, P)`.
    """
    n, _, p = pixels.shape
    source = pixels.detach().numpy()
    # By NumPy: it asks for large pages, which a system hands out in a quarter of the time.
    converted = np.empty((n, channels, p), np.float32 if source.dtype == np.uint8 else source.dtype)
    pictures = max(1, at_once // max(1, p))
    for first in range(0, n, pictures):
        for left in range(0, p, at_once):
            block = slice(first, first + pictures), slice(None), slice(left, left + at_once)
            converted[block] = convert(source[block])
    return torch.from_numpy(converted)
