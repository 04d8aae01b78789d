"""A sentence that is spoken when it changes."""

from pathlib import Path

from colorlab.widgets.held import Showing


class Caption(Showing):
    """A sentence below a picture. A screen reader speaks it at each change: the element with the role stays.

    Attributes:
        value: HTML; what comes from strangers is escaped by whoever sets it.
    """

    _esm = Path(__file__).with_suffix(".js")

    def __init__(self, value: str = ""):
        super().__init__(value)
