"""The ab plane to draw on: the displayable colours behind, bins and marks on top."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from torch import Tensor

from colorlab.bins import ColorBins
from colorlab.lab import in_gamut, lab_to_rgb

AB_LIMITS = (-110, 110)
PREFERRED = 60.0  # L of what has none of its own
MARKERS = "XPD^v*"
BEHIND = "behind: L = "  # so begins the name (gid) of what lies behind


def ab_axes(ax: Axes, L: float | None = None) -> None:
    """Turn axes into the ab plane, the displayable colours faintly behind.

    Args:
        ax: an empty axes, or one that was this plane before: what lies behind stays if it is the same.
        L: show the slice of the gamut at this lightness; None shows every ab that some lightness allows.
    """
    behind = [artist for artist in ax.get_children() if is_behind(artist)]
    name = f"{BEHIND}{L}"
    if not behind or behind[0].get_gid() != name:
        for artist in behind:
            artist.remove()
        for artist in _drawn_behind(ax, L):
            artist.set_gid(name)
    ax.axhline(0, color="grey", linewidth=0.5)
    ax.axvline(0, color="grey", linewidth=0.5)
    ax.set(xlim=AB_LIMITS, ylim=AB_LIMITS, aspect="equal")
    ax.set(xlabel="a: green – red (Lab units)", ylabel="b: blue – yellow (Lab units)")


def is_behind(artist: Artist) -> bool:
    """Whether it lies behind all else; then it need not be drawn again as long as it stays."""
    return str(artist.get_gid()).startswith(BEHIND)


def _drawn_behind(ax: Axes, L: float | None) -> list[Artist]:
    extent = (*AB_LIMITS, *AB_LIMITS)
    drawn: list[Artist] = [
        ax.imshow(plane_image(L), extent=extent, origin="lower", alpha=1.0 if L is not None else 0.35)
    ]
    if L is not None:  # nearly black it would not be seen on a dark page, nearly white not on a light one
        edge = plane_image(L)[..., 3]
        drawn.append(ax.contour(edge, [0.5], extent=extent, colors="grey", linewidths=0.8))
    return drawn


@cache
def plane_image(L: float | None) -> np.ndarray:
    """The ab plane as `(221, 221, 4)` floats, one a Lab unit, transparent where sRGB has no such colour."""
    side = torch.linspace(*AB_LIMITS, 221)
    b, a = torch.meshgrid(side, side, indexing="ij")
    ab = torch.stack([a, b])
    lightness = lightness_for(ab) if L is None else torch.full_like(a, float(L))
    lab = torch.cat([lightness[None], ab])
    return torch.cat([lab_to_rgb(lab), in_gamut(lab)[None].float()]).movedim(0, -1).numpy()


def lightness_for(ab: Tensor) -> Tensor:
    """The lightness nearest to `PREFERRED` at which sRGB can show `(2, H, W)`; `PREFERRED` where none can."""
    levels = torch.arange(2.0, 99.0, 2.0)
    levels = levels[(levels - PREFERRED).abs().argsort(stable=True)]  # the nearest first
    L, a, b = torch.broadcast_tensors(levels[:, None, None], *ab)  # (levels, H, W) each
    shown = in_gamut(torch.stack([L, a, b], dim=1))
    return torch.where(shown.any(0), levels[shown.int().argmax(0)], PREFERRED)


def ab_colors(ab: Tensor) -> np.ndarray:
    """`(K, 2)` -> `(K, 3)` RGB in [0, 1] to draw these ab with, at a lightness that shows them."""
    plane = ab.T[:, :, None].float()  # (2, K, 1)
    return lab_to_rgb(torch.cat([lightness_for(plane)[None], plane]))[..., 0].T.numpy()


def draw_marks(ax: Axes, marks: Mapping[str, Tensor], legend: str = "lower left") -> None:
    """Mark points `(2,)` of the ab plane by shape, not by colour, and name them in a legend."""
    if len(marks) > len(MARKERS):
        raise ValueError(f"marks: expected at most {len(MARKERS)}, got {len(marks)}")
    style = dict(s=100, color="white", edgecolors="black", linewidths=1.5)
    for place, ((name, mark), shape) in enumerate(zip(marks.items(), MARKERS, strict=False)):
        # Slender shapes come first and lie above: where two marks meet, both are seen.
        ax.scatter(*mark.tolist(), marker=shape, label=name, zorder=6 - place / 10, **style)
    if marks:
        ax.legend(loc=legend, fontsize=8)


def draw_bins(ax: Axes, bins: ColorBins, values: Tensor | None = None) -> None:
    """Draw the bins' squares into axes; see `bin_plane`."""
    from matplotlib.collections import PolyCollection

    ab_axes(ax)
    side = 0.45 * bins.grid_size * np.ones(bins.n_bins)
    if values is not None:
        # Area shows the value; the square root makes the side. A dot remains where it is nearly zero.
        side = side * np.sqrt(np.maximum(values.numpy() / max(float(values.max()), 1e-12), 0.004))
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    squares = bins.centers.numpy()[:, None] + side[:, None, None] * corners
    ax.add_collection(
        PolyCollection(squares, facecolors=ab_colors(bins.centers), edgecolors="black", linewidths=0.4)
    )
