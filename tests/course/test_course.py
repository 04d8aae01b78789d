"""The course is run on small notebooks made here: what passes, what fails, what is refused."""

import json
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from small_notebooks import write

from colorlab.cli import main
from colorlab.course import copies
from colorlab.course import notebooks as course
from colorlab.course.parameters import ParameterError, check_parameters, plan
from colorlab.course.running import run


def texts(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(o.get("text", "") for c in cells if c.cell_type == "code" for o in c.outputs)


# ---- which notebooks -----------------------------------------------------------------------------


def test_notebooks_are_found_by_number_by_name_and_all_in_reading_order():
    assert [p.stem for p in course.find(["05", "color_bins", "05_brown_well"])] == [
        "05_brown_well",
        "06_color_bins",
    ]
    everything = [p.stem for p in course.find([])]
    assert everything == sorted(everything)
    assert {"01_lab_color", "04_regression", "07_classification"} <= set(everything)


def test_an_unknown_notebook_is_refused_with_those_that_exist():
    with pytest.raises(FileNotFoundError, match=r"99: no such notebook; there are .*05_brown_well"):
        course.find(["99"])


# ---- parameters ----------------------------------------------------------------------------------


def test_values_get_the_declared_types(tmp_path):
    path = write(tmp_path / "a.ipynb")
    given = [("preset", "smoke"), ("seed", "3"), ("rate", "2"), ("fast", "false")]
    values = check_parameters([path], given)[path]
    assert values == {"preset": "smoke", "seed": 3, "rate": 2.0, "fast": False}
    assert [type(v) for v in values.values()] == [str, int, float, bool]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("sede", "3", "no chosen notebook has this parameter; they have fast, preset, rate, seed"),
        ("seed", "three", "seed: expected int, got 'three'"),
        ("seed", "2.5", "seed: expected int"),
        ("fast", "perhaps", "fast: expected true or false, got 'perhaps'"),
        ("preset", "quick", "preset: expected one of smoke, cpu, full, got 'quick'"),
        ("seed", "-1", "seed: expected a whole number from 0"),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_runs(tmp_path, name, text, message):
    path = write(tmp_path / "a.ipynb", "open('ran', 'w')")
    with pytest.raises(ParameterError, match=message.replace("(", r"\(")):
        check_parameters([path], [(name, text)])
    result = CliRunner().invoke(main, ["run", str(path), "-p", name, text, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert name in result.output
    assert not (tmp_path / "out").exists()


def test_a_parameter_goes_to_the_notebooks_that_have_it():
    paths = course.find(["01", "06"])
    chosen = check_parameters(paths, [("grid_size", "20")])
    assert list(chosen.values()) == [{}, {"grid_size": 20}]


# ---- running -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_failure_is_named_and_the_others_still_run(tmp_path):
    paths = [
        write(tmp_path / "1_breaks.ipynb", "print('so far')", "\nx = 1 / 0"),
        write(tmp_path / "2_works.ipynb", "print(f'{seed} <{preset}>')"),
    ]
    out = tmp_path / "out"
    arguments = ["run", *map(str, paths), "-p", "seed", "7", "-p", "preset", "smoke", "--out", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.output
    assert "`x = 1 / 0`" in result.output  # the failing cell
    assert "1 passed, 1 failed" in result.output
    assert texts(out / "2_works.ipynb") == "7 <smoke>\n"
    index = (out / "index.html").read_text(encoding="utf-8")
    assert "✗ failed" in index
    assert "✓ passed" in index
    assert "ZeroDivisionError" in index
    for page in ("1_breaks.html", "2_works.html"):
        assert f'href="./{page}"' in index
        assert "A notebook" in (out / page).read_text(encoding="utf-8")
    assert not list(out.glob("*.partial"))
    assert (out / "GLOSSARY.md").is_file()  # the notebooks link to it


@pytest.mark.slow
def test_two_at_a_time_gives_the_outcomes_in_reading_order(tmp_path):
    paths = [
        write(tmp_path / "1_slow.ipynb", "import time; time.sleep(2)"),
        write(tmp_path / "2_quick.ipynb", "pass"),
    ]
    ended = []
    outcomes = run(plan(paths), tmp_path / "out", 2, on_end=lambda o: ended.append(o.name))
    assert [o.name for o in outcomes] == ["1_slow", "2_quick"]
    assert sorted(ended) == ["1_slow", "2_quick"]
    assert all(o.error is None for o in outcomes)


@pytest.mark.slow
def test_a_kernel_that_dies_is_a_failure_not_a_crash(tmp_path):
    paths = [write(tmp_path / "1_dies.ipynb", "import os; os._exit(1)"), write(tmp_path / "2_works.ipynb")]
    first, second = run(plan(paths), tmp_path / "out")
    assert "its kernel died in cell 2 `import os; os._exit(1)`: killed, perhaps" in first.error
    assert second.error is None


@pytest.mark.slow
def test_a_notebook_that_cannot_be_rendered_is_a_failure(tmp_path):
    path = write(tmp_path / "a.ipynb")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source = "![picture](attachment:missing.webp)"
    nbformat.write(notebook, path)
    (outcome,) = run(plan([path]), tmp_path / "out")
    assert "rendering it" in outcome.error
    assert outcome.page is None
    assert "no result" in (tmp_path / "out" / "a.html").read_text(encoding="utf-8")
    (again,) = run(plan([path]), tmp_path / "out", resume=True)
    assert not again.kept and "rendering it" in again.error


@pytest.mark.slow
def test_a_preset_given_here_is_stronger_than_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("COLORLAB_PRESET", "smoke")
    told = "from colorlab.course.lesson import Lesson\nprint(Lesson(preset=preset).preset)"
    path = write(tmp_path / "a.ipynb", told)
    run(plan([path], [("preset", "cpu")]), tmp_path / "out")
    assert texts(tmp_path / "out" / "a.ipynb") == "cpu\n"


# ---- authors and readers -------------------------------------------------------------------------


@pytest.mark.slow
def test_renewed_outputs_hold_what_teaches_and_nothing_else(tmp_path):
    picture = (
        "from IPython.display import display\n"
        'display({"image/jpeg": "QUJD"}, metadata={"image/jpeg": {"alt": "a"}}, raw=True)'
    )
    widget = "import ipywidgets, sys\nprint('noise', file=sys.stderr)\nipywidgets.IntSlider()"
    path = write(tmp_path / "a.ipynb", "print(6 * 7)", widget, picture)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].metadata["tags"] = ["header", "result"]
    nbformat.write(notebook, path)
    course.renew_outputs(path, figures=tmp_path)
    notebook = nbformat.read(path, as_version=4)
    first, _, number, slider, shown = notebook.cells
    assert number.outputs[0].text == "42\n"
    assert number.execution_count == 2
    assert slider.outputs == []
    assert shown.outputs
    assert first.attachments == {"header.jpg": {"image/jpeg": "QUJD"}}
    assert (tmp_path / "a.jpg").read_bytes() == b"ABC"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert "execution" not in json.dumps([c.metadata for c in notebook.cells])


@pytest.mark.slow
def test_a_copy_never_overwrites_a_readers_work(tmp_path):
    assert copies.copy_to(tmp_path) == []
    mine = tmp_path / "05_brown_well.ipynb"
    mine.write_text("my notes")
    (tmp_path / "06_color_bins.ipynb").unlink()
    kept = copies.copy_to(tmp_path)
    assert mine.read_text(encoding="utf-8") == "my notes"
    assert mine in kept
    copied = {p.name for p in tmp_path.iterdir()}
    assert copied == {p.name for p in course.notebooks()} | {"GLOSSARY.md", "TEACHING.md"}


# ---- the command line ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["-h"],
        ["run", "-h"],
        ["lab", "-h"],
        ["outputs", "-h"],
        ["doctor", "-h"],
        ["progress", "-h"],
        ["nbgrader", "-h"],
        ["colorize", "-h"],
        ["evaluate", "-h"],
    ],
)
def test_help_teaches(arguments):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    assert "Usage:" in result.output
    assert len(result.output.splitlines()) > 4


@pytest.mark.slow
def test_a_result_never_replaces_its_notebook_nor_another_result(tmp_path):
    path = write(tmp_path / "a.ipynb")
    with pytest.raises(ParameterError, match="would replace it"):
        run(plan([path]), tmp_path)
    (tmp_path / "copies").mkdir()
    answered = write(tmp_path / "copies" / "a.ipynb").read_bytes()
    with pytest.raises(ParameterError, match="would replace it"):
        run(plan([path]), tmp_path / "copies")
    assert (tmp_path / "copies" / "a.ipynb").read_bytes() == answered
    (tmp_path / "b").mkdir()
    twin = write(tmp_path / "b" / "a.ipynb")
    with pytest.raises(ParameterError, match="would collide"):
        run(plan([path, twin]), tmp_path / "out")


def test_a_path_means_that_file_and_no_other_of_its_name():
    with pytest.raises(FileNotFoundError, match="no such notebook"):
        course.find(["nowhere/05_brown_well.ipynb"])
