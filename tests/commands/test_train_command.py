"""`colorlab train`: from a folder of pictures to weights that colour, stopped and resumed, alone and shared."""

import json
import os
import re
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
from colorlab.hints import GLOBAL_LENGTH, HINT_CHANNELS
from colorlab.networks.published import ARCHITECTURES
from colorlab.networks.unet import UNet
from colorlab.recipe import DEFAULT_SHAPE, NetworkPlan, ObjectivePlan, begin_with, network_for

NARROW = ["--size", "16", "--width", "4", "--batch-size", "4", "--evaluate-every", "3"]
SMALL = [*NARROW, "--architecture", "UNet", "--depth", "1"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COLORLAB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def command(tmp_path):
    data, out = as_zip(tmp_path / "pictures.zip"), tmp_path / "out"
    return ["train", "--data", str(data), "--out", str(out), *SMALL]


def run(*arguments):
    return CliRunner().invoke(main, arguments)


@pytest.mark.slow
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
    assert "40 pictures (" in result.output and "seen as squares of 16×16" in result.output
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


@pytest.mark.slow
def test_it_never_overwrites_a_training_and_goes_on_when_asked(command, tmp_path):
    assert run(*command, "--steps", "3").exit_code == 0
    before = (tmp_path / "out" / "checkpoint.pt").read_bytes()
    refused = run(*command, "--steps", "3")
    assert refused.exit_code == 1
    assert "go on with --resume, or name another folder" in refused.output
    assert (tmp_path / "out" / "checkpoint.pt").read_bytes() == before
    assert run(*command, "--steps", "3", "--resume").exit_code == 0
    other = run(*command, "--steps", "3", "--learning-rate", "0.01", "--resume")
    assert other.exit_code == 1
    assert "learning_rate was 0.003, is 0.01" in other.output


@pytest.mark.parametrize("there", [False, True])
def test_where_no_training_lies_there_is_none_to_go_on_with(command, tmp_path, there):
    out = tmp_path / "out"
    if there:
        out.mkdir()
    refused = run(*command, "--steps", "3", "--resume")
    assert refused.exit_code == 1
    said = (
        "no training to go on with, there is no checkpoint.pt; name the folder of one, or begin anew without"
    )
    assert f"{said} --resume" in " ".join(refused.output.split())
    assert (list(out.iterdir()) if there else out.exists()) == ([] if there else False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "nowhere"], "no such folder or archive"),
        (["--learning-rate", "7"], "learning_rate: expected a value in"),
        (["--batch-size", "1000"], "fewer than one batch of 1000"),
        (["--grid-size", "1"], "grid_size: expected a number from 4 to 100"),
        (["--start-from", "nowhere"], "nowhere: no such file"),
        (["--uniform-mix", "2"], "uniform_mix: expected"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(command, options, message):
    result = run(*command, "--steps", "3", *options)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("size", ["7", "1025"])
def test_squares_too_small_or_too_large_are_refused(command, size):
    result = run(*command, "--steps", "3", "--size", size)
    assert result.exit_code == 2
    assert f"{size} is not in the range 8<=x<=1024" in result.output


def test_what_is_not_said_is_a_network_whose_path_down_has_seen_the_world():
    defaults = {option.name: option.default for option in main.commands["train"].params}
    assert (defaults["architecture"], defaults["size"]) == ("LiteUNet", 192)
    said = {name: defaults[name] for name in ("grid_size", "targets", "uniform_mix")}
    assert ObjectivePlan(name=defaults["objective"], **said) == ObjectivePlan()
    network = network_for(NetworkPlan(defaults["architecture"]), 2)
    assert network.config["width"] == 48


# ---- architectures -------------------------------------------------------------------------------


@pytest.fixture
def narrow(command):
    """The command without a depth, which not every architecture has."""
    return [*command[: command.index("--size")], *NARROW]


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_trained_by_the_same_command(narrow, tmp_path, name):
    result = run(*narrow, "--architecture", name, "--steps", "3", "--grid-size", "40")
    assert result.exit_code == 0, result.output
    colorizer = Colorizer.load(tmp_path / "out" / "colorizer.safetensors")
    assert type(colorizer.network) is ARCHITECTURES[name]
    assert colorizer.network.config["width"] == 4
    assert colorizer.colorize(np.full((9, 7, 3), 90, np.uint8)).shape == (9, 7, 3)
    assert (
        run(*narrow, "--architecture", name, "--steps", "3", "--grid-size", "40", "--resume").exit_code == 0
    )


def test_the_command_offers_what_there_is():
    (option,) = (o for o in main.commands["train"].params if o.name == "architecture")
    assert set(option.type.choices) == set(ARCHITECTURES)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--architecture", "Zhang2016", "--depth", "2"], "Zhang2016: .*'depth'; it takes in_channels,"),
        (["--architecture", "LiteUNet", "--depth", "2"], "LiteUNet: .*'depth'; it takes in_channels,"),
        (["--architecture", "Zhang2016", "--half-resolution"], "Zhang2016: .*'half_resolution'; it takes"),
        (
            ["--architecture", "Koalarization", "--hints"],
            "hints: Koalarization .*; use UNet or LiteUNet or Zhang2017",
        ),
        (
            ["--architecture", "SemanticUNet", "--hints"],
            "hints: SemanticUNet .*; use UNet or LiteUNet or Zhang2017",
        ),
        (
            ["--architecture", "Ronneberger2015", "--width", "0"],
            "width: expected a whole number from 1 to 65,536, got 0",
        ),
    ],
)
def test_what_an_architecture_does_not_have_is_said_with_what_it_has(narrow, tmp_path, options, message):
    result = run(*narrow, "--steps", "3", *options)
    assert result.exit_code == 1
    assert re.search(message, " ".join(result.output.split()))
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_an_unknown_architecture_is_told_the_known_ones(narrow):
    result = run(*narrow, "--architecture", "VGG", "--steps", "3")
    assert result.exit_code == 2
    assert all(name in result.output for name in ARCHITECTURES)


