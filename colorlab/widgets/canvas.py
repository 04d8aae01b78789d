"""Figures drawn again and again while a control is dragged: what stays between them is measured and drawn once."""

import struct
import zlib
from collections.abc import Callable, Hashable
from contextvars import ContextVar

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from colorlab.ab_plane import is_behind
from colorlab.files.png import SIGNATURE, chunk
from colorlab.widgets.words import WordsKeptCanvas

_drawn_on: ContextVar["Canvas | None"] = ContextVar("_drawn_on", default=None)


def bare(make: Callable[..., Figure], *sizes: Hashable) -> Figure:
    """The figure `make(*sizes)` with its axes, and nothing in them: a new one, or where an explorable draws, that of
    its last step, emptied. To make axes is a third of all drawing.

    What the axes were told stays with them: whoever draws says the same of them each time, or all that differs. A
    picture with a scale of colours stays too, for the scale is the slowest of all to make: give it other numbers. And
    so does what lies behind an ab plane: whoever calls `ab_axes` does so at every step, and alters nothing of it.
    """
    canvas = _drawn_on.get()
    if canvas is None:
        return make(*sizes)
    if (make, *sizes) not in canvas.kept:
        canvas.kept[make, *sizes] = make(*sizes)
    return _emptied(canvas.kept[make, *sizes])


def _emptied(figure: Figure) -> Figure:
    pictured = [image for ax in figure.axes for image in ax.images if image.colorbar]
    scales = [image.colorbar.ax for image in pictured]
    for ax in figure.axes:
        if ax in scales:
            continue
        for artist in (*ax.lines, *ax.collections, *ax.patches, *ax.images, *ax.texts):
            if artist not in pictured and not is_behind(artist):
                artist.remove()
        if legend := ax.get_legend():
            legend.remove()
        ax.set_prop_cycle(None)  # the first line has the first colour again
        ax.relim()
    for text in list(figure.texts):
        text.remove()
    return figure


class Canvas:
    """Draws the figures of one explorable, which differ in their contents and seldom in their axes.

    Half of drawing a figure is ticks, their numbers and the labels; almost as much again is a layout's measuring of
    them. Both are done when they change, and kept.

    Attributes:
        kept: the figures whose axes are used again, see `bare`.
    """

    def __init__(self) -> None:
        self.kept: dict[tuple, Figure] = {}
        self._places: dict[tuple, list[Bbox]] = {}
        self._scales: list | None = None
        self._behind: list[Artist] = []
        self._ground = np.empty(0)

    def draw(self, render: Callable[..., Figure], **state: object) -> Figure:
        """What `render` draws, on axes that are kept if it asks for `bare` ones: good until the next is drawn."""
        token = _drawn_on.set(self)
        try:
            return render(**state)
        finally:
            _drawn_on.reset(token)

    def png(self, figure: Figure) -> bytes:
        """The figure as `plots.to_bytes` would give it, but that its axes lie where those of the first one did, and
        that ticks lie below all that is not behind."""
        self._lay_out(figure)
        # Of a figure that is kept, the canvas too: it knows how wide its words are, and how they look.
        canvas = figure.canvas if isinstance(figure.canvas, WordsKeptCanvas) else WordsKeptCanvas(figure)
        renderer = canvas.get_renderer()
        pixels = np.asarray(canvas.buffer_rgba())
        for ax in figure.axes:
            locator = ax.get_axes_locator()
            ax.apply_aspect(locator(ax, renderer) if callable(locator) else None)
        shown = [ax for ax in figure.axes if ax.axison and ax.get_visible()]
        axes = [axis for ax in shown for axis in (ax.xaxis, ax.yaxis) if axis.get_visible()]
        behind = [artist for ax in shown for artist in ax.get_children() if is_behind(artist)]
        stayed, self._behind = [artist for artist in behind if artist in self._behind], behind
        scales = [stayed, *(_described(axis) for axis in axes)]
        patches = [ax.patch for ax in shown]
        if scales != self._scales:
            renderer.clear()
            for part in (figure.patch, *patches, *stayed, *axes):
                part.draw(renderer)
            self._scales, self._ground = scales, pixels.copy()
        pixels[:] = self._ground
        for part in (figure.patch, *patches, *stayed, *axes):
            part.set_visible(False)
        figure.draw(renderer)
        for part in (figure.patch, *patches, *stayed, *axes):
            part.set_visible(True)
        return to_png(pixels)

    def _lay_out(self, figure: Figure) -> None:
        """Put the axes where the layout of the first such figure had them: nothing should jump while it is dragged."""
        if figure.get_layout_engine() is None:
            return
        kind = (len(figure.axes), *figure.get_size_inches())
        if kind not in self._places:
            figure.draw_without_rendering()
            self._places[kind] = [ax.get_position(original=True) for ax in figure.axes]
        figure.set_layout_engine("none")
        for ax, place in zip(figure.axes, self._places[kind], strict=True):
            ax.set_position(place, which="original")


def _described(axis: Axis) -> tuple:
    """All that decides how an axis looks."""
    ax: Axes = axis.axes
    places = axis.get_majorticklocs()
    return (
        ax.bbox.extents.tolist(),
        axis.get_view_interval().tolist(),
        axis.get_scale(),
        axis.label.get_text(),
        list(places),
        axis.get_major_formatter().format_ticks(places),
        list(axis.get_minorticklocs()),
        axis.get_tick_params(),
    )


def to_png(pixels: np.ndarray) -> bytes:
    """uint8 `(H, W, C)`, three or four channels, as PNG: in half of Pillow's time, which tries five filters a row.

    Here every row is its difference from the row above, and zlib is told to hurry.
    """
    height, width, channels = pixels.shape
    rows = np.empty((height, 1 + width * channels), np.uint8)
    rows[:, 0] = 2  # the filter "up"
    rows[0, 1:] = pixels[0].ravel()
    rows[1:, 1:] = (pixels[1:] - pixels[:-1]).reshape(height - 1, width * channels)
    header = struct.pack(">IIBBBBB", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return SIGNATURE + b"".join(chunk(kind, data) for kind, data in chunks)
