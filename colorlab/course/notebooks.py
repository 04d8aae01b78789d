"""For authors: notebooks executed in place, and of their outputs kept what teaches."""

import base64
import os
from pathlib import Path

import nbformat

from colorlab.course.contents import find as find
from colorlab.course.contents import notebooks as notebooks
from colorlab.course.kernel import CELL_TIMEOUT, Kernel
from colorlab.files.whole import write_whole

ENDINGS = {"image/png": "png", "image/jpeg": "jpg"}  # of the pictures that outputs hold


def renew_outputs(path: Path, figures: Path | None = None) -> None:
    """Execute a notebook in place, as committed, and keep only what teaches: no widget state, no timings.

    The picture shown by the cell tagged `header` becomes the one in the first cell, which poses the
    question; that of the cell tagged `result` is written into the folder `figures`, for the README.
    """
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        kernel_manager_class=Kernel,
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
    )
    client.execute(env={k: v for k, v in os.environ.items() if k != "COLORLAB_PRESET"})
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _teaches(output)]
        tags = cell.metadata.get("tags", [])
        if "header" in tags:
            kind, picture = _picture_in(cell)
            notebook.cells[0]["attachments"] = {f"header.{ENDINGS[kind]}": {kind: picture}}
        if "result" in tags and figures:
            kind, picture = _picture_in(cell)
            write_whole(figures / f"{path.stem}.{ENDINGS[kind]}", base64.b64decode(picture))
    write_whole(path, nbformat.writes(notebook) + "\n")


def _teaches(output: dict) -> bool:
    """Not a widget, which a reader without a kernel could not see, and not a progress bar wiped away."""
    if output.output_type == "stream":
        return bool(output.text.strip()) and output.name != "stderr"
    return "application/vnd.jupyter.widget-view+json" not in output.get("data", {})


def _picture_in(cell: dict) -> tuple[str, str]:
    """The kind and the base64 of the first picture that a cell showed."""
    return next(
        (kind, output.data[kind])
        for output in cell.outputs
        for kind in ENDINGS
        if kind in output.get("data", {})
    )
