"""The experiment replayed: drag through the steps of two trainings side by side, losses and pictures."""

from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from colorlab.data import to_lab
from colorlab.experiment import Run
from colorlab.lab import chroma
from colorlab.plots import ink, line_colors, matted, short
from colorlab.widgets.explorable import Explorable


class ExperimentReplay:
    """Recorded trainings on the same pictures.

    Args:
        runs: by the title of its column; see `colorlab.experiment`.
        truth: the photographs as they are, squares `(S, S, 3)` uint8.
        names: of the photographs.
        units: how each run's loss is called and in what it is measured, by the same titles.
    """

    def __init__(
        self,
        runs: Mapping[str, Run],
        truth: Sequence[np.ndarray],
        names: Sequence[str],
        units: Mapping[str, str],
    ):
        self.runs, self.truth, self.names, self.units = dict(runs), list(truth), list(names), dict(units)
        common = set.intersection(*(set(run.frames) for run in self.runs.values()))
        self.steps = sorted(common)
        if not self.steps:
            raise ValueError("runs: expected a step of which every run has pictures, got none")

    @matted
    def render(self, step: int, photograph: str) -> Figure:
        """Each run's loss with a mark at `step`, below it what it made of the photograph then; last the truth."""
        count, which = len(self.runs), self.names.index(photograph)
        figure = Figure(figsize=(2.9 * (count + 1), 4.6), layout="constrained")
        axes = figure.subplots(2, count + 1, height_ratios=(1, 2.0))
        for column, (title, run) in enumerate(self.runs.items()):
            curve, picture = axes[:, column]
            steps, loss = run.history.step, run.history.loss
            # Square roots of the steps: the first ones, where most happens, have room.
            curve.plot(np.sqrt(steps[1:]), loss[1:], color=line_colors()[column])
            here = self._loss_at(run, step)
            top = max(loss[1:])
            mark = "o" if here <= top else "^"  # the loss before any learning is off the scale of interest
            curve.plot(np.sqrt(step), min(here, top), mark, markersize=9, color=ink())
            first, last = self.steps[0], self.steps[-1]
            # Those near the last one would be written over it.
            ticks = sorted({first, *(s for s in self.steps[2::3] if s < 0.7 * last), last})
            curve.set_xticks(np.sqrt(ticks), [f"{s:,}" for s in ticks], fontsize=8)
            curve.set(xlabel="gradient steps (root scale)", ylabel=self.units[title])
            curve.set_title(f"step {step:,}: {short(here)}", fontsize=10)
            picture.imshow(run.frames[step][which])
            picture.set_title(title)
        axes[0, -1].axis("off")
        axes[1, -1].imshow(self.truth[which])
        axes[1, -1].set_title("truth")
        for ax in axes[1]:
            ax.axis("off")
        return figure

    def describe(self, step: int, photograph: str) -> str:
        """Losses and vividness of the moment, in a sentence."""
        which = self.names.index(photograph)
        said = [
            f"{title}: {self.units[title]} {short(self._loss_at(run, step))}, {photograph} "
            f"{share_of_chroma(run.frames[step][which], self.truth[which]):.0%} as colourful as the truth"
            for title, run in self.runs.items()
        ]
        return f"After {step:,} steps. " + ". ".join(said) + "."

    def explorer(self, step: int | None = None, photograph: str | None = None) -> Explorable:
        """Sliders over the steps and the photographs; the first ones are shown if none are named."""
        slider = widgets.SelectionSlider(
            options=[(f"{s:,}", s) for s in self.steps],
            value=self.steps[0] if step is None else step,
            description="gradient steps",
        )
        photographs = widgets.SelectionSlider(
            options=self.names, value=photograph or self.names[0], description="photograph"
        )
        return Explorable(
            self.render,
            self.describe,
            {"step": slider, "photograph": photographs},
            {
                "Before learning": {"step": self.steps[0]},
                "Early": {"step": self.steps[len(self.steps) // 4]},
                "End": {"step": self.steps[-1]},
            },
        )

    @staticmethod
    def _loss_at(run: Run, step: int) -> float:
        """As measured last, up to this step."""
        return run.history.loss[max(i for i, s in enumerate(run.history.step) if s <= step)]


def share_of_chroma(rgb: np.ndarray, truth: np.ndarray) -> float:
    """Mean chroma of a picture over that of the truth."""
    return float(chroma(to_lab(rgb)[1:]).mean() / chroma(to_lab(truth)[1:]).mean())
