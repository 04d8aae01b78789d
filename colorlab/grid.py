"""Which squares of the ab plane hold colours that a screen can show."""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from colorlab.lab import rgb_to_lab

HALF_SIDE = 110  # the published square of the ab plane, Lab units
POINTS_AT_ONCE = 1 << 16  # stay in the cache of a processor core


@cache
def gamut_ab() -> Tensor:
    """The ab of a dense sample of the sRGB gamut, `(6 * 512², 2)` float32; in memory all a, then all b.

    A line parallel to the L axis that meets the gamut meets its surface, so the six faces of the RGB
    cube are enough.
    """
    u, v = torch.meshgrid(torch.linspace(0, 1, 512), torch.linspace(0, 1, 512), indexing="ij")
    faces = []
    for channel in range(3):
        for value in (0.0, 1.0):
            face = [u, v]
            face.insert(channel, torch.full_like(u, value))
            faces.append(rgb_to_lab(torch.stack(face))[1:].flatten(1))
    return torch.cat(faces, dim=1).T


def occupied_cells(gamut: Tensor, grid_size: float, rule: str) -> Tensor:
    """`(Q, 2)` whole numbers: the centres that a rule keeps, in units of grid_size, sorted by a, then b.

    Args:
        gamut: `(P, 2)`, ab of all colours that can be shown, near enough to one another.
        grid_size: Lab units.
        rule: "nearest", "corners" or "square", see `colorlab.bins`.
    """
    if rule == "square":
        side = torch.arange(-(HALF_SIDE // grid_size), HALF_SIDE // grid_size + 1)
        return torch.cartesian_prod(side, side).float()
    if rule == "nearest":
        return _distinct(gamut, lambda points: (points / grid_size).round_())
    if rule == "corners":
        lowest = _distinct(gamut, lambda points: (points / grid_size).floor_())
        corners = torch.cartesian_prod(torch.arange(2), torch.arange(2))
        return _distinct((lowest[:, None] + corners).reshape(-1, 2), lambda cells: cells)
    raise ValueError(f'rule: expected "nearest", "corners" or "square", got {rule!r}')


def _distinct(points: Tensor, cell: Callable[[Tensor], Tensor]) -> Tensor:
    """The distinct cells of `(P, 2)` points, `(K, 2)`, sorted: those that tick a box in a table of all there could be.

    Args:
        points: a and b.
        cell: points -> the whole numbers of their cell, which rise as the points do.
    """
    lowest, highest = cell(points.amin(0)), cell(points.amax(0))
    rows, columns = (highest - lowest + 1).int().tolist()
    ticked = torch.zeros(rows * columns, dtype=torch.bool)
    for some in points.T.split(POINTS_AT_ONCE, dim=1):
        row, column = cell(some) - lowest[:, None]
        ticked[row.mul_(columns).add_(column).long()] = True
    return ticked.reshape(rows, columns).nonzero() + lowest
