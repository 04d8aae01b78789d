"""Some pixels at a time, so that what lies between stays in the cache of a processor core."""

from collections.abc import Callable

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
