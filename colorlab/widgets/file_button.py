"""A button to choose a picture file from the reader's own machine."""

from collections.abc import Callable
from pathlib import Path

import anywidget
import traitlets


class FileButton(anywidget.AnyWidget):
    """A button that opens the file dialog; the file stays in the kernel's memory.

    ipywidgets' FileUpload does the same, but writes how many files it holds behind its label: "… (0)".

    Args:
        label: what the button says.
        use: called with the name and the bytes of every file chosen.
    """

    _esm = Path(__file__).with_suffix(".js")
    label = traitlets.Unicode().tag(sync=True)

    def __init__(self, label: str, use: Callable[[str, bytes], None]):
        super().__init__(label=label)
        self.on_msg(lambda _widget, said, buffers: use(said["name"], bytes(buffers[0])))
