"""The training replay: drag through the steps, see the loss and the pictures of that moment."""

from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from colorlab.config import History
from colorlab.plots import styled
from colorlab.widgets.explorable import Explorable


class TrainingReplay:
    """A recorded run.

    Args:
        history: its losses.
        frames: for every measurement a list of pictures `(H, W, 3)` uint8.
        titles: one a picture.
        unit: of the loss.
    """

    def __init__(
        self, history: History, frames: Sequence[Sequence[np.ndarray]], titles: Sequence[str], unit: str
    ):
        if len(frames) != len(history.step):
            raise ValueError(
                f"frames: expected one a measurement ({len(history.step)}), got {len(frames)}; "
                "collect them with fit(..., on_evaluate=…)"
            )
        self.history, self.frames, self.titles, self.unit = history, frames, titles, unit

    @styled
    def render(self, step: int) -> Figure:
        """The loss with a mark at the last measurement up to `step`, and the pictures of that moment."""
        i = self._measurement(step)
        count = len(self.titles)
        figure = Figure(figsize=(3.6 + 1.9 * count, 2.6), layout="constrained")
        axes = figure.subplots(1, 1 + count, width_ratios=(1.7, *[1.0] * count))
        axes[0].plot(self.history.step, self.history.loss)
        axes[0].plot(self.history.step[i], self.history.loss[i], "o", markersize=9, color="C1")
        axes[0].set(xlabel="gradient steps", ylabel=f"loss ({self.unit})")
        axes[0].set_ylim(0, 1.08 * max(self.history.loss))
        axes[0].set_title(f"step {self.history.step[i]}: loss {self.history.loss[i]:.4g}")
        for ax, picture, title in zip(axes[1:], self.frames[i], self.titles, strict=True):
            ax.imshow(picture)
            ax.axis("off")
            ax.set_title(title, fontsize=9, fontweight="normal")
        return figure

    def describe(self, step: int) -> str:
        """The moment in a sentence."""
        i = self._measurement(step)
        return (
            f"After {self.history.step[i]} steps the loss is {self.history.loss[i]:.4g} {self.unit}; the "
            f"pictures have {self.history.chroma_ratio[i]:.0%} of the chroma of the truth."
        )

    def explorer(self) -> Explorable:
        """A slider over the steps."""
        steps = self.history.step
        slider = widgets.SelectionSlider(options=steps, value=steps[-1], description="gradient steps")
        middle = steps[len(steps) // 4]
        return Explorable(
            self.render,
            self.describe,
            {"step": slider},
            {"Start": {"step": steps[0]}, "A quarter": {"step": middle}, "End": {"step": steps[-1]}},
        )

    def _measurement(self, step: int) -> int:
        return max(i for i, s in enumerate(self.history.step) if s <= max(step, 0))
