"""Every combination of swept values, what the notebooks recorded of it, and the report that compares."""

import csv
import json

import nbformat
import pytest
from click.testing import CliRunner
from small_notebooks import write

from colorlab.cli import main
from colorlab.course.comparison import drawn_over_sweeps
from colorlab.course.parameters import ParameterError, plan, with_file
from colorlab.course.record import Recorded
from colorlab.course.report import Outcome, table
from colorlab.course.running import links_for, run

pytestmark = pytest.mark.slow

GRID = "grid_size: int = 10\nseed: int = 0\npreset: str = 'cpu'"
RECORDS = "from colorlab.course.record import record\nrecord(bins=2100 / grid_size + seed / 3, word='a')"
DRAWS = """from matplotlib.figure import Figure
figure = Figure(figsize=(2, 1))
figure.subplots().plot([0, grid_size])
record(figure=figure, alt=f"a line up to {grid_size}")"""


def test_every_combination_is_run_by_notebooks_that_have_the_parameters(tmp_path):
    paths = [write(tmp_path / "06_a.ipynb", parameters=GRID)]
    paths += [write(tmp_path / "07_b.ipynb", parameters="seed: int = 0")]
    tasks = plan(paths, [], [("grid_size", ["5", "12.5"]), ("seed", ["0", "1"])])
    assert [task.name for task in tasks] == [
        "06_a_grid_size=5_seed=0",
        "06_a_grid_size=5_seed=1",
        "06_a_grid_size=12.5_seed=0",
        "06_a_grid_size=12.5_seed=1",
        "07_b_seed=0",
        "07_b_seed=1",
    ]
    assert tasks[3].values == {"grid_size": 12.5, "seed": 1}


def test_a_repeated_parameter_and_a_wrong_value_are_refused_before_anything_runs(tmp_path):
    path = write(tmp_path / "a.ipynb", parameters=GRID)
    with pytest.raises(ParameterError, match=r"seed: given 2 times; .* --sweep seed 1,2"):
        plan([path], [("seed", "1"), ("seed", "2")])
    words = ["run", str(path), "--out", str(tmp_path / "out"), "--sweep", "grid_size", "5,none"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2 and "grid_size: expected a number, got 'none'" in result.output
    assert not (tmp_path / "out").exists()


def test_a_file_gives_parameters_and_sweeps_and_the_command_line_is_stronger(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("grid_size: [5, 10]\nseed: 3\npreset: smoke\n")
    assert with_file(file, [("seed", "4")], []) == (
        [("preset", "smoke"), ("seed", "4")],
        [("grid_size", ["5", "10"])],
    )
    file.write_text("- 1")
    with pytest.raises(ParameterError, match="expected lines of NAME: VALUE"):
        with_file(file, [], [])


def test_links_lead_to_the_neighbour_run_with_the_same_values(tmp_path):
    paths = [write(tmp_path / f"{n}.ipynb", parameters=GRID) for n in ("06_color_bins", "07_b")]
    tasks = plan(paths, [], [("seed", ["0", "1"])])
    links = links_for({"seed": 1}, tasks)
    assert links["07_b.ipynb"] == "07_b_seed%3D1.html"
    assert links["05_brown_well.ipynb"] == "index.html#05_brown_well"
    assert links["GLOSSARY.md"] == "GLOSSARY.html"


def test_the_report_the_json_and_the_csv_hold_the_same_numbers_and_resume_keeps_them(tmp_path):
    path, out = write(tmp_path / "a.ipynb", RECORDS, DRAWS, parameters=GRID), tmp_path / "out"
    tasks = plan([path], [], [("grid_size", ["5", "20"]), ("seed", ["1"])])
    outcomes = run(tasks, out, jobs=2)
    assert [o.error for o in outcomes] == [None, None]
    rows = list(csv.DictReader((out / "results.csv").open()))
    assert [(row["grid_size"], row["seed"], row["preset"], row["bins"]) for row in rows] == [
        ("5", "1", "cpu", "420.333"),
        ("20", "1", "cpu", "105.333"),
    ]
    made = json.loads((out / "results.json").read_text())
    assert [run["recorded"] for run in made] == [
        {"bins": 420.333, "word": "a"},
        {"bins": 105.333, "word": "a"},
    ]
    assert [f"{run['seconds']:.1f}" for run in made] == [row["seconds"] for row in rows]
    page = (out / "index.html").read_text(encoding="utf-8")
    for cells in table(outcomes)[1:]:
        assert all(f">{cell}</td>" in page for cell in cells[3:])
    assert "bins seed = 1: 420.333 at 5, 105.333 at 20" in page  # the drawing, in words
    assert 'alt="a line up to 20"' in page and page.count('src="data:image/') == 3
    assert all(made[0]["versions"][name] in page for name in ("torch", "python")) and made[0]["date"] in page
    # Again: one is kept; the other has changed, and so is run.
    notebook = nbformat.read(out / f"{tasks[1].name}.ipynb", as_version=4)
    del notebook.metadata["colorlab"]
    nbformat.write(notebook, out / f"{tasks[1].name}.ipynb")
    again = run(tasks, out, resume=True)
    assert [o.kept for o in again] == [True, False]
    assert table(again)[1] == table(outcomes)[1]
    path.write_text(path.read_text().replace("2100", "2101"))
    assert [o.kept for o in run(tasks[:1], out, resume=True)] == [False]


@pytest.mark.parametrize("worded", [0, 1])
def test_what_one_run_recorded_as_a_word_is_drawn_for_the_others(worded):
    """As where a training diverged: NaN cannot be recorded."""
    losses = [3.0, 2.0, 1.0]
    losses[worded] = "diverged"
    outcomes = [
        Outcome(f"a_{n}", 1.0, None, None, "a", {"seed": n}, recorded=Recorded({"loss": loss}))
        for n, loss in enumerate(losses)
    ]
    page = "".join(drawn_over_sweeps(outcomes))
    told = ", ".join(f"{loss:g} at {n}" for n, loss in enumerate(losses) if n != worded)
    assert f'alt="loss : {told}"' in page


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("record(x=[1])", "TypeError: x: expected a number, a word, True or False, got list"),
        ("record(x=float('nan'))", "ValueError: x: expected a finite number, got nan"),
        ("from matplotlib.figure import Figure; record(figure=Figure())", "alt: say in a sentence"),
    ],
)
def test_what_cannot_be_recorded_is_refused(call, message):
    with pytest.raises((TypeError, ValueError)) as error:
        exec(f"from colorlab.course.record import record\n{call}", {})
    assert message in f"{type(error.value).__name__}: {error.value}"
