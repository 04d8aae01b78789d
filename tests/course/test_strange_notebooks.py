"""Notebooks of strangers, of Colab and of other versions; results and assignments on a full disk."""

import errno
import json

import nbformat
import pytest
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_notebook, new_output

from colorlab.cli import main
from colorlab.course import copies, running
from colorlab.course.execution import Executed
from colorlab.course.parameters import plan
from colorlab.course.progress import progress
from colorlab.course.reading import LONGEST, NotebookError, read_notebook
from colorlab.course.report import Outcome, index
from colorlab.course.resume import earlier
from colorlab.course.running import run
from colorlab.files import whole


def code(source: str, **more) -> dict:
    return {
        "cell_type": "code",
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    } | more


def notebook(cells: list, **metadata) -> dict:
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells}


STRANGE = {
    "empty": "",
    "no object": "[]",
    "nothing in it": "{}",
    "no cells": json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}}),
    "version 99": json.dumps(notebook([]) | {"nbformat": 99}),
    "version of words": json.dumps(notebook([]) | {"nbformat": ["4"]}),
    "nested without end": "[" * 100_000,
    "nested inside": '{"cells": ' + "[" * 100_000,
    "a cell without a source": json.dumps(notebook([{"cell_type": "code"}])),
    "a cell that is a number": json.dumps(notebook([7])),
    "tags that are a number": json.dumps(notebook([code("x = 1", metadata={"tags": 7})])),
    "outputs that are words": json.dumps(notebook([code("x = 1", outputs="none")])),
    "megabytes in a tag": json.dumps(notebook([code("x", metadata={"tags": {"a" * 10**6: 1}})])),
    "no text": b"\xff\xfe\x00",
}


@pytest.mark.slow
@pytest.mark.parametrize("content", STRANGE.values(), ids=STRANGE)
def test_what_is_no_notebook_is_a_sentence_everywhere(tmp_path, caplog, capfd, content):
    path = tmp_path / "05_brown_well.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(NotebookError, match="not a notebook, or a damaged one") as error:
        read_notebook(path)
    assert len(str(error.value)) < len(str(path)) + LONGEST + 60
    for words in (["nbgrader", str(path)], ["run", str(path), "-p", "x", "1"]):
        result = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "out" / "source")])
        assert result.exit_code in (1, 2) and isinstance(result.exception, SystemExit)
        assert str(path) in result.output and len(result.output) < 1000
    assert not (tmp_path / "out").exists()
    assert progress(folder=tmp_path).passed == 0
    assert caplog.text == "" and capfd.readouterr().err == ""


