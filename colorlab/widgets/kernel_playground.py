"""The kernel playground: change nine numbers, see the filtered photograph."""

import re
from collections.abc import Mapping, Sequence
from functools import cache, partial
from html import escape

import ipywidgets as widgets
import numpy as np
import torch
import traitlets
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from colorlab.data import photo
from colorlab.kernels import KERNELS, filter_picture
from colorlab.plots import MATTE, line_colors, matted
from colorlab.widgets.canvas import bare
from colorlab.widgets.caption import Caption
from colorlab.widgets.explorable import Explorable
from colorlab.widgets.turns import in_turn

# Orange and lighter above zero, violet and darker below: told apart by colour-blind readers too.
SIGNED = LinearSegmentedColormap.from_list("signed", ["#1b0b3b", "#4b2a9b", MATTE, "#ff9a33", "#ffe0b0"])
PHOTOGRAPHS = ("coffee", "china", "chelsea", "rocket", "astronaut", "flower")
MOST = 20.0  # of one number of the kernel
SIDE = 160  # of the photographs, pixels


class KernelGrid(widgets.GridBox):
    """Nine fields in a square: one control whose `value` is the kernel, row by row.

    Tab goes from field to field, Enter or Tab accepts what was typed: 0.5, 0,5 or 1/9. Fields of text and not
    of numbers, for a browser's number field drops a comma without a word and makes 5 of 0,5.

    Args:
        value: nine numbers from −20 to 20.
        description: the label above the fields.

    Attributes:
        label: the description; where a field holds no such number, what is wrong with it.

    Raises:
        traitlets.TraitError: a `value` that is not nine numbers in this range.
    """

    value = traitlets.Tuple(*[traitlets.Float(min=-MOST, max=MOST) for _ in range(9)])
    _writing = False

    def __init__(self, value: Sequence[float], description: str = "kernel"):
        self.description = description
        self.label = Caption(description)
        self.label.layout.grid_area = "1 / 1 / 2 / 4"
        self.fields = [
            widgets.Text(
                continuous_update=False,
                tooltip=f"{description}: row {k // 3 + 1}, column {k % 3 + 1}",
                layout=widgets.Layout(width="auto"),
            )
            for k in range(9)
        ]
        super().__init__(
            [self.label, *self.fields],
            layout=widgets.Layout(grid_template_columns="repeat(3, 7em)", grid_gap="2px"),
            value=tuple(float(v) for v in value),
        )
        for k, field in enumerate(self.fields):
            field.observe(partial(self._typed, k), names="value")

    @in_turn()
    def _typed(self, k: int, change) -> None:
        # While a new kernel is being written into the fields they are half old, half new.
        if self._writing:
            return
        number = number_in(change["new"])
        if number is None or abs(number) > MOST:
            said = f"{change['new']!r} is no number from −{MOST:g} to {MOST:g}"
            self._write({"new": self.value})
            self.label.value = f"{self.description}: {escape(said, quote=False)}; as it was"
            return
        before, self.value = self.value, (*self.value[:k], number, *self.value[k + 1 :])
        if before == self.value:  # typed another way, as 0,5 for 0.5
            self._write({"new": self.value})

    @traitlets.observe("value")
    def _write(self, change) -> None:
        self._writing = True
        try:
            for field, number in zip(self.fields, change["new"], strict=True):
                field.value = f"{number:.4g}"
            self.label.value = self.description
        finally:
            self._writing = False


def number_in(text: str) -> float | None:
    """A number as people type it: 2, -0.5, −0,5, 1/9; None if it is none."""
    plain = text.strip().replace("\u2212", "-").replace(",", ".")
    if not re.fullmatch(r"[+-]?(\d{1,6}\.?\d{0,6}|\.\d{1,6})(/[1-9]\d{0,3})?", plain):
        return None
    above, _, below = plain.partition("/")
    return float(above) / float(below or 1)


@cache
def grey(picture: str) -> Tensor:
    """L `(H, W)` of a photograph of the course."""
    return photo(picture, side=SIDE).lab[0]


def total(kernel: Sequence[float]) -> float:
    """The sum of the kernel's numbers, without the dust of rounding that 1/9 leaves."""
    return round(sum(kernel), 4) + 0.0  # not -0


def is_grey(kernel: Sequence[float]) -> bool:
    """Whether the kernel's numbers sum to one, so that its answers are lightnesses again."""
    return abs(total(kernel) - 1) < 0.005


