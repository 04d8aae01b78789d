"""Nothing that colorlab does raises a warning: with `python -W error` it is imported, and every command runs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from nbformat import write
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from test_directions import MODULES

# With a guard, as `run` starts processes that import it again.
COMMANDS = """
import sys
from colorlab.cli import main

small = ["--size", "16", "--width", "4", "--batch-size", "2", "--evaluate-every", "2", "--steps", "2"]
small += ["--architecture", "UNet", "--depth", "1", "--grid-size", "40"]
runs = [
    ["doctor"],
    ["train", "--data", "album", "--out", "out", *small],
    ["colorize", "album", "-o", "colored", "--model", "out/colorizer.safetensors"],
    ["evaluate", "album", "--part", "all", "--model", "out/colorizer.safetensors"],
    ["nbgrader", "00", "--out", "assignments"],
    ["progress", "assignments"],
    ["run", "tiny.ipynb", "--out", "pages"],
]
if __name__ == "__main__":
    for words in runs:
        try:
            main(words)
        except SystemExit as end:
            assert not end.code, words
"""


def test_every_module_is_imported_without_a_warning():
    modules = ", ".join(sorted(name for name in MODULES if not name.endswith("__main__")))
    subprocess.run([sys.executable, "-W", "error", "-c", f"import {modules}"], check=True)


@pytest.mark.slow
def test_every_command_runs_without_a_warning(tmp_path: Path):
    (tmp_path / "album").mkdir()
    for n in range(4):
        rgb = np.random.default_rng(n).integers(0, 255, (50, 60, 3), dtype=np.uint8)
        Image.fromarray(rgb).save(tmp_path / "album" / f"{n}.png")
    write(new_notebook(cells=[new_code_cell("print(6 * 7)")]), tmp_path / "tiny.ipynb")
    (tmp_path / "commands.py").write_text(COMMANDS, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-W", "error", "commands.py"],
        cwd=tmp_path,
        env=os.environ | {"COLORLAB_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-500:] + result.stderr[-3000:]