@pytest.mark.slow
def test_a_training_is_not_resumed_with_another_architecture(narrow):
    options = ["--objective", "regression", "--steps", "3"]
    assert run(*narrow, *options, "--architecture", "Zhang2016").exit_code == 0
    result = run(*narrow, *options, "--architecture", "Zhang2017", "--resume")
    assert result.exit_code == 1
    assert "of another training" in result.output


def test_what_is_not_said_is_the_architectures_own_default():
    ours = network_for(NetworkPlan("UNet", depth=2), 2)
    assert {k: ours.config[k] for k in DEFAULT_SHAPE} == DEFAULT_SHAPE | {"depth": 2}
    with torch.device("meta"):
        theirs = network_for(NetworkPlan("Zhang2017"), 2)
    assert (theirs.config["width"], theirs.config["half_resolution"]) == (64, False)
    assert not network_for(NetworkPlan("UNet", half_resolution=False), 2).config["half_resolution"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["UNet", "LiteUNet", "Zhang2017"])
def test_with_hints_a_network_gets_channels_and_a_place_for_a_global_one(narrow, tmp_path, name):
    options = ["--architecture", name, "--objective", "regression", "--hints"]
    result = run(*narrow, "--steps", "3", *options)
    assert result.exit_code == 0, result.output
    guided = Colorizer.load(tmp_path / "out" / "colorizer.safetensors")
    assert guided.takes_hints and guided.takes_global_hint
    learnt = guided.network.follow[0].weight if name == "LiteUNet" else guided.network.fuse.mix.weight
    assert learnt[:, -GLOBAL_LENGTH:].any()  # zero before: what it was told was learnt from


