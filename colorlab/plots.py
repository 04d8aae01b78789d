"""Figures of the course. Every function takes numbers and returns a Figure; nothing is shown behind your back.

`show` puts a Figure into a notebook together with a text for those who cannot see it.
"""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from html import escape
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from PIL import Image
from torch import Tensor

from colorlab.ab_plane import ab_axes, ab_colors, draw_bins, draw_marks
from colorlab.bins import ColorBins
from colorlab.config import History
from colorlab.lab import lab_to_rgb

STYLE = Path(__file__).with_name("colorlab.mplstyle")
WIDEST = 9.0  # inches: as much as JupyterLab shows beside its file browser without shrinking the words
ROUNDS = 4  # that a moving picture is played; for ever would be one that nobody can stop
MATTE = "#757575"  # L* = 49: halfway between black and white
LINES_ON_MATTE = ("#A6DCFF", "#FFD080", "#8FEBC8", "#FFC9E6", "#F0E442")  # 3 : 1 against it, at least
ON_MATTE = {"figure.facecolor": MATTE, "axes.prop_cycle": matplotlib.cycler(color=LINES_ON_MATTE)}
ON_MATTE |= {f"{part}color": "white" for part in ("text.", "axes.label", "axes.edge", "xtick.", "ytick.")}

PATCH = 0.95  # side of a flat colour, in distances from one to the next

# Text over colours and photographs.
OVER = {"color": "black", "path_effects": [withStroke(linewidth=2.5, foreground="white")]}


def styled(function: Callable[..., Figure], **changes: object) -> Callable[..., Figure]:
    """Draw a Figure in the course's style, whatever the reader's own style is.

    Its ground is transparent and its ink a grey that can be read on a white page and on a black one.
    """

    @wraps(function)
    def wrapper(*args, **kwargs) -> Figure:
        with matplotlib.rc_context(_style() | changes):
            return function(*args, **kwargs)

    return wrapper


@cache
def _style() -> dict[str, object]:
    """Read once: a slider asks for it at every step."""
    return dict(matplotlib.rc_params_from_file(STYLE, use_default_template=False))


def matted(function: Callable[..., Figure]) -> Callable[..., Figure]:
    """As `styled`, for photographs: on a middle grey colours look the same on white pages and on black."""
    return styled(function, **ON_MATTE)


def ink() -> str:
    """The colour of text and lines, of the style that is being drawn in."""
    return matplotlib.rcParams["text.color"]


def line_colors() -> list[str]:
    """The colours of lines in their order, of the style that is being drawn in. "C0" is read after it is left."""
    return matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]


def show(figure: Figure, alt: str, notes: Mapping[str, object] | None = None) -> None:
    """Display a figure in a notebook: a JPEG if its ground is opaque, a PNG if one can see through it.

    Args:
        figure: what to show.
        alt: what is to be seen in it, for readers who cannot.
        notes: for programs that read the notebook; they go into the metadata of the output.

    Raises:
        ValueError: an empty `alt`.
    """
    opaque = figure.get_facecolor()[3] == 1
    kind = "jpeg" if opaque else "png"
    _display(to_bytes(figure, kind), f"image/{kind}", alt, notes or {})


def show_moving(
    clips: Mapping[str, Sequence[np.ndarray]],
    title: str,
    alt: str,
    milliseconds: int = 80,
    height: float = 2.2,
) -> None:
    """Play clips side by side in a notebook, in step. They stop by themselves; run the cell again to replay.

    Args:
        clips: label -> frames, uint8 `(H, W, 3)`, equally many of each.
        title: what is shown.
        alt: what is to be seen, for readers who cannot.
        milliseconds: a frame.
        height: of the frames, inches.

    Raises:
        ValueError: an empty `alt`.
    """
    figure = pictures([frames[0] for frames in clips.values()], list(clips), title, height=height)
    drawn = [ax.images[0] for ax in figure.axes]
    made = []
    for frames in zip(*clips.values(), strict=True):
        for image, frame in zip(drawn, frames, strict=True):
            image.set_data(frame)
        made.append(Image.open(io.BytesIO(to_bytes(figure))).convert("RGB"))
        figure.set_layout_engine("none")  # laid out once, so that nothing but the clips can move
    buffer = io.BytesIO()
    # Every frame in the colours of the first, or the palette itself would flicker.
    palette = made[0].quantize(256)
    frames = [frame.quantize(palette=palette) for frame in made]
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:], duration=milliseconds, loop=ROUNDS)
    _display(buffer.getvalue(), "image/png", alt, {})


