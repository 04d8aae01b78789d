"""The course as a whole: which notebooks there are, run them, report on them, renew their outputs."""

import ast
import base64
import html
import multiprocessing
import os
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import nbformat

from colorlab._share import share
from colorlab.course.contents import find as find
from colorlab.course.contents import notebooks as notebooks
from colorlab.course.lesson import Lesson
from colorlab.course.reading import read_notebook
from colorlab.files.faults import printable, sentence
from colorlab.files.whole import clear_leftovers, write_whole

CELL_TIMEOUT = 3600  # seconds; a cell that takes longer hangs
ENDINGS = {"image/png": "png", "image/jpeg": "jpg"}  # of the pictures that outputs hold
LESSON_FIELDS = ("preset", "device", "seed", "grid_size")


class ParameterError(ValueError):
    """A parameter that no notebook has, or a value of the wrong type or range."""


@dataclass(frozen=True)
class Outcome:
    """What became of one notebook.

    Attributes:
        name: its file name without ending.
        seconds: how long it ran.
        error: None, or the failing cell and what it raised.
        page: the rendered result, relative to the output folder; None if there is nothing to render.
    """

    name: str
    seconds: float
    error: str | None
    page: str | None


# ---- parameters ----------------------------------------------------------------------------------


def check_parameters(paths: Sequence[Path], given: Sequence[tuple[str, str]]) -> dict[Path, dict[str, Any]]:
    """Type every given value as its notebook declares it, before anything runs.

    Args:
        paths: the notebooks to be run.
        given: (name, value as typed on the command line).

    Returns:
        For each notebook the parameters it has, with values of the declared type.

    Raises:
        ParameterError: a name that none of these notebooks has, or a value that does not fit.
    """
    declared = {path: parameters(path) for path in paths}
    chosen: dict[Path, dict[str, Any]] = {path: {} for path in paths}
    for name, text in given:
        takers = [path for path in paths if name in declared[path]]
        if not takers:
            known = sorted({n for names in declared.values() for n in names}) or ["none"]
            raise ParameterError(
                f"{name}: no chosen notebook has this parameter; they have {', '.join(known)}"
            )
        for path in takers:
            chosen[path][name] = _typed(name, text, declared[path][name])
    for path, values in chosen.items():
        try:
            Lesson(**{k: v for k, v in values.items() if k in LESSON_FIELDS})
        except (TypeError, ValueError) as error:
            raise ParameterError(f"{path.stem}: {error}") from None
    return chosen


def parameters(path: Path) -> dict[str, str]:
    """The parameters of a notebook and the names of their types, read from its cell tagged `parameters`.

    Raises:
        NotebookError: it is none.
    """
    from papermill.translators import PythonTranslator

    cells = read_notebook(path).cells
    cell = next((cell for cell in cells if "parameters" in cell.metadata.get("tags", [])), None)
    found = PythonTranslator.inspect(cell) if cell else []
    return {parameter.name: parameter.inferred_type_name for parameter in found}


def _typed(name: str, text: str, type_name: str) -> Any:
    readers = {"int": int, "float": float, "str": str, "bool": {"true": True, "false": False}.__getitem__}
    reader = readers.get(type_name, ast.literal_eval)
    try:
        return reader(text.lower() if type_name == "bool" else text)
    except (ValueError, KeyError, SyntaxError, TypeError, MemoryError, RecursionError):  # of nested brackets
        wanted = "true or false" if type_name == "bool" else type_name
        raise ParameterError(f"{name}: expected {wanted}, got {text!r}") from None


# ---- running -------------------------------------------------------------------------------------


