"""Which bins lie nearest to a colour, exactly.

On a square grid rounding finds the nearest centre of all; but it may be one that was dropped. Then only bins at the
rim can be the nearest. Of several nearest ones only those around a quarter of a cell are compared.
"""

from math import inf

import numpy as np
import torch
from torch import Tensor

from colorlab.lab import Pixels

ROUNDED_AT_ONCE = 1 << 14  # pixels whose numbers stay in the cache of a processor core
RIM_AT_ONCE = 1 << 11  # the same with their distances from the bins at the rim
PIXELS_AT_ONCE = 1 << 14  # bounds the memory of a distance table: 16,384 pixels × Q bins
MOST_COMPARED = 64  # bins, each with each


class NearestBins:
    """The nearest of Q bins.

    Args:
        cells: `(Q, 2)` whole numbers, the bins in units of grid_size.
        grid_size: Lab units.
    """

    def __init__(self, cells: Tensor, grid_size: float):
        self._centers, self._grid_size = cells * grid_size, grid_size
        # Cell -> bin, -1 where no bin is kept; its border is always -1 and stands for all that lies beyond.
        middle = int(cells.abs().max()) + 1
        self._table = torch.full((2 * middle + 1, 2 * middle + 1), -1)
        self._table[tuple((cells.long() + middle).T)] = torch.arange(len(cells))
        # Out of its own cell a bin with four neighbours is never the nearest: one of them lies nearer.
        alone = torch.stack([self._table.roll(by, axis) < 0 for by in (1, -1) for axis in (0, 1)]).any(0)
        self._rim = self._table[alone & (self._table >= 0)]  # (R,)
        # (a, b, 1) times these is a squared distance less a² + b², which is the same for every bin. In float64: far
        # out float32 could no longer tell two bins apart; nor could float64, with a² + b² in it.
        centers = self._centers.double()
        self._factors = torch.cat([-2 * centers.T, centers.T.square().sum(0, keepdim=True)])  # (3, Q)
        self._candidates_of: dict[int, Tensor] = {}

    def one(self, points: Tensor) -> Tensor:
        """(2, P) points -> (P,) the nearest bin."""
        if points.device.type != "cpu":
            return self._nearest(points)
        # As arrays: torch's threads need longer to meet at each step than one to be done.
        source, labels = points.numpy(), np.empty(points.shape[1], np.int64)
        for first in range(0, len(labels), ROUNDED_AT_ONCE):
            some = slice(first, first + ROUNDED_AT_ONCE)
            labels[some] = self._nearest(source[:, some])
        return torch.from_numpy(labels)

    def _nearest(self, points: Pixels) -> Pixels:
        labels = self._cell(points)
        if not len(labels) or labels.min() >= 0:
            return labels
        as_arrays = isinstance(labels, np.ndarray)
        (outside,) = np.nonzero(labels < 0) if as_arrays else (labels < 0).nonzero().T
        rim, factors = self._rim, self._factors[:, self._rim]
        rim, factors = (rim.numpy(), factors) if as_arrays else (rim.to(labels), factors.to(labels.device))
        for first in range(0, len(outside), RIM_AT_ONCE):
            some = outside[first : first + RIM_AT_ONCE]
            labels[some] = rim[_apart(points[:, some], factors).argmin(1)]
        return labels

    def _cell(self, points: Pixels) -> Pixels:
        """(2, P) points -> (P,) the bin whose cell they lie in, -1 where no bin is kept."""
        middle, side = len(self._table) // 2, len(self._table)
        row, column = (points / self._grid_size).round().clip(-middle, middle)
        row *= side
        row += column
        row += middle * side + middle
        if isinstance(row, np.ndarray):
            return self._table.numpy().ravel().take(row.astype(np.int64))
        return self._table.to(points.device).flatten().index_select(0, row.int())

    def several(self, points: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The k nearest bins of (2, P) points: indices, and squared distances less the nearest's, both (k, P)."""
        cells = self._cell(points)
        indices = torch.empty(k, len(cells), dtype=torch.int64, device=points.device)
        squared = torch.empty(k, len(cells), dtype=points.dtype, device=points.device)
        centers, candidates = self._centers.to(points), self._candidates(k).to(points.device)
        a, b = centers.T[:, candidates]  # (4 Q, C) each
        for part in (cells >= 0).nonzero().squeeze(1).split(PIXELS_AT_ONCE):
            # Inside the gamut only the bins around the own quarter of a cell can be among the nearest.
            point = points[:, part, None]
            right, upper = (point[..., 0] > centers.T[:, cells[part]]).int()
            quarter = 4 * cells[part] + 2 * right + upper
            d2 = (a.index_select(0, quarter) - point[0]).square_()  # (p, C)
            d2 += (b.index_select(0, quarter) - point[1]).square_()
            d2, found = d2.topk(k, dim=1, largest=False)
            squared[:, part] = (d2 - d2[:, :1]).T
            indices[:, part] = candidates.index_select(0, quarter).gather(1, found).T
        for part in (cells < 0).nonzero().squeeze(1).split(PIXELS_AT_ONCE):
            d2, found = _apart(points[:, part], self._factors).topk(k, dim=1, largest=False)
            squared[:, part], indices[:, part] = (d2 - d2[:, :1]).T.to(squared), found.T
        return indices, squared

    def _candidates(self, k: int) -> Tensor:
        """(4 Q, C): for the quarters of every bin's cell, all bins that can be among the k nearest of a point there."""
        if k not in self._candidates_of:
            apart = (self._centers[:, None] - self._centers).abs()  # (Q, Q, 2)
            closest = (apart - self._grid_size / 2).clamp(min=0).square().sum(-1)  # from the cell's border
            farthest = (apart + self._grid_size / 2).square().sum(-1)
            # k bins are certainly within `reach`; one that starts beyond it is never among the k nearest.
            reach = farthest.kthvalue(k, dim=1, keepdim=True).values * (1 + 1e-5)
            most = int((closest <= reach).sum(1).max())
            near = closest.topk(most, dim=1, largest=False).indices  # (Q, C), too many
            near = near.repeat_interleave(4, 0)
            if most <= MOST_COMPARED:
                # One that k others beat at all four corners of a quarter is beaten everywhere in it.
                half = torch.cartesian_prod(torch.arange(2), torch.arange(2)) * self._grid_size / 2  # (4, 2)
                corners = ((self._centers - self._grid_size / 2)[:, None] + half).reshape(-1, 1, 2) + half
                apart = torch.cdist(corners, self._centers[near])  # (4 Q, 4, C)
                beaten = (apart[:, :, :, None] * (1 + 1e-5) < apart[:, :, None]).all(1).sum(1)  # by so many
                near = near.gather(1, beaten.argsort(1)[:, : int((beaten < k).sum(1).max())])
            self._candidates_of[k] = near
        return self._candidates_of[k]


def _apart(points: Pixels, factors: Tensor) -> Pixels:
    """(2, P) points -> (P, B) float64: squared distances from B bins less a² + b²."""
    if isinstance(points, np.ndarray):
        ab1 = np.ones((points.shape[1], 3))
        ab1[:, :2] = points.T
        return ab1 @ factors.numpy()
    factors = factors.to(points.device)
    return torch.addmm(factors[2], points.T.double(), factors[:2])


def all_finite(x: Tensor) -> bool:
    """Whether there is neither NaN nor infinity."""
    if not x.numel():
        return True
    values = x.numpy() if x.device.type == "cpu" else x
    return bool(values.min() > -inf and values.max() < inf)  # NaN is neither
