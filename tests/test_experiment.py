"""Recorded trainings: what is written comes back, and the replay shows the moment it names."""

from itertools import pairwise

import numpy as np
import pytest

from colorlab.config import History
from colorlab.experiment import Run, read_runs, recorded_runs, write_runs
from colorlab.widgets.experiment_replay import ExperimentReplay, share_of_chroma

RED, GREY = (np.full((16, 16, 3), color, np.uint8) for color in ((200, 60, 40), (110, 110, 110)))


def run(steps=(0, 5, 20), **scores) -> Run:
    """One whose pictures turn from grey to red, and that was measured more often than pictured."""
    measured = sorted({*steps, 10})
    history = History(
        measured, [9.0 - 0.1 * s for s in measured], [1.0] * len(measured), [1.0] * len(measured)
    )
    return Run(history, {s: [GREY, RED] if s else [GREY, GREY] for s in steps}, scores)


def replay(**runs) -> ExperimentReplay:
    return ExperimentReplay(runs, [GREY, RED], ["wall", "door"], dict.fromkeys(runs, "nats"))


def test_what_is_written_comes_back(tmp_path):
    write_runs(tmp_path / "experiment.zip", {"regression": run(hits=50.0), "classification": run()})
    found = read_runs(tmp_path / "experiment.zip")
    assert list(found) == ["regression", "classification"]
    assert found["regression"].history == run().history
    assert found["regression"].scores == {"hits": 50.0}
    assert found["classification"].scores == {}
    assert list(found["classification"].frames) == [0, 5, 20]
    assert np.abs(found["regression"].last[1][4:-4, 4:-4].astype(int) - RED[0, 0]).max() < 8  # WEBP


def test_controls_are_read_where_there_are_any(tmp_path):
    write_runs(tmp_path / "experiment.zip", {"regression": run()})
    assert list(recorded_runs(tmp_path)) == ["regression"]
    write_runs(tmp_path / "controls.zip", {"weighted-regression": run(steps=(20,), psnr=21.0)})
    assert list(recorded_runs(tmp_path)) == ["regression", "weighted-regression"]


def test_the_replay_has_the_steps_of_which_both_have_pictures():
    assert replay(a=run(), b=run(steps=(0, 20))).steps == [0, 20]
    with pytest.raises(ValueError, match="got none"):
        replay(a=run(steps=(0, 5)), b=run(steps=(10, 20)))


def test_the_replay_tells_loss_and_share_of_chroma_of_its_moment():
    said = replay(a=run()).describe(20, "door")
    assert "After 20 steps" in said
    assert "a: nats 7, door 100% as" in said
    assert "100% as colourful" in said


def test_no_step_is_written_over_the_next():
    runs = {name: run for name, run in recorded_runs().items() if name in ("regression", "classification")}
    figure = ExperimentReplay(runs, [GREY] * 6, list("abcdef"), dict.fromkeys(runs, "nats")).render(0, "a")
    figure.canvas.draw()
    for curve in figure.axes[:2]:
        boxes = [label.get_window_extent() for label in curve.get_xticklabels()]
        assert len(boxes) >= 4
        assert all(one.x1 < other.x0 for one, other in pairwise(boxes))


def test_the_share_of_chroma_is_the_ratio_of_the_chromas():
    assert share_of_chroma(RED, RED) == 1
    assert share_of_chroma(GREY, RED) == pytest.approx(0, abs=1e-3)
