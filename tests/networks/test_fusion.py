"""Semantic features: the opinion of the frozen Lite0, standardised, fused as a vector, and the shuffled control."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from skimage.color import lab2rgb
from torch import nn

from colorlab.colorizer import Colorizer
from colorlab.config import Config
from colorlab.data import photo, photos
from colorlab.networks import fusion, lite0
from colorlab.networks.fusion import SIDE, SemanticUNet, opinion
from colorlab.networks.lite0 import CLASSES
from colorlab.networks.published import build
from colorlab.networks.unet import UNet
from colorlab.objectives import Regression
from colorlab.toy import Marbles
from colorlab.training import fit

SEMANTIC = {"SemanticUNet": dict(width=4, depth=2), "Koalarization": dict(width=4)}
WHERE = {
    "SemanticUNet": "colorlab.networks.fusion.opinion",
    "Koalarization": "colorlab.networks.published.opinion",
}


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def grey(n=2, height=16, width=24, seed=0):
    """Scaled L."""
    return torch.rand(n, 1, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def scaled_L(name, side=64):
    return photo(name, side=side).lab[None, :1] / 50 - 1


def mix_of(network):
    return network.fuse.mix if isinstance(network, SemanticUNet) else network.blocks["fusion"].mix


def fused(name="SemanticUNet", in_channels=1, **options):
    """A network that heeds the opinion: as it is built, it would not."""
    torch.manual_seed(0)
    network = build(name, in_channels=in_channels, out_channels=2, **SEMANTIC[name] | options)
    nn.init.normal_(mix_of(network).weight, std=0.3)
    return network


# ---- an opinion ----------------------------------------------------------------------------------


class Fixed:
    """Stands for Lite0: its logits are given, and what it is shown is remembered."""

    def __init__(self, logits):
        self.logits, self.shown = logits, []

    def __call__(self, rgb):
        self.shown.append(rgb)
        return self.logits


@pytest.fixture
def fixed(monkeypatch):
    def use(logits):
        classifier = Fixed(logits)
        monkeypatch.setattr(fusion.lite0, "shipped", lambda device: classifier)
        return classifier

    return use


def test_an_opinion_has_mean_0_and_spread_1_however_sure_the_classifier_is(fixed):
    logits = 10 * noise(3, CLASSES).double()
    fixed(logits.float())
    plain = opinion(grey(3))
    np.testing.assert_allclose(plain.mean(1), 0, atol=1e-4)
    np.testing.assert_allclose(plain.std(1, correction=0), 1, atol=1e-3)
    expected = (logits - logits.mean(1, keepdim=True)) / logits.std(1, keepdim=True, correction=0)
    np.testing.assert_allclose(plain, expected, atol=1e-4)
    for spread, mean in ((0.05, 300), (100, -1000)):
        fixed((spread * logits + mean).float())
        surer = opinion(grey(3))
        np.testing.assert_allclose(surer, plain, atol=1e-2)
        assert torch.equal(surer.argmax(1), plain.argmax(1))


def test_pictures_are_standardised_one_by_one(fixed):
    logits = torch.zeros(2, CLASSES)
    logits[0, :10], logits[1, 990:] = 1.0, -100.0
    fixed(logits)
    found = opinion(grey())
    tenth = (0.99 * 0.01) ** 0.5  # the spread where a hundredth is 1 and the rest 0
    np.testing.assert_allclose(found[0, :10], 0.99 / tenth, atol=1e-2)
    np.testing.assert_allclose(found[0, 10:], -0.01 / tenth, atol=1e-2)
    np.testing.assert_allclose(found[1].flip(0), -found[0], atol=1e-2)


def test_the_classifier_is_shown_the_grey_picture_as_skimage_would_make_it(fixed):
    classifier = fixed(noise(2, CLASSES))
    lightness = np.array([0.0, 20.0, 50.0, 80.0, 100.0])
    for L in lightness:
        opinion(torch.full((2, 1, 16, 24), L / 50 - 1, dtype=torch.float32))
    rgb = lab2rgb(np.stack([lightness, 0 * lightness, 0 * lightness], axis=-1))  # (5, 3)
    for x, color in zip(classifier.shown, rgb, strict=True):
        assert x.shape == (2, 3, SIDE, SIDE * 24 // 16)
        np.testing.assert_allclose(x.amin((0, 2, 3)), color, atol=1e-3)
        np.testing.assert_allclose(x.amax((0, 2, 3)), color, atol=1e-3)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 400), st.integers(1, 400))
def test_at_a_size_of_which_both_sides_divide_and_that_is_hardly_another_shape(height, width):
    shown = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fusion.lite0, "shipped", lambda device: lambda x: shown.append(x) or noise(1, CLASSES))
        if max(height, width) <= 16 * min(height, width):  # longer ones a colorizer never shows
            assert opinion(grey(1, height, width)).shape == (1, CLASSES)
            rows, columns = shown[0].shape[-2:]
            assert rows % 32 == columns % 32 == 0 and min(rows, columns) == SIDE
            assert rows / columns == pytest.approx(height / width, rel=0.15)
            assert shown[0].shape[:2] == (1, 3)
            assert torch.equal(shown[0][:, :1].expand(-1, 3, -1, -1), shown[0])


def test_shrinking_averages_and_does_not_pick(fixed):
    classifier = fixed(noise(1, CLASSES))
    stripes = torch.ones(1, 1, SIDE * 4, SIDE * 4)
    stripes[..., ::2] = -1  # white and black, one pixel each
    opinion(stripes)
    inside = classifier.shown[0][..., 2:-2, 2:-2]
    np.testing.assert_allclose(inside, 0.5, atol=0.02)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (64, 64), (17, 130)])
def test_it_takes_any_size(size):
    found = opinion(grey(2, *size))
    assert found.shape == (2, CLASSES) and found.dtype == torch.float32
    assert found.isfinite().all() and not found.requires_grad


def test_an_opinion_cannot_be_learnt_through():
    L = grey().requires_grad_()
    assert not opinion(L).requires_grad
    assert torch.equal(opinion(L), opinion(L))


def test_it_knows_a_cup_of_coffee_and_a_cat():
    coffee, chelsea = (opinion(scaled_L(name, 128))[0] for name in ("coffee", "chelsea"))
    assert coffee.argmax() == 967  # espresso, among ImageNet's 1,000
    assert chelsea.argmax().item() in range(281, 286)  # tabby to Egyptian cat
    assert coffee.max() > 5 and chelsea.max() > 5  # standard deviations: it is sure


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [lambda L: L.flip(-1), lambda L: L[..., 3:, 2:], lambda L: 0.8 * L + 0.1],
    ids=["mirrored", "cropped", "paler"],
)
def test_it_tells_the_six_photographs_apart(change):
    """Every photograph, changed a little, is the most like itself."""
    pictures = [p.lab[None, :1] / 50 - 1 for p in photos(side=64)]
    plain = torch.cat([opinion(L) for L in pictures])
    changed = torch.cat([opinion(change(L)) for L in pictures])
    likeness = changed @ plain.T / CLASSES  # correlations
    assert likeness.argmax(1).tolist() == list(range(6))
    assert (likeness.diagonal() > 0.75).all()


# ---- a network with an opinion -------------------------------------------------------------------


@pytest.mark.parametrize("name", SEMANTIC)
def test_as_it_is_built_the_opinion_does_not_count(name, monkeypatch):
    torch.manual_seed(0)
    network, x = build(name, in_channels=1, out_channels=2, **SEMANTIC[name]), grey()
    before = network(x)
    monkeypatch.setattr(WHERE[name], lambda L: noise(len(L), CLASSES))
    assert torch.equal(network(x), before)


@pytest.mark.parametrize("name", SEMANTIC)
def test_the_opinion_is_on_the_first_channel_and_changes_the_answer(name, monkeypatch):
    network, x = fused(name, in_channels=4), torch.cat([grey(), noise(2, 3, 16, 24)], dim=1)
    seen = []
    monkeypatch.setattr(WHERE[name], lambda L: seen.append(L) or opinion(L))
    before = network(x)
    assert len(seen) == 1 and torch.equal(seen[0], x[:, :1])
    monkeypatch.setattr(WHERE[name], lambda L: noise(len(L), CLASSES))
    assert (network(x) - before).abs().max() > 1e-2


def test_it_is_the_u_net_with_the_opinion_as_its_vector():
    network, x = fused(), grey(3)
    plain = UNet(1, 2, width=4, depth=2, vector=CLASSES)
    plain.load_state_dict(network.state_dict())
    torch.testing.assert_close(network(x), plain(x, opinion(x)))


@pytest.mark.slow
def test_shuffled_every_picture_gets_the_opinion_on_its_neighbour(monkeypatch):
    tiled, shuffled, x = fused(), fused(shuffled=True), grey(4)
    assert all(torch.equal(w, shuffled.state_dict()[k]) for k, w in tiled.state_dict().items())
    found = shuffled(x)
    assert (found - tiled(x)).abs().max() > 1e-2
    others = torch.cat([opinion(x[i - 1 : i] if i else x[-1:]) for i in range(4)])
    monkeypatch.setattr(WHERE["SemanticUNet"], lambda L: others)
    torch.testing.assert_close(found, tiled(x), atol=1e-4, rtol=1e-4)


def test_shuffling_moves_only_the_opinion():
    """Of equal pictures nothing is shuffled."""
    x = grey(1).expand(3, -1, -1, -1)
    torch.testing.assert_close(fused(shuffled=True)(x), fused()(x), atol=1e-5, rtol=1e-4)


def test_the_control_has_as_many_weights():
    tiled, shuffled = (SemanticUNet(1, 2, width=4, depth=2, shuffled=s) for s in (False, True))
    assert sum(p.numel() for p in tiled.parameters()) == sum(p.numel() for p in shuffled.parameters())
    assert tiled.config == {**shuffled.config, "shuffled": False}
    assert "vector" not in tiled.config


@pytest.mark.slow
@pytest.mark.parametrize("name", SEMANTIC)
def test_training_leaves_the_classifier_as_it_is_and_teaches_what_to_make_of_it(name):
    torch.manual_seed(0)
    network = build(name, in_channels=1, out_channels=2, **SEMANTIC[name])
    classifier = lite0.shipped(torch.device("cpu"))
    before, frozen = ({k: w.clone() for k, w in n.state_dict().items()} for n in (network, classifier))
    fit(Colorizer(network, Regression()), Marbles(size=16), Config(3, 2, weight_decay=0.1, evaluate_every=3))
    changed = {key for key, w in network.state_dict().items() if not torch.equal(w, before[key])}
    assert all(torch.equal(w, frozen[key]) for key, w in classifier.state_dict().items())
    (mix,) = (key for key in before if key.endswith("mix.weight"))
    channels = network.state_dict()[mix].shape[0]
    assert network.state_dict()[mix][:, channels:].abs().min() > 0  # zero before: the opinion is heeded now
    assert mix in changed and "head.weight" in changed


@pytest.mark.parametrize("name", SEMANTIC)
@pytest.mark.filterwarnings("error")
def test_its_file_holds_no_classifier_and_names_the_one_it_listens_to(name, tmp_path):
    network = fused(name)
    path = Colorizer(network.eval(), Regression(), working_size=32).save(tmp_path / "m.safetensors")
    with safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["reads"]) == lite0.checksum()
        assert set(file.keys()) == set(network.state_dict())
    assert path.stat().st_size < 1_000_000  # Lite0 alone has 9 MB
    loaded = Colorizer.load(path).network
    assert all(torch.equal(w, loaded.state_dict()[k]) for k, w in network.state_dict().items())
    torch.testing.assert_close(loaded(grey()), network(grey()))
