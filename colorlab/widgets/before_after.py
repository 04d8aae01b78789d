"""Before and after: two pictures under one line that a reader drags."""

import io
from collections.abc import Mapping
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from PIL import Image

SMALLEST = 360  # pixels of the width shown; smaller pictures are enlarged, pixel by pixel


class BeforeAfter(anywidget.AnyWidget):
    """Pictures of one size; drag the line between any two of them, or move it with the arrow keys.

    The pictures are sent to the browser once, so that dragging needs no kernel.

    Args:
        pictures: name -> uint8 `(H, W, 3)`, all of one size.
        left, right: the two compared at first, by name.
        position: where the line stands, percent of the width.

    Raises:
        ValueError: fewer than two pictures, sizes that differ, or an unknown name.
    """

    _esm = Path(__file__).with_suffix(".js")
    pictures = traitlets.Dict().tag(sync=True)
    left = traitlets.Unicode().tag(sync=True)
    right = traitlets.Unicode().tag(sync=True)
    position = traitlets.Int(50, min=0, max=100).tag(sync=True)

    def __init__(self, pictures: Mapping[str, np.ndarray], left: str, right: str, position: int = 50):
        check(pictures, left, right)
        self.arrays = dict(pictures)
        encoded = {name: _png(rgb) for name, rgb in pictures.items()}
        super().__init__(pictures=encoded, left=left, right=right, position=position)
        self.layout.max_width = "100%"

    @property
    def state(self) -> dict[str, str | int]:
        return {"left": self.left, "right": self.right, "position": self.position}


def split(pictures: Mapping[str, np.ndarray], left: str, right: str, position: int = 50) -> np.ndarray:
    """What the widget shows, as one picture: left of the line the one, right of it the other.

    Args:
        pictures: name -> uint8 `(H, W, 3)`, all of one size.
        left, right: two of the names.
        position: where the line stands, percent of the width.

    Returns:
        `(H, W, 3)` uint8.

    Raises:
        ValueError: as in `BeforeAfter`; a position outside 0..100.
    """
    check(pictures, left, right)
    if not 0 <= position <= 100:
        raise ValueError(f"position: expected percent from 0 to 100, got {position!r}")
    column = round(pictures[left].shape[1] * position / 100)
    return np.concatenate([pictures[left][:, :column], pictures[right][:, column:]], axis=1)


def check(pictures: Mapping[str, np.ndarray], left: str, right: str) -> None:
    """Refuse what cannot be laid on top of one another, with the reason."""
    sizes = {name: rgb.shape for name, rgb in pictures.items()}
    if len(pictures) < 2 or len(set(sizes.values())) > 1:
        raise ValueError(f"pictures: expected at least two of one size, got {sizes}")
    for side, name in {"left": left, "right": right}.items():
        if name not in pictures:
            raise ValueError(f"{side}: expected one of {', '.join(pictures)}, got {name!r}")


def _png(rgb: np.ndarray) -> bytes:
    image, file = Image.fromarray(rgb), io.BytesIO()
    factor = -(-SMALLEST // image.width)
    if factor > 1:
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()
