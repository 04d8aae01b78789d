"""A training that goes on knows what it began with: data, size, weights; it may go on to more steps."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from colorlab.checkpoints import CheckpointError
from colorlab.cli import main
from colorlab.colorizer import Colorizer
from colorlab.config import Config
from colorlab.datasets import PARTS, hash_percent
from colorlab.networks.unet import UNet
from colorlab.objectives import Regression
from colorlab.toy import Marbles
from colorlab.training import fit, learning_rate_factor

SETTINGS = (
    "--size 16 --architecture UNet --width 4 --depth 1 --objective regression --uniform-mix 1 "
    "--batch-size 4 --evaluate-every 3 --steps 6"
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COLORLAB_CACHE", str(tmp_path / "cache"))


def album(folder: Path, names=tuple(f"{n}.png" for n in range(12)), seed: int = 0) -> Path:
    for n, name in enumerate(names):
        rgb = np.random.default_rng((seed, n)).integers(0, 256, (18, 20, 3), dtype=np.uint8)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rgb).save(folder / name)
    return folder


def train(data: Path, out: Path, *more: str):
    return CliRunner().invoke(
        main, ["train", "--data", str(data), "--out", str(out), *SETTINGS.split(), *more]
    )


@pytest.fixture
def begun(tmp_path) -> Path:
    """The folder of a finished training."""
    assert train(album(tmp_path / "mine"), tmp_path / "out").exit_code == 0
    return tmp_path / "out"


# ---- what it began with --------------------------------------------------------------------------


@pytest.mark.slow
def test_the_same_pictures_elsewhere_are_the_same_data(begun, tmp_path):
    moved = (tmp_path / "mine").rename(tmp_path / "moved")
    assert train(moved, begun, "--resume").exit_code == 0


@pytest.mark.slow
def test_other_pictures_are_refused_by_name(begun, tmp_path):
    before = {path.name: path.read_bytes() for path in begun.iterdir()}
    result = train(album(tmp_path / "theirs", seed=1), begun, "--resume")
    assert result.exit_code == 1 and "of another training (data was '" in result.output
    assert {path.name: path.read_bytes() for path in begun.iterdir()} == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--size", "24"], "size was 16, is 24"),
        (["--with-photographs"], "with_photographs was False, is True"),
        (["--start-from", "{other}"], "start_from was None, is ('colorizer.safetensors', '"),
        (["--seed", "2"], "seed was 0, is 2"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_another_beginning_is_refused_by_name(begun, tmp_path, more, message):
    assert train(tmp_path / "mine", tmp_path / "other", "--seed", "1").exit_code == 0
    other = str(tmp_path / "other" / "colorizer.safetensors")
    result = train(tmp_path / "mine", begun, "--resume", *(word.format(other=other) for word in more))
    assert result.exit_code == 1 and message in " ".join(result.output.split())


@pytest.mark.slow
def test_other_weights_of_the_same_name_are_another_beginning(begun, tmp_path):
    start = ["--start-from", str(begun / "colorizer.safetensors")]
    assert train(tmp_path / "mine", tmp_path / "second", *start).exit_code == 0
    first, second = (Colorizer.load(out / "colorizer.safetensors") for out in (begun, tmp_path / "second"))
    assert second.about["start"]["data"] == [first.about["data"]["key"]]
    assert train(tmp_path / "mine", tmp_path / "second", *start, "--resume").exit_code == 0
    colorizer = Colorizer.load(begun / "colorizer.safetensors")
    with torch.no_grad():
        next(colorizer.network.parameters()).add_(1)
    colorizer.save(begun / "colorizer.safetensors")
    result = train(tmp_path / "mine", tmp_path / "second", *start, "--resume")
    assert result.exit_code == 1 and "start_from was" in result.output


@pytest.mark.slow
def test_a_checkpoint_of_before_says_less_and_is_believed(begun, tmp_path):
    """It had no description; a setting that came later had its default."""
    state = torch.load(begun / "checkpoint.pt", weights_only=True)
    for name in ("about", "size"):
        del state[name]
    del state["config"]["places"]
    torch.save(state, begun / "checkpoint.pt")
    assert train(tmp_path / "mine", begun, "--resume").exit_code == 0
    result = train(tmp_path / "mine", begun, "--resume", "--places", "5")
    assert result.exit_code == 1 and "places was None, is 5" in result.output


@pytest.mark.slow
def test_what_a_checkpoint_says_is_shown_in_a_few_words(begun, tmp_path):
    state = torch.load(begun / "checkpoint.pt", weights_only=True)
    torch.save(state | {"objective": "\x1b]0;title\x07" * 10**6}, begun / "checkpoint.pt")
    result = train(tmp_path / "mine", begun, "--resume")
    assert result.exit_code == 1 and len(result.output) < 800 and "\x1b" not in result.output


@pytest.mark.slow
def test_the_optimizer_of_a_stranger_is_not_believed(begun, tmp_path):
    def changed(name, value):
        state = torch.load(begun / "checkpoint.pt", weights_only=True)
        state["optimizer"]["param_groups"][0][name] = value
        return state

    group = torch.load(begun / "checkpoint.pt", weights_only=True)["optimizer"]["param_groups"][0]
    for name, value in (("capturable", True), ("params", group["params"][::-1]), ("weight_decay", 1e9)):
        torch.save(changed(name, value), begun / "checkpoint.pt.spoilt")
        (begun / "checkpoint.pt.spoilt").replace(tmp_path / "spoilt.pt")
        with pytest.raises(CheckpointError, match="optimizer or schedule do not fit"):
            go_on(tmp_path / "spoilt.pt")


def go_on(checkpoint: Path) -> None:
    torch.manual_seed(0)
    colorizer = Colorizer(UNet(1, 2, width=4, depth=1, half_resolution=True), Regression(), working_size=16)
    state = torch.load(checkpoint, weights_only=True)
    colorizer.about = state["about"]
    fit(colorizer, Marbles(size=16), Config(**state["config"]), checkpoint=checkpoint)


@pytest.mark.slow
def test_weights_that_are_no_numbers_are_not_gone_on_with(begun, tmp_path):
    state = torch.load(begun / "checkpoint.pt", weights_only=True)
    next(iter(state["network"].values())).fill_(torch.nan)
    torch.save(state, begun / "checkpoint.pt")
    result = train(tmp_path / "mine", begun, "--resume")
    assert result.exit_code == 1 and "its weights are not numbers" in result.output


# ---- more steps ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_finished_training_goes_on_to_more_steps(begun, tmp_path):
    result = train(tmp_path / "mine", begun, "--resume", "--steps", "12")
    assert result.exit_code == 0 and "step 12 of 12" in result.output
    steps = torch.load(begun / "checkpoint.pt", weights_only=True)["history"]["step"]
    assert steps == [0, 3, 6, 9, 12]


@pytest.mark.slow
def test_fewer_steps_than_are_taken_are_refused(begun, tmp_path):
    result = train(tmp_path / "mine", begun, "--resume", "--steps", "5")
    assert result.exit_code == 1
    assert "6 steps are taken already, and 5 were asked for; ask for more steps" in result.output


def test_the_learning_rate_follows_the_new_plan(tmp_path):
    short, long = (
        Config(steps=4, batch_size=2, evaluate_every=2),
        Config(steps=40, batch_size=2, evaluate_every=2),
    )
    rates = []

    def stop(step, colorizer, history):
        state = torch.load(tmp_path / "a.pt", weights_only=True)
        rates.append(state["optimizer"]["param_groups"][0]["lr"])
        if step == 6:
            raise KeyboardInterrupt

    def untrained() -> Colorizer:
        torch.manual_seed(0)
        return Colorizer(UNet(1, 2, width=4, depth=1), Regression())

    fit(untrained(), Marbles(size=16), short, checkpoint=tmp_path / "a.pt")
    fit(untrained(), Marbles(size=16), long, stop, tmp_path / "a.pt")
    assert rates == [long.learning_rate * learning_rate_factor(6, long)]


@pytest.mark.slow
def test_two_trainings_alike_give_files_alike(begun, tmp_path):
    assert train(tmp_path / "mine", tmp_path / "again").exit_code == 0
    one, other = (folder / "colorizer.safetensors" for folder in (begun, tmp_path / "again"))
    assert one.read_bytes() == other.read_bytes()


# ---- few pictures, and many processes ------------------------------------------------------------


def names_of(part: str, count: int) -> list[str]:
    names = (f"{n}/large.jpeg" for n in range(10_000))
    return [name for name in names if hash_percent(name) in PARTS[part]][:count]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "counts"),
    [
        (names_of("held out", 1), "1 held out, 0 validation, 0 train"),
        (names_of("validation", 3), "0 held out, 3 validation, 0 train"),
        (names_of("train", 3), "0 held out, 0 validation, 3 train"),
    ],
    ids=["held out", "validation", "too few"],
)
def test_too_few_pictures_are_counted_by_part_and_the_option_is_named(tmp_path, names, counts):
    result = train(album(tmp_path / "few", names), tmp_path / "out")
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    said = " ".join(result.output.split())
    assert "fewer than one batch of 4" in said and counts in said
    assert "hash of its path" in said and "smaller --batch-size" in said


@pytest.mark.slow
def test_sixty_folders_with_one_name_in_each_are_trained_on(tmp_path):
    album(tmp_path / "many", [f"object{n:02}/large.jpeg" for n in range(60)])
    assert train(tmp_path / "many", tmp_path / "out").exit_code == 0


@pytest.mark.slow
def test_a_graphics_backend_that_is_not_there_does_not_stop_a_training(tmp_path):
    words = [
        "train",
        "--data",
        str(album(tmp_path / "mine")),
        "--out",
        str(tmp_path / "out"),
        *SETTINGS.split(),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "colorlab", *words],
        env=os.environ | {"MPLBACKEND": "nonsense", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-500:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            ["--seed", "{rank}"],
            "seed: not the same in all processes of this training; start all with the same",
        ),
        (["--resume", "--out", "{folder}/{rank}"], "checkpoint: not the same in all processes of this"),
        (["--resume"], "out holds no training to go on with"),
    ],
    ids=["seeds", "sight of the checkpoint", "nothing to go on with"],
)
def test_processes_that_were_asked_for_different_things_do_not_train(tmp_path, more, message):
    """Each would go on alone in silence, or all begin anew."""
    script = tmp_path / "rank.py"
    script.write_text(
        "import os, sys\nfrom colorlab.cli import main\n"
        "main([word.replace('{rank}', os.environ['RANK']) for word in sys.argv[1:]])"
    )
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "checkpoint.pt").touch()  # seen by the first process alone
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        str(script),
    ]
    words = [
        "train",
        "--data",
        str(album(tmp_path / "mine")),
        "--out",
        str(tmp_path / "out"),
        *SETTINGS.split(),
        *(word.replace("{folder}", str(tmp_path)) for word in more),
    ]
    done = subprocess.run(
        [*torchrun, *words],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert message in done.stderr and "colorlab/recipe.py" not in done.stderr  # a sentence
    assert not (tmp_path / "out").exists() and not (tmp_path / "1").exists()