def run(
    chosen: dict[Path, dict[str, Any]],
    out: Path,
    jobs: int = 1,
    on_start: Callable[[str], None] = lambda name: None,
    on_end: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Execute notebooks with papermill; a failure does not stop the others.

    Args:
        chosen: notebook -> parameters, as `check_parameters` returns.
        out: folder for the executed notebooks, their rendered pages and `index.html`.
        jobs: how many at a time, each in a process of its own, sharing the cores.
        on_start, on_end: told the name of a notebook that begins, the outcome of one that ended.

    Returns:
        One outcome a notebook, in reading order.

    Raises:
        ParameterError: results that would replace a notebook, or each other.
        OSError: the folder cannot be written.
    """
    for path in chosen:
        if (out / path.name).resolve() == path.resolve():
            raise ParameterError(f"{path}: the result would replace it; choose another folder with --out")
    if len({path.stem for path in chosen}) < len(chosen):
        raise ParameterError("two notebooks have the same name, and their results would collide")
    outcomes: dict[str, Outcome] = {}

    def ordered() -> list[Outcome]:
        waiting = Outcome("", 0.0, "not run", None)
        return [outcomes.get(p.stem, replace(waiting, name=p.stem)) for p in chosen]

    out.mkdir(parents=True, exist_ok=True)
    clear_leftovers(out)
    write_whole(
        out / "index.html", _index(ordered())
    )  # what an earlier run left here is no report of this one
    for page in pages():  # the notebooks link to them
        if (out / page.name).resolve() != page.resolve():
            write_whole(out / page.name, page.read_bytes())
    jobs = min(jobs, len(chosen))
    threads = max(1, (os.cpu_count() or 1) // jobs)
    context = multiprocessing.get_context("spawn")  # fork and a loaded torch do not go together

    def execute(path: Path) -> Outcome:
        on_start(path.stem)
        started = time.perf_counter()
        # A process of its own for each: one that dies takes no other notebook with it.
        with ProcessPoolExecutor(1, mp_context=context) as process:
            try:
                return process.submit(_execute, path, out, chosen[path], threads).result()
            except BrokenProcessPool as error:
                return Outcome(path.stem, time.perf_counter() - started, f"its process died: {error}", None)

    with ThreadPoolExecutor(jobs) as threads_of_jobs:
        for future in as_completed([threads_of_jobs.submit(execute, path) for path in chosen]):
            outcomes[future.result().name] = future.result()
            write_whole(
                out / "index.html", _index(ordered())
            )  # at once: an interrupted run leaves its report
            on_end(future.result())
    return ordered()


def _execute(path: Path, out: Path, values: dict[str, Any], threads: int) -> Outcome:
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))  # inherited by the kernel; a user's choice stands
    os.environ.pop("MPLBACKEND", None)  # what a desktop left there would keep pictures out of the result
    page, error, doing, started = f"{path.stem}.html", None, "", time.perf_counter()
    try:
        text, error = _executed(path, out / path.name, values)
        seconds = time.perf_counter() - started
        write_whole(out / path.name, text)
        doing = "rendering it: "
        write_whole(out / page, _render(text))
    except Exception as failure:  # this notebook failed, the others go on; older results stay as they were
        error, page = error or f"{doing}{type(failure).__name__}: {sentence(failure)}", None
        seconds = time.perf_counter() - started
    return Outcome(path.stem, seconds, error, page)


def _executed(path: Path, result: Path, values: dict[str, Any]) -> tuple[str, str | None]:
    """Run a notebook: what came of it, whole or up to its error, and that error.

    papermill writes while it works and takes braces in names for parameters: it gets a folder of its own.
    """
    import papermill

    error = None
    with TemporaryDirectory(prefix="colorlab-") as folder:
        given, made = Path(folder, "given.ipynb"), Path(folder, "made.ipynb")
        given.write_text(nbformat.writes(read_notebook(path)), encoding="utf-8")
        try:
            papermill.execute_notebook(
                str(given),
                str(made),
                values,
                kernel_name="python3",
                progress_bar=False,
                execution_timeout=CELL_TIMEOUT,
            )
        except papermill.PapermillExecutionError as failure:
            line = next((s for s in failure.source.splitlines() if s.strip()), "")
            error = f"cell {failure.cell_index} (In [{failure.exec_count}]) `{line}`: {failure.ename}: {failure.evalue}"
        except Exception as failure:  # a dead kernel, a cell that hangs
            if not made.is_file():
                raise
            error = f"{type(failure).__name__}: {failure}"
        notebook = nbformat.reads(made.read_text(encoding="utf-8"), as_version=4)
    notebook.metadata.papermill |= {"input_path": str(path), "output_path": str(result)}
    return nbformat.writes(notebook), error


def _render(notebook: str) -> str:
    from nbconvert import HTMLExporter

    page = HTMLExporter().from_notebook_node(nbformat.reads(notebook, as_version=4))[0]
    return re.sub(r'href="(\d\d_\w+)\.ipynb"', r'href="\1.html"', page)  # to the rendered neighbour


def _index(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for o in outcomes:
        name = html.escape(printable(o.name))
        # "./": a name such as javascript:… is a name, and no address
        link = f'<a href="./{quote(os.fsencode(o.page))}">{name}</a>' if o.page else name
        error = None if o.error is None else html.escape(printable(o.error))
        status = "✓ passed" if error is None else f"✗ failed<br><code>{error}</code>"
        rows.append(f"<tr><td>{link}</td><td>{status}</td><td>{o.seconds:.1f} s</td></tr>")
    failed = sum(o.error is not None for o in outcomes)
    total = sum(o.seconds for o in outcomes)
    summary = f"{len(outcomes) - failed} passed, {failed} failed, {total:.0f} s"
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>colorlab: {summary}</title>
<style>
  :root {{ color-scheme: light dark; }}
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
  table {{ border-collapse: collapse; width: 100%; }}
  th, td {{ text-align: left; vertical-align: top; padding: .5rem .75rem; border-bottom: 1px solid #8888; }}
</style>
<h1>The course, executed</h1>
<p>{summary}</p>
<table><thead><tr><th>notebook</th><th>status</th><th>time</th></tr></thead>
<tbody>{"".join(rows)}</tbody></table>
</html>
"""


# ---- for authors and readers ---------------------------------------------------------------------


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


def pages() -> list[Path]:
    """What lies beside the notebooks to be read with them: the glossary, the instructor's page."""
    return sorted(share("notebooks").glob("*.md"))


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
