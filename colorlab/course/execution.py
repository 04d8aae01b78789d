"""One notebook executed with papermill, in a kernel of its own: the same here and on a machine of a cluster."""

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from traitlets.config import Config

from colorlab.course.kernel import Kernel
from colorlab.files.faults import memory_left, sentence
from colorlab.files.whole import write_whole

ROOM = 3 * 2**26  # bytes; with less the library that talks to kernels may end this whole process
STARTING = 300  # seconds until a kernel must answer; a busy machine takes its time
PACKAGES = ("colorlab-course", "torch", "numpy", "matplotlib", "papermill")


@dataclass(frozen=True)
class Executed:
    """What came of a notebook.

    Attributes:
        notebook: its text, whole or up to its error; None if there is none.
        error: None, or the failing cell and what it raised.
        seconds: how long it took.
        place: where and when: versions, machine, date.
    """

    notebook: str | None
    error: str | None
    seconds: float
    place: dict[str, Any]


def execute(
    notebook: str,
    values: dict[str, Any],
    limit: float,
    threads: int | None = None,
    on_cell: Callable[[int, int], None] = lambda cell, cells: None,
) -> Executed:
    """Run a notebook. Nothing that goes wrong in it is raised.

    Args:
        notebook: its text, format 4.
        values: parameters -> values.
        limit: seconds that it may take.
        threads: for its computations, unless OMP_NUM_THREADS says how many.
        on_cell: told the cell that begins, counted from 1, and how many there are.
    """
    started, text = time.perf_counter(), None
    environment = {"OMP_NUM_THREADS": str(threads)} if threads and "OMP_NUM_THREADS" not in os.environ else {}
    # What a desktop left in MPLBACKEND would keep pictures out of the result.
    environment["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    if "preset" in values:  # what was asked for here is stronger than a variable set long ago
        environment["COLORLAB_PRESET"] = values["preset"]
    try:
        if not memory_left(ROOM):
            raise MemoryError
        text, error = _execute(notebook, values, limit, environment, on_cell)
    except Exception as failure:
        error = f"{type(failure).__name__}: {sentence(failure)}"
    return Executed(text, error, time.perf_counter() - started, _place())


def _execute(notebook, values, limit, environment, on_cell) -> tuple[str, str | None]:
    """papermill writes while it works and takes braces in names for parameters: it gets a folder of its own."""
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    error, at, end = None, "before its first cell", time.monotonic() + limit

    def begins(cell, cell_index: int) -> None:
        nonlocal at
        line = next((line for line in cell.source.splitlines() if line.strip()), "")
        at = f"in cell {cell_index} `{line}`"
        on_cell(cell_index + 1, cells)

    cells = len(nbformat.reads(notebook, as_version=4).cells) + bool(
        values
    )  # papermill adds one with the values
    with TemporaryDirectory(prefix="colorlab-") as folder:
        given, made = Path(folder, "given.ipynb"), Path(folder, "made.ipynb")
        write_whole(given, notebook)
        try:
            papermill.execute_notebook(
                str(given),
                str(made),
                values,
                kernel_name="python3",
                progress_bar=False,
                start_timeout=STARTING,
                kernel_manager_class=Kernel,
                config=Config(Kernel={"environment": environment}),
                timeout_func=lambda cell: max(end - time.monotonic(), 0.01),
                on_cell_start=begins,
            )
        except papermill.PapermillExecutionError as failure:
            line = next((s for s in failure.source.splitlines() if s.strip()), "")
            error = f"cell {failure.cell_index} (In [{failure.exec_count}]) `{line}`: {failure.ename}: {failure.evalue}"
        except CellTimeoutError:
            error = f"took longer than {limit:g} s: stopped {at}"
        except DeadKernelError:
            error = f"its kernel died {at}: killed, perhaps for want of memory, or ended by the code itself"
        except Exception as failure:
            if not made.is_file():
                raise
            error = f"{type(failure).__name__}: {failure}"
        return made.read_text(encoding="utf-8"), error


def versions() -> dict[str, str]:
    """Of Python and of what the notebooks compute with."""
    return {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}


def _place() -> dict[str, Any]:
    return {
        "versions": versions(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