def _axes(grey: bool) -> Figure:
    figure = Figure(figsize=(9.2, 2.9), layout="constrained")
    _before, _middle, after = figure.subplots(1, 3, width_ratios=(1.5, 0.8, 1.8))
    image = after.imshow(np.zeros((1, 1)), cmap="gray" if grey else SIGNED, vmin=0, vmax=100)
    label = "L, clipped to 0..100" if grey else "answer, units of L"
    figure.colorbar(image, ax=after, label=label, extend="both")
    return figure


@matted
def render_kernel(kernel: Sequence[float], picture: str) -> Figure:
    """The photograph, the kernel and the answers.

    Answers are drawn as greys, clipped to 0..100, where the kernel sums to one: a flat area keeps its
    lightness there. Any other kernel answers with signed numbers that are no lightness; they are drawn in two
    colours around zero.

    Args:
        kernel: nine numbers, row by row.
        picture: name of a photograph.
    """
    L = grey(picture)
    answers = filter_picture(L, torch.tensor(kernel).view(3, 3))
    figure = bare(_axes, is_grey(kernel))
    before, middle, after, _scale = figure.axes
    before.imshow(L.numpy(), cmap="gray", vmin=0, vmax=100)
    before.set_title(f"{picture}, L", fontweight="normal")
    draw_kernel(middle, torch.tensor(kernel).view(3, 3))
    middle.set_title(f"kernel, sum {total(kernel):.3g}", fontweight="normal")
    (image,) = after.images
    image.set(data=answers.numpy(), extent=(-0.5, L.shape[1] - 0.5, L.shape[0] - 0.5, -0.5))
    if not is_grey(kernel):
        # The few largest answers would leave all others white.
        limit = max(float(answers.abs().flatten().quantile(0.995)), 1.0)
        image.set_clim(-limit, limit)
    after.set_title(f"A flat area answers {total(kernel):.3g} × L")
    for ax in (before, after):
        ax.axis("off")
    return figure


def describe_kernel(kernel: Sequence[float], picture: str) -> str:
    """The answers in a sentence."""
    L = grey(picture)
    answers = filter_picture(L, torch.tensor(kernel).view(3, 3))
    strong = (answers.abs() > 25).float().mean()
    text = (
        f"The numbers sum to {total(kernel):.3g}: a flat area of L = 50 answers {50 * total(kernel):.3g}. "
        f"On {picture} the answers run from {answers.min():.0f} to {answers.max():.0f}"
    )
    if is_grey(kernel):
        return f"{text}; they are lightnesses again, drawn as greys."
    return f"{text}; {strong:.0%} of the pixels answer with more than 25, up or down."


def kernel_playground(kernel: str = "vertical edges", picture: str = "coffee") -> Explorable:
    """Nine numbers and a photograph."""
    presets = ("identity", "vertical edges", "horizontal edges", "diagonal edges", "blur", "sharpen")
    return Explorable(
        render_kernel,
        describe_kernel,
        {
            "kernel": KernelGrid(flat(kernel), description="kernel, row by row"),
            "picture": widgets.Dropdown(options=PHOTOGRAPHS, value=picture, description="photograph"),
        },
        {name.capitalize(): {"kernel": flat(name)} for name in presets} | {"Sum to 0": _balanced},
    )


def _balanced(kernel: Sequence[float], **_state) -> dict[str, Sequence[float]]:
    """The kernel with its sum taken from the middle number, as far as ±MOST allows: a flat area answers nothing."""
    middle = kernel[4] - sum(kernel)
    return {"kernel": (*kernel[:4], min(max(middle, -MOST), MOST), *kernel[5:])}


def flat(name: str) -> tuple[float, ...]:
    """A kernel by its name, as nine numbers row by row."""
    return tuple(KERNELS[name].flatten().tolist())


# ---- figures of kernels --------------------------------------------------------------------------


def draw_kernel(ax: Axes, kernel: Tensor) -> None:
    """A kernel as squares, orange above zero and violet below, with its numbers in them."""
    limit = max(float(kernel.abs().max()), 1e-6)
    ax.imshow(kernel.numpy(), cmap=SIGNED, vmin=-1.6 * limit, vmax=1.6 * limit)  # the numbers can be read
    for (y, x), number in np.ndenumerate(kernel.numpy()):
        text = "1/9" if abs(number - 1 / 9) < 1e-4 else f"{number:.2g}"  # 0.11 nine times leaves no air
        color = "black" if number > 0 else "white"
        ax.text(x, y, text, ha="center", va="center", fontsize=10, color=color)
    ax.axis("off")


