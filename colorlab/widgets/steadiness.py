"""The steadiness explorer: the colour of one pixel over the frames of a clip, as it comes and smoothed."""

from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure

from colorlab.colorizer import Colorizer, to_picture
from colorlab.flicker import FrameColorizer, flicker
from colorlab.plots import matted
from colorlab.widgets.canvas import bare
from colorlab.widgets.explorable import Explorable, Place

SHARES = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)


class SteadinessView:
    """A clip, coloured once for every share of the past.

    Args:
        colorizer: a classification.
        frames: uint8 `(H, W, 3)` each, in order.
        temperature: see `Colorizer.decode`.
    """

    def __init__(self, colorizer: Colorizer, frames: Sequence[np.ndarray], temperature=None):
        self.frames = list(frames)
        self.clips = {}  # share -> (F, 3, H, W) Lab
        for share in SHARES:
            paint = FrameColorizer(colorizer, share, temperature)
            self.clips[share] = torch.stack([paint.lab(frame) for frame in self.frames])
        self.flicker = {share: flicker(clip) for share, clip in self.clips.items()}

    @matted
    def render(self, smoothing: float, x: int, y: int) -> Figure:
        """The last frame with the pixel marked, and how its a and b move around their means."""
        figure = bare(_axes)
        picture, curves = figure.axes
        picture.imshow(to_picture(self.clips[smoothing][-1]))
        picture.plot(
            x, y, "s", markersize=9, markerfacecolor="none", markeredgecolor="white", markeredgewidth=3
        )
        picture.plot(
            x, y, "s", markersize=9, markerfacecolor="none", markeredgecolor="black", markeredgewidth=1
        )
        picture.set_label("picture")
        picture.set_title("last frame; click to choose a pixel", fontweight="normal")
        picture.axis("off")
        numbers = range(1, len(self.frames) + 1)
        for channel, style in ((1, "-"), (2, "--")):
            name = "ab"[channel - 1]
            raw, calm = (self.clips[share][:, channel, y, x] for share in (0.0, smoothing))
            curves.plot(
                numbers, raw - raw.mean(), style, color="0.85", linewidth=1, label=f"{name}, frame by frame"
            )
            curves.plot(numbers, calm - raw.mean(), style, linewidth=2.5, label=f"{name}, smoothed")
        curves.set(xlabel="frame", ylabel="colour of the pixel\nminus its mean, Lab units")
        curves.set_title(f"flicker {self.flicker[0.0]:.2f} → {self.flicker[smoothing]:.2f} Lab units")
        curves.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
        return figure

    def describe(self, smoothing: float, x: int, y: int) -> str:
        """How far the pixel's colour wanders, and the flicker of the whole clip."""
        steps = [self.clips[s][:, 1:, y, x].diff(dim=0).norm(dim=1).mean().item() for s in (0.0, smoothing)]
        return (
            f"Pixel ({x}, {y}): {steps[0]:.1f} Lab units from frame to frame, with {smoothing:.0%} of the past "
            f"{steps[1]:.1f}. "
            f"The whole clip: {self.flicker[0.0]:.2f} and {self.flicker[smoothing]:.2f}."
        )

    def explorer(
        self, still: tuple[int, int], passed: tuple[int, int], smoothing: float = 0.95
    ) -> Explorable:
        """A slider for the share of the past; a click on the picture chooses the pixel.

        Args:
            still: (x, y) of a pixel where nothing happens; the one at the start.
            passed: (x, y) of one that something passes over.
            smoothing: at the start, one of SHARES.
        """

        height, width = self.frames[0].shape[:2]

        def click(label: str, x: float, y: float, /, **_state) -> dict:
            # The very border lies half a pixel outside of the last middle, and may be rounded to the next.
            place = {"x": min(round(x), width - 1), "y": min(round(y), height - 1)}
            return place if label == "picture" else {}

        options = [(f"{share:.0%}", share) for share in SHARES]
        return Explorable(
            self.render,
            self.describe,
            {
                "smoothing": widgets.SelectionSlider(
                    options=options, value=smoothing, description="share of the past"
                ),
                "x": Place(still[0]),
                "y": Place(still[1]),
            },
            {
                "A still pixel": {"x": still[0], "y": still[1]},
                "Something passes": {"x": passed[0], "y": passed[1]},
            },
            click,
        )


def _axes() -> Figure:
    figure = Figure(figsize=(9.2, 3.2), layout="constrained")
    figure.subplots(1, 2, width_ratios=(1.1, 1.6))
    return figure