@pytest.mark.slow
def test_a_place_for_a_global_hint_begins_without_effect(command, tmp_path):
    assert run(*command, "--steps", "2", "--objective", "regression").exit_code == 0
    first = Colorizer.load(tmp_path / "out" / "colorizer.safetensors")
    shape = {k: first.network.config[k] for k in ("width", "depth", "half_resolution")}
    guided = network_for(NetworkPlan("UNet", **shape, hints=True), 2)
    begin_with(guided, first.network)
    L, like = torch.linspace(0, 100, 64).reshape(1, 1, 8, 8), torch.rand(1, GLOBAL_LENGTH)
    answer = Colorizer(guided, first.objective).answer(L, like=like)
    torch.testing.assert_close(answer, first.answer(L))
    again = network_for(NetworkPlan("UNet", **shape, hints=True), 2)
    with torch.no_grad():
        guided.fuse.mix.weight.normal_()
    begin_with(again, guided)  # one that had it already hands on what it has learnt
    assert torch.equal(again.fuse.mix.weight, guided.fuse.mix.weight)
    with pytest.raises(ValueError, match="cannot begin"):
        begin_with(UNet(1, 2, **shape), guided)


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_network_with_hints_begins_with_one_without_and_colours_as_it_did(tmp_path, command):
    assert run(*command, "--steps", "2", "--objective", "regression").exit_code == 0
    first = Colorizer.load(tmp_path / "out" / "colorizer.safetensors")
    guided = UNet(
        1 + HINT_CHANNELS, 2, **{k: first.network.config[k] for k in ("width", "depth", "half_resolution")}
    )
    begin_with(guided, first.network)
    L = torch.linspace(0, 100, 64).reshape(1, 1, 8, 8)
    torch.testing.assert_close(Colorizer(guided, first.objective).answer(L), first.answer(L))


@pytest.mark.slow
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


@pytest.mark.slow
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


# ---- beginning with what has learnt already ------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("start", ["regression", "classification"])
def test_a_shipped_network_is_begun_with_by_its_name(command, tmp_path, start):
    shipped = Colorizer.pretrained(start)
    options = [*command[: command.index("--architecture")], "--objective", start, "--start-from", start]
    options += ["--uniform-mix", "1"] if start == "regression" else []
    options += ["--width", str(shipped.network.config["width"])]
    result = run(*options, "--steps", "1", "--learning-rate", "1e-8", "--warmup", "0")
    assert result.exit_code == 0, result.output
    trained = Colorizer.load(tmp_path / "out" / "colorizer.safetensors")
    for name, weight in shipped.network.state_dict().items():
        torch.testing.assert_close(trained.network.state_dict()[name], weight, atol=1e-6, rtol=1e-6)
    assert (trained.temperature, trained.by_region) == (shipped.temperature, shipped.by_region)
    assert trained.working_size == 16  # at which it was trained now
    assert trained.about["recipe"]["start_from"] == start


@pytest.mark.slow
def test_how_colours_are_decided_is_inherited(command, tmp_path):
    options = [*command, "--grid-size", "40", "--steps", "1"]
    assert run(*options).exit_code == 0
    first = Colorizer.load(tmp_path / "out" / "colorizer.safetensors")
    assert (first.temperature, first.by_region) == (0.38, False)
    first.temperature, first.by_region = 0.7, True
    start = str(first.save(tmp_path / "start.safetensors"))
    result = run(*options, "--out", str(tmp_path / "b"), "--start-from", start)
    assert result.exit_code == 0, result.output
    second = Colorizer.load(tmp_path / "b" / "colorizer.safetensors")
    assert (second.temperature, second.by_region) == (0.7, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("objective", "mix", "weighted"),
    [
        ("classification", "1", False),
        ("classification", "0.5", True),
        ("weighted-regression", "0.5", True),
        ("regression", "0.5", False),  # it knows no weights, whatever the default of λ
    ],
)
def test_what_is_rebalanced_is_what_was_asked_for(command, tmp_path, objective, mix, weighted):
    out = ["--out", str(tmp_path / "m"), "--objective", objective, "--grid-size", "40", "--uniform-mix", mix]
    assert run(*command, *out, "--steps", "1").exit_code == 0
    found = Colorizer.load(tmp_path / "m" / "colorizer.safetensors").objective
    assert (getattr(found, "uniform_mix", 1) == 0.5) == weighted


@pytest.mark.slow
def test_a_loss_at_some_places_is_a_choice(command, tmp_path):
    assert run(*command, "--steps", "3", "--places", "5", "--objective", "regression").exit_code == 0
    history = json.loads((tmp_path / "out" / "history.json").read_text())
    assert history["config"]["places"] == 5
    refused = run(*command, "--steps", "3", "--places", "0", "--out", str(tmp_path / "b"))
    assert refused.exit_code == 1 and "places: expected a value >= 1, got 0" in refused.output
