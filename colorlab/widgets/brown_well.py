"""The brown-well explorer: choose how likely each colour is, see what every loss answers."""

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure

from colorlab.lab import lab_to_rgb
from colorlab.objectives import AB_SCALE, Regression
from colorlab.plots import ab_axes, ab_colors, draw_marks, styled
from colorlab.toy import PALETTE, best_output
from colorlab.widgets.explorable import Explorable

LIGHTNESS = PALETTE[0][0]
NAMES = ("red", "green", "blue")


def answers(red: float, green: float) -> dict[str, torch.Tensor]:
    """What the best possible networks answer when the three marbles have these chances.

    Args:
        red: chance of the red marble, 0 to 1.
        green: chance of the green one among those that are not red, 0 to 1.

    Returns:
        "probabilities" `(3,)`, and ab `(2,)` under "L2: mean", "L1: median" and "likeliest".
    """
    p = torch.tensor([red, (1 - red) * green, (1 - red) * (1 - green)])
    ab = torch.tensor(PALETTE)[:, 1:]
    pixel = ab[:, None, :, None, None]  # (K, 1, 2, 1, 1)
    best = {norm: AB_SCALE * best_output(Regression(norm), pixel, p).flatten() for norm in ("l2", "l1")}
    return {"probabilities": p, "L2: mean": best["l2"], "L1: median": best["l1"], "likeliest": ab[p.argmax()]}


@styled
def render_brown_well(red: float, green: float) -> Figure:
    """The ab plane with the chances and the answers, and the colours those answers are."""
    found = answers(red, green)
    p, ab = found.pop("probabilities"), torch.tensor(PALETTE)[:, 1:]
    figure = Figure(figsize=(8.6, 3.9), layout="constrained")
    plane, patches = figure.subplots(1, 2, width_ratios=(1.2, 1))
    ab_axes(plane, LIGHTNESS)
    plane.scatter(*ab.T.numpy(), s=1200 * p.numpy() + 15, c=ab_colors(ab), edgecolors="black", zorder=3)
    for (a, b), chance in zip(ab.tolist(), p.tolist(), strict=True):
        plane.annotate(f"{chance:.0%}", (a, b + 13), ha="center", fontsize=9, fontweight="bold", zorder=4)
    draw_marks(plane, found, legend="lower right")
    plane.set_title(f"Three colours, one lightness (L* = {LIGHTNESS:.0f})")
    colors = torch.cat([torch.full((3, 1), LIGHTNESS), torch.stack(list(found.values()))], dim=1)
    patches.imshow(lab_to_rgb(colors.T[:, :, None]).movedim(0, -1).numpy(), aspect="auto")
    patches.set_yticks(range(3), list(found))
    patches.set_xticks([])
    patches.tick_params(length=0)
    patches.hlines([0.5, 1.5], -0.5, 0.5, color="white", linewidth=3)
    patches.set_title("What each answers")
    return figure


def describe_brown_well(red: float, green: float) -> str:
    """The picture in a sentence, with the floor."""
    found = answers(red, green)
    p, mean = found["probabilities"], found["L2: mean"]
    ab = torch.tensor(PALETTE)[:, 1:]
    variance = (p * (ab - mean).square().sum(1)).sum()
    chances = ", ".join(f"{name} {chance:.0%}" for name, chance in zip(NAMES, p.tolist(), strict=True))
    return (
        f"{chances}. The mean is ({mean[0]:.0f}, {mean[1]:.0f}) with a chroma of {mean.norm():.0f}; "
        f"L_R cannot fall below the variance {variance:,.0f}."
    )


def brown_well_explorer(red: float = 0.45, green: float = 0.64) -> Explorable:
    """Sliders for the chances of three equally light marbles."""
    slider = dict(min=0.0, max=1.0, step=0.01, readout_format=".0%")
    return Explorable(
        render_brown_well,
        describe_brown_well,
        {
            "red": widgets.FloatSlider(red, description="chance of red", **slider),
            "green": widgets.FloatSlider(green, description="of the rest, green", **slider),
        },
        {
            "All alike": {"red": 0.34, "green": 0.5},
            "Red or green": {"red": 0.52, "green": 1.0},
            "Mostly red": {"red": 0.6, "green": 0.5},
            "Certain": {"red": 1.0, "green": 0.5},
        },
    )
