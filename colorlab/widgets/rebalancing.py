"""The rebalancing explorer: what bringing rare colours back costs, from stored logits, without training."""

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure
from torch import Tensor

from colorlab.bins import Temperature
from colorlab.colorizer import to_picture
from colorlab.edges import enlarged
from colorlab.metrics import Tally
from colorlab.objective_base import at_resolution_of
from colorlab.objectives import Classification
from colorlab.plots import line_colors, matted
from colorlab.widgets.canvas import bare
from colorlab.widgets.explorable import Explorable
from colorlab.widgets.temperature import named

MIXES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)  # the slider runs as that of every widget
TEMPERATURES: tuple[Temperature, ...] = ("mode", 0.38, 0.6, 0.8, 1.0)


class RebalancingView:
    """One network's answers, reweighted and decoded in every way and scored.

    Args:
        objective: what it was trained with.
        logits: `(M, Q, h, w)`, what it answered.
        lab: the true pictures, `(M, 3, H, W)`.
    """

    def __init__(self, objective: Classification, logits: Tensor, lab: Tensor):
        truth = at_resolution_of(logits[:, :3], lab, 3)  # scored where the network answers, shown at full L
        self.lab = lab
        self.ab, self.scores = {}, {}
        for mix in MIXES:
            reweighted = objective.reweight(logits, mix)
            for temperature in TEMPERATURES:
                ab = objective.decode(reweighted, temperature)
                self.ab[mix, temperature] = ab
                self.scores[mix, temperature] = Tally.of(list(ab), list(truth)).scores()

    @matted
    def render(self, uniform_mix: float, temperature: Temperature, picture: int) -> Figure:
        """The picture so coloured, the truth, and plain AuC against rebalanced AuC for every λ."""
        figure = bare(_axes)
        colored, truth, curve = figure.axes
        ab = enlarged(self.ab[uniform_mix, temperature][picture, None], self.lab.shape[-2:])[0]
        colored.imshow(to_picture(torch.cat([self.lab[picture, :1], ab])))
        colored.set_title(f"λ = {uniform_mix:g}, T = {named(temperature)}")
        truth.imshow(to_picture(self.lab[picture]))
        truth.set_title("truth", fontweight="normal")
        for ax in (colored, truth):
            ax.axis("off")
        line = [self.scores[mix, temperature] for mix in MIXES]
        x, y = ([s[key] for s in line] for key in ("auc", "rebalanced_auc"))
        curve.plot(x, y, marker="o", markersize=4, label=f"λ from 0.1 to 1 at T = {named(temperature)}")
        note = dict(textcoords="offset points", ha="center", fontsize=8)
        for mix, away in {1.0: -17, 0.5: 10, 0.1: -17}.items():  # points above the mark: beside the line
            i = MIXES.index(mix)
            curve.annotate(f"λ = {mix:g}", (x[i], y[i]), xytext=(0, away), **note)
        here = self.scores[uniform_mix, temperature]
        curve.plot(
            here["auc"], here["rebalanced_auc"], "D", markersize=10, color=line_colors()[1], label="here"
        )
        every = self.scores.values()
        curve.set(
            xlabel="AuC, % (all pixels alike)",
            ylabel="rebalanced AuC, %",
            xlim=(min(s["auc"] for s in every) - 1, max(s["auc"] for s in every) + 1),
            ylim=(min(s["rebalanced_auc"] for s in every) - 2, max(s["rebalanced_auc"] for s in every) + 1),
        )
        curve.legend(fontsize=8, loc="lower right")
        return figure

    def describe(self, uniform_mix: float, temperature: Temperature, picture: int) -> str:
        """The scores here in a sentence."""
        here = self.scores[uniform_mix, temperature]
        return (
            f"Photograph {picture + 1} at λ = {uniform_mix:g}, T = {named(temperature)}. All {len(self.lab)} "
            f"together: AuC {here['auc']:.1f}, rebalanced AuC {here['rebalanced_auc']:.1f}, "
            f"{here['chroma_ratio']:.0%} of the truth's chroma."
        )

    def explorer(
        self, uniform_mix: float = 0.5, temperature: Temperature = 1.0, picture: int = 1
    ) -> Explorable:
        """Sliders over λ, the temperature and the pictures."""
        return Explorable(
            self.render,
            self.describe,
            {
                "uniform_mix": widgets.SelectionSlider(
                    options=[(f"{m:g}", m) for m in MIXES], value=uniform_mix, description="λ (uniform_mix)"
                ),
                "temperature": widgets.SelectionSlider(
                    options=[(named(t), t) for t in TEMPERATURES],
                    value=temperature,
                    description="temperature T",
                ),
                "picture": widgets.SelectionSlider(
                    options=[(str(k + 1), k) for k in range(len(self.lab))],
                    value=picture,
                    description="photograph",
                ),
            },
            {
                "No rebalancing": {"uniform_mix": 1.0, "temperature": 1.0},
                "Published λ = 0.5, T = 0.38": {"uniform_mix": 0.5, "temperature": 0.38},
                "Rare colours above all": {"uniform_mix": 0.1, "temperature": 1.0},
            },
        )


def _axes() -> Figure:
    figure = Figure(figsize=(9.0, 3.2), layout="constrained")
    figure.subplots(1, 3, width_ratios=(1, 1, 1.6))
    return figure
