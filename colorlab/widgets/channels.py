"""Walk through the channels of a network: what each answers, and where."""

from collections.abc import Mapping

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from colorlab.deep_filters import stride_of
from colorlab.plots import matted
from colorlab.widgets.explorable import Explorable
from colorlab.widgets.kernel_playground import SIGNED


class ChannelView:
    """The answers of one level to some pictures.

    Args:
        found: picture -> answers `(channels, h, w)`.
        pictures: picture -> L `(H, W)`.
        level: of `colorlab.deep_filters.LEVELS`, for the strides.
    """

    def __init__(self, found: Mapping[str, Tensor], pictures: Mapping[str, Tensor], level: str):
        self.found, self.pictures, self.stride = dict(found), dict(pictures), stride_of(level)
        self.strongest = torch.stack([f.amax((1, 2)) for f in self.found.values()])  # (pictures, channels)

    @matted
    def render(self, channel: int, picture: str) -> Figure:
        """The picture with the channel's favourite place, and its answers at all places."""
        L, answers = self.pictures[picture], self.found[picture][channel]
        height, width = L.shape
        limit = float(max(f[channel].abs().max() for f in self.found.values()))
        figure = Figure(figsize=(9.2, 3.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.imshow(L.numpy(), cmap="gray", vmin=0, vmax=100)
        row, column = divmod(int(answers.argmax()), answers.shape[1])
        corner = (column * self.stride - self.stride, row * self.stride - self.stride)
        box = Rectangle(
            corner, 3 * self.stride, 3 * self.stride, fill=False, edgecolor="#ff9a33", linewidth=2
        )
        left.add_patch(box)
        left.set(
            title=f"{picture}, and where channel {channel} answers most", xlim=(0, width), ylim=(height, 0)
        )
        image = right.imshow(
            answers.numpy(), cmap=SIGNED, vmin=-limit, vmax=limit, extent=(0, width, height, 0)
        )
        right.set_title("its answer at every place")
        figure.colorbar(image, ax=right, fraction=0.035, pad=0.02)
        for ax in (left, right):
            ax.title.set(fontsize=10, fontweight="normal")
            ax.axis("off")
        return figure

    def describe(self, channel: int, picture: str) -> str:
        """The channel's strongest answers in a sentence."""
        names = list(self.found)
        best = self.strongest[:, channel]
        here, most = float(best[names.index(picture)]), names[int(best.argmax())]
        return (
            f"Channel {channel} answers at most {here:.1f} on {picture}; of all {len(names)} pictures most on "
            f"{most}, {float(best.max()):.1f}."
        )

    def explorer(self, channel: int, picture: str, presets: Mapping[str, Mapping]) -> Explorable:
        """A slider over the channels and a list of pictures."""
        count = next(iter(self.found.values())).shape[0]
        return Explorable(
            self.render,
            self.describe,
            {
                "channel": widgets.IntSlider(channel, min=0, max=count - 1, description="channel"),
                "picture": widgets.Dropdown(options=list(self.found), value=picture, description="picture"),
            },
            presets,
        )
