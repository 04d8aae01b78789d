"""The brown-well explorer: choose three colours and how likely each is, see what every loss answers."""

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure

from colorlab.ab_plane import ab_axes, ab_colors, draw_marks
from colorlab.lab import in_gamut, lab_to_rgb
from colorlab.objectives import AB_SCALE, Regression
from colorlab.plots import OVER, color_patches, styled
from colorlab.toy import PALETTE
from colorlab.widgets.canvas import bare
from colorlab.widgets.explorable import Explorable, Place

LIGHTNESS = PALETTE[0][0]
NAMES = ("first", "second", "third")
Colors = tuple[tuple[float, float], ...]
MARBLES: Colors = tuple((a, b) for _, a, b in PALETTE)  # red, green, blue
MARBLES_SECOND = 7 / 11  # of the rest: their chances are 45, 35 and 20 %
NEIGHBOURS: Colors = ((58.0, 38.0), (30.0, 50.0), (5.0, 52.0))  # red, orange, yellow-brown


def answers(first: float, second: float, colors: Colors = MARBLES) -> dict[str, torch.Tensor]:
    """What the best possible networks answer when three equally light colours have these chances.

    Args:
        first: chance of the first colour, 0 to 1.
        second: the share that the second has of what the first leaves; the third has the rest.
        colors: three (a, b), Lab units.

    Returns:
        "probabilities" `(3,)`, and ab `(2,)` under "L2: mean", "L1: median" and "likeliest".
    """
    p = torch.tensor([first, (1 - first) * second, (1 - first) * (1 - second)])
    ab = torch.tensor(colors)
    pixel = ab[:, None, :, None, None]  # (K, 1, 2, 1, 1)
    best = {norm: AB_SCALE * Regression(norm).best_output(pixel, p).flatten() for norm in ("l2", "l1")}
    return {"probabilities": p, "L2: mean": best["l2"], "L1: median": best["l1"], "likeliest": ab[p.argmax()]}


def floors(first: float, second: float, colors: Colors = MARBLES) -> dict[str, float]:
    """What no network can go below: "L2" the variance (squared Lab units), "L1" (Lab units), "entropy" (nats)."""
    p, pixel = answers(first, second, colors)["probabilities"], torch.tensor(colors)[:, None, :, None, None]
    least = {"entropy": float(torch.special.entr(p).sum())}
    for norm in ("l2", "l1"):
        objective = Regression(norm)
        output = objective.best_output(pixel, p)
        costs = torch.stack([objective.pixel_losses(output, ab).mean() for ab in pixel])
        least[norm.upper()] = float(p @ costs)
    return least


def _axes() -> Figure:
    figure = Figure(figsize=(8.6, 4.1), layout="constrained")
    figure.subplots(1, 2, width_ratios=(1.2, 1))
    return figure


@styled
def render_brown_well(first: float, second: float, colors: Colors = MARBLES) -> Figure:
    """The ab plane with the chances and the answers, and the colours those answers are."""
    found = answers(first, second, colors)
    p, ab = found.pop("probabilities"), torch.tensor(colors)
    figure = bare(_axes)
    plane, patches = figure.axes
    plane.set_label("plane")
    ab_axes(plane, LIGHTNESS)
    plane.scatter(*ab.T.numpy(), s=1200 * p.numpy() + 15, c=ab_colors(ab), edgecolors="black", zorder=3)
    note = dict(textcoords="offset points", ha="center", fontsize=9, fontweight="bold", zorder=4, **OVER)
    for i, ((a, b), chance) in enumerate(zip(ab.tolist(), p.tolist(), strict=True), start=1):
        away = (1200 * chance + 15) ** 0.5 / 2 + 3  # just outside its disc, points
        place = (
            dict(xytext=(0, -away), va="top") if i == 2 else dict(xytext=(0, away))
        )  # neighbours do not collide
        plane.annotate(f"{i}: {chance:.0%}", (a, b), **place, **note)
    draw_marks(plane, found, legend="lower right")
    plane.set_title(f"Three colours, one lightness (L* = {LIGHTNESS:.0f})")
    shown = torch.cat([torch.full((3, 1), LIGHTNESS), torch.stack(list(found.values()))], dim=1)
    color_patches(patches, lab_to_rgb(shown.T[:, :, None]).movedim(0, -1).numpy())
    patches.set_yticks(range(3), list(found))
    patches.set_xticks([])
    patches.tick_params(length=0)
    least = floors(first, second, colors)
    # Not the label of an axis: those are drawn once, see `Canvas`.
    where = dict(transform=patches.transAxes, ha="center", va="top")
    patches.text(0.5, -0.03, f"floors: L2 {least['L2']:,.0f}, L1 {least['L1']:.0f}", **where)
    patches.set_title("What each answers")
    return figure


def describe_brown_well(first: float, second: float, colors: Colors = MARBLES) -> str:
    """The picture in sentences, with the floors."""
    found = answers(first, second, colors)
    p, mean, least = found["probabilities"], found["L2: mean"], floors(first, second, colors)
    chances = ", ".join(
        f"{name} ({a:.0f}, {b:.0f}) {chance:.0%}"
        for name, (a, b), chance in zip(NAMES, colors, p.tolist(), strict=True)
    )
    return (
        f"{chances[0].upper()}{chances[1:]}. The mean is ({mean[0]:.0f}, {mean[1]:.0f}) with a chroma of "
        f"{mean.norm():.0f}. No network gets below L2 {least['L2']:,.0f} (the variance) or L1 {least['L1']:.0f}, "
        f"and no classification (07) below the entropy of the chances, {least['entropy']:.2f} nats."
    )


def move_nearest(axes: str, a: float, b: float, /, *, colors: Colors, **chances) -> dict[str, Colors] | str:
    """A click on the plane moves the nearest of the three colours there, if a screen can show it."""
    if axes != "plane":
        return {}
    target = torch.tensor([LIGHTNESS, round(float(a)), round(float(b))])
    if not in_gamut(target[:, None, None]).item():
        return (
            f"No screen shows ({target[1]:.0f}, {target[2]:.0f}) at L* = {LIGHTNESS:.0f}: nothing moved. "
            "Click inside the coloured area."
        )
    nearest = int((torch.tensor(colors) - target[1:]).norm(dim=1).argmin())
    return {"colors": tuple(tuple(target[1:].tolist()) if i == nearest else c for i, c in enumerate(colors))}


def brown_well_explorer(
    first: float = 0.45, second: float = MARBLES_SECOND, colors: Colors = MARBLES
) -> Explorable:
    """Sliders for the chances of three equally light colours; click the plane to move one of them."""
    slider = dict(min=0.0, max=1.0, readout_format=".0%")

    def preset(first: float, second: float, colors: Colors = MARBLES) -> dict[str, object]:
        return {"first": first, "second": second, "colors": colors}  # colours that were moved come back

    return Explorable(
        render_brown_well,
        describe_brown_well,
        {
            "first": widgets.FloatSlider(
                first, step=0.01, description="chance of the first colour", **slider
            ),
            # A share of the rest: so every position of both sliders is possible, and shows.
            "second": widgets.FloatSlider(
                second, step=1 / 22, description="of the rest, the second has", **slider
            ),
            "colors": Place(colors),
        },
        {
            "All alike": preset(0.34, 0.5),
            "First or second": preset(0.52, 1.0),
            "Mostly the first": preset(0.6, 0.5),
            "Certain": preset(1.0, 0.5),
            "Neighbours": preset(0.45, MARBLES_SECOND, NEIGHBOURS),
        },
        move_nearest,
    )
