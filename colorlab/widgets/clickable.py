"""A picture that says what it shows, and one that can be clicked, by mouse or by keyboard."""

from pathlib import Path

import traitlets

from colorlab.widgets.held import Showing


class Picture(Showing):
    """A PNG with an alt text, which ipywidgets' own has not.

    Attributes:
        value: the picture, PNG bytes.
        description: what is to be seen, for readers who cannot.
    """

    _esm = Path(__file__).with_suffix(".js")
    clicks = traitlets.Bool(False, read_only=True).tag(sync=True)

    def __init__(self, value: bytes = b"", description: str = "", **options):
        super().__init__(value, description, **options)


class Clickable(Picture):
    """A picture that says where it was clicked.

    Each click arrives as the message `{"click": [x, y], "start": [x, y]}`, where the pointer was let go and
    where it was pressed, fractions of width and height from the top left; listen with `on_msg`.
    """

    clicks = traitlets.Bool(True, read_only=True).tag(sync=True)
