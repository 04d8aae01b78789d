"""The bin explorer: choose a grid, see Q, the bins on the gamut and what a photograph becomes.

Below it the other figures of notebook 06, all pure functions of numbers.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from torch import Tensor

from colorlab.ab_plane import ab_axes, ab_colors, draw_bins
from colorlab.bins import ColorBins
from colorlab.colorizer import to_picture
from colorlab.data import manifest, shrink, to_lab
from colorlab.lab import in_gamut, lab_to_rgb, rgb_to_lab
from colorlab.plots import OVER, ink, matted, styled
from colorlab.quantization import SIDE, RoundTrip, round_trip, small_picture, table, there_and_back
from colorlab.widgets.canvas import bare
from colorlab.widgets.explorable import Explorable
from colorlab.widgets.own_photo import PhotoUpload

UNIFORM = 0.3826  # mean distance to the middle of a unit square: (√2 + ln(1 + √2)) / 6


@cache
def bin_colors(grid_size: float) -> np.ndarray:
    """`(Q, 3)` RGB in [0, 1] to draw the bins of a grid with."""
    return ab_colors(table(grid_size).centers)


# ---- the explorable ------------------------------------------------------------------------------


@matted
def render_color_bins(grid_size: int, name: str, lab: Tensor | None = None) -> Figure:
    """The bins on the ab plane, strong where the photograph uses them, and the photograph through them.

    Args:
        grid_size: Lab units.
        name: one of the six photographs, or what another is called.
        lab: that other photograph, `(3, H, W)`.
    """
    bins, found = table(grid_size), _round_trip(grid_size, name, lab)
    figure = bare(_axes)
    plane, *pictures = figure.axes
    ab_axes(plane)
    strength = np.where(found.used, 1.0, 0.25)
    look = dict(facecolor=bin_colors(grid_size), edgecolor=ink(), linewidth=0.4, alpha=strength)
    _draw_squares(plane, bins.centers, grid_size, **look)
    plane.set(xlim=(-125, 125), ylim=(-125, 125))
    plane.set_title(f"Q = {bins.n_bins} bins (grid {grid_size:g}), {found.used.sum()} used here")
    titles = ("the photograph", f"through the bins: moved by {found.mean:.1f} Lab units on average")
    images = (small_picture(name) if lab is None else to_picture(lab), found.picture)
    for ax, image, title in zip(pictures, images, titles, strict=True):
        ax.imshow(image)
        ax.set_title(title, fontsize=10, fontweight="normal")
        ax.axis("off")
    return figure


def _axes() -> Figure:
    figure = Figure(figsize=(9.4, 4.4))
    # Fixed places: nothing jumps while the slider moves, and no time goes into a layout.
    for place in ((0.075, 0.115, 0.42, 0.82), (0.53, 0.535, 0.46, 0.4), (0.53, 0.03, 0.46, 0.4)):
        figure.add_axes(place)
    return figure


def describe_color_bins(grid_size: int, name: str, lab: Tensor | None = None) -> str:
    """The picture in a sentence, with the numbers; arguments as above."""
    bins, found = table(grid_size), _round_trip(grid_size, name, lab)
    return (
        f"Grid {grid_size:g}: Q = {bins.n_bins} bins on the ab plane; the photograph {name!r} uses "
        f"{found.used.sum()} of them. Through the bins its pixels move by {found.mean:.1f} Lab units on average "
        f"({UNIFORM * grid_size:.1f} if colours were spread evenly) and by {found.worst:.1f} at most."
    )


def _round_trip(grid_size: int, name: str, lab: Tensor | None) -> RoundTrip:
    return round_trip(grid_size, name) if lab is None else there_and_back(table(grid_size), lab)


class BinExplorer(Explorable):
    """A slider for the grid, a choice of photograph, and a button to bring your own.

    Your file stays in the kernel's memory; it is sent nowhere.
    """

    OWN = "your own"

    def __init__(self, grid_size: int, name: str):
        self.own: Tensor | None = None  # (3, H, W) Lab
        super().__init__(
            lambda grid_size, name: render_color_bins(grid_size, name, self._lab(name)),
            lambda grid_size, name: describe_color_bins(grid_size, name, self._lab(name)),
            {
                "grid_size": widgets.IntSlider(
                    grid_size, min(5, grid_size), max(60, grid_size), description="grid_size (Lab units)"
                ),
                "name": widgets.ToggleButtons(  # arrows work at once, unlike in a closed list
                    options=[entry["name"] for entry in manifest()],
                    value=name,
                    description="photograph",
                    style={"button_width": "7em"},
                ),
            },
            {
                "Fine": {"grid_size": 5},
                "As published": {"grid_size": 10},
                "Bands": {"grid_size": 25},
                "A poster": {"grid_size": 50},
            },
        )
        self.upload = PhotoUpload(self._show)
        above, below = self.children[:2], self.children[2:]
        self.children = (*above, self.upload, *below)

    def _lab(self, name: str) -> Tensor | None:
        return self.own if name == self.OWN else None

    def _show(self, rgb: np.ndarray) -> None:
        """Bring a photograph in and look at it."""
        self.own, choice = to_lab(shrink(rgb, SIDE)), self.controls["name"]
        with choice.hold_trait_notifications():
            if self.OWN not in choice.options:
                seen = choice.value
                choice.options = (*choice.options, self.OWN)
                choice.value = seen
        self.set(name=self.OWN)


def color_bins_explorer(grid_size: float = 10, name: str = "chelsea") -> BinExplorer:
    """The bin explorer, starting at a grid (rounded to whole Lab units) and one of the six photographs."""
    return BinExplorer(round(grid_size), name)


# ---- the other figures ---------------------------------------------------------------------------


@matted
def grid_ladder(name: str, grid_sizes: Sequence[float], title: str = "") -> Figure:
    """A photograph as it is and on ever coarser grids, each below its bins.

    Args:
        name: which of the six photographs.
        grid_sizes: Lab units.
        title: what is drawn.
    """
    n = len(grid_sizes) + 1
    figure = Figure(figsize=(2.6 * n + 0.4, 5.2))
    figure.set_layout_engine("constrained", h_pad=0.09)
    axes = figure.subplots(2, n, height_ratios=(1.4, 1))
    heads = ["any colour", *(f"Q = {table(g).n_bins} bins (grid {g:g})" for g in grid_sizes)]
    feet = ["the photograph", *(f"moved by {round_trip(g, name).mean:.1f} on average" for g in grid_sizes)]
    images = [small_picture(name), *(round_trip(g, name).picture for g in grid_sizes)]
    reach = max([110.0, *(float(table(g).centers.abs().max()) + g / 2 for g in grid_sizes)])
    for i, (ax, g) in enumerate(zip(axes[0], [None, *grid_sizes], strict=True)):
        if g is None:
            ab_axes(ax)
            ax.images[0].set_alpha(1.0)
        else:
            draw_bins(ax, table(g))
        ax.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=(-100, 0, 100), yticks=(-100, 0, 100))
        ax.set(xlabel="a (Lab units)", ylabel="b (Lab units)" if i == 0 else "")
        ax.tick_params(labelleft=i == 0)
        ax.set_title(heads[i], fontsize=10)
    for ax, image, foot in zip(axes[1], images, feet, strict=True):
        ax.imshow(image)
        ax.set_title(foot, fontsize=10, fontweight="normal")
        ax.axis("off")
    figure.suptitle(title)
    return figure


@styled
def gamut_views(title: str = "", a: float = 40.0) -> Figure:
    """The sRGB gamut cut open at b = 0 with a line parallel to L, and its surface seen from above.

    Args:
        title: what is drawn.
        a: where the line stands.
    """
    figure = Figure(figsize=(9.4, 4.2), layout="constrained")
    side, above = figure.subplots(1, 2)
    _draw_cut(side, a)
    side.set_title(f"from the side, cut at b = 0: a line at a = {a:g}", fontsize=10)
    rgb = _rgb_faces(120)
    skin = rgb_to_lab(rgb)[..., 0]  # (3, P)
    order = skin[0].argsort()  # the lightest drawn last: what an eye above would see
    ab_axes(above)
    above.images[0].set_visible(False)
    colors = rgb[:, order, 0].T.numpy()
    above.scatter(*skin[1:, order].numpy(), c=colors, s=8, linewidths=0, rasterized=True)
    above.scatter([a], [0], color="white", edgecolors="black", s=60, zorder=3)
    above.annotate("the line", (a, 0), xytext=(8, 5), textcoords="offset points", fontsize=9, **OVER)
    above.set_title("from above: only the six faces of the RGB cube", fontsize=10)
    figure.suptitle(title)
    return figure


def _draw_cut(ax: Axes, a: float) -> None:
    """The gamut at b = 0 from the side, with the line parallel to L that stands at `a`."""
    L, across = torch.meshgrid(torch.linspace(0, 100, 401), torch.linspace(-110, 110, 441), indexing="ij")
    lab = torch.stack([L, across, torch.zeros_like(L)])
    rgba = torch.cat([lab_to_rgb(lab), in_gamut(lab)[None].float()]).movedim(0, -1)
    ax.imshow(rgba.numpy(), extent=(-110, 110, 0, 100), origin="lower", aspect="auto")
    line = torch.stack([L[:, 0], torch.full_like(L[:, 0], a), torch.zeros(len(L))])[..., None]  # (3, 401, 1)
    ends = L[in_gamut(line)[:, 0], 0][[0, -1]].tolist()
    ax.axvline(a, color=ink(), linestyle="--", linewidth=1.2)
    ax.scatter([a, a], ends, color="white", edgecolors="black", s=60, zorder=3)
    for y, word in zip(ends, ("in", "out"), strict=True):
        ax.annotate(
            f"{word} at L = {y:.0f}", (a, y), xytext=(9, 2), textcoords="offset points", fontsize=9, **OVER
        )
    ax.set(xlabel="a: green – red (Lab units)", ylabel="L (Lab units)", xlim=(-110, 110))


def _rgb_faces(n: int) -> Tensor:
    """Colours on the six faces of the RGB cube, `(3, 6n², 1)` in [0, 1]."""
    u, v = (
        t.flatten() for t in torch.meshgrid(torch.linspace(0, 1, n), torch.linspace(0, 1, n), indexing="ij")
    )
    faces = []
    for level in (0.0, 1.0):
        flat = torch.full_like(u, level)
        faces += [torch.stack(channels) for channels in ((flat, u, v), (u, flat, v), (u, v, flat))]
    return torch.cat(faces, dim=1)[..., None]


@styled
def label_shares(bins: ColorBins, a: Tensor, title: str = "", sigma: float = 5.0) -> Figure:
    """What share of a label each bin gets while a pixel walks along the a axis: hard beside soft.

    Args:
        bins: the table.
        a: `(P,)`, the walk, at b = 0, rising.
        title: what is drawn.
        sigma: of the soft labels, Lab units.
    """
    ab = torch.stack([a, torch.zeros_like(a)])[None, :, None]  # (1, 2, 1, P)
    shares = torch.zeros(2, len(a), bins.n_bins)
    shares[0].scatter_(1, bins.encode(ab)[0, 0, :, None], 1.0)
    indices, weights = bins.encode_soft(ab, sigma=sigma)
    shares[1].scatter_(1, indices[0, :, 0].T, weights[0, :, 0].T)
    on_axis = [q for q in range(bins.n_bins) if bins.centers[q, 1] == 0 and shares[0, :, q].max() > 0]
    figure = Figure(figsize=(9.4, 3.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, share, name in zip(axes, shares, ("hard labels", f"soft labels, σ = {sigma:g}"), strict=True):
        for q in on_axis:
            (line,) = ax.plot(a, share[:, q])
            middle = float(a[share[:, q] >= share[:, q].max() - 1e-6].mean())
            place = (middle, float(share[:, q].max()) + 0.03)
            ax.annotate(
                f"({bins.centers[q, 0]:g}, 0)", place, ha="center", fontsize=9, color=line.get_color()
            )
        ax.set(xlabel="a of the pixel, at b = 0 (Lab units)", ylim=(-0.03, 1.14))
        ax.margins(x=0.08)
        ax.set_title(name, fontsize=10)
        ax.grid(axis="y")
    axes[0].set_ylabel("share of the label")
    figure.suptitle(title)
    return figure


@styled
def rules_plane(groups: Mapping[str, Tensor], grid_size: float = 10, title: str = "") -> Figure:
    """Which centres each rule adds: the first group in its colours, every further one in its own look.

    Args:
        groups: name -> `(K, 2)` centres, at most four and disjoint; the legend gives K and the name.
        grid_size: side of a square, Lab units.
        title: what is drawn.
    """
    looks = (
        dict(edgecolor=ink(), linewidth=0.4),
        dict(facecolor="0.6", edgecolor=ink(), linewidth=0.4),
        dict(facecolor="#D55E00", edgecolor=ink(), linewidth=1.0, hatch="xxx"),
        dict(facecolor="none", edgecolor="0.6", linewidth=0.6),
    )
    figure = Figure(figsize=(9.4, 4.9), layout="constrained")
    ax = figure.subplots()
    ab_axes(ax)
    for i, ((name, centers), look) in enumerate(zip(groups.items(), looks, strict=False)):
        colors = {"facecolor": ab_colors(centers)} if i == 0 else {}
        label = f"{len(centers)} {name}"
        _draw_squares(ax, centers, grid_size, **look, **colors, label=label, zorder=4 - i)
    ax.set(xlim=(-117, 117), ylim=(-117, 117))
    legend = ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), labelspacing=0.8)
    legend.legend_handles[0].set_facecolor(ab_colors(torch.tensor([[-40.0, 40.0]]))[0])
    ax.set_title(title)
    return figure


def _draw_squares(ax: Axes, centers: Tensor, grid_size: float, **look) -> None:
    """A square a bin, nearly as large as its cell: `(K, 2)` centres, the rest as for a PolyCollection."""
    corners = 0.45 * grid_size * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    ax.add_collection(PolyCollection(centers.numpy()[:, None] + corners, **look))
