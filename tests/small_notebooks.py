"""Small notebooks for tests of what runs them."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PARAMETERS = (
    'preset: str = "cpu"  # how long\nseed: int = 0  # of the weights\nrate: float = 0.5\nfast: bool = True'
)


def write(path: Path, *sources: str, parameters: str = PARAMETERS) -> Path:
    """A notebook of a title, these parameters and these code cells."""
    first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    cells = [new_markdown_cell("# A notebook"), first, *[new_code_cell(s) for s in sources]]
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=spec), path)
    return path
