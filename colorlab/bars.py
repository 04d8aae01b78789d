"""Letterbox bars, and the paper or the dark around a photograph: one grey from side to side, no colour to guess.

The networks learnt to leave them grey and nearly do; but a bar is also known without having learnt anything: two
opposite ends of a picture, equal and flat, and both end at an edge. A sky is at one end only, fades, or is broken
by what stands before it.
"""

import numpy as np
import torch
from torch import Tensor

from colorlab.data import to_lightness
from colorlab.lab import lightness

FLAT = 2.0  # units of L that a bar may differ from its level: what rounding and compression do to one grey
SHARE = 0.95  # of a row that must be flat; the rest is dust
EDGE, WITHIN = 4.0, 8  # units of L, on average, from one row to the next, within so many rows of a bar's end
MOST = 3  # a bar takes at most a third of the side
LOOKED_AT = 512  # pixels of a row are plenty
Within = tuple[slice, slice]  # the rows and the columns of a picture without its bars


def picture_within(rgb: np.ndarray) -> Within:
    """The rows and the columns of a picture without its bars; all of them where it has none.

    Args:
        rgb: uint8 `(H, W, 3)`, or uint16 greys `(H, W)`. Only its lightness is looked at.
    """
    rows = _without_bars(rgb)
    inside = rgb[rows]
    columns = _without_bars(inside.swapaxes(0, 1))
    return rows, columns


def everything(rgb: np.ndarray) -> Within:
    """The whole picture."""
    return slice(0, rgb.shape[0]), slice(0, rgb.shape[1])


def still_there(rgb: np.ndarray, within: Within) -> bool:
    """Whether what lies around `within` is flat as bars are, edge or none: a dark scene hides where they end."""
    rows, columns = within
    sides = [(rgb, rows), (rgb[rows].swapaxes(0, 1), columns)]
    for lines, inside in sides:
        outside = np.concatenate([lines[: inside.start], lines[inside.stop :]])
        if len(outside):
            L = _lightness_of_rows(outside)
            if not _flat(L, L[0].median()).all():
                return False
    return True


def within_both(one: Within, other: Within) -> Within:
    """What lies within both."""
    rows, columns = (
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return rows, columns


def without_color(ab: Tensor, top: int, within: Within) -> Tensor:
    """ab `(1, 2, h, w)` of some rows of a picture, the first of them row `top`: 0 outside of what lies within."""
    (height, width), (rows, columns) = ab.shape[-2:], within
    first, last = (min(max(edge - top, 0), height) for edge in (rows.start, rows.stop))
    if (first, last) == (0, height) and columns == slice(0, width):
        return ab
    found = torch.zeros_like(ab)
    found[..., first:last, columns] = ab[..., first:last, columns]
    return found


def lightness_of(rgb: np.ndarray) -> Tensor:
    """uint8 `(H, W, 3)`, or uint16 greys `(H, W)` -> L `(1, H, W)`."""
    if rgb.ndim == 3:
        return to_lightness(rgb)
    return lightness(torch.from_numpy(rgb / np.float32(65_535)).expand(3, -1, -1))


def _without_bars(rgb: np.ndarray) -> slice:
    """The rows between a bar above and one below."""
    count = len(rgb)
    ends = _lightness_of_rows(rgb[:: max(1, count - 1)])
    level = ends[0].median()
    if not _flat(ends, level).all():  # as most pictures: nothing more is computed
        return slice(0, count)
    looked_at = count // MOST + 1  # the thickest bar, and the row beyond it
    above = _thickness(_lightness_of_rows(rgb[:looked_at]), level)
    below = _thickness(_lightness_of_rows(rgb[count - looked_at :]).flip(0), level)
    return slice(above, count - below) if above and below else slice(0, count)


def _lightness_of_rows(rgb: np.ndarray) -> Tensor:
    """L `(n, m)` of rows, of long ones at some places."""
    return lightness_of(np.ascontiguousarray(rgb[:, :: max(1, rgb.shape[1] // LOOKED_AT)]))[0]


def _thickness(L: Tensor, level: Tensor) -> int:
    """How many rows at the beginning are a bar, of rows `(n, m)` that may be; 0 where no edge ends it."""
    flat = int(_flat(L, level).long().cumprod(0).sum())
    steps = L[max(0, flat - 1) : flat + WITHIN].diff(dim=0).abs().mean(1)
    return flat if (steps >= EDGE).any() else 0


def _flat(L: Tensor, level: Tensor) -> Tensor:
    """Which rows `(n, m)` are of this level, `(n,)`."""
    return ((L - level).abs() <= FLAT).float().mean(1) >= SHARE
