"""The hint painter: click a grey photograph, choose a colour, and the guided network follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from html import escape
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from colorlab.bars import everything
from colorlab.colorizer import Colorizer, painted
from colorlab.data import shrink, to_lab
from colorlab.hints import Hint, check_hint, encode, read_hints, write_hints
from colorlab.lab import in_gamut, lab_to_rgb, rgb_to_lab, to_levels
from colorlab.widgets.canvas import to_png
from colorlab.widgets.caption import Caption
from colorlab.widgets.clickable import Clickable
from colorlab.widgets.turns import in_turn

LARGEST = 256  # pixels of the shorter side: a larger picture is shrunk, so that an answer takes no time
APART = 15.0  # Lab units between two proposed colours; neighbouring bins look alike
NEAR = 0.03  # of the picture's shorter side: a press this near takes hold of a hint


@dataclass(frozen=True)
class Proposal:
    """A colour that the network thinks possible at a pixel.

    Attributes:
        rgb: uint8, at the lightness of the pixel.
        probability: of its bin.
    """

    rgb: tuple[int, int, int]
    probability: float


def propose(
    colorizer: Colorizer, beliefs: Tensor, rgb: np.ndarray, x: float, y: float, count: int = 6
) -> list[Proposal]:
    """The most probable colours of a pixel, most probable first, no two of them alike.

    Args:
        colorizer: a guided classification.
        beliefs: what it thinks of the picture, `(1, Q, h, w)`.
        rgb: the picture, uint8 `(H, W, 3)`; only its lightness is looked at.
        x, y: of the pixel.
        count: how many at most.
    """
    height, width = rgb.shape[:2]
    shares = beliefs[0].cpu()  # (Q, h, w)
    p = shares[:, int(y * shares.shape[1] / height), int(x * shares.shape[2] / width)]
    L = _lightness(rgb, x, y)
    centers = colorizer.objective.bins.centers
    possible = in_gamut(torch.cat([L.expand(len(centers), 1), centers], dim=1).T[:, :, None])[:, 0]  # (Q,)
    chosen: list[int] = []
    for q in p.argsort(descending=True).tolist():
        if possible[q] and all((centers[q] - centers[other]).norm() >= APART for other in chosen):
            chosen.append(q)
        if len(chosen) == count:
            break
    return [Proposal(_rgb(L, centers[q]), float(p[q])) for q in chosen]


def at_lightness(rgb: np.ndarray, x: float, y: float, color: tuple[int, int, int]) -> tuple[int, int, int]:
    """A colour brought to the lightness of a pixel: what is painted there keeps the L of the photograph."""
    lab = rgb_to_lab(torch.tensor(color, dtype=torch.uint8).reshape(3, 1, 1))
    return _rgb(_lightness(rgb, x, y), lab[1:, 0, 0])


class HintPainter(widgets.VBox):
    """A photograph without its colours, to be coloured by hints.

    Click a place, then choose one of the colours that the network proposes there, or any other; drag a hint
    to move it. By keyboard: Tab to the picture, arrow keys and Enter; Tab on to the colours, Enter; to move a hint,
    choose its place, take it away and put it elsewhere.

    Args:
        colorizer: a guided network with bins.
        rgb: the photograph, uint8 `(H, W, 3)`; its colours, if it has any, are not looked at.

    Attributes:
        hints: [(x, y, (r, g, b)), …] in pixels of the photograph given; writable through `set`.
        place: the pixel of it chosen last, (x, y).
        rgb: the photograph as it is shown: a large one is shrunk, so that an answer takes no time.
        answer: what the network made of it, uint8 `(H, W, 3)`.

    Raises:
        ValueError: a network that takes no hints, or has no bins to propose colours from.
    """

    def __init__(self, colorizer: Colorizer, rgb: np.ndarray):
        if not colorizer.takes_hints or not colorizer.objective.has_distribution:
            raise ValueError(
                'colorizer: expected a guided classification, as Colorizer.pretrained("guided") is'
            )
        self.colorizer, self.rgb = colorizer, shrink(rgb, LARGEST)
        self.size = height, width = rgb.shape[:2]
        self._small = colorizer.small_copy(self.rgb)
        # Two are wanted at a time, for the picture and for the proposals; of a hint being moved one stays the same.
        self._beliefs = lru_cache(maxsize=2)(self._believed)
        self.hints: list[Hint] = []
        self._before: list[list[Hint]] = []  # what Undo goes back to
        self.place = (width // 2, height // 2)
        self.picture = Clickable()
        self.picture.layout.max_width = "100%"
        self.picture.on_msg(self._received)
        self.message = Caption()
        self.palette = widgets.HBox(layout=widgets.Layout(flex_flow="row wrap"))
        self._swatches: list[widgets.Button] = []
        self.any_color = widgets.ColorPicker(value="#3366cc", description="any colour")
        put = _button("Put it there", lambda: self.put(_from_hex(self.any_color.value)))
        self.file = widgets.Text(value="hints.json", description="file")
        rows = [
            [self.any_color, put, _button("Take it away", self.take_away)],
            [_button("Undo", self.undo), _button("Clear", self.clear)],
            [self.file, _button("Save", self.save), _button("Load", self.load)],
        ]
        boxes = [widgets.HBox(row, layout=widgets.Layout(flex_flow="row wrap")) for row in rows]
        super().__init__([self.picture, self.palette, *boxes, self.message])
        self.set([])

    @in_turn()
    def set(self, hints: Sequence[Hint]) -> None:
        """Replace all hints and colour anew.

        Raises:
            ValueError: a hint outside the photograph; nothing changes then.
        """
        before = self.hints
        self._color(list(hints))
        if before != self.hints:
            self._before.append(before)

    @in_turn()
    def put(self, color: tuple[int, int, int]) -> None:
        """A hint of this colour at the place chosen; one that is there already is replaced."""
        x, y = self.place
        others = [hint for hint in self.hints if not self._near(hint, x, y)]
        self.set([*others, (x, y, self._at_lightness(x, y, color))])

    @in_turn()
    def take_away(self) -> None:
        """Take away the hint at the place chosen."""
        others = [hint for hint in self.hints if not self._near(hint, *self.place)]
        if len(others) == len(self.hints):
            self._show(f"No hint at {self.place}: click one first.")
        else:
            self.set(others)

    @in_turn()
    def undo(self) -> None:
        """Take back what was done last: a hint put, moved or taken away, a Clear, a Load."""
        if self._before:
            self._color(self._before.pop())
        else:
            self._show("Nothing to undo.")

    def clear(self) -> None:
        """Take all hints away."""
        self.set([])

    def save(self) -> None:
        """Write the hints into the file named, as `colorlab colorize --hints` reads them."""
        try:
            if Path(self.file.value).exists():
                read_hints(self.file.value)  # whatever else is there is not replaced
            written = write_hints(self.file.value, self.hints)
        except (OSError, ValueError) as error:
            self.message.value = f"<b>Not saved</b>: {escape(str(error))}; choose another name"
        else:
            self.message.value = f"{_counted(self.hints)} written to {escape(str(written))}."

    def load(self) -> None:
        """Read the hints of the file named; if it cannot be read, those on the picture stay."""
        try:
            self.set(read_hints(self.file.value))
        except (OSError, ValueError) as error:
            self.message.value = f"<b>Not loaded</b>: {escape(str(error))}. The hints on the picture stay."

    @in_turn()
    def click(self, x: float, y: float, start: tuple[float, float] | None = None) -> None:
        """Choose a place; or, if the press began on a hint and ended elsewhere, move that hint.

        Args:
            x, y: where the pointer was let go, fractions of width and height.
            start: where it was pressed; None for the same place.
        """
        x, y = self._pixel(x, y)
        from_x, from_y = (x, y) if start is None else self._pixel(*start)
        held = next((i for i, hint in enumerate(self.hints) if self._near(hint, from_x, from_y)), None)
        self.place = (x, y)
        if held is not None and not self._near(self.hints[held], x, y):
            color = self._at_lightness(x, y, self.hints[held][2])
            self.set([(x, y, color) if i == held else hint for i, hint in enumerate(self.hints)])
        else:
            self._show(f"Place ({x}, {y}) chosen: which colour?")

    def _color(self, hints: list[Hint]) -> None:
        hints = [check_hint(hint, number, self.size) for number, hint in enumerate(hints, 1)]
        beliefs, planes = self._beliefs(self._shown(hints))
        ab = self.colorizer.ab_from(beliefs, self._small, hints=planes)
        within = everything(self.rgb) if hints else None
        self.hints, self.answer = hints, painted(self.rgb, ab.cpu(), self._small, within)
        self._show(f"{_counted(hints)}." if hints else "No hint yet: click a place, choose a colour.")

    def _believed(self, hints: tuple[Hint, ...]) -> tuple[Tensor, Tensor | None]:
        """What the network thinks of the photograph with these hints, and the channels it was told them in."""
        planes = encode(hints, self.rgb.shape[:2], tuple(self._small.shape[-2:])) if hints else None
        return self.colorizer.beliefs(self._small, planes), planes

    def _shown(self, hints: Sequence[Hint]) -> tuple[Hint, ...]:
        """Hints in pixels of the photograph as it is shown."""
        return tuple((*self._shown_place(x, y), color) for x, y, color in hints)

    def _shown_place(self, x: float, y: float) -> tuple[float, float]:
        (height, width), (shown_height, shown_width) = self.size, self.rgb.shape[:2]
        return x * shown_width / width, y * shown_height / height

    def _at_lightness(self, x: float, y: float, color: tuple[int, int, int]) -> tuple[int, int, int]:
        return at_lightness(self.rgb, *self._shown_place(x, y), color)

    def _received(self, _widget, message, _buffers) -> None:
        if "click" in message:
            self.click(*message["click"], start=message.get("start"))

    def _pixel(self, x: float, y: float) -> tuple[int, int]:
        height, width = self.size
        return min(int(x * width), width - 1), min(int(y * height), height - 1)

    def _near(self, hint: Hint, x: float, y: float) -> bool:
        reach = max(1.0, NEAR * min(self.size))
        return (hint[0] - x) ** 2 + (hint[1] - y) ** 2 <= reach**2

    def _show(self, message: str) -> None:
        # Without the hint that is there already: who changes their mind wants to see the alternatives.
        others = [hint for hint in self.hints if not self._near(hint, *self.place)]
        place = self._shown_place(*self.place)
        beliefs, _ = self._beliefs(self._shown(others))
        self._offer(propose(self.colorizer, beliefs, self.rgb, *place))
        self.picture.show(
            draw(self.answer, self._shown(self.hints), place),
            f"The photograph with {_counted(self.hints)}; place {self.place} is chosen.",
        )
        self.message.value = message

    def _offer(self, proposals: Sequence[Proposal]) -> None:
        """One button a proposal. They stay and take other colours: new ones would lose a reader's place among them."""
        while len(self._swatches) < len(proposals):
            self._swatches.append(_button("", partial(self._take, len(self._swatches))))
            self._swatches[-1].layout.border = "1px solid gray"  # a white one would vanish on the white page
        for swatch, proposal in zip(self._swatches, proposals, strict=False):
            name = "#{:02x}{:02x}{:02x}".format(*proposal.rgb)
            chance = f"{proposal.probability:.0%}" if proposal.probability >= 0.005 else "<1%"
            light = float(rgb_to_lab(torch.tensor(proposal.rgb, dtype=torch.uint8).reshape(3, 1, 1))[0])
            swatch.description, swatch.tooltip = chance, f"{name}, probability {chance}"
            swatch.style.button_color, swatch.style.text_color = name, "black" if light > 50 else "white"
        self._offered = proposals
        self.palette.children = self._swatches[: len(proposals)]

    def _take(self, number: int) -> None:
        self.put(self._offered[number].rgb)


