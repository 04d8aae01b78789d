"""Colour laid along edges: a small picture of ab enlarged so that it changes where the lightness does."""

import torch
from torch import Tensor
from torch.nn import functional as F

EDGE_NOISE = 256.0  # variance of L below which its changes count as noise, squared units of L; measured


def along_edges(
    ab: Tensor, small: Tensor, L: Tensor, top: int = 0, height: int | None = None, slope: Tensor | None = None
) -> Tensor:
    """Enlarge ab `(1, 2, h, w)` to the size of L `(1, 1, H, W)`, its edges laid where those of L are.

    Bilinear enlarging blurs colour over every edge. But around each small pixel the line ab ≈ slope · L + …
    is known, so what L has and its own blurred copy lacks tells where colour must change. The slope is that
    of a guided filter (He, Sun and Tang, 2010) on 3×3 pixels; unlike there it only adds what the blur
    took away, and leaves ab as it is where nothing was enlarged.

    Args:
        ab: what the network said.
        small: the lightness it was shown, `(1, 1, h, w)`.
        L: the lightness of the picture, or of some rows of it.
        top, height: which row of the picture the first row of L is, and how many the picture has.
        slope: `edge_slope(ab, small)`, if that is known already.
    """
    height = height or L.shape[-2]
    rows = range(top, top + L.shape[-2])
    if ab.shape[-2:] == (height, L.shape[-1]):
        return ab[..., rows.start : rows.stop, :]
    slope = edge_slope(ab, small) if slope is None else slope
    all_three = torch.cat([ab, slope, small], dim=1)
    ab, slope, small = _enlarged_rows(all_three, L.shape[-1], rows, height).split((2, 2, 1), dim=1)
    return torch.addcmul(ab, slope, L - small)


def edge_slope(ab: Tensor, small: Tensor) -> Tensor:
    """How ab changes with L around each small pixel, `(1, 2, h, w)`."""
    mean_L, mean_ab = _around(small), _around(ab)
    return (_around(small * ab) - mean_L * mean_ab) / (_around(small**2) - mean_L**2 + EDGE_NOISE)


def _around(x: Tensor) -> Tensor:
    """The mean over 3×3 pixels: down the columns, then along. A pooling takes four times as long."""
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    x = x[..., :-2, :] + x[..., 1:-1, :] + x[..., 2:, :]
    return (x[..., :-2] + x[..., 1:-1] + x[..., 2:]) / 9


def _enlarged_rows(x: Tensor, width: int, rows: range, height: int) -> Tensor:
    """Some rows of `enlarged(x, (height, width))`: it is linear, so first down the columns, then along."""
    last = x.shape[-2] - 1
    y = torch.arange(rows.start, rows.stop, device=x.device, dtype=x.dtype)
    y = ((y + 0.5) * (x.shape[-2] / height) - 0.5).clamp(0, last)
    above = y.long()
    below = (above + 1).clamp(max=last)
    x = torch.lerp(x.index_select(-2, above), x.index_select(-2, below), (y - above)[:, None])
    return enlarged(x, (len(rows), width))


def enlarged(ab: Tensor, size) -> Tensor:
    return F.interpolate(ab, size=tuple(size), mode="bilinear", align_corners=False)
