"""Decisions by region: share the distributions along L first, then choose a colour.

Each pixel of a classification has its own distribution over the bins. Where two colours are almost equally
likely, say red and blue on a painted door, every pixel decides by itself, and the door comes out in patches.
But a door is one thing, and L shows where it ends. So the distributions are averaged within a region of
similar L before anybody decides: the more of the region, the more the whole door leans to the same side.
It has a price: what L does not show, a red stripe on a door of the same lightness, is averaged away too. How
much is shared was chosen by measuring (benchmarks/training.md).

A regression gains nothing from this. It has decided already, for the mean, and a mean of means is no decision.

Charpiat, Hofmann and Schölkopf (2008) decided for whole pictures at once, by graph cuts over such
distributions. Here a guided filter (He, Sun and Tang, 2010) does the averaging: it follows the edges of L and
leaves no seams in skies.
"""

from functools import lru_cache

import torch
from torch import Tensor

RADIUS = 4  # answers to each side over which a distribution is shared
EDGE = 1e-3  # variance of L / 100 below which a change of L is no edge
SHARE = 0.3  # how much of a pixel's distribution is its region's
AT_ONCE = 32  # bins that are averaged together: what lies between stays in the processor's cache


def shared(
    probabilities: Tensor, L: Tensor, radius: int = RADIUS, edge: float = EDGE, share: float = SHARE
) -> Tensor:
    """Average distributions within regions of similar lightness.

    Args:
        probabilities: `(N, Q, h, w)`, sum to 1 over Q.
        L: `(N, 1, h, w)` in [0, 100], the lightness at the same places.
        radius: of the window, in places.
        edge: how little L may change within a region, as a variance of L / 100.
        share: of the region in the result; the rest is the pixel's own. 0 changes nothing.

    Returns:
        `(N, Q, h, w)`, sum to 1 over Q.

    References:
        He, Sun, Tang, Guided Image Filtering, 2010.
    """
    if not share:
        return probabilities
    guide = L.to(probabilities) / 100
    mean_guide = around(guide, radius)
    variance = around(guide**2, radius) - mean_guide**2
    mixed = []
    for some in probabilities.split(AT_ONCE, dim=1):
        p = some.contiguous()  # they lie pixel by pixel
        mean = around(p, radius)
        slope = torch.addcmul(around(guide * p, radius), mean_guide, mean, value=-1).div_(variance + edge)
        offset = torch.addcmul(mean, slope, mean_guide, value=-1)
        region = around(offset, radius).addcmul_(around(slope, radius), guide).clamp_(min=0)
        mixed.append(torch.lerp(p, region, share))
    mixed = torch.cat(mixed, dim=1)
    return mixed / mixed.sum(1, keepdim=True)


def around(x: Tensor, radius: int) -> Tensor:
    """The mean over squares of 2 · radius + 1 places, less at the border: `(N, C, h, w)` -> the same.

    As two products of matrices: so few places are summed faster that way than by pooling.
    """
    rows, columns = (_means_of_near(side, radius).to(x) for side in x.shape[-2:])
    return rows @ x @ columns.T


@lru_cache(maxsize=4)  # those of a picture's two sides, and of one more
def _means_of_near(side: int, radius: int) -> Tensor:
    """`(side, side)`: row i, times a column of values, is the mean of those at most `radius` from place i."""
    place = torch.arange(side)
    near = ((place[:, None] - place).abs() <= radius).float()
    return near / near.sum(1, keepdim=True)
