"""Arguments: NumPy's numbers are numbers, kept as Python's own so that files can hold them; words are no truth."""

import json
import re
from dataclasses import asdict

import numpy as np
import pytest
import torch

from colorlab.arguments import whole_number
from colorlab.batch import Settings
from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.config import Config
from colorlab.course.lesson import Lesson
from colorlab.data import Crops
from colorlab.datasets import open_collection
from colorlab.deep_filters import shuffled
from colorlab.networks.base import Fuse
from colorlab.networks.fusion import SemanticUNet
from colorlab.networks.lite0 import shipped
from colorlab.networks.lite_unet import LiteUNet
from colorlab.networks.published import Koalarization, Ronneberger2015, Zhang2016, Zhang2017
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification, Regression
from colorlab.recipe import NetworkPlan, ObjectivePlan, train
from colorlab.toy import Marbles
from colorlab.weighted_regression import WeightedRegression

PRIOR = torch.full((ColorBins(40).n_bins,), 1 / ColorBins(40).n_bins)


def kinds(values: dict) -> dict:
    return {name: type(value) for name, value in values.items()}


# ---- NumPy's numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [np.int64, np.int16, np.uint8])
@pytest.mark.parametrize("real", [np.float64, np.float32, np.float16])
def test_a_config_takes_numpys_numbers_and_keeps_pythons(whole, real):
    given = {"steps": 3, "batch_size": 2, "places": 5, "evaluate_every": 4, "seed": 7}
    config = Config(**{k: whole(v) for k, v in given.items()}, learning_rate=real(0.5), warmup=real(0.25))
    assert config == Config(**given, learning_rate=0.5, warmup=0.25)
    assert kinds(asdict(config)) == kinds(asdict(Config(**given)))
    assert json.loads(json.dumps(asdict(config))) == asdict(config)


@pytest.mark.parametrize(
    ("field", "bad"), [("steps", np.float64(3)), ("steps", np.True_), ("warmup", np.True_), ("warmup", True)]
)
def test_a_config_refuses_numpys_truth_and_a_fraction_of_a_step(field, bad):
    with pytest.raises(TypeError, match=f"{field}: expected"):
        Config(**{field: bad})


