"""The pixel inspector: click a pixel, see its distribution over the bins and what each rule makes of it."""

from collections.abc import Callable, Sequence

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from colorlab.ab_plane import draw_bins, draw_marks
from colorlab.bins import ColorBins
from colorlab.data import Evaluation
from colorlab.lab import lab_to_rgb
from colorlab.plots import color_patches, matted
from colorlab.widgets.canvas import bare
from colorlab.widgets.explorable import Explorable
from colorlab.widgets.temperature import at_full_size

RULES = {"mean, T = 1": 1.0, "annealed, T = 0.38": 0.38, "mode": "mode"}


class PixelInspector:
    """What one network answered, pixel by pixel.

    Args:
        bins: the table of colours.
        logits: `(M, Q, H, W)`, the network's answers to `fixed.L`.
        fixed: the pictures and all they could have been.
        photographs: the same pictures at full size, uint8 `(H, W, 3)`; colours are laid under their L.
    """

    def __init__(
        self, bins: ColorBins, logits: Tensor, fixed: Evaluation, photographs: Sequence[np.ndarray] = ()
    ):
        self.bins, self.logits, self.fixed, self.photographs = bins, logits.cpu(), fixed, photographs
        self.ab = {rule: bins.decode(self.logits, temperature) for rule, temperature in RULES.items()}

    def distribution(self, picture: int, x: int, y: int) -> Tensor:
        """How likely each bin is at a pixel, `(Q,)`."""
        return self.logits[picture, :, y, x].softmax(0)

    def colors(self, picture: int, x: int, y: int) -> dict[str, Tensor]:
        """Lab `(3,)` by every rule at a pixel, and what it could truly have been."""
        ab = {rule: values[picture, :, y, x] for rule, values in self.ab.items()}
        for p, outcome in zip(self.fixed.probabilities.tolist(), self.fixed.outcomes, strict=True):
            ab[f"truth in {p:.0%}" if p < 1 else "truth"] = outcome[picture, :, y, x]
        return {name: torch.cat([self.fixed.L[picture, :, y, x], value]) for name, value in ab.items()}

    @matted
    def render(self, picture: int, x: int, y: int) -> Figure:
        """The picture with the pixel marked, the pixel's bins on the ab plane, and its colour by every rule."""
        p, colors = self.distribution(picture, x, y), self.colors(picture, x, y)
        figure = bare(_axes)
        photo, plane, patches = figure.axes
        photo.set_label("photo")
        height, width = self.fixed.L.shape[-2:]
        photo.imshow(
            at_full_size(self.fixed, self.ab["mode"], picture, self.photographs),
            extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        )
        photo.plot(
            x, y, "s", markersize=9, markerfacecolor="none", markeredgecolor="black", markeredgewidth=3
        )
        photo.plot(
            x, y, "s", markersize=9, markerfacecolor="none", markeredgecolor="white", markeredgewidth=1
        )
        photo.set(xticks=[], yticks=[])
        photo.set_title(f"coloured by the mode; pixel ({x}, {y})", fontsize=10, fontweight="normal")
        draw_bins(plane, self.bins, p)
        draw_marks(plane, {rule: colors[rule][1:] for rule in RULES})
        plane.set_title(f"its {self.bins.n_bins} probabilities: entropy {entropy(p):.2f} nats", fontsize=10)
        stacked = torch.stack(list(colors.values())).T[:, :, None]  # (3, K, 1)
        color_patches(patches, lab_to_rgb(stacked).movedim(0, -1).numpy())
        patches.set_yticks(range(len(colors)), list(colors), fontsize=9)
        patches.set_xticks([])
        patches.tick_params(length=0)
        patches.set_title("its colour by …", fontsize=10)
        return figure

    def describe(self, picture: int, x: int, y: int) -> str:
        """The pixel in a sentence."""
        p, colors = self.distribution(picture, x, y), self.colors(picture, x, y)
        chroma = ", ".join(f"{rule}: {colors[rule][1:].norm():.0f}" for rule in RULES)
        likeliest = self.bins.centers[p.argmax()].tolist()
        return (
            f"Picture {picture}, pixel ({x}, {y}): the likeliest bin ({likeliest[0]:g}, {likeliest[1]:g}) has "
            f"{p.max():.0%}; the entropy is {entropy(p):.2f} of at most {entropy(torch.ones_like(p) / len(p)):.2f} "
            f"nats. Chroma by {chroma}."
        )

    def click(self, axes: str, column: float, row: float, /, **state) -> dict[str, int]:
        """A click on the photo chooses the pixel under it."""
        return {"x": round(column), "y": round(row)} if axes == "photo" else {}

    def explorer(self, picture: int, x: int, y: int) -> Explorable:
        """Click a pixel of the photo, or move the sliders."""
        count, _, height, width = self.fixed.L.shape
        entropies = -(self.logits.softmax(1) * self.logits.log_softmax(1)).sum(1)  # (M, H, W)

        def at(place: Callable[[Tensor], Tensor], picture: int) -> dict[str, int]:
            row, column = divmod(int(place(entropies[picture])), width)
            return {"x": column, "y": row}

        return Explorable(
            self.render,
            self.describe,
            {
                "picture": widgets.IntSlider(picture, 0, count - 1, description="picture"),
                "x": widgets.IntSlider(x, 0, width - 1, description="x (pixels from the left)"),
                "y": widgets.IntSlider(y, 0, height - 1, description="y (pixels from the top)"),
            },
            {
                "The most certain pixel": lambda picture, **_: at(torch.argmin, picture),
                "The least certain pixel": lambda picture, **_: at(torch.argmax, picture),
            },
            self.click,
        )


def _axes() -> Figure:
    figure = Figure(figsize=(10.0, 3.8))
    # Fixed places: no time goes into a layout, and nothing jumps.
    for place in ((0.01, 0.08, 0.29, 0.78), (0.375, 0.14, 0.3, 0.76), (0.84, 0.14, 0.15, 0.76)):
        figure.add_axes(place)
    return figure


def entropy(p: Tensor) -> float:
    """Of a distribution `(Q,)`, in nats."""
    return float(torch.special.entr(p).sum())
