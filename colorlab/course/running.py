"""Many notebooks run, here or on a cluster: some at a time, stopped by a signal, reported on."""

import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
import psutil

from colorlab.course.contents import notebooks, pages
from colorlab.course.execution import Executed, execute
from colorlab.course.kernel import CELL_TIMEOUT
from colorlab.course.pages import render, render_text
from colorlab.course.parameters import ParameterError, Task
from colorlab.course.reading import NotebookError, read_notebook
from colorlab.course.report import NOT_RUN, Outcome, no_page, write_report
from colorlab.course.resume import KEY, earlier, fingerprint, sign
from colorlab.files.faults import sentence
from colorlab.files.whole import clear_leftovers, write_whole

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
LOOK = 0.5  # seconds from one look at what is running to the next
SILENT = 300  # seconds that a scheduler may say nothing; one on a busy machine takes its time
LOST = "the cluster was lost before its end; when its scheduler answers again, --resume runs what is missing"
PAPERMILL = logging.getLogger("papermill")


class Stopped(Exception):
    """A signal ended the run; `status` is what the process should end with."""

    def __init__(self, number: int):
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.status = 128 + number


def run(
    tasks: Sequence[Task],
    out: Path,
    jobs: int = 1,
    limit: float = CELL_TIMEOUT,
    cluster: str | None = None,
    resume: bool = False,
    on_cell: Callable[[str, int, int], None] = lambda name, cell, cells: None,
    on_end: Callable[[Outcome], None] = lambda outcome: None,
    on_look: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """Execute notebooks with papermill; a failure does not stop the others.

    SIGINT, SIGTERM and SIGHUP end all kernels at once; what was not run is reported so.

    Args:
        tasks: what to run, as `plan` returns.
        out: folder for the executed notebooks, their rendered pages and the report.
        jobs: how many at a time, sharing the cores.
        limit: seconds that a notebook may take.
        cluster: address of a Dask scheduler, whose workers run them instead, as many as it decides.
        resume: what passed in this folder before, and would be the same again, is kept.
        on_cell: told the name of the results, the cell that begins, counted from 1, and how many there are;
            by several threads; not of what runs on a cluster.
        on_end: told the outcome of one that ended.
        on_look: called twice a second.

    Returns:
        One outcome a task, in the same order.

    Raises:
        ParameterError: results that would replace a notebook.
        OSError: the folder cannot be written, or no scheduler answers.
        ModuleNotFoundError: a cluster without the package `distributed`.
        Stopped: by a signal, after everything has ended and the report is written.
    """
    for task in tasks:
        target = out / f"{task.name}.ipynb"
        if target.resolve() == task.path.resolve() or _is_somebodys(target):
            raise ParameterError(f"{target}: the result would replace it; choose another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    clear_leftovers(out)
    outcomes = {task: (resume and _earlier(task, out)) or Outcome.of(task, NOT_RUN) for task in tasks}
    waiting = [task for task, outcome in outcomes.items() if not outcome.kept]
    marks = {task: fingerprint(task) for task in waiting}  # as it begins: it may be edited meanwhile

    def submit(pool: Executor, task: Task) -> Future:
        given = (nbformat.writes(read_notebook(task.path)), task.values, limit)
        if cluster:
            return pool.submit(execute, *given)
        threads = max(1, (os.cpu_count() or 1) // min(jobs, len(waiting)))
        return pool.submit(execute, *given, threads, lambda *at: on_cell(task.name, *at))

    with _signals() as received, _pool(jobs, cluster) as pool:
        # At once, and after every end: it is there whatever becomes of this process, and tells of no earlier run.
        write_report(out, list(outcomes.values()))
        _write_pages(out, tasks)
        for outcome in (outcome for outcome in outcomes.values() if outcome.kept):
            on_end(outcome)
        running = {submit(pool, task): task for task in waiting if not received}
        try:
            while running and not received:
                done, _ = wait(running, LOOK, FIRST_COMPLETED)
                for future in done:
                    task = running.pop(future)
                    links = links_for(task.swept, tasks)
                    outcomes[task] = _keep(task, _executed(future), out, links, marks[task])
                    write_report(out, list(outcomes.values()))
                    on_end(outcomes[task])
                on_look()
        finally:  # also when the report cannot be written
            stopped = _stop(running, received)
        for task in stopped:
            outcomes[task] = Outcome.of(task, "stopped before its end")
        write_report(out, list(outcomes.values()))
    if received:
        raise Stopped(received[0])
    return list(outcomes.values())


@contextmanager
def _pool(jobs: int, cluster: str | None) -> Iterator[Executor]:
    """Where the work is done. Here threads suffice: each waits for a kernel, which is a process of its own."""
    if cluster is None:
        with ThreadPoolExecutor(jobs) as pool:
            yield pool
        return
    try:
        import dask
        from distributed import Client
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "--dask needs the extra `cluster`: pip install 'colorlab-course[cluster]'"
        ) from None
    with dask.config.set({"distributed.comm.timeouts.tcp": f"{SILENT}s"}):
        client = Client(cluster, timeout=30)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what is lost, the outcomes say
    try:
        yield client.get_executor(pure=False)
    finally:
        with suppress(Exception):  # a scheduler that is gone needs no good-bye
            client.close()


def _executed(future: Future) -> Executed:
    try:
        return future.result()
    except CancelledError:
        return Executed(None, LOST, 0.0, {})
    except Exception as failure:  # on a cluster: no worker survived it, or one has no colorlab
        return Executed(None, f"{type(failure).__name__}: {sentence(failure)}", 0.0, {})


# ---- results -------------------------------------------------------------------------------------


def _write_pages(out: Path, tasks: Sequence[Task]) -> None:
    """What the notebooks link to beside each other: as it is for them, as pages for theirs; and pages in the place of
    theirs, until there is a result. Now, for who stops a run does not want to wait for the disk."""
    for page in pages():
        if (out / page.name).resolve() != page.resolve():
            write_whole(out / page.name, page.read_bytes())
        write_whole(out / f"{page.stem}.html", render_text(page, links_for({}, tasks)))
    for task in tasks:
        with suppress(FileExistsError):
            write_whole(out / f"{task.name}.html", no_page(task.name), replace=False)


def links_for(swept: Mapping[str, Any], tasks: Sequence[Task]) -> dict[str, str]:
    """Where links of a page lead: to the neighbour run with the same values; else to the list of what was not run."""
    links = {page.name: f"{page.stem}.html" for page in pages()}
    links |= {path.name: f"index.html#{path.stem}" for path in notebooks()}
    for task in reversed(tasks):
        if all(swept.get(name, value) == value for name, value in task.swept.items()):
            links[task.path.name] = quote(f"{task.name}.html")
    return links


def _is_somebodys(target: Path) -> bool:
    """Whether a notebook lies there that no run wrote, such as a reader's copy with answers."""
    try:
        return "papermill" not in read_notebook(target).metadata
    except (NotebookError, OSError):
        return False


def _keep(task: Task, executed: Executed, out: Path, links: Mapping[str, str], mark: str) -> Outcome:
    """The results of a task written, marked with its fingerprint if it passed; older ones stay where that fails."""
    made, page, error, doing = None, f"{task.name}.html", executed.error, ""
    try:
        if executed.notebook is None:
            page = None
        else:
            made = nbformat.reads(executed.notebook, as_version=4)
            target = out / f"{task.name}.ipynb"
            made.metadata.papermill |= {"input_path": str(task.path), "output_path": str(target)}
            text = nbformat.writes(made)
            write_whole(target, text)
            doing = "rendering it: "
            write_whole(out / page, render(nbformat.reads(text, as_version=4), links, task.name))
            if error is None:  # last: what is signed has its page
                sign(made, mark, executed.seconds, executed.place)
                write_whole(target, nbformat.writes(made))
    except Exception as failure:  # this notebook failed, the others go on
        error, page = error or f"{doing}{type(failure).__name__}: {sentence(failure)}", None
    return Outcome.of(task, error, executed.seconds, page, made, place=executed.place)


def _earlier(task: Task, out: Path) -> Outcome | None:
    if (made := earlier(task, out)) is None:
        return None
    known = made.metadata[KEY]
    page = f"{task.name}.html"
    return Outcome.of(task, None, known["seconds"], page, made, place=known["place"], kept=True)


# ---- stopping ------------------------------------------------------------------------------------


class _Received(list[int]):
    """The signals that came. At each, whatever the main thread is at, the processes begun since then are ended."""

    def __init__(self):
        super().__init__()
        self.others = set(psutil.Process().children(recursive=True))

    def __call__(self, number: int, frame: object) -> None:
        self.append(number)
        PAPERMILL.disabled = True  # from here on kernels die because they are told to: no errors to be logged
        self.end_children()

    def end_children(self) -> None:
        for child in set(psutil.Process().children(recursive=True)) - self.others:
            with suppress(psutil.NoSuchProcess):
                child.kill()


@contextmanager
def _signals() -> Iterator[_Received]:
    """While the block runs no signal ends this process."""
    received = _Received()
    before = {number: signal.signal(number, received) for number in SIGNALS}
    try:
        yield received
    finally:
        PAPERMILL.disabled = False
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(running: dict[Future, Task], received: _Received) -> list[Task]:
    """End what runs, begin nothing more; the tasks that had begun."""
    begun = {future: task for future, task in running.items() if not future.cancel()}
    while begun and wait(begun, 0.1).not_done:  # one may have been about to start its kernel
        received.end_children()
    return list(begun.values())
