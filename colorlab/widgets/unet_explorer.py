"""The U-Net explorer: click a stage of the U and see its shape, its feature maps and what it is good for."""

from collections.abc import Mapping
from itertools import pairwise

import ipywidgets as widgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor
from torch.nn import functional as F

from colorlab.colorizer import Colorizer, to_picture
from colorlab.networks.unet import UNet
from colorlab.plots import ink, styled
from colorlab.widgets.canvas import bare
from colorlab.widgets.explorable import Explorable

ONE_L = 55.0  # answers are drawn at one lightness, or the sharp L would hide a blurred colour
WITH, WITHOUT = "with skips", "without"
MAPS = 8  # channels shown, in two rows
TILE, GAP = 48, 9  # pixels of the drawing that a feature map gets, and between two of them
BOX = (0.43, 0.27)  # half the width and half the height of a stage's box


def places(stages: list[str]) -> dict[str, tuple[int, int]]:
    """Where each stage stands in the U: (column, minus its level); a level down has half the size.

    Args:
        stages: the names of `UNet.features`, in order.
    """
    levels, level = [], 0
    for stage in stages:
        direction, _, number = stage.partition(" ")
        if direction in ("down", "up"):
            level = int(number) - (direction == "up")
        levels.append(level)
    return {stage: (column, -n) for column, (stage, n) in enumerate(zip(stages, levels, strict=True))}


def bridges(stages: list[str]) -> list[tuple[str, str]]:
    """Which stage on the way down each stage on the way up is joined with."""
    ups = [int(stage.removeprefix("up ")) for stage in stages if stage.startswith("up ")]
    return [(f"down {n - 1}" if n > 1 else "stem", f"up {n}") for n in ups]


def draw_network(
    ax: Axes, shapes: Mapping[str, tuple[int, int, int]], skips: bool, chosen: str | None = None
) -> None:
    """The U: a box a stage, arrows from stage to stage, dashed ones for the skips.

    Args:
        ax: an empty axes.
        shapes: stage -> (channels, height, width), in the order of the stages.
        skips: whether there are any.
        chosen: the stage to emphasise.
    """
    where = places(list(shapes))
    arrow = {"arrowstyle": "-|>", "color": ink(), "shrinkA": 0, "shrinkB": 0}
    for stage, (x, y) in where.items():
        c, h, w = shapes[stage]
        face, line, weight = ((0.9, 0.62, 0, 0.25), 3, "bold") if stage == chosen else ("none", 1, "normal")
        corner = (x - BOX[0], y - BOX[1])
        ax.add_patch(Rectangle(corner, 2 * BOX[0], 2 * BOX[1], facecolor=face, edgecolor=ink(), lw=line))
        ax.text(x, y + 0.1, stage, ha="center", va="center", fontsize=9, fontweight=weight)
        ax.text(x, y - 0.11, f"{c} × {h} × {w}", ha="center", va="center", fontsize=8)
    for (x, y), (u, v) in pairwise(where.values()):
        # Between levels an arrow leaves from the side it goes to: below on the way down, above on the way up.
        tail = (x + BOX[0], y) if v >= y else (x, y - BOX[1])
        head = (u - BOX[0], v) if v <= y else (u, v - BOX[1])
        bend = None if v == y else f"angle,angleA={0 if v > y else -90},angleB={90 if v > y else 180}"
        ax.annotate("", head, tail, arrowprops=arrow | ({"connectionstyle": bend} if bend else {}))
    for left, right in bridges(list(shapes)):
        (x, y), (u, _) = where[left], where[right]
        color, words = ("#0072B2", f"skip: {shapes[left][0]} channels") if skips else (ink(), "no skip")
        ax.text((x + u) / 2, y + 0.19, words, ha="center", va="bottom", fontsize=8, color=color)
        if skips:
            dashed = arrow | {"linestyle": "--", "color": color, "lw": 2}
            ax.annotate("", (u - BOX[0], y + 0.15), (x + BOX[0], y + 0.15), arrowprops=dashed)
    seen, padded = shapes["input"][1:], shapes["stem"][1:]
    if seen != padded:
        ax.text(0.5, 0.32, f"padded by {padded[0] - seen[0]}", ha="center", va="bottom", fontsize=8)
        ax.text(len(where) - 1.5, 0.32, "cropped", ha="center", va="bottom", fontsize=8)
    depth = -min(row for _, row in where.values())
    ax.set(xlim=(-0.6, len(where) - 0.4), ylim=(-depth - 0.4, 0.75))
    ax.axis("off")


