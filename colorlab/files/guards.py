"""Pillow's guards against bombs: one limit for a whole process, so they are only ours while a picture is read."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, PngImagePlugin

MOST_PIXELS = 200_000_000
MOST_TEXT = 2**24  # bytes of one text of a PNG; Photoshop's histories take several million

_lock, _readers, _of_the_host = threading.Lock(), 0, (0, 0)


@contextmanager
def our_guards() -> Iterator[None]:
    """While this lasts, in any thread, Pillow warns above `MOST_PIXELS` and reads texts up to `MOST_TEXT`.

    Who imports colorlab keeps limits of their own: the first reader sets ours, the last one puts theirs back.
    """
    global _readers, _of_the_host
    with _lock:
        if _readers == 0:
            _of_the_host = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
            Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = MOST_PIXELS, MOST_TEXT
        _readers += 1
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if _readers == 0:
                Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = _of_the_host
