"""What benchmarks/ship.py asks of a training, begun or not; what benchmarks write that ships: whole or not at all."""

import json
import os
import runpy
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from colorlab.colorizer import WEIGHTS, Colorizer
from colorlab.config import History
from colorlab.objectives import Regression

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import ship

SCRIPTS = sorted(Path(ship.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_benchmark_finds_all_that_it_imports(script):
    """Seldom run, so what it needs may have moved."""
    assert callable(runpy.run_path(str(script), run_name="imported")["main"])


@pytest.fixture
def asked(monkeypatch) -> list[tuple[int, bool]]:
    """(steps, resume) of every training that was asked for; each leaves what a finished one does."""
    calls = []

    def train(data, out, config, *plans, resume, **options):
        calls.append((config.steps, resume))
        out.mkdir(exist_ok=True)
        (out / "checkpoint.pt").touch()
        (out / "history.json").write_text(json.dumps({"history": asdict(History(step=[config.steps]))}))

    monkeypatch.setattr(ship.recipe, "train", train)
    return calls


def test_a_training_is_gone_on_with_only_where_there_is_one(tmp_path, asked):
    first, second = ship.STAGES["regression"]
    ship.train("regression", "photos.zip", tmp_path / "out")
    last = (ship.AGAIN.steps, False)  # in a folder of its own
    assert asked == [(first, False), (second, True), last]
    ship.train("regression", "photos.zip", tmp_path / "out")
    assert len(asked) == 3  # it is done


@pytest.mark.parametrize("left", ["checkpoint.pt", "history.json"])
def test_a_training_of_which_only_one_file_is_left_is_not_begun_anew_in_silence(tmp_path, asked, left):
    """Without its checkpoint it is refused, with a sentence."""
    (tmp_path / left).write_text(json.dumps({"history": asdict(History(step=[150]))}))
    ship.train("scratch-regression", "photos.zip", tmp_path)
    assert asked == [(ship.STAGES["scratch-regression"][0], True)]


# ---- whole files ---------------------------------------------------------------------------------


def another_name(path: Path) -> Path:
    """A second name of a file: it shows the older content for ever, unless somebody writes into the file itself."""
    second = path.with_suffix(".before")
    os.link(path, second)
    return second


def test_a_card_is_never_half_written(tmp_path, monkeypatch):
    for name in ("guided.safetensors", "guided.md"):
        (tmp_path / name).write_bytes((WEIGHTS / name).read_bytes())
    (tmp_path / "guided.md").write_text("before")
    second = another_name(tmp_path / "guided.md")
    monkeypatch.setattr(ship, "WEIGHTS", tmp_path)
    ship.write_card("guided")
    assert (tmp_path / "guided.md").read_text("utf-8") == (WEIGHTS / "guided.md").read_text("utf-8")
    assert second.read_text() == "before"


def test_a_picture_of_the_loss_is_never_half_written(tmp_path, monkeypatch):
    made, weights = tmp_path / "build" / "guided", tmp_path / "weights"
    made.mkdir(parents=True), weights.mkdir()
    colorizer = Colorizer.new(Regression(), width=2, depth=1)
    colorizer.about = {"data": {}}
    colorizer.save(made / "colorizer.safetensors")
    (made / "loss.webp").write_bytes(b"after")
    (weights / "guided.webp").write_bytes(b"before")
    second = another_name(weights / "guided.webp")
    monkeypatch.setattr(ship, "WEIGHTS", weights)
    monkeypatch.setattr(ship, "open_collection", lambda *_: type("Collection", (), {"key": "k"}))
    ship.ship("guided", "photos.zip", tmp_path / "build")
    assert (weights / "guided.webp").read_bytes() == b"after" and second.read_bytes() == b"before"


def test_the_page_of_the_benchmarks_is_never_half_written(tmp_path):
    bench = runpy.run_path(str(Path(ship.__file__).parent / "bench" / "__main__.py"), run_name="bench")
    page = tmp_path / "README.md"
    page.write_text(f"λ {bench['BEGIN']} old {bench['END']} rest", "utf-8")
    second = another_name(page)
    bench["write_table"](page, "| new |")
    assert page.read_text("utf-8") == f"λ {bench['BEGIN']}\n\n| new |\n{bench['END']} rest"
    assert " old " in second.read_text("utf-8")
