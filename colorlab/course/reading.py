"""Notebooks of others, read with care: students', Colab's, of other versions, or no notebooks at all."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from colorlab.files.faults import short_of_memory

LONGEST = 200  # characters of what a validator says, which may quote the whole file
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


class NotebookError(ValueError):
    """A file that is not a notebook, or one that cannot be used; the message names it and what is wrong."""


def read_notebook(path: Path) -> NotebookNode:
    """A notebook in format 4, valid by its schema, of the kernel python3 if it names none, as Colab writes it.

    Raises:
        NotebookError: damaged, of a version that is not known, or not a notebook.
        OSError: it cannot be read.
    """
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
        if not isinstance(content, dict):
            raise ValueError("it is JSON, but no notebook")
        version = content.get("nbformat")
        if not isinstance(content.get("cells", content.get("worksheets")), list):
            raise ValueError("it holds no cells")
        if version not in (3, 4):
            raise ValueError(f"it is not of version 3 or 4 but {version!r}")
        with quiet():
            notebook = nbformat.reads(json.dumps(content), as_version=4)
            # What Colab notes about its widgets has no schema, and is of no use elsewhere.
            notebook.metadata.pop("widgets", None)
            nbformat.validate(notebook)
    except OSError:
        raise
    except Exception as error:  # the converters of old versions fail in many ways
        if short_of_memory(error):
            raise
        said = getattr(error, "message", None) or str(error) or type(error).__name__
        raise NotebookError(f"{path}: not a notebook, or a damaged one ({said[:LONGEST]})") from error
    notebook.metadata.setdefault("kernelspec", NotebookNode(KERNEL))
    notebook.metadata.setdefault("language_info", NotebookNode(name="python"))
    return notebook


@contextmanager
def quiet() -> Iterator[None]:
    """nbformat logs what it finds wrong, pages of it and as it stands in the file; here it is said once, in short."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)
