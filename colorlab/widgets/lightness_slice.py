"""The lightness-slice explorer: choose L* and a chroma, see every colour behind that one grey."""

from functools import cache

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from colorlab.ab_plane import ab_axes
from colorlab.lab import in_gamut, lab_to_rgb
from colorlab.plots import ink, styled
from colorlab.widgets.canvas import bare
from colorlab.widgets.explorable import Explorable

HUES = torch.arange(360.0)  # degrees, counter-clockwise from +a


@cache
def slice_sizes() -> tuple[int, ...]:
    """How many whole-number (a, b) sRGB can show at L* = 0, 1, …, 100."""
    side = torch.arange(-110.0, 111.0)
    b, a = torch.meshgrid(side, side, indexing="ij")
    L = torch.arange(101.0)[:, None, None]
    lab = torch.stack(torch.broadcast_tensors(L, a, b), dim=1)  # (101, 3, 221, 221)
    # Twenty slices at a time: less memory.
    return tuple(torch.cat([in_gamut(some).sum(dim=(1, 2)) for some in lab.split(20)]).tolist())


def ring(L: float, chroma: float) -> tuple[Tensor, Tensor]:
    """All hues at one lightness and one chroma.

    Args:
        L: lightness, 0 to 100.
        chroma: distance from grey, Lab units.

    Returns:
        lab `(3, 360)`, one colour a degree of hue, and `(360,)` bool, which of them sRGB can show.
    """
    angle = torch.deg2rad(HUES)
    lab = torch.stack([torch.full_like(angle, float(L)), chroma * angle.cos(), chroma * angle.sin()])
    return lab, in_gamut(lab[:, None])[0]


def _axes() -> Figure:
    figure = Figure(figsize=(9.2, 4.2))
    # Fixed places: a layout that measures its texts draws twice, and a slider wants its answer at once.
    for place in ((0.085, 0.12, 0.37, 0.80), (0.58, 0.68, 0.39, 0.24), (0.58, 0.12, 0.39, 0.30)):
        figure.add_axes(place)
    return figure


@styled
def render_lightness_slice(L: int, chroma: float) -> Figure:
    """The slice of the gamut with a ring of one chroma; the ring unrolled above its grey; the size of all slices."""
    (lab, shown), sizes = ring(L, chroma), slice_sizes()
    figure = bare(_axes)
    plane, strip, curve = figure.axes
    ab_axes(plane, L)
    a, b = lab[1:].numpy()
    plane.plot(np.append(a, a[0]), np.append(b, b[0]), color="grey", linewidth=1, linestyle=":")
    plane.scatter(a[shown], b[shown], s=22, color="black", linewidths=0, zorder=3)
    plane.scatter(a[shown], b[shown], s=4, color="white", linewidths=0, zorder=4)  # seen on dark slices too
    if sizes[L] == 1:  # black or white, an only colour: its point would be too small to see
        plane.plot(0, 0, "o", color=f"{L / 100}", markeredgecolor=ink())
    plane.set_title(f"What a screen can show at L* = {L:g}")
    _draw_strip(strip, lab, shown)
    strip.set_title(f"{int(shown.sum())} of 360 hues reach chroma {chroma:g}")
    curve.fill_between(range(101), sizes, color=ink(), alpha=0.3, linewidth=0)
    curve.plot([L], [sizes[L]], "o", color=ink())
    curve.yaxis.set_major_formatter("{x:,.0f}")
    curve.set(xlim=(0, 100), ylim=(0, 17_000), xlabel="L*", ylabel="colours (whole a, b)")
    curve.set_title(f"Behind this grey: {sizes[L]:,} {'colour' if sizes[L] == 1 else 'colours'}")
    return figure


def _draw_strip(ax, lab: Tensor, shown: Tensor) -> None:
    """Colours by hue, nothing where there are none; below, the one grey they all leave."""
    greys = torch.cat([lab[:1], torch.zeros(2, 360)])
    for row, bottom, seen in ((lab, 1.04, shown), (greys, 0, torch.ones(360))):
        rgba = torch.cat([lab_to_rgb(row[:, None]), seen[None, None].float()]).movedim(0, -1)  # (1, 360, 4)
        ax.imshow(rgba.numpy(), aspect="auto", extent=(0, 360, bottom, bottom + 0.96))
    ax.add_patch(
        Rectangle((0, 0), 360, 0.96, fill=False, edgecolor=ink(), linewidth=0.8)
    )  # white too is seen
    ax.set_ylim(0, 2)
    ax.set_yticks([0.5, 1.5], ["its L", "colour"])
    ax.set_xticks([0, 90, 180, 270, 360], ["0°\n+a", "90°\n+b", "180°\n−a", "270°\n−b", "360°\n+a"])
    ax.set_xlabel("hue: direction in the ab plane")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def describe_lightness_slice(L: int, chroma: float) -> str:
    """The picture in a sentence."""
    _, shown = ring(L, chroma)
    count = int(shown.sum())
    verb = "reaches" if count == 1 else "reach"
    reach = f"{count} of 360 hues {verb} chroma {chroma:g} ({_spans(shown)})"
    return f"L* = {L:g}: {slice_sizes()[L]:,} whole-number (a, b) behind one grey; {reach}."


def _spans(shown: Tensor) -> str:
    """Which degrees of hue are True, as "12° to 40°, 300° to 355°"; a span may run through 0°."""
    if shown.all() or not shown.any():
        return "all" if shown.all() else "none"
    starts = torch.nonzero(shown & ~shown.roll(1)).flatten().tolist()
    ends = torch.nonzero(shown & ~shown.roll(-1)).flatten().tolist()
    if ends[0] < starts[0]:
        ends = [*ends[1:], ends[0]]
    through = {True: " through 0° to ", False: " to "}
    return ", ".join(
        f"{s}°" if s == e else f"{s}°{through[s > e]}{e}°" for s, e in zip(starts, ends, strict=True)
    )


def lightness_slice_explorer(L: int = 55, chroma: float = 50) -> Explorable:
    """Sliders for the lightness of one grey and for how vivid the colours behind it are."""
    slice_sizes()  # once, here, and not in the first answer
    return Explorable(
        render_lightness_slice,
        describe_lightness_slice,
        {
            "L": widgets.IntSlider(L, min=0, max=100, step=1, description="L*"),
            "chroma": widgets.FloatSlider(
                chroma, min=0, max=135, step=5, description="chroma", readout_format=".0f"
            ),
        },
        {
            "The widest slice": {"L": 55, "chroma": 50},
            "Nearly black": {"L": 5, "chroma": 20},
            "Nearly white": {"L": 97, "chroma": 20},
            "Dark and vivid": {"L": 32, "chroma": 120},
            "Light and vivid": {"L": 97, "chroma": 90},
        },
    )
