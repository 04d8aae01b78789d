"""The label explorer: what a pixel of one colour teaches, to which bins and with what weight (σ, k, λ)."""

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure
from torch import Tensor

from colorlab.ab_plane import ab_colors, draw_bins, draw_marks
from colorlab.bins import ColorBins
from colorlab.plots import ink, short, styled
from colorlab.widgets.canvas import bare
from colorlab.widgets.explorable import Explorable, Place

Color = tuple[float, float]


class SoftLabels:
    """Labels and weights of one table of bins under one prior.

    Args:
        bins: the table of colours.
        prior: `(Q,)`, how often each bin occurs.
    """

    def __init__(self, bins: ColorBins, prior: Tensor):
        self.bins, self.prior = bins, prior

    def label(self, sigma: float, k: int, color: Color) -> Tensor:
        """The label of a pixel, spread over all bins, `(Q,)`; sums to 1."""
        indices, shares = self.bins.encode_soft(_pixel(color), k, sigma)
        return torch.zeros(self.bins.n_bins).scatter_(0, indices.flatten(), shares.flatten())

    def weight(self, uniform_mix: float, color: Color) -> float:
        """How much a pixel of this colour counts; 1 on average over the prior."""
        return float(self.bins.weights(self.prior, uniform_mix)[self.bins.encode(_pixel(color)).item()])

    @styled
    def render(self, sigma: float, k: int, uniform_mix: float, color: Color) -> Figure:
        """The pixel's label on the ab plane, and the weight of every bin against how often it occurs."""
        label, weights = self.label(sigma, k, color), self.bins.weights(self.prior, uniform_mix)
        own = int(self.bins.encode(_pixel(color)).item())
        figure = bare(_axes)
        plane, curve = figure.axes
        plane.set_label("plane")
        draw_bins(plane, self.bins, label)
        draw_marks(plane, {"the pixel": torch.tensor(color)})
        above = int((label > 0.01).sum())
        plane.set_title(
            f"its label: {label.max():.0%} to the nearest bin, {above} bins above 1 %", fontsize=10
        )
        curve.scatter(
            self.prior, weights, c=ab_colors(self.bins.centers), edgecolors=ink(), linewidths=0.3, s=22
        )
        mark = dict(markersize=13, color="white", markeredgecolor="black", linestyle="none")
        curve.plot(
            self.prior[own], weights[own], "X", label=f"the pixel counts {short(float(weights[own]))}", **mark
        )
        curve.legend(loc="lower left")
        # One scale for most λ; where the weights leave it, as at λ = 0, it grows with them.
        top = max(300.0, 3 * float(weights.max()))
        curve.set(ylim=(min(0.02, float(weights.min()) / 3), top))
        # Few and plain: the default ticks of a logarithm take longer to draw than all the rest.
        curve.minorticks_off()
        curve.set_xticks([1e-6, 1e-4, 1e-2], ["0.0001 %", "0.01 %", "1 %"])
        powers = [10.0**n for n in range(-1, 6) if 10.0**n < top]
        curve.set_yticks(powers, [f"{p:,g}" for p in powers])
        curve.set(xlabel="prior: how often the bin occurs", ylabel="weight of its pixels")
        spread = float(weights.max() / weights.min())
        curve.set_title(f"λ = {uniform_mix:g}: rarest to commonest {spread:,.0f} : 1", fontsize=10)
        return figure

    def describe(self, sigma: float, k: int, uniform_mix: float, color: Color) -> str:
        """The pixel's lesson in a sentence."""
        label = self.label(sigma, k, color)
        return (
            f"A pixel with (a, b) = ({color[0]:.0f}, {color[1]:.0f}): with σ = {sigma:g} and k = {k} its nearest bin "
            f"gets {label.max():.0%} of the label; with λ = {uniform_mix:g} the pixel counts "
            f"{short(self.weight(uniform_mix, color))} times as much as the average one."
        )

    def click(self, axes: str, a: float, b: float, /, **state) -> dict[str, Color]:
        """A click on the plane chooses the colour of the pixel."""
        return {"color": (round(float(a)), round(float(b)))} if axes == "plane" else {}

    def explorer(
        self, sigma: float = 5.0, k: int = 10, uniform_mix: float = 0.5, color: Color = (33, 22)
    ) -> Explorable:
        """Sliders over σ, k and λ; click the plane for another colour."""
        return Explorable(
            self.render,
            self.describe,
            {
                "sigma": widgets.FloatSlider(
                    sigma, min=1, max=20, step=0.5, description="σ (Lab units)", readout_format=".1f"
                ),
                "k": widgets.IntSlider(k, min=1, max=30, description="k (nearest bins)"),
                "uniform_mix": widgets.FloatSlider(
                    uniform_mix, min=0, max=1, step=0.05, description="λ (uniform_mix)"
                ),
                "color": Place(color),
            },
            {
                "As published": {"sigma": 5.0, "k": 10, "uniform_mix": 0.5},
                "Hard labels": {"sigma": 5.0, "k": 1, "uniform_mix": 0.5},
                "A wide blur": {"sigma": 20.0, "k": 30, "uniform_mix": 0.5},
                "No rebalancing": {"sigma": 5.0, "k": 10, "uniform_mix": 1.0},
                "All bins alike": {"sigma": 5.0, "k": 10, "uniform_mix": 0.0},
            },
            self.click,
        )


def _axes() -> Figure:
    figure = Figure(figsize=(9.4, 4.0))
    figure.add_axes((0.08, 0.13, 0.38, 0.78))
    figure.add_axes((0.57, 0.13, 0.41, 0.78), xscale="log", yscale="log").grid(axis="y")
    return figure


def _pixel(color: Color) -> Tensor:
    return torch.tensor(color, dtype=torch.float32).reshape(1, 2, 1, 1)
