"""Every widget of the course in JupyterLab: all cells run, every control moves the picture and the state."""

from collections.abc import Iterator

import nbformat
import pytest
from drivers import drive
from jupyter_page import Notebook

from colorlab.course import notebooks as course

pytestmark = pytest.mark.slow


def widget_cells() -> Iterator:
    """(name of the notebook, number of the cell) of every cell tagged `widget`."""
    for path in course.notebooks():
        for index, cell in enumerate(nbformat.read(path, as_version=4).cells):
            if "widget" in cell.metadata.get("tags", []):
                yield pytest.param(path.name, index, id=f"{path.stem}-cell{index}")


@pytest.fixture(scope="module")
def notebook(page, lab, request) -> Iterator[Notebook]:
    """A notebook whose cells have all run without an error."""
    notebook = Notebook(page, lab[0], request.param)
    notebook.run_all()
    yield notebook
    notebook.close()


@pytest.mark.parametrize("notebook, cell", list(widget_cells()), indirect=["notebook"])
def test_a_reader_can_use_the_widget(notebook, cell):
    drive(notebook.shown_by(cell))