@pytest.mark.parametrize(
    ("network", "sizes"),
    [
        (UNet, dict(in_channels=1, out_channels=2, width=4, depth=2, vector=3)),
        (Ronneberger2015, dict(in_channels=1, out_channels=2, width=4, depth=1)),
        (Zhang2016, dict(in_channels=1, out_channels=2, width=2)),
        (Zhang2017, dict(in_channels=4, out_channels=2, width=2, vector=3)),
        (Koalarization, dict(in_channels=1, out_channels=2, width=2)),
        (SemanticUNet, dict(in_channels=1, out_channels=2, width=2, depth=1)),
        (LiteUNet, dict(in_channels=1, out_channels=2, width=6, vector=3)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_networks_have_sizes_of_numpy_and_can_be_saved(network, sizes, tmp_path):
    made = network(**{name: np.int64(size) for name, size in sizes.items()}).eval()
    plain = network(**sizes)
    assert (made.config, kinds(made.config)) == (plain.config, kinds(plain.config))
    assert type(made.multiple) is int
    colorizer = Colorizer(made, Regression(), working_size=np.int64(16), temperature=np.float32(0.5))
    again = Colorizer.load(colorizer.save(tmp_path / "n.safetensors"))
    assert (again.network.config, again.working_size) == (plain.config, 16)


def test_a_fusion_has_sizes_of_numpy():
    assert Fuse(np.int64(4), np.int64(3))(torch.ones(1, 4, 2, 2), torch.ones(1, 3)).shape == (1, 4, 2, 2)


@pytest.mark.parametrize("mix", [np.float32(0.5), np.float64(0.5)])
@pytest.mark.parametrize(
    "objective",
    [
        lambda mix: Classification(ColorBins(np.int64(40)), "soft", PRIOR, mix, neighbours=np.int64(3)),
        lambda mix: WeightedRegression(ColorBins(np.float32(40)), PRIOR, mix),
    ],
)
def test_objectives_are_described_in_plain_numbers(objective, mix):
    stored = objective(mix).to_dict()
    assert json.loads(json.dumps(stored))["uniform_mix"] == 0.5
    assert repr(objective(mix)) == repr(objective(0.5))


@pytest.mark.parametrize("bad", [True, "0.5", None, 1.5, float("nan")])
def test_a_mix_is_a_number_from_0_to_1(bad):
    with pytest.raises(ValueError, match="uniform_mix: expected λ in"):
        Classification(ColorBins(40), prior=PRIOR, uniform_mix=bad)


def test_soft_labels_have_neighbours_of_numpy():
    ab = torch.zeros(1, 2, 1, 1)
    assert ColorBins(40).encode_soft(ab, np.int64(3))[0].shape == (1, 3, 1, 1)


def test_a_lesson_keeps_plain_numbers():
    lesson = Lesson(seed=np.int64(3), grid_size=np.float32(10))
    assert kinds(vars(lesson)) == kinds(vars(Lesson(seed=3, grid_size=10.0)))


@pytest.mark.parametrize("whole", [np.int64, np.int32])
def test_seeds_and_sizes_of_numpy_are_those_of_python(whole):
    picture = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    for make in (lambda n: Marbles(size=n(16), seed=n(3)), lambda n: Crops([picture], n(8), n(3), n(2))):
        ours, numpys = make(int), make(whole)
        assert torch.equal(ours.batch(2)[0], numpys.batch(2)[0])
        assert torch.equal(ours.evaluation().L, numpys.evaluation().L)


def test_a_control_is_shuffled_by_a_seed_of_numpy():
    path_down = shipped("cpu")
    one, other = (shuffled(path_down, seed).state_dict() for seed in (3, np.int64(3)))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("bad", [True, np.True_, 3.0, np.float64(3), "3", None, -1])
def test_what_is_no_whole_number_is_no_seed(bad):
    with pytest.raises(ValueError, match="seed: expected a whole number >= 0, got "):
        Marbles(seed=bad)


def test_a_collection_is_opened_at_a_size_of_numpy(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setenv("COLORLAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "album").mkdir()
    Image.new("RGB", (20, 18), "red").save(tmp_path / "album" / "a.png")
    assert type(open_collection(tmp_path / "album", np.int64(16)).size) is int


def test_a_whole_number_is_refused_with_what_was_expected():
    assert whole_number("n", np.uint8(8), 1, 8) == 8
    with pytest.raises(ValueError, match=r"n: expected a whole number from 1 to 65,536, got 65537"):
        whole_number("n", 65_537, 1, 65_536)


# ---- yes or no -----------------------------------------------------------------------------------

WORDS = ["no", "", 0, 1, np.True_]
GREY = np.full((9, 8), 90, np.uint8)


@pytest.fixture(scope="module")
def untrained() -> Colorizer:
    return Colorizer.new(Classification(ColorBins(40)), width=4, depth=1)


@pytest.mark.parametrize("bad", WORDS)
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("by_region", lambda c, word, _: c.colorize(GREY, by_region=word)),
        ("by_region", lambda c, word, _: c.predict_ab(torch.zeros(1, 1, 4, 4), by_region=word)),
        ("by_region", lambda c, word, _: c.beliefs(torch.zeros(1, 1, 4, 4), by_region=word)),
        ("half_precision", lambda c, word, folder: c.save(folder / "m.safetensors", half_precision=word)),
        ("force", lambda _, word, __: Settings(force=word)),
        ("hints", lambda _, word, __: NetworkPlan(hints=word)),
        ("half_resolution", lambda _, word, __: UNet(1, 2, 4, 1, half_resolution=word)),
        ("skips", lambda _, word, __: UNet(1, 2, 4, 1, skips=word)),
        ("shuffled", lambda _, word, __: SemanticUNet(1, 2, shuffled=word, width=2, depth=1)),
        ("half_resolution", lambda _, word, __: Zhang2017(1, 2, 2, half_resolution=word)),
        *(
            (name, lambda _, word, __, name=name: Ronneberger2015(1, 2, 4, 1, **{name: word}))
            for name in ("half_resolution", "pooling", "padding")
        ),
    ],
)
def test_a_word_is_neither_yes_nor_no(untrained, tmp_path, name, call, bad):
    with pytest.raises(ValueError, match=re.escape(f"{name}: expected True or False, got {bad!r}")):
        call(untrained, bad, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["resume", "with_photographs"])
def test_a_training_is_not_told_by_a_word(tmp_path, name):
    with pytest.raises(ValueError, match=f"{name}: expected True or False, got 'no'"):
        train("nowhere", tmp_path / "out", Config(), NetworkPlan(), ObjectivePlan(), **{name: "no"})