@styled
def shape_diagram(network: UNet, height: int, width: int, title: str = "") -> Figure:
    """The U of a network with the shape of every stage, for a picture of this size."""
    shapes = dict(network.shapes(height, width))
    figure = Figure(figsize=(10, 0.6 + 0.85 * (network.depth + 1)), layout="constrained")
    draw_network(figure.subplots(), shapes, network.skips)
    figure.suptitle(title)
    return figure


class UNetView:
    """Two trained networks that differ in their skips alone, and a picture to show them.

    Args:
        with_skips, without_skips: of the same depth and resolution; their objectives decode the answers.
        lab: `(3, H, W)`, the picture; its top left corner is shown to the networks.

    Raises:
        ValueError: networks whose stages differ, or whose skips are not as named.
    """

    def __init__(self, with_skips: Colorizer, without_skips: Colorizer, lab: Tensor):
        self.colorizers, self.lab = {WITH: with_skips, WITHOUT: without_skips}, lab
        found = [c.network.skips for c in self.colorizers.values()]
        if found != [True, False]:
            raise ValueError(f"expected one network with skips, then one without, got skips {found}")
        names = [_stages(c.network) for c in self.colorizers.values()]
        if names[0] != names[1]:
            raise ValueError(f"expected networks of the same stages, got {names[0]} and {names[1]}")
        self.stages, self.places = names[0], places(names[0])
        self._found: dict[tuple[str, int], tuple[dict[str, Tensor], Tensor]] = {}

    @torch.no_grad()
    def look(self, skips: str, side: int) -> tuple[dict[str, Tensor], Tensor]:
        """Every stage's answer `(C, h, w)` for the picture's corner of this side, and the ab `(2, side, side)`."""
        if (skips, side) not in self._found:
            colorizer, L = self.colorizers[skips], self.lab[None, :1, :side, :side]
            features = colorizer.network.features(colorizer.inputs(L))
            ab = colorizer.predict_ab(L)[0].cpu()
            self._found[skips, side] = {name: x[0].cpu() for name, x in features.items()}, ab
        return self._found[skips, side]

    def loss(self, skips: str, side: int) -> float:
        """The mean squared distance of the answer from the truth, squared Lab units."""
        ab = self.look(skips, side)[1]
        return (ab - self.lab[1:, :side, :side].cpu()).square().sum(0).mean().item()

    def at(self, x: float, y: float) -> str | None:
        """The stage whose box lies at a point of the diagram."""
        for stage, (column, row) in self.places.items():
            if abs(x - column) <= BOX[0] and abs(y - row) <= BOX[1]:
                return stage
        return None

    def click(self, axes: str, x: float, y: float, **_state) -> dict[str, str]:
        """A click on a box of the diagram selects that stage; anywhere else it changes nothing."""
        stage = self.at(x, y) if axes == "network" else None
        return {} if stage is None else {"stage": stage}

    @styled
    def render(self, stage: str, skips: str, side: int) -> Figure:
        """The U with every shape, the chosen stage's feature maps, and the answer beside the truth."""
        features, ab = self.look(skips, side)
        figure = bare(_axes)
        network, maps, _scale, *answers = figure.axes
        draw_network(network, {name: tuple(x.shape) for name, x in features.items()}, skips == WITH, stage)
        network.set_title(
            f"Down, up and across: the network {'with' if skips == WITH else 'without'} skips", y=1.0
        )
        _draw_maps(maps, features, stage, side)
        truth = self.lab[:, :side, :side].cpu()
        shown = {"it sees": 0 * ab, "it answers": ab, "truth": truth[1:]}
        for ax, (title, colors) in zip(answers, shown.items(), strict=True):
            lightness = truth[:1] if title == "it sees" else torch.full_like(truth[:1], ONE_L)
            ax.imshow(to_picture(torch.cat([lightness, colors])))
            ax.set_title(title, fontsize=10, fontweight="normal")
            ax.axis("off")
        figure.text(0.78, 0.04, f"{side} × {side} pixels, L_R = {self.loss(skips, side):,.0f}", ha="center")
        return figure

    def describe(self, stage: str, skips: str, side: int) -> str:
        """The chosen stage's shape, its share of numbers and the loss, in a sentence or two."""
        features, _ = self.look(skips, side)
        c, h, w = features[stage].shape
        rows = features["stem"].shape[-1] - side
        padding = f" after padding by {rows}" if rows else ""
        return (
            f"Network {'with' if skips == WITH else 'without'} skips, {side} × {side} pixels{padding}. "
            f"Stage {stage}: {c} channels of {h} × {w}, {c * h * w:,} numbers, {c * h * w / side**2:.1f} for "
            f"each pixel of the picture. The answer's L_R is {self.loss(skips, side):,.0f} squared Lab units."
        )

    def explorer(self, stage: str | None = None, side: int = 32) -> Explorable:
        """A slider over the stages, a switch for the skips and a slider for the side of the picture."""
        bottom = next(s for s in reversed(self.stages) if s.startswith("down "))
        last = next(s for s in reversed(self.stages) if s.startswith("up "))
        largest = min(self.lab.shape[-2:])
        start = {"skips": WITH, "side": min(side, largest)}
        controls = {
            "stage": widgets.SelectionSlider(
                options=self.stages, value=stage or bottom, description="stage (or click a box)"
            ),
            "skips": widgets.ToggleButtons(options=[WITH, WITHOUT], description="skips"),
            "side": widgets.IntSlider(start["side"], 1, largest, description="side, pixels"),
        }
        presets = {
            "The bottom": {"stage": bottom} | start,
            "The last step up": {"stage": last, "side": start["side"]},
            "An odd size": {"stage": "stem", "skips": WITH, "side": min(37, largest)},
        }
        return Explorable(self.render, self.describe, controls, presets, self.click)


