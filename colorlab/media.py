"""Reading pictures: a second name for `colorlab.files.media`, where the code is."""

from colorlab.files.media import ImageError, read_image, read_picture

__all__ = ["ImageError", "read_image", "read_picture"]
