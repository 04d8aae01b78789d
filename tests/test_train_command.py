"""`colorlab train`: from a folder of pictures to weights that colour, stopped and resumed, alone and shared."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from test_datasets import FILES, as_zip

from colorlab.cli import main
from colorlab.colorizer import Colorizer
from colorlab.hints import HINT_CHANNELS
from colorlab.recipe import begin_with
from colorlab.unet import UNet

SMALL = ["--size", "16", "--width", "4", "--depth", "1", "--batch-size", "4", "--evaluate-every", "3"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COLORLAB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def command(tmp_path):
    data, out = as_zip(tmp_path / "pictures.zip"), tmp_path / "out"
    return ["train", "--data", str(data), "--out", str(out), *SMALL]


def run(*arguments):
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    "options",
    [
        ["--objective", "regression"],
        ["--grid-size", "20"],
        ["--grid-size", "20", "--targets", "soft", "--uniform-mix", "1", "--precision", "bfloat16"],
        ["--grid-size", "20", "--full-resolution"],
    ],
    ids=" ".join,
)
def test_a_training_leaves_weights_that_colour_and_its_history(command, tmp_path, options):
    result = run(*command, "--steps", "6", *options)
    assert result.exit_code == 0, result.output
    assert "40 pictures of 16×16" in result.output
    assert "step 6 of 6: loss" in result.output
    out = tmp_path / "out"
    assert {p.name for p in out.iterdir()} == {
        "checkpoint.pt",
        "colorizer.safetensors",
        "history.json",
        "loss.webp",
    }
    picture = np.full((9, 7, 3), 90, np.uint8)
    assert Colorizer.load(out / "colorizer.safetensors").colorize(picture).shape == (9, 7, 3)
    assert json.loads((out / "history.json").read_text())["history"]["step"] == [0, 3, 6]
    Image.open(out / "loss.webp").verify()


def test_it_never_overwrites_a_training_and_goes_on_when_asked(command, tmp_path):
    assert run(*command, "--steps", "3").exit_code == 0
    before = (tmp_path / "out" / "checkpoint.pt").read_bytes()
    refused = run(*command, "--steps", "3")
    assert refused.exit_code == 1
    assert "go on with --resume, or name another folder" in refused.output
    assert (tmp_path / "out" / "checkpoint.pt").read_bytes() == before
    assert run(*command, "--steps", "3", "--resume").exit_code == 0
    other = run(*command, "--steps", "4", "--resume")
    assert other.exit_code == 1
    assert "steps was 3, is 4" in other.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "nowhere"], "no such folder or archive"),
        (["--learning-rate", "7"], "learning_rate: expected a value in"),
        (["--batch-size", "1000"], "fewer than one batch of 1000"),
        (["--grid-size", "1"], "grid_size: expected a number from 4 to 100"),
        (["--size", "2"], "size: expected a whole number of pixels >= 8"),
        (["--uniform-mix", "2"], "uniform_mix: expected"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(command, options, message):
    result = run(*command, "--steps", "3", *options)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


def test_two_processes_train_one_network(command, tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    arguments = [*torchrun, "-m", "colorlab", *command, "--steps", "6", "--grid-size", "20"]
    result = subprocess.run(
        arguments, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("step 6 of 6: loss") == 1  # one of them speaks
    assert (tmp_path / "out" / "colorizer.safetensors").is_file()
    assert len(FILES) == 44


def test_a_network_with_hints_begins_with_one_without_and_colours_as_it_did(tmp_path, command):
    assert run(*command, "--steps", "2", "--objective", "regression").exit_code == 0
    first = Colorizer.load(tmp_path / "out" / "colorizer.safetensors")
    guided = UNet(
        1 + HINT_CHANNELS, 2, **{k: first.network.config[k] for k in ("width", "depth", "half_resolution")}
    )
    begin_with(guided, first.network)
    L = torch.linspace(0, 100, 64).reshape(1, 1, 8, 8)
    torch.testing.assert_close(Colorizer(guided, first.objective).answer(L), first.answer(L))


def test_hints_are_learnt_from_the_command_line_resumed_or_not(tmp_path, command):
    options = ["--objective", "regression", "--hints", "--with-photographs"]
    assert run(*command, "--steps", "2", "--objective", "regression").exit_code == 0
    start = str(tmp_path / "out" / "colorizer.safetensors")
    out = ["--out", str(tmp_path / "guided"), "--start-from", start, "--steps", "3"]
    result = run(*command, *options, *out)
    assert result.exit_code == 0, result.output
    guided = Colorizer.load(tmp_path / "guided" / "colorizer.safetensors")
    assert guided.takes_hints
    assert guided.about["recipe"]["start_from"] == "colorizer.safetensors"
    assert guided.about["data"]["photographs"] == ["astronaut", "coffee", "china"]


def test_a_network_of_another_shape_cannot_be_begun_with(tmp_path, command):
    assert run(*command, "--steps", "1").exit_code == 0
    start = str(tmp_path / "out" / "colorizer.safetensors")
    result = run(
        *command, "--out", str(tmp_path / "b"), "--start-from", start, "--steps", "1", "--depth", "2"
    )
    assert result.exit_code == 1
    assert "give it the same architecture, width, depth and number of answers" in result.output.replace(
        "\n", " "
    )
