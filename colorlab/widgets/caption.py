"""A sentence that is spoken when it changes."""

from pathlib import Path

import anywidget
import traitlets


class Caption(anywidget.AnyWidget):
    """A sentence below a picture. A screen reader speaks it at each change: the element with the role stays.

    Attributes:
        value: HTML; what comes from strangers is escaped by whoever sets it.
    """

    _esm = Path(__file__).with_suffix(".js")
    value = traitlets.Unicode("").tag(sync=True)

    def __init__(self, value: str = ""):
        super().__init__(value=value)
