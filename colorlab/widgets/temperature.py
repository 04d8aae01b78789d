"""The temperature explorer: one set of stored logits, read from its mode to its mean."""

from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from colorlab.bins import ColorBins, Temperature
from colorlab.colorizer import painted, to_picture
from colorlab.data import Evaluation
from colorlab.plots import ink, line_colors, matted
from colorlab.widgets.canvas import bare
from colorlab.widgets.explorable import Explorable

TEMPERATURES: tuple[Temperature, ...] = ("mode", 0.1, 0.2, 0.3, 0.38, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class TemperatureView:
    """What one network answered, to be decoded again and again without running it.

    Args:
        bins: the table of colours.
        logits: `(M, Q, H, W)`, the network's answers to `fixed.L`.
        fixed: the pictures and all they could have been.
        photographs: the same pictures at full size, uint8 `(H, W, 3)`; colours are laid under their L.
    """

    def __init__(
        self, bins: ColorBins, logits: Tensor, fixed: Evaluation, photographs: Sequence[np.ndarray] = ()
    ):
        self.bins, self.fixed, self.photographs = bins, fixed, photographs
        # Decoded once: afterwards moving the slider only looks up.
        self.ab = {t: bins.decode(logits.cpu(), t) for t in TEMPERATURES}
        self.chroma_ratio = {t: fixed.chroma_ratio(ab) for t, ab in self.ab.items()}

    @matted
    def render(self, temperature: Temperature, picture: int) -> Figure:
        """The picture at this temperature, beside a possible truth, and chroma against temperature."""
        figure = bare(_axes)
        decoded, truth, curve = figure.axes
        decoded.imshow(at_full_size(self.fixed, self.ab[temperature], picture, self.photographs))
        decoded.set_title(f"T = {named(temperature)}")
        truth.imshow(at_full_size(self.fixed, self.fixed.outcomes[0], picture, self.photographs))
        truth.set_title(f"truth in {self.fixed.probabilities[0]:.0%}", fontweight="normal")
        for ax in (decoded, truth):
            ax.axis("off")
        place = [0.0 if t == "mode" else t for t in TEMPERATURES]
        curve.plot(place, list(self.chroma_ratio.values()), marker="o", markersize=4)
        here = 0.0 if temperature == "mode" else temperature
        curve.plot(here, self.chroma_ratio[temperature], "D", markersize=10, color=line_colors()[1])
        curve.axhline(1, linestyle="--", color=ink(), linewidth=1)
        curve.annotate("as vivid as the truth", (1, 1), ha="right", va="bottom", fontsize=8)
        curve.set_xticks([0, 0.38, 1], ["mode", "0.38", "1: mean"])
        curve.set(xlabel="temperature T", ylabel="chroma ratio", ylim=(0, None))
        return figure

    def describe(self, temperature: Temperature, picture: int) -> str:
        """The chroma at this temperature in a sentence."""
        ratio = self.chroma_ratio[temperature]
        return (
            f"Picture {picture} at T = {named(temperature)}. All {len(self.fixed.L)} pictures together have "
            f"{ratio:.0%} of the truth's chroma."
        )

    def explorer(self, temperature: Temperature = 0.38, picture: int = 0) -> Explorable:
        """A slider over the temperatures, from the mode to the mean, and one over the pictures."""
        options = [(named(t), t) for t in TEMPERATURES]
        return Explorable(
            self.render,
            self.describe,
            {
                "temperature": widgets.SelectionSlider(
                    options=options, value=temperature, description="temperature T"
                ),
                "picture": widgets.IntSlider(picture, 0, len(self.fixed.L) - 1, description="picture"),
            },
            {
                "Mode": {"temperature": "mode"},
                "Published 0.38": {"temperature": 0.38},
                "Mean": {"temperature": 1.0},
            },
        )


def _axes() -> Figure:
    figure = Figure(figsize=(10.4, 3.0), layout="constrained")
    figure.subplots(1, 3, width_ratios=(1.3, 1.3, 1.4))
    return figure


def at_full_size(
    fixed: Evaluation, ab: Tensor, picture: int, photographs: Sequence[np.ndarray]
) -> np.ndarray:
    """Colours `(M, 2, h, w)` under the L of a full-size photograph, where there is one; else under their own."""
    L, ab = fixed.L[picture], ab[picture]
    return painted(photographs[picture], ab[None], L[None]) if photographs else to_picture(torch.cat([L, ab]))


def named(temperature: Temperature) -> str:
    """A temperature on a scale whose ends are called by what they are."""
    return {"mode": "0 (mode)", 1.0: "1 (mean)"}.get(temperature, f"{temperature}")