def draw(rgb: np.ndarray, hints: Sequence[Hint], place: tuple[float, float]) -> bytes:
    """The picture with a ring of its colour at every hint and a square at the place chosen, as PNG."""
    image = Image.fromarray(rgb)
    pen, r = ImageDraw.Draw(image), max(3, min(rgb.shape[:2]) // 40)
    for x, y, color in hints:
        pen.ellipse((x - r, y - r, x + r, y + r), fill=tuple(color), outline="black")
        pen.ellipse((x - r - 1, y - r - 1, x + r + 1, y + r + 1), outline="white")
    x, y = place
    pen.rectangle((x - r, y - r, x + r, y + r), outline="black")
    pen.rectangle((x - r - 1, y - r - 1, x + r + 1, y + r + 1), outline="white")
    return to_png(np.asarray(image))


def _counted(hints: Sequence[Hint]) -> str:
    return f"{len(hints)} hint{'s' * (len(hints) != 1)}"


def _button(label: str, action) -> widgets.Button:
    button = widgets.Button(description=label, layout=widgets.Layout(width="auto"))
    button.on_click(lambda _button: action())
    return button


def _lightness(rgb: np.ndarray, x: float, y: float) -> Tensor:
    return to_lab(rgb[int(y), int(x)].reshape(1, 1, 3))[0, 0, 0]


def _rgb(L: Tensor, ab: Tensor) -> tuple[int, int, int]:
    lab = torch.cat([L.reshape(1), ab]).reshape(3, 1, 1)
    return tuple(to_levels(lab_to_rgb(lab)).int().flatten().tolist())


def _from_hex(name: str) -> tuple[int, int, int]:
    return tuple(Image.new("RGB", (1, 1), name).getpixel((0, 0)))