@matted
def filtered(L: Tensor, kernels: Mapping[str, Tensor], title: str = "") -> Figure:
    """What several kernels answer to one picture, each beside its numbers; signed answers share one scale.

    Args:
        L: `(H, W)` in [0, 100].
        kernels: by name, `(3, 3)` each.
        title: what is drawn.
    """
    answers = {name: filter_picture(L, kernel) for name, kernel in kernels.items()}
    greys = {name: is_grey(kernel.flatten().tolist()) for name, kernel in kernels.items()}
    signed = [answers[name].abs().flatten() for name in kernels if not greys[name]]
    limit = float(torch.cat(signed).quantile(0.995)) if signed else 1.0
    rows, columns = -(-len(kernels) // 3), min(3, len(kernels))
    aspect = L.shape[1] / L.shape[0]
    figure = Figure(figsize=(1.55 * columns * (aspect + 0.75) + 0.6, 1.85 * rows), layout="constrained")
    grid = figure.subplots(rows, 2 * columns, width_ratios=(0.75, aspect) * columns, squeeze=False)
    pairs = grid.reshape(-1, 2)
    for (name, kernel), (left, right) in zip(kernels.items(), pairs, strict=False):
        draw_kernel(left, kernel)
        limits = (0, 100) if greys[name] else (-limit, limit)
        image = right.imshow(
            answers[name].numpy(), cmap="gray" if greys[name] else SIGNED, vmin=limits[0], vmax=limits[1]
        )
        right.set_title(name, fontsize=10, fontweight="normal")
        if not greys[name]:
            colored = image
    for ax in grid.flat:
        ax.axis("off")
    if signed:
        figure.colorbar(colored, ax=grid, label="answer, units of L", extend="both", shrink=0.8)
    figure.suptitle(title)
    return figure


@matted
def picture_rows(
    rows: Mapping[str, Sequence[Tensor]],
    headings: Sequence[str] = (),
    title: str = "",
    signed: Sequence[str] = (),
    side: float = 0.85,
) -> Figure:
    """Small square pictures in labelled rows.

    Args:
        rows: label -> pictures `(h, w)`, L in [0, 100] unless signed.
        headings: one a column.
        title: what is drawn.
        signed: labels of rows whose numbers have a sign: drawn in two colours, one scale a row.
        side: of a picture, inches.
    """
    columns = max(len(row) for row in rows.values())
    size = (max(columns * side + 1.3, 0.1 * len(title)), len(rows) * side + 0.4 + 0.3 * bool(title))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes, (label, row) in zip(grid, rows.items(), strict=True):
        limit = max(float(picture.abs().max()) for picture in row)
        style = dict(cmap=SIGNED, vmin=-limit, vmax=limit) if label in signed else dict(cmap="gray", vmax=100)
        for ax, picture in zip(axes, row, strict=False):
            image = ax.imshow(picture.numpy(), **{"vmin": 0} | style)
        axes[0].set_ylabel(label, rotation=0, ha="right", va="center")
        if label in signed:
            figure.colorbar(image, ax=axes, fraction=0.02, pad=0.01)
    for ax in grid.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(visible=True, linewidth=0.5)  # a picture of no answers needs an edge
    for ax, heading in zip(grid[0], headings, strict=False):
        ax.set_title(heading, fontsize=9, fontweight="normal")
    figure.suptitle(title)
    return figure


@matted
def boxes(L: Tensor, fields: Mapping[str, int], center: tuple[int, int], title: str = "") -> Figure:
    """A picture with the window of every stage around one pixel, and each window enlarged.

    Args:
        L: `(H, W)` in [0, 100].
        fields: stage -> side of its window, odd, pixels.
        center: (row, column).
        title: what is drawn.
    """
    y, x = center
    figure = Figure(figsize=(1.6 * len(fields) + 3.4, 2.5), layout="constrained")
    axes = figure.subplots(1, len(fields) + 1, width_ratios=[2.2] + [1] * len(fields))
    axes[0].imshow(L.numpy(), cmap="gray", vmin=0, vmax=100)
    colors = line_colors()
    for ax, (stage, size), color in zip(axes[1:], fields.items(), colors, strict=False):
        corner = (x - size // 2 - 0.5, y - size // 2 - 0.5)
        axes[0].add_patch(Rectangle(corner, size, size, fill=False, edgecolor=color, linewidth=2))
        window = L[y - size // 2 : y + size // 2 + 1, x - size // 2 : x + size // 2 + 1]
        ax.imshow(window.numpy(), cmap="gray", vmin=0, vmax=100)
        ax.set_title(f"{stage}\n{size} × {size} px", fontsize=10, fontweight="normal")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(visible=True, color=color, linewidth=3)  # the colour of its square at the left
    axes[0].axis("off")
    figure.suptitle(title)
    return figure
