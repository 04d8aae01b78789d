"""A picture that can be clicked, by mouse or by keyboard."""

from pathlib import Path

import anywidget
import traitlets


class Clickable(anywidget.AnyWidget):
    """A PNG that says where it was clicked.

    Attributes:
        value: the picture, PNG bytes.
        description: what is to be seen, for readers who cannot.

    Each click arrives as the message `{"click": [x, y], "start": [x, y]}`, where the pointer was let go and
    where it was pressed, fractions of width and height from the top left; listen with `on_msg`.
    """

    _esm = Path(__file__).with_suffix(".js")
    value = traitlets.Bytes().tag(sync=True)
    description = traitlets.Unicode("").tag(sync=True)