@pytest.mark.parametrize("source", ["check.q1(x, y)", "print(1)", "a" * 10**6])
def test_a_notebook_without_gradable_checks_is_named(tmp_path, source):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook([code(source, metadata={"tags": ["check"]})])))
    result = CliRunner().invoke(main, ["nbgrader", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1 and str(path) in result.output and len(result.output) < 500
    assert not (tmp_path / "out").exists()


COLAB_WIDGETS = {
    "application/vnd.jupyter.widget-state+json": {"0a": {"model_name": "LayoutModel", "state": {}}}
}
REAL = {
    "Colab's, without a kernel": notebook([code("print(6 * 7)")]),
    "Colab's, with widgets": notebook(
        [code("print(6 * 7)")], widgets=COLAB_WIDGETS, colab={"provenance": []}
    ),
    "another kernel": notebook([code("print(6 * 7)")], kernelspec={"name": "mine", "display_name": "mine"}),
    "format 3": {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [
            {
                "metadata": {},
                "cells": [
                    {
                        "cell_type": "code",
                        "input": "print(6 * 7)",
                        "outputs": [],
                        "language": "python",
                        "metadata": {},
                    }
                ],
            }
        ],
    },
}


@pytest.mark.parametrize("content", REAL.values(), ids=REAL)
def test_notebooks_that_people_have_are_read(tmp_path, content):
    path = tmp_path / "a.ipynb"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(content).encode())
    read = read_notebook(path)
    nbformat.validate(read)
    assert [cell.source for cell in read.cells] == ["print(6 * 7)"]
    assert read.metadata.kernelspec.name in ("python3", "mine")


@pytest.mark.slow
def test_one_without_a_kernel_is_run_as_python_and_braces_in_names_are_names(tmp_path):
    path = tmp_path / "{seed}.ipynb"
    path.write_text(json.dumps(notebook([code("print(6 * 7)")])))
    (outcome,) = run(plan([path]), tmp_path / "{out}")
    assert outcome.error is None and outcome.page == "{seed}.html"
    made = nbformat.read(tmp_path / "{out}" / path.name, as_version=4)
    assert made.cells[0].outputs[0].text == "42\n"
    assert made.metadata.papermill.input_path == str(path)
    assert made.metadata.papermill.output_path == str(tmp_path / "{out}" / path.name)


# ---- results -------------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_older_result(tmp_path, monkeypatch):
    path = tmp_path / "in" / "a.ipynb"
    path.parent.mkdir()
    path.write_text(json.dumps(notebook([])))
    (task,), out = plan([path]), tmp_path / "out"
    out.mkdir()
    made = new_notebook(metadata={"papermill": {}})
    running._keep(task, Executed(nbformat.writes(made), None, 1.0, {}), out, {}, "")
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    assert set(before) == {"a.ipynb", "a.html"}
    made.cells.append(new_code_cell("new"))

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(whole.os, "fsync", full)
    outcome = running._keep(task, Executed(nbformat.writes(made), None, 1.0, {}), out, {}, "")
    assert outcome.page is None
    said = f"{out / 'a.ipynb'}: No space left on device; make room there, or name another place"
    assert outcome.error == f"OSError: {said}"
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


@pytest.mark.slow
def test_the_report_of_an_earlier_run_is_gone_before_the_next_begins(tmp_path):
    (tmp_path / "index.html").write_text("all passed")
    path, seen = tmp_path / "in" / "a.ipynb", []
    path.parent.mkdir()
    path.write_text(json.dumps(notebook([])))
    run(plan([path]), tmp_path, on_look=lambda: seen.append((tmp_path / "index.html").read_text()))
    assert "not run" in seen[0] and "all passed" not in seen[0]


def test_the_report_links_to_names_and_never_to_addresses():
    names = ["javascript:alert(1)", "a<b>&\"'", "\x1b]0;title\x07", "x#y?z %41"]
    page = index([Outcome(name, 1.0, "<i>\x1b", f"{name}.html") for name in names])
    assert 'href="./javascript%3Aalert%281%29.html"' in page and 'href="./x%23y%3Fz%20%2541.html"' in page
    assert page.count('<a href="./') == 2 * len(names) and "href=javascript" not in page
    assert "\x1b" not in page and "<b>" not in page and "<i>" not in page


def test_a_full_disk_leaves_no_half_assignment(tmp_path, monkeypatch):
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    words = ["nbgrader", "05", "--out", str(tmp_path / "source")]
    with monkeypatch.context() as patch:
        patch.setattr(whole.os, "fsync", full)
        result = CliRunner().invoke(main, words)
    target = tmp_path / "source" / "05_brown_well" / "05_brown_well.ipynb"
    assert result.exit_code == 1 and f"Error: {target}: No space left on device" in result.output
    assert list(target.parent.iterdir()) == []
    assert "written" in CliRunner().invoke(main, words).output
    nbformat.validate(nbformat.read(target, as_version=4))


def test_a_link_to_nothing_is_a_readers_own(tmp_path):
    link = tmp_path / "01_lab_color.ipynb"
    link.symlink_to("nowhere")
    assert copies.copy_to(tmp_path) == [link]
    assert link.is_symlink() and not link.exists()


def test_signs_that_an_encoding_lacks_do_not_stop_the_map(tmp_path, monkeypatch):
    passed = new_output("execute_result", data={"text/plain": "passed: because"})
    cell = new_code_cell("check.q1(answer)", metadata={"tags": ["check"]}, outputs=[passed])
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "05_brown_well.ipynb")
    result = CliRunner(charset="cp1252").invoke(main, ["progress", str(tmp_path)])
    assert result.exit_code == 0 and "\\u2713 passed" in result.output


ODD_NOTES = [7, "words", ["a list"], {"edition": 7, "original": [1], "fingerprint": {}}, {"x": float("nan")}]


@pytest.mark.parametrize("notes", ODD_NOTES, ids=lambda notes: type(notes).__name__)
def test_notes_of_strangers_where_ours_would_lie_stop_nothing(tmp_path, notes):
    shown = new_output(
        "display_data", data={"image/png": 'x" onerror="alert(1)'}, metadata={"colorlab": notes}
    )
    cell = new_code_cell("1", metadata={"colorlab": notes}, outputs=[shown])
    odd, path = new_notebook(cells=[cell], metadata={"colorlab": notes}), tmp_path / "05_brown_well.ipynb"
    nbformat.write(odd, path)
    (task,) = plan([path])
    assert earlier(task, tmp_path) is None
    assert copies.older(tmp_path) == [path] and copies.update(path).name == "05_brown_well.new.ipynb"
    outcome = Outcome.of(task, None, 1.0, "a.html", odd)
    assert outcome.recorded.values in ({}, {"edition": 7})
    assert 'x" onerror' not in index([outcome])