def _display(picture: bytes, kind: str, alt: str, notes: Mapping[str, object]) -> None:
    from IPython.display import display

    if not alt.strip():
        raise ValueError("alt: say in a sentence what the figure shows")
    data = base64.b64encode(picture).decode()
    display({kind: data, "text/plain": alt}, metadata={kind: {"alt": alt}} | notes, raw=True)
    # JupyterLab shows no alt text: it is put beside the picture, where only a screen reader finds it.
    hidden = "position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%)"
    display({"text/html": f'<span style="{hidden}">{escape(alt)}</span>', "text/plain": ""}, raw=True)


def to_bytes(figure: Figure, format: str = "png") -> bytes:
    """A figure as an image file in memory."""
    buffer = io.BytesIO()
    # JPEG with its colours at full resolution: here one judges colours.
    options = {"jpeg": {"quality": 85, "subsampling": 0, "optimize": True}, "webp": {"quality": 88}}
    figure.savefig(
        buffer, format=format, facecolor="auto", pil_kwargs=options.get(format, {"compress_level": 1})
    )
    return buffer.getvalue()


# ---- pictures ------------------------------------------------------------------------------------


@matted
def pictures(
    images: Sequence[np.ndarray],
    titles: Sequence[str] = (),
    title: str = "",
    columns: int | None = None,
    height: float = 2.2,
    cmaps: Sequence[str | None] = (),
    limits: Sequence[tuple[float, float] | None] = (),
) -> Figure:
    """Pictures side by side.

    Args:
        images: `(H, W, 3)` uint8, or `(H, W)` numbers drawn in shades.
        titles: one a picture, or none.
        title: what is shown, above all of them.
        columns: pictures a row; None puts all in one.
        height: of a row, inches; less where the row would be wider than a page.
        cmaps, limits: colour map and (low, high) of each `(H, W)` image; grey and 0..100 if not given.
    """
    columns = columns or len(images)
    rows = -(-len(images) // columns)
    aspect = max(image.shape[1] / image.shape[0] for image in images)
    height = min(height, WIDEST / (columns * aspect))
    titled_rows = -(-len(titles) // columns)
    size = (columns * height * aspect, rows * (height + 0.05) + 0.25 * titled_rows + 0.35 * bool(title))
    figure = Figure(figsize=(max(size[0], width_of(title)), size[1]), layout="constrained")
    for i, (image, ax) in enumerate(
        zip(images, figure.subplots(rows, columns, squeeze=False).flat, strict=False)
    ):
        low, high = (limits[i] if i < len(limits) else None) or (0, 100)
        cmap = (cmaps[i] if i < len(cmaps) else None) or "gray"
        ax.imshow(image, **({} if image.ndim == 3 else {"cmap": cmap, "vmin": low, "vmax": high}))
        ax.set_title(titles[i] if i < len(titles) else "", fontsize=10, fontweight="normal")
    for ax in figure.axes:
        ax.axis("off")
    figure.suptitle(title)
    return figure


@styled
def swatches(labs: Sequence[Sequence[float]], labels: Sequence[str], title: str = "") -> Figure:
    """Flat patches of Lab colours, each above the grey that a black-and-white photograph keeps of it.

    Args:
        labs: `(K, 3)`.
        labels: one a colour, written below it.
        title: what is drawn.
    """
    colors = torch.as_tensor(labs, dtype=torch.float32)
    greys = torch.cat([colors[:, :1], torch.zeros(len(colors), 2)], dim=1)
    side = min(1.25, (WIDEST - 0.8) / len(colors))
    size = (max(side * len(colors) + 0.8, width_of(title)), 2 * side + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.subplots()
    color_patches(ax, lab_to_rgb(torch.stack([colors, greys]).permute(2, 0, 1)).movedim(0, -1).numpy())
    ax.set_aspect("equal")
    ax.set_xticks(range(len(colors)), labels, fontsize=9)
    ax.set_yticks([0, 1], ["colour", "its L"])
    ax.tick_params(length=0)
    ax.set_title(title)
    return figure


def color_patches(ax: Axes, rgb: np.ndarray) -> None:
    """Draw flat colours `(rows, columns, 3)` in [0, 1], the first row on top; the ground is seen between them."""
    rows, columns = rgb.shape[:2]
    for (row, column), color in zip(np.ndindex(rows, columns), rgb.reshape(-1, 3), strict=True):
        corner = (column - PATCH / 2, row - PATCH / 2)
        ax.add_patch(Rectangle(corner, PATCH, PATCH, facecolor=color, linewidth=0))
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    ax.spines[:].set_visible(False)


# ---- training ------------------------------------------------------------------------------------


@styled
def loss_curves(
    histories: Mapping[str, History],
    floors: Mapping[str, float] | None = None,
    units: Mapping[str, str] | None = None,
    title: str = "",
    level: str = "floor",
    from_zero: bool = False,
) -> Figure:
    """Loss over time, a panel a run, each with a level to compare with: mostly its floor.

    Args:
        histories: by the name of the run.
        floors: the level, by the same names; drawn as a dashed line with its number.
        units: of the losses, by the same names.
        title: what is drawn.
        level: what the dashed line is called.
        from_zero: start the losses' axes at 0, to show how far a curve is from being gone; else zoom in.
    """
    empty = [name for name, history in histories.items() if not history.step]
    if empty:
        raise ValueError(f"{', '.join(empty)}: interrupted before the first measurement, nothing to draw")
    floors, units = floors or {}, units or {}
    colors = line_colors()
    figure = Figure(figsize=(max(4.6 * len(histories), width_of(title)), 3.4), layout="constrained")
    for i, ((name, history), ax) in enumerate(
        zip(histories.items(), figure.subplots(1, len(histories), squeeze=False).flat, strict=True)
    ):
        loss = history.loss
        every = max(1, len(loss) // 20)  # a mark a measurement, as long as marks can be told apart
        ax.plot(history.step, loss, marker="o", markersize=3, markevery=every, color=colors[i])
        below = loss[-1] < floors.get(name, -1)  # then the two labels change places
        if name in floors:
            ax.axhline(floors[name], linestyle="--", color=ink(), linewidth=1.2)
            label = f"{level} {short(floors[name])}"
            _label(ax, label, (history.step[-1], floors[name]), above=below, color=ink())
        label = f"ends at {short(loss[-1])}"
        _label(ax, label, (history.step[-1], loss[-1]), above=not below, color=colors[i])
        # The first measurement, before any learning, is off the scale of interest.
        top = max([*(loss[1:] or loss), floors.get(name, 0)])
        bottom = 0 if from_zero else min([*loss, floors.get(name, min(loss))])
        room = max(top - bottom, 0.05 * abs(bottom))
        ax.set_ylim(max(0, bottom - 0.6 * room), top + 0.8 * room)
        ax.set(
            xlabel="gradient steps", ylabel=f"loss ({units[name]})" if name in units else "loss", title=name
        )
        ax.grid(axis="y")
    figure.suptitle(title)
    return figure


# ---- the ab plane --------------------------------------------------------------------------------


@styled
def gamut_slices(levels: Sequence[float], titles: Sequence[str] = (), title: str = "") -> Figure:
    """The displayable colours at several lightnesses, on ab planes of one scale.

    Args:
        levels: L* of each slice.
        titles: one a slice; its L* if not given.
        title: what is drawn.
    """
    width = min(2.5, WIDEST / len(levels))
    figure = Figure(figsize=(max(width * len(levels), width_of(title)), width + 0.8), layout="constrained")
    row = figure.subplots(1, len(levels), sharey=True, squeeze=False)[0]
    for i, (ax, L) in enumerate(zip(row, levels, strict=True)):
        ab_axes(ax, L)
        ax.set(xlabel="a (Lab units)", ylabel="" if i else "b (Lab units)", xticks=(-100, 0, 100))
        ax.set_title(titles[i] if i < len(titles) else f"L* = {L:g}", fontsize=9, fontweight="normal")
    figure.suptitle(title)
    return figure


@styled
def outcomes(
    ab: Tensor, probabilities: Tensor, marks: Mapping[str, Tensor], title: str = "", L: float | None = None
) -> Figure:
    """Possible colours on the ab plane, as large as they are likely, and some answers to them.

    Args:
        ab: `(K, 2)`, the possible colours.
        probabilities: `(K,)`.
        marks: name -> `(2,)`, answers drawn as marks, e.g. {"mean": …}.
        title: what is drawn.
        L: lightness of the slice behind; None shows every lightness.
    """
    figure = Figure(figsize=(5.4, 4.6), layout="constrained")
    ax = figure.subplots()
    ab_axes(ax, L)
    ax.scatter(*ab.T.numpy(), s=1400 * probabilities.numpy(), c=ab_colors(ab), edgecolors="black", zorder=3)
    for (a, b), p in zip(ab.tolist(), probabilities.tolist(), strict=True):
        ax.annotate(f"{p:.0%}", (a, b + 13), ha="center", zorder=4, fontsize=9, fontweight="bold", **OVER)
    draw_marks(ax, marks or {})
    ax.set_title(title)
    return figure


@styled
def bin_plane(
    bins: ColorBins,
    values: Tensor | None = None,
    title: str = "",
    marks: Mapping[str, Tensor] | None = None,
) -> Figure:
    """The bins as squares on the ab plane, larger where the value is larger.

    Args:
        bins: the table of colours.
        values: `(Q,)`, non-negative, e.g. a probability a bin; None draws all squares alike.
        title: what is drawn.
        marks: name -> `(2,)`, points to draw on top.
    """
    figure = Figure(figsize=(max(5.4, width_of(title)), 4.6), layout="constrained")
    ax = figure.subplots()
    draw_bins(ax, bins, values)
    draw_marks(ax, marks or {})
    ax.set_title(title)
    return figure


@styled
def posterior(
    colors: Sequence[Sequence[float]],
    true: Sequence[float],
    answers: Mapping[str, Sequence[float]],
    title: str = "",
) -> Figure:
    """How likely each colour truly is, beside what networks say.

    Args:
        colors: `(K, 3)` Lab.
        true: K probabilities.
        answers: name -> K probabilities.
        title: what is drawn.
    """
    labs = torch.as_tensor(colors, dtype=torch.float32)
    rgb = lab_to_rgb(labs.T[:, :, None])[..., 0].T.numpy()
    figure = Figure(figsize=(1.6 + 1.5 * len(labs), 3.2), layout="constrained")
    ax = figure.subplots()
    series = {"true": list(true)} | {name: list(values) for name, values in answers.items()}
    width = 0.8 / len(series)
    for i, ((name, values), hatch) in enumerate(zip(series.items(), ("", "//", "..", "xx"), strict=False)):
        place = np.arange(len(labs)) + (i - (len(series) - 1) / 2) * width
        bars = ax.bar(place, values, width, color=rgb, edgecolor=ink(), hatch=hatch, label=name)
        ax.bar_label(bars, [f"{v:.2f}" for v in values], fontsize=8)
    ax.set_xticks(range(len(labs)), [f"({a:.0f}, {b:.0f})" for _, a, b in labs.tolist()])
    ax.set(xlabel="colour (a, b)", ylabel="probability", ylim=(0, max(max(v) for v in series.values()) * 1.2))
    legend = ax.legend()
    for handle in legend.legend_handles:
        handle.set_facecolor("none")
    ax.set_title(title)
    return figure


def _label(ax: Axes, text: str, point: tuple[float, float], above: bool, color: str) -> None:
    offset, side = (7, "bottom") if above else (-5, "top")
    ax.annotate(
        text, point, (0, offset), textcoords="offset points", ha="right", va=side, fontsize=9, color=color
    )


def width_of(title: str) -> float:
    """Inches that a bold title needs."""
    return 0.105 * len(title)


def short(value: float) -> str:
    """A number with three digits, never as 3.97e+03."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
