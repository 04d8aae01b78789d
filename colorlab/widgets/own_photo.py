"""Your own photograph: upload one, and every network colours it."""

from collections.abc import Callable, Mapping

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure

from colorlab.colorizer import Colorizer, to_picture
from colorlab.data import shrink, to_lab
from colorlab.lab import chroma
from colorlab.plots import pictures, to_bytes
from colorlab.widgets.caption import Caption
from colorlab.widgets.clickable import Picture
from colorlab.widgets.file_button import FileButton
from colorlab.widgets.turns import in_turn

LARGEST = 512  # pixels of the shorter side shown; a larger picture is shrunk for the notebook


GREY, TRUTH = "Black & White", "Ground truth"  # the first and the last column of the poster's figure
GREYEST = 1.0  # Lab units of mean chroma: a photograph with less has no colours to be far from


class PhotoUpload(widgets.VBox):
    """A button to choose a photograph, and a line that says what came of it.

    The file stays in the kernel's memory; it is sent nowhere.

    Args:
        use: called with the picture, uint8 `(H, W, 3)`, once it could be read; a file that is no picture is
            refused in the line, and nothing is called.
    """

    def __init__(self, use: Callable[[np.ndarray], None]):
        self._use = use
        self.upload = FileButton("Choose a photograph", self._uploaded, self._say)
        self.message = Caption()
        super().__init__([self.upload, self.message])

    def _uploaded(self, name: str, rgb: np.ndarray) -> None:
        height, width = rgb.shape[:2]
        self._use(rgb)
        self._say(f"{name}, {width}×{height} pixels.")

    def _say(self, message: str) -> None:
        self.message.value = message


class OwnPhoto(PhotoUpload):
    """An upload button and, below it, the picture in grey, by every network, and as it came.

    Args:
        colorizers: by the name shown above each picture.
        rgb: what is shown before anything is uploaded, uint8 `(H, W, 3)`.

    Attributes:
        answers: name -> uint8 `(H, W, 3)`, of the picture shown.
    """

    def __init__(self, colorizers: Mapping[str, Colorizer], rgb: np.ndarray):
        self.colorizers = dict(colorizers)
        self.picture = Picture(layout=widgets.Layout(max_width="100%"))
        super().__init__(self.show)
        self.children = (*self.children, self.picture)
        self.show(rgb)
        self.message.value = "Before you choose: one of the course's photographs."

    def show(self, rgb: np.ndarray) -> None:
        """Colour a picture, from its lightness only, and draw it."""
        rgb = shrink(rgb, LARGEST)
        with in_turn():
            self.answers = color_all(self.colorizers, rgb)
        self.picture.show(
            to_bytes(render(self.answers)),
            f"One photograph, side by side: {', '.join(titles(self.answers))}.",
        )


def color_all(colorizers: Mapping[str, Colorizer], rgb: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of the poster's figure for one picture: grey, every network, and as it came."""
    lab = to_lab(rgb)
    grey = to_picture(lab * torch.tensor([1.0, 0, 0]).reshape(3, 1, 1))
    colored = {name: colorizer.colorize(rgb) for name, colorizer in colorizers.items()}
    return {GREY: grey, **colored, TRUTH: rgb}


def from_truth(answers: Mapping[str, np.ndarray]) -> dict[str, float]:
    """How far each picture of `color_all` lies from the truth: mean distance over ab, Lab units."""
    truth = to_lab(answers[TRUTH])
    return {name: float(chroma((to_lab(rgb) - truth)[1:]).mean()) for name, rgb in answers.items()}


def titles(answers: Mapping[str, np.ndarray]) -> list[str]:
    """Each picture's name and its distance from the truth; the names alone where the photograph itself is grey."""
    off = from_truth(answers)
    if off[GREY] < GREYEST:
        return list(answers)
    return [name if name == TRUTH else f"{name}: {off[name]:.1f}" for name in answers]


def render(answers: Mapping[str, np.ndarray]) -> Figure:
    """The pictures in rows of two, large enough to judge colour, each with its distance from the truth."""
    return pictures(list(answers.values()), titles(answers), columns=2, height=2.4)
