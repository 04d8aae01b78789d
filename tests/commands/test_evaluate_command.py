"""`colorlab evaluate`: the table and the JSON that judge networks, on the pictures they never learnt from."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from test_colorize_command import colorlab, save_model

from colorlab import evaluation
from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.commands import scores
from colorlab.data import to_lab
from colorlab.datasets import middle_square, open_collection
from colorlab.files.media import read_image
from colorlab.hints import HINT_CHANNELS
from colorlab.metrics import score
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification, Regression


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model") / "small.safetensors", Classification(ColorBins(40)))


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Four, large enough to be judged, in two folders."""
    monkeypatch.setenv("COLORLAB_CACHE", str(tmp_path / "cache"))
    row = {"flicker": 1.0, "rebalanced_auc": 50.0}  # it has tests of its own
    monkeypatch.setattr(evaluation, "flicker_of", lambda network: {"by_frame": row, "smoothed": row})
    folder, rng = tmp_path / "album", np.random.default_rng(0)
    for name in ("one/a.png", "one/b.png", "two/c.png", "two/d.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (50, 60, 3), dtype=np.uint8)).save(folder / name)
    return folder


def test_evaluate_prints_the_table_with_baselines_of_whole_pictures(photographs, model):
    result = colorlab("evaluate", photographs, "--model", model)
    assert result.exit_code == 0, result.output
    assert "4 pictures of album (all), coloured whole, as `colorlab colorize` does" in result.output
    for row in ("grey", "one color", "small", "small, mode"):
        assert f"\n{row} " in result.output
    assert all(len(line) <= 80 for line in result.stdout.splitlines()[2:])  # what a terminal shows of a table
    assert "…" not in result.output


def test_the_table_has_every_row_with_every_measure_and_its_interval(photographs, model, monkeypatch):
    monkeypatch.setattr(scores.console, "width", 200)
    found = evaluation.report(photographs, (model,))
    with scores.console.capture() as shown:
        scores.show(found)
    lines = shown.get().splitlines()
    for name, row in found.rows.items():
        first = next(n for n, line in enumerate(lines) if line.startswith(f"{name} "))
        for measure, digits in (("psnr", 2), ("hits", 1), ("patchiness", 2)):
            low, high = row.interval[measure]
            assert f"{row.scores[measure]:.{digits}f}" in lines[first]
            assert f"{low:.{digits}f}–{high:.{digits}f}" in lines[first + 1]


def test_what_cannot_be_measured_is_a_dash(photographs, model, tmp_path):
    (tmp_path / "flat").mkdir()
    for n in range(3):
        Image.new("RGB", (50, 48), (120, 110, 100 - n)).save(tmp_path / "flat" / f"{n}.png")
    result = colorlab("evaluate", tmp_path / "flat", "--model", model)
    assert result.exit_code == 0, result.output
    assert "–" in next(line for line in result.output.splitlines() if line.startswith("grey "))
    assert "nan" not in result.output


def test_evaluate_as_json_is_what_the_library_says(photographs, tmp_path):
    models = [
        save_model(tmp_path / "r.safetensors", Regression()),
        save_model(tmp_path / "g.safetensors", Classification(ColorBins(40)), 1 + HINT_CHANNELS),
    ]
    words = [w for m in models for w in ("--model", m)]
    result = colorlab("evaluate", photographs, *words, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    described = {"name": "album", "key": 0, "part": "all", "without": [], "pictures": 4}
    assert found["data"] | {"key": 0} == described
    assert found["rows"]["grey"]["scores"]["chroma_ratio"] == 0
    saturated = [name for name in found["rows"] if name.startswith("r × ")]
    assert len(saturated) == 1
    assert {"r - grey", "g - grey", "g - r", f"g - {saturated[0]}"} == set(found["differences"])
    assert found["hints"]["counts"] == [0, 1, 2, 5, 10, 20]
    # No hints, spread by nothing, is grey; a network without hints is the network alone.
    labs = [to_lab(middle_square(read_image(file), 16)) for file in sorted(photographs.rglob("*.png"))]
    alone = Colorizer.load(models[1]).predict_ab(torch.stack(labs)[:, :1])
    for name, answers in (("spread", [torch.zeros_like(lab[1:]) for lab in labs]), ("guided", list(alone))):
        assert found["hints"][name]["psnr"][0] == pytest.approx(score(answers, labs)["psnr"], abs=1e-6)
    assert found["hints"]["spread"]["psnr"][5] > found["hints"]["spread"]["psnr"][0]


def test_evaluate_leaves_out_folders_that_are_named(photographs, model):
    result = colorlab("evaluate", photographs, "--model", model, "--without", "two", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["data"]
    assert (found["pictures"], found["without"]) == (2, ["two"])
    nothing = colorlab("evaluate", photographs, "--model", model, "--without", "two", "--without", "one")
    assert nothing.exit_code == 1
    assert "has 0 pictures; at least 2 are needed" in " ".join(nothing.output.split())


def test_evaluate_names_a_missing_folder(tmp_path):
    result = colorlab("evaluate", tmp_path / "nothing")
    assert result.exit_code == 1
    assert "no such folder or archive" in result.output


def test_two_files_of_one_name_are_two_rows(photographs, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    files = [save_model(tmp_path / name / "c.safetensors", Regression()) for name in ("one", "two")]
    result = colorlab("evaluate", photographs, "--model", files[0], "--model", files[1], "--json")
    assert result.exit_code == 0, result.output
    assert set(files) < set(json.loads(result.stdout)["rows"])


@pytest.mark.slow
def test_what_a_network_learnt_from_is_judged_on_its_held_out_part_wherever_it_lies(photographs, tmp_path):
    """The content tells, not the name of its folder."""
    rng = np.random.default_rng(0)
    for i in range(80):
        Image.fromarray(rng.integers(0, 255, (48, 48, 3), dtype=np.uint8)).save(photographs / f"n{i}.png")
    moved = photographs.rename(tmp_path / "moved")
    torch.manual_seed(0)
    network = UNet(1, 2, width=4, depth=1)
    model = tmp_path / "m.safetensors"
    key = open_collection(moved, 192).key
    for about, part in (
        ({"data": {"name": "album", "key": key}}, "held out"),
        ({"data": {"name": "moved", "key": "another"}}, "all"),
        (
            {"data": {"key": "another"}, "start": {"name": "a", "data": [key]}},
            "held out",
        ),  # it began with one
        ({"data": {"key": [key]}, "start": [key]}, "all"),  # a stranger's
    ):
        Colorizer(network, Regression(), working_size=16, about=about).save(model)
        result = colorlab("evaluate", moved, "--model", model, "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["data"]["part"] == part
