"""The parameters of a notebook: checked before anything else happens."""

import pytest
import torch

from colorlab.course.lesson import Lesson


@pytest.fixture(autouse=True)
def no_preset_from_outside(monkeypatch):
    monkeypatch.delenv("COLORLAB_PRESET", raising=False)


def test_the_defaults_are_those_of_a_laptop():
    lesson = Lesson()
    assert lesson.preset == "cpu"
    assert lesson.steps(smoke=1, cpu=2, full=3) == 2
    assert f"torch {torch.__version__.split('+')[0]}" in str(lesson)


def test_the_environment_replaces_the_default_but_not_a_choice(monkeypatch):
    monkeypatch.setenv("COLORLAB_PRESET", "smoke")
    assert Lesson().preset == "smoke"
    assert Lesson(preset="full").preset == "full"
    monkeypatch.setenv("COLORLAB_PRESET", "fast")
    with pytest.raises(
        ValueError, match=r"one of smoke, cpu, full, got 'fast' from .* variable COLORLAB_PRESET"
    ):
        Lesson()
    with pytest.raises(ValueError, match=r"got 'slow'$"):
        Lesson(preset="slow")
    monkeypatch.setenv("COLORLAB_PRESET", "")
    assert Lesson().preset == "cpu"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"preset": "quick"}, "preset: expected one of smoke, cpu, full, got 'quick'"),
        ({"device": "gpu"}, "device: expected auto, cpu, cuda, mps, got 'gpu'"),
        ({"seed": "7"}, "seed: expected a whole number"),
        ({"seed": True}, "seed: expected a whole number"),
        ({"grid_size": 2}, r"grid_size: expected a number from 4 to 100 \(Lab units\), got 2"),
        ({"grid_size": "10"}, "grid_size: expected a number"),
    ],
)
def test_a_wrong_value_is_refused_with_expected_and_got(parameters, message):
    with pytest.raises(ValueError, match=message):
        Lesson(**parameters)


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert Lesson().device == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert Lesson().device == "cpu"
    with pytest.raises(ValueError, match="this machine offers no 'cuda'"):
        Lesson(device="cuda")
