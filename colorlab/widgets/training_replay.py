"""The training replay: drag through the steps, see the loss, the chroma and the pictures of that moment."""

from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from colorlab.config import History
from colorlab.plots import line_colors, matted
from colorlab.widgets.canvas import bare
from colorlab.widgets.explorable import Explorable


class TrainingReplay:
    """A recorded run.

    Args:
        history: its losses and chroma ratios.
        frames: step -> the pictures of that moment, `(H, W, 3)` uint8; every step among those measured.
            Early steps deserve more of them: most happens there.
        titles: one a picture.
        unit: of the loss.

    Raises:
        ValueError: no frame, or one of a step that was not measured.
    """

    def __init__(
        self, history: History, frames: Mapping[int, Sequence[np.ndarray]], titles: Sequence[str], unit: str
    ):
        missing = set(frames) - set(history.step)
        if missing or not frames:
            raise ValueError(
                f"frames: expected some, each of a measured step, got {sorted(missing) or 'none'}; "
                "collect them with fit(..., on_evaluate=…)"
            )
        self.history, self.frames, self.titles, self.unit = (
            history,
            dict(sorted(frames.items())),
            titles,
            unit,
        )

    @matted
    def render(self, step: int) -> Figure:
        """Loss and chroma with a mark at the last recorded moment up to `step`, and its pictures."""
        step, i = self._moment(step)
        history, count = self.history, len(self.titles)
        aspect = self.frames[step][0].shape[1] / self.frames[step][0].shape[0]
        figure = bare(_axes, count, aspect)
        curves, shown = figure.axes[:2], figure.axes[2:]
        series = {f"loss\n({self.unit})": history.loss, "chroma ratio": history.chroma_ratio}
        for row, (ax, (name, values)) in enumerate(zip(curves, series.items(), strict=True)):
            ax.plot(history.step, values)
            ax.plot(step, values[i], "o", markersize=9, color=line_colors()[1])
            ax.set_xscale("symlog", linthresh=5)  # the first steps apart, the thousands still on the page
            ax.set_xticks(*_few(self.frames))
            ax.minorticks_off()
            ax.set(ylabel=name, ylim=(0, 1.1 * max(values)))
            ax.tick_params(labelbottom=row == 1)
        ax.set_xlabel("gradient steps")
        for ax, picture, title in zip(shown, self.frames[step], self.titles, strict=True):
            ax.imshow(picture)
            ax.axis("off")
            ax.set_title(title, fontsize=10, fontweight="normal")
        figure.suptitle(
            f"step {step}: loss {history.loss[i]:.4g}, chroma ratio {history.chroma_ratio[i]:.2f}", y=0.99
        )
        return figure

    def describe(self, step: int) -> str:
        """The moment in a sentence."""
        step, i = self._moment(step)
        return (
            f"After {step} steps the loss is {self.history.loss[i]:.4g} {self.unit}; what "
            f"it is measured on has {self.history.chroma_ratio[i]:.0%} of the chroma of the truth."
        )

    def explorer(self) -> Explorable:
        """A slider over the recorded steps."""
        steps = list(self.frames)
        early = max((s for s in steps if s <= 20), default=steps[0])
        slider = widgets.SelectionSlider(options=steps, value=steps[-1], description="gradient steps")
        return Explorable(
            self.render,
            self.describe,
            {"step": slider},
            {
                "Start": {"step": steps[0]},
                f"Step {early}": {"step": early},
                "End": {"step": steps[-1]},
            },
        )

    def _moment(self, step: int) -> tuple[int, int]:
        """The last recorded step up to `step`, and which measurement it is."""
        found = max((s for s in self.frames if s <= step), default=next(iter(self.frames)))
        return found, self.history.step.index(found)


def _axes(count: int, aspect: float) -> Figure:
    figure = Figure(figsize=(3.6 + 2.2 * aspect * count, 3.2), layout="constrained")
    grid = figure.add_gridspec(2, 1 + count, width_ratios=(3.4, *[2.2 * aspect] * count))
    for place in (grid[0, 0], grid[1, 0], *(grid[:, column] for column in range(1, 1 + count))):
        figure.add_subplot(place)
    return figure


def _few(steps: Mapping[int, object]) -> tuple[list[int], list[str]]:
    """Ticks that do not run into one another: 0, 1, 5, 20, 100, and the last if it is far enough from them."""
    shown = [s for s in steps if s in (0, 1, 5, 20, 100)]
    last = list(steps)[-1]
    shown += [last] if not shown or last > 2 * shown[-1] else []
    return shown, [str(s) for s in shown]
