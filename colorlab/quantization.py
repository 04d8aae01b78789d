"""A photograph through the bins and back: what cutting the ab plane into Q classes costs before any learning."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from colorlab.bins import ColorBins
from colorlab.colorizer import to_picture
from colorlab.data import photo
from colorlab.lab import chroma

SIDE = 128  # pixels of a photograph's shorter side: enough to see bands, few enough to answer at once

table = cache(ColorBins)  # a grid takes a moment to build and never changes


def quantize(lab: Tensor, bins: ColorBins) -> Tensor:
    """A picture whose every pixel has the colour of its bin, its own L kept: `(3, H, W)` -> `(3, H, W)`."""
    centers = bins.centers[bins.encode(lab[None, 1:])[0]]  # (H, W, 2)
    return torch.cat([lab[:1], centers.movedim(-1, 0)])


@dataclass(frozen=True)
class RoundTrip:
    """A photograph sent through the bins and back.

    Attributes:
        picture: `(H, W, 3)` uint8, what came back.
        mean, worst: how far the pixels moved in the ab plane, Lab units.
        used: `(Q,)` bool, the bins that some pixel fell into.
    """

    picture: np.ndarray
    mean: float
    worst: float
    used: np.ndarray


@cache
def round_trip(grid_size: float, name: str) -> RoundTrip:
    """One of the six photographs, encoded on a grid and decoded again."""
    return there_and_back(table(grid_size), small_lab(name))


def there_and_back(bins: ColorBins, lab: Tensor) -> RoundTrip:
    """Any Lab picture `(3, H, W)`, encoded and decoded again."""
    back = quantize(lab, bins)
    moved = chroma((back - lab)[1:])
    used = torch.bincount(bins.encode(lab[None, 1:]).flatten(), minlength=bins.n_bins) > 0
    return RoundTrip(to_picture(back), float(moved.mean()), float(moved.max()), used.numpy())


@cache
def small_lab(name: str) -> Tensor:
    """A photograph as a small Lab picture, `(3, H, W)`; not to be written into."""
    return photo(name, SIDE).lab


@cache
def small_picture(name: str) -> np.ndarray:
    """The same as `(H, W, 3)` uint8."""
    return to_picture(small_lab(name))