def _axes() -> Figure:
    figure = Figure(figsize=(10, 6.2))
    figure.add_axes((0.01, 0.5, 0.98, 0.44), label="network")
    image = figure.add_axes((0.02, 0.05, 0.44, 0.35), label="maps").imshow(mosaic(()).numpy(), cmap="viridis")
    scale = figure.add_axes((0.49, 0.1, 0.012, 0.27), label="scale")
    figure.colorbar(image, cax=scale).ax.tick_params(labelsize=8)
    for i, title in enumerate(("it sees", "it answers", "truth")):
        figure.add_axes((0.565 + 0.145 * i, 0.1, 0.135, 0.28), label=title)
    return figure


def _draw_maps(ax: Axes, features: dict[str, Tensor], stage: str, side: int) -> None:
    shown, (low, high) = active(features[stage])
    (image,) = ax.images
    image.set(data=mosaic(shown.values()).numpy(), clim=(low, max(high, low + 1e-6)))
    padded = features["stem"].shape[-1]
    inside = stage not in ("input", "output") and side < padded  # there padding can be seen
    for i, channel in enumerate(shown):
        x, y = (i % (MAPS // 2)) * (TILE + GAP), i // (MAPS // 2) * (TILE + GAP)
        ax.text(x, y - 1, f"channel {channel}", fontsize=8, va="bottom")
        if inside:
            edge = TILE * side / padded - 0.5
            ax.plot((x - 0.5, x + edge, x + edge), (y + edge, y + edge, y - 0.5), "w--", lw=1)
    c, h, w = features[stage].shape
    note = ", dashed: where the picture ends" if inside else ""
    which = (
        f"{len(shown)} of {c} channels" if c > len(shown) else f"all {c} channels" if c > 1 else "L, scaled"
    )
    ax.set_title(f"{stage}: {which}, {h} × {w}{note}", loc="left", fontsize=10, y=1.08, fontweight="normal")
    ax.axis("off")


def active(x: Tensor) -> tuple[dict[int, Tensor], tuple[float, float]]:
    """The most varied channels of `(C, h, w)` in their order, by number, and one scale (low, high) for all."""
    spread = x.flatten(1).std(1, correction=0)
    chosen = sorted(spread.topk(min(MAPS, len(x))).indices.tolist())
    shown = {k: x[k] for k in chosen}
    values = torch.stack(list(shown.values()))
    return shown, (values.min().item(), values.max().item())


def mosaic(maps) -> Tensor:
    """Feature maps `(h, w)` in two rows of one picture, each `TILE` pixels high; NaN between them."""
    columns = MAPS // 2
    sheet = torch.full((2 * TILE + GAP, columns * (TILE + GAP) - GAP), torch.nan)
    for i, x in enumerate(maps):
        row, column = i // columns * (TILE + GAP), i % columns * (TILE + GAP)
        sheet[row : row + TILE, column : column + TILE] = F.interpolate(x[None, None], (TILE, TILE))[0, 0]
    return sheet


def _stages(network: UNet) -> list[str]:
    return [name for name, _ in network.shapes(8, 8)]
