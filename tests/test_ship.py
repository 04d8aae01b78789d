"""benchmarks/ship.py: what it asks of a training that was never begun, was stopped, or is done; what it writes."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from colorlab.config import History

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import ship


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
    assert asked == [(first, False), (second, True)]
    ship.train("regression", "photos.zip", tmp_path / "out")
    assert len(asked) == 2  # it is done


@pytest.mark.parametrize("left", ["checkpoint.pt", "history.json"])
def test_a_training_of_which_only_one_file_is_left_is_not_begun_anew_in_silence(tmp_path, asked, left):
    """Without its checkpoint it is refused, with a sentence."""
    (tmp_path / left).write_text(json.dumps({"history": asdict(History(step=[150]))}))
    ship.train("scratch-regression", "photos.zip", tmp_path)
    assert asked == [(ship.STAGES["scratch-regression"][0], True)]
