"""Writing a file so that it is there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def in_one_piece(path: str | Path) -> Iterator[Path]:
    """A temporary name beside `path` to write under; it becomes `path` if nothing goes wrong until then.

    Whatever ends the block early, Ctrl-C too, the temporary file is removed and an older `path` stays.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
