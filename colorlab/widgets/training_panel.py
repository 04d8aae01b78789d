"""The live training panel: losses, chroma and pictures of a training while it runs, and a button to stop it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import closing

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from colorlab.colorizer import Colorizer
from colorlab.config import Config, History
from colorlab.plots import ink, line_colors, matted, to_bytes
from colorlab.training import measurements
from colorlab.widgets.caption import Caption
from colorlab.widgets.clickable import Picture

PAUSE = 3.0  # seconds between two drawings: drawing more often would slow the training down


class TrainingPanel(widgets.VBox):
    """Trains networks one after the other, with one button to stop the one at work; what it has learnt is kept.

    `histories = await panel.run()` in a notebook: at every measurement the kernel gets its turn to hear the
    button. The square interrupt button stops all.

    Args:
        colorizers: by name; trained in this order.
        data: `Crops`, `Marbles` or `CoinToss`, the same batches for each.
        config: how long, how fast.
        shown: photographs to paint meanwhile, uint8 `(H, W, 3)`, all of one height; they stand side by side.
        floors: the least loss possible, by name.
        units: of the losses, by name.

    Raises:
        ValueError: photographs of several heights.

    Attributes:
        histories: by name, of the trainings so far.
        painted: by name, what the network now makes of the pictures shown.
    """

    def __init__(
        self,
        colorizers: Mapping[str, Colorizer],
        data,
        config: Config,
        shown: Sequence[np.ndarray],
        floors: Mapping[str, float],
        units: Mapping[str, str],
    ):
        if len(heights := {len(rgb) for rgb in shown}) > 1:
            raise ValueError(f"shown: expected photographs of one height, got {sorted(heights)}")
        self.colorizers, self.data, self.config = dict(colorizers), data, config
        self.floors, self.units = floors, units
        self.painted = {"Ground truth": list(shown)}
        self.histories: dict[str, History] = {}
        self._stopped, self._drawn = False, 0.0
        self.stop_button = widgets.Button(description="Stop", icon="stop", disabled=True)
        self.stop_button.layout = widgets.Layout(width="auto", flex="0 0 auto")  # its label is never cut
        self.stop_button.on_click(lambda _button: self.stop())
        self.progress = widgets.IntProgress(max=config.steps * len(self.colorizers))
        self.progress.layout.width = "20em"
        self.status = Caption("Not started.")
        self.picture = Picture(layout=widgets.Layout(max_width="100%"))
        super().__init__([widgets.HBox([self.stop_button, self.progress]), self.status, self.picture])

    def stop(self) -> None:
        """End the training at work at its next measurement; the next one begins."""
        self._stopped = self.stop_button.disabled = True  # a second click would be meant for the same
        self.status.value = "Stopping at the next measurement …"

    async def run(self) -> dict[str, History]:
        """Train every network; returns the histories by name."""
        try:
            for name in self.colorizers:
                await self._train(name)
        except (asyncio.CancelledError, KeyboardInterrupt):  # the square button: stop all, keep all
            pass
        self.stop_button.disabled = True
        self._draw()
        return self.histories

    async def _train(self, name: str) -> None:
        colorizer, history, begun = self.colorizers[name], History(), self.progress.value
        self._stopped, self.histories[name] = False, history
        self.stop_button.description = f"Stop {name}, keep it"
        with closing(
            measurements(colorizer, self.data, self.config, history, show_progress=False)
        ) as training:
            for step in training:
                self.progress.value = begun + step
                if time.monotonic() - self._drawn > PAUSE or step == self.config.steps:
                    self._draw()
                await asyncio.sleep(0.01)  # the kernel's turn: a click, an interrupt
                if self._stopped:
                    break
                self.stop_button.disabled = False
        if self._stopped:
            self._draw()
        if history.interrupted and not self._stopped:  # an interrupt in the middle of a step
            raise KeyboardInterrupt
        self.progress.value = begun + self.config.steps

    def _draw(self) -> None:
        for name in self.histories:
            truth = self.painted["Ground truth"]
            self.painted[name] = [self.colorizers[name].colorize(rgb) for rgb in truth]
        self.status.value = describe_training(self.histories)
        self.picture.show(to_bytes(self.figure()), self.status.value)
        self._drawn = time.monotonic()

    def figure(self, title: str = "") -> Figure:
        """The panel as it stands; also its static twin."""
        return render_training(self.histories, self.painted, self.floors, self.units, title)


@matted
def render_training(
    histories: Mapping[str, History],
    painted: Mapping[str, Sequence[np.ndarray]],
    floors: Mapping[str, float],
    units: Mapping[str, str],
    title: str = "",
) -> Figure:
    """A loss curve for every training, the chroma ratio of all of them, and below what each paints.

    Args:
        histories: by name.
        painted: name -> `(H, W, 3)` uint8 pictures, as many for each.
        floors, units: of the losses, by name.
        title: what is drawn.
    """
    columns = max(len(floors) + 1, len(painted))
    width, height = 3.3 * columns, 4.6 + 0.3 * bool(title)
    figure = Figure(figsize=(width, height))
    # Margins in inches instead of a layout that is solved anew: a third of a drawing's time and more.
    sides = dict(left=0.8 / width, right=1 - 0.12 / width, bottom=0.08 / height, top=1 - 0.3 / height)
    if title:
        sides["top"] -= 0.35 / height
    grid = figure.add_gridspec(2, columns, height_ratios=(1.6, 1), wspace=0.32, hspace=0.4, **sides)
    colors = line_colors()
    note = dict(xycoords=("axes fraction", "data"), textcoords="offset points", ha="right", fontsize=9)
    for i, name in enumerate(floors):
        ax = figure.add_subplot(grid[0, i])
        history = histories.get(name, History())
        ax.plot(history.step, history.loss, color=colors[i], marker="o", markersize=3)
        ax.axhline(floors[name], linestyle="--", color=ink(), linewidth=1.2)
        ax.annotate(f"floor {floors[name]:.4g}", (0.99, floors[name]), (0, -3), va="top", **note)
        top = max([floors[name], *history.loss[1:]])  # the first loss is off the scale of interest
        ax.set(xlabel="gradient steps", ylabel=f"loss ({units[name]})", ylim=(0, 1.1 * top))
        ax.set_title(f"{name}: {history.loss[-1]:.4g}" if history.loss else f"{name}: waiting", fontsize=10)
        if not history.loss:
            ax.set_xticks([])
    ax = figure.add_subplot(grid[0, len(floors)])
    for i, (name, marker) in enumerate(zip(floors, "os^Dv", strict=False)):
        history = histories.get(name, History())
        ax.plot(history.step, history.chroma_ratio, color=colors[i], marker=marker, markersize=4, label=name)
    ax.axhline(1, linestyle="--", color=ink(), linewidth=1)
    ax.annotate("as vivid as the truth", (0.99, 1), (0, 3), **note)
    ax.set(xlabel="gradient steps", ylabel="chroma ratio", ylim=(0, None))
    ax.legend(fontsize=8, loc="best")
    order = [*floors, "Ground truth"]
    for i, name in enumerate(order):  # each keeps its place, also while it has nothing to show
        if name not in painted:
            continue
        ax = figure.add_subplot(grid[1, i])
        ax.imshow(np.concatenate(painted[name], axis=1))
        ax.axis("off")
        ax.set_title(f"{name}, now" if name in floors else name, fontsize=10, fontweight="normal")
    figure.suptitle(title)
    return figure


def describe_training(histories: Mapping[str, History]) -> str:
    """How far each training is, in a sentence each."""
    said = [
        f"{name}: step {h.step[-1]}, loss {h.loss[-1]:.4g}, {h.chroma_ratio[-1]:.0%} of the truth's chroma"
        + (" (stopped)" if h.interrupted else "")
        for name, h in histories.items()
        if h.step
    ]
    return "; ".join(said) + "." if said else "Nothing measured yet."
