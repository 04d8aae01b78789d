"""A button to choose a picture file from the reader's own machine."""

from collections.abc import Callable
from html import escape
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from colorlab.files.media import ImageError, read_image
from colorlab.widgets.turns import in_turn

MOST_BYTES = 9_500_000  # a notebook's connection is cut by a message of more than 10 MiB, and nothing says so


class FileButton(anywidget.AnyWidget):
    """A button that opens the file dialog; the file stays in the kernel's memory.

    ipywidgets' FileUpload does the same, but writes how many files it holds behind its label: "… (0)".

    Args:
        label: what the button says.
        use: called with the name, escaped, and the picture, uint8 `(H, W, 3)`, of every file chosen.
        refuse: called with the reason, in HTML, if it is no picture, or too large a file.
    """

    _esm = Path(__file__).with_suffix(".js")
    label = traitlets.Unicode().tag(sync=True)
    most_bytes = traitlets.Int(MOST_BYTES, read_only=True).tag(sync=True)

    def __init__(self, label: str, use: Callable[[str, np.ndarray], None], refuse: Callable[[str], None]):
        super().__init__(label=label)
        self._use, self._refuse = use, refuse
        self.on_msg(lambda _widget, said, buffers: self._chosen(said, buffers))

    @in_turn()
    def _chosen(self, said: dict, buffers: list) -> None:
        name = escape(said["name"])
        try:
            if not buffers:
                size, most = said["size"] / 1e6, MOST_BYTES / 1e6
                raise ImageError(f"it has {size:.1f} MB, and a notebook takes {most:.1f}; make it smaller")
            rgb = read_image(bytes(buffers[0]))
        except ImageError as error:
            self._refuse(f"<b>{name} cannot be used</b>: {escape(str(error))}. What is shown stays.")
            return
        self._use(name, rgb)
