"""The blind test: which of the two is the photograph? Your own rate, with its interval."""

import math
from collections.abc import Callable, Sequence

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from colorlab.data import shrink
from colorlab.plots import pictures, to_bytes
from colorlab.widgets.caption import Caption
from colorlab.widgets.clickable import Picture
from colorlab.widgets.file_button import FileButton
from colorlab.widgets.turns import in_turn

SIDE = 320  # pixels of the shorter side shown
SIDES = ("left", "right")
Z = 1.96  # standard deviations to either side that hold 95 % of a bell curve


class BlindTest(widgets.VBox):
    """Two pictures, one photographed and one coloured; the reader says which is the photograph.

    A photograph uploaded takes its turn next; it stays in the kernel's memory.

    Args:
        color: what colours a photograph, uint8 `(H, W, 3)` -> the same; its own colours are not looked at.
        photographs: those to begin with, uint8 `(H, W, 3)`; asked in this order, then again from the first. Only the
            first time counts: afterwards the answer is known.
        seed: of the side on which the photograph lies.

    Attributes:
        answers: of each photograph's first round, True if it was answered rightly.
        truth: the side of the photograph in the round shown, "left" or "right".
        message: what came of the last round, and the rate so far.
    """

    def __init__(
        self,
        color: Callable[[np.ndarray], np.ndarray],
        photographs: Sequence[np.ndarray],
        seed: int = 0,
    ):
        if not photographs:
            raise ValueError("photographs: expected at least one")
        self.color, self.answers = color, []
        self._all, self._next = [shrink(rgb, SIDE) for rgb in photographs], 0
        self._answered: set[int] = set()  # the ids of pictures in that list
        self._lot = np.random.default_rng(seed)
        self.buttons = {}
        for side in SIDES:
            self.buttons[side] = widgets.Button(
                description=f"The {side} one is the photograph", layout=widgets.Layout(width="auto")
            )
            self.buttons[side].on_click(lambda _button, side=side: self.answer(side))
        self.upload = FileButton("One of my own", self._uploaded, self._say)
        self.message, self.picture = Caption(), Picture(layout=widgets.Layout(max_width="100%"))
        self.picture.description = "Two pictures side by side, one photographed and one coloured."
        row = widgets.HBox([*self.buttons.values(), self.upload], layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([self.picture, row, self.message])
        self._ask("Which of the two is the photograph?")

    @in_turn()
    def answer(self, side: str) -> None:
        """What a press of a button does."""
        right = side == self.truth
        said = f"{'Right' if right else 'No'}: it was the {self.truth} one. "
        if id(self._shown) in self._answered:
            said += "Not counted, its answer was known. "
        else:
            self._answered.add(id(self._shown))
            self.answers.append(right)
        self._ask(said + rate(sum(self.answers), len(self.answers)))

    def _ask(self, message: str) -> None:
        rgb = self._shown = self._all[self._next % len(self._all)]
        self._next += 1
        self.truth = SIDES[int(self._lot.integers(2))]
        with in_turn():
            colored = self.color(rgb)
            both = [rgb, colored] if self.truth == "left" else [colored, rgb]
            self.picture.value = to_bytes(render(both))
        self.message.value = message

    def _uploaded(self, name: str, rgb: np.ndarray) -> None:
        self._next %= len(self._all)  # before it is one more
        self._all.insert(self._next, shrink(rgb, SIDE))
        self._ask(f"{name}: which of the two is your photograph?")

    def _say(self, message: str) -> None:
        self.message.value = message


def render(both: Sequence[np.ndarray]) -> Figure:
    """The two side by side, without telling which is which."""
    return pictures(list(both), [f"the {side} one" for side in SIDES], height=2.8)


def rate(right: int, count: int) -> str:
    """The rate in a sentence, with its 95 % interval; half is guessing."""
    low, high = interval(right, count)
    return (
        f"{right} of {count} right: {right / count:.0%}, 95 % interval {low:.0%} to {high:.0%}; "
        "who guesses has 50 %."
    )


def interval(right: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate: honest for few trials, and never outside 0 to 1.

    References:
        Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    share, more = right / count, Z * Z / count
    middle = (share + more / 2) / (1 + more)
    half = Z * math.sqrt(share * (1 - share) / count + more / (4 * count)) / (1 + more)
    return max(0.0, middle - half), min(1.0, middle + half)
