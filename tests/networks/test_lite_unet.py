"""colorlab.networks.lite_unet: what it answers and where, what begins without effect, and what a file of it holds."""

import json
from math import ceil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from colorlab.bins import ColorBins
from colorlab.colorizer import PRETRAINED, WEIGHTS, Colorizer
from colorlab.config import Config
from colorlab.data import to_lab
from colorlab.hints import GLOBAL_LENGTH
from colorlab.lab import grey_of
from colorlab.networks import lite0
from colorlab.networks.base import pad_to_multiple
from colorlab.networks.lite_unet import LiteUNet, seen, shrunk
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification, Regression
from colorlab.recipe import begin_with
from colorlab.toy import Marbles
from colorlab.training import fit

CPU = torch.device("cpu")


def lite(out_channels=3, in_channels=1, seed=0, **options):
    torch.manual_seed(seed)
    return LiteUNet(in_channels, out_channels, **{"width": 6} | options)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def grey(n=2, height=40, width=33, seed=0):
    """Scaled L."""
    return torch.rand(n, 1, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def hints(n=2, height=40, width=33, number=20, seed=0):
    """`(n, 3, height, width)` with pixels that are hinted, and zeros elsewhere."""
    g = torch.Generator().manual_seed(seed)
    planes = torch.zeros(n, 3, height, width)
    for picture in planes:
        where = torch.randperm(height * width, generator=g)[:number]
        picture.flatten(1)[:2, where] = torch.rand(2, number, generator=g) * 2 - 1
        picture.flatten(1)[2, where] = 1
    return planes


# ---- any size, a quarter of it -------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 2), st.booleans())
def test_any_size_is_answered_at_its_quarter_rounded_up(height, width, n, guided):
    network = lite(in_channels=4 if guided else 1, vector=5 if guided else 0)
    x = (
        torch.cat([grey(n, height, width), hints(n, height, width, 1)], dim=1)
        if guided
        else grey(n, height, width)
    )
    answer = network(x)
    assert answer.shape == (n, 3, ceil(height / 4), ceil(width / 4))
    assert answer.isfinite().all()


@pytest.mark.parametrize("width", [1, 2, 48])
def test_the_narrowest_and_the_usual_take_one_pixel(width):
    assert lite(width=width)(grey(1, 1, 1)).shape == (1, 3, 1, 1)


def test_its_stages_are_those_of_the_path_up():
    shapes = dict(lite(width=6).shapes(50, 65))  # padded to 64×96
    assert shapes == {
        "input": (1, 50, 65),
        "middle": (30, 2, 3),
        "up 16": (18, 4, 6),
        "up 8": (9, 8, 12),
        "up 4": (6, 16, 24),
        "head": (3, 16, 24),
        "output": (3, 13, 17),
    }


def test_a_picture_is_answered_alike_alone_and_in_a_batch_in_training_and_in_use():
    network, x = lite(), grey(3)
    assert torch.equal(network.train()(x), network.eval()(x))
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]), atol=1e-5, rtol=1e-4)


# ---- what it looks through -----------------------------------------------------------------------


def test_it_sees_what_lite0_sees_of_the_grey_picture():
    L = 100 * torch.rand(2, 1, 64, 32, generator=torch.Generator().manual_seed(0))
    features, pooled = seen(L / 50 - 1)
    path_down = lite0.shipped(CPU)
    expected = path_down.features(grey_of(L).expand(-1, 3, -1, -1))
    assert len(features) == 4  # not the finest
    for mine, other in zip(features, expected[1:], strict=True):
        torch.testing.assert_close(mine, other, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(pooled, path_down.pooled(expected[-1]), atol=1e-3, rtol=1e-3)


def test_features_of_every_stride_and_the_whole_picture_matter(monkeypatch):
    """Whatever is taken away, the answer is another."""
    network, x = lite(), grey(2, 64, 64)  # of one picture it would remember what it saw
    before = network(x)
    features, pooled = seen(x)
    for lost in range(5):
        left = [torch.zeros_like(f) if n == lost else f for n, f in enumerate([*features, pooled])]
        monkeypatch.setattr("colorlab.networks.lite_unet.seen", lambda L, left=left: (left[:4], left[4]))
        assert not torch.equal(network(x), before)
    monkeypatch.setattr("colorlab.networks.lite_unet.seen", lambda L: (features.copy(), pooled))
    assert torch.equal(network(x), before)


def test_what_was_seen_in_a_picture_is_remembered_for_that_picture_alone(monkeypatch):
    """Hints move over one picture: Lite0 looks at it once. Another one, also in the same tensor, is looked at anew."""
    network, first, second = lite(), grey(1, 64, 64), grey(1, 64, 64).flip(-1)
    expected = [lite()(x) for x in (first, second)]
    calls = []
    monkeypatch.setattr("colorlab.networks.lite_unet.seen", lambda L: calls.append(1) or seen(L))
    x = first.clone()
    assert torch.equal(network(x), expected[0]) and torch.equal(network(x), expected[0])
    assert len(calls) == 1
    x.copy_(second)
    assert torch.equal(network(x), expected[1])
    assert torch.equal(network(first), expected[0])
    assert len(calls) == 3


def test_the_vector_of_the_picture_counts_the_same_everywhere():
    """Laid over all places: the middle is an affine map of it, the same at each."""
    network, x = lite(), grey(1, 64, 96)
    features, pooled = seen(x)
    with torch.no_grad():
        expected = network.middle(features[-1])
        for place in np.ndindex(2, 3):
            expected[:, :, *place] += pooled @ network.context.weight.T + network.context.bias
        found = []
        network.narrow[0].register_forward_pre_hook(lambda _module, inputs: found.append(inputs[0]))
        network(x)
    torch.testing.assert_close(found[0], expected.relu(), atol=1e-5, rtol=1e-4)


def test_only_the_path_up_has_weights_and_all_of_them_learn():
    network = lite(in_channels=4, vector=5)
    assert {name.partition(".")[0] for name in network.state_dict()} == {
        "middle", "context", "narrow", "merge", "head", "hear", "follow"
    }  # fmt: skip
    x = torch.cat([grey(), hints()], dim=1)
    network(x, noise(2, 5)).square().sum().backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert all(p.grad is None for p in lite0.shipped(CPU).parameters())


def test_training_leaves_the_path_down_untouched_bit_for_bit():
    path_down = lite0.shipped(CPU)
    before = {name: w.clone() for name, w in path_down.state_dict().items()}
    network = lite(2)
    colorizer = Colorizer(network, Regression())
    untrained = {name: w.clone() for name, w in network.state_dict().items()}
    fit(colorizer, Marbles(size=32), Config(3, 2, weight_decay=0.5, learning_rate=1e-2, evaluate_every=3))
    assert all(torch.equal(w, before[name]) for name, w in path_down.state_dict().items())
    assert not path_down.training and not any(p.requires_grad for p in path_down.parameters())
    assert not [name for name, w in network.state_dict().items() if torch.equal(w, untrained[name])]


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("places", [None, 20])
def test_it_learns_marbles(precision, places):
    colorizer = Colorizer(lite(2), Regression())
    config = Config(15, 4, 1e-2, precision=precision, places=places, evaluate_every=15)
    history = fit(colorizer, Marbles(size=32), config)
    assert history.loss[-1] < 0.9 * history.loss[0]


# ---- one trunk, many heads -----------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"in_channels": 4, "vector": 5}])
def test_one_seed_gives_one_trunk_whatever_the_head(options):
    regression, classification = (lite(n, **options).trunk_state() for n in (2, 262))
    assert regression.keys() == classification.keys()
    assert all(torch.equal(w, classification[name]) for name, w in regression.items())
    assert not torch.equal(lite(seed=1).trunk_state()["context.weight"], regression["context.weight"])


def test_with_one_seed_a_network_with_hints_begins_as_one_without():
    plain, guided = lite().state_dict(), lite(in_channels=4, vector=5).state_dict()
    assert all(torch.equal(w, guided[name]) for name, w in plain.items())


# ---- hints ---------------------------------------------------------------------------------------


def test_hints_and_a_global_hint_begin_without_effect():
    plain, guided = lite(), lite(in_channels=4, vector=5)
    L = grey()
    expected = plain(L)
    nothing = torch.zeros(2, 3, 40, 33)
    for planes in (nothing, hints()):
        for vector in (None, noise(2, 5)):
            assert torch.equal(guided(torch.cat([L, planes], dim=1), vector), expected)


def test_what_was_learnt_without_hints_begins_a_network_with_them():
    plain, guided = lite(seed=1), lite(in_channels=4, vector=5)
    begin_with(guided, plain)
    L = grey()
    assert torch.equal(guided(torch.cat([L, hints()], dim=1), noise(2, 5)), plain(L))
    with torch.no_grad():
        for layer in (*guided.hear, *guided.follow):
            layer.weight.normal_()
    again = lite(in_channels=4, vector=5)
    begin_with(again, guided)  # one that had them already hands on what it has learnt
    assert all(torch.equal(w, again.state_dict()[name]) for name, w in guided.state_dict().items())
    with pytest.raises(ValueError, match="cannot begin"):
        begin_with(lite(), guided)
    with pytest.raises(ValueError, match="cannot begin"):
        begin_with(lite(width=7), plain)
    with pytest.raises(ValueError, match="cannot begin"):
        begin_with(lite(), UNet(1, 3, width=6, depth=2))


@pytest.mark.slow
@pytest.mark.parametrize("level", range(4))
@pytest.mark.parametrize("kind", ["hear", "follow"])
def test_at_every_level_both_can_be_heeded(level, kind):
    guided, x = lite(in_channels=4, vector=5), torch.cat([grey(), hints()], dim=1)
    quiet = guided(x, noise(2, 5))
    nn.init.normal_(getattr(guided, kind)[level].weight)
    assert not torch.equal(guided(x, noise(2, 5)), quiet)
    silent = torch.cat([grey(), torch.zeros(2, 3, 40, 33)], dim=1)
    assert torch.equal(guided(silent, torch.zeros(2, 5)), quiet)  # zeros say nothing


def test_the_path_down_does_not_see_hints(monkeypatch):
    shown = []

    def look(L):
        shown.append(L)
        return seen(L)

    monkeypatch.setattr("colorlab.networks.lite_unet.seen", look)
    x = torch.cat([grey(), hints()], dim=1)
    lite(in_channels=4)(x)
    assert len(shown) == 1 and torch.equal(shown[0], pad_to_multiple(x[:, :1], 32))


@pytest.mark.slow
@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 8), st.integers(0, 40), st.integers(0, 10**6))
def test_shrunk_hints_are_the_means_of_those_that_lie_there(height, width, every, number, seed):
    """A loop over the squares, literally."""
    number = min(number, height * width * every**2)
    planes = hints(2, height * every, width * every, number, seed)
    found = shrunk(planes, (height, width))
    assert found.shape == (2, 3, height, width)
    for n, y, x in np.ndindex(2, height, width):
        square = planes[n, :, y * every : (y + 1) * every, x * every : (x + 1) * every].flatten(1)
        given_there = square[:2, square[2] > 0]
        expected = [*given_there.mean(1), 1] if given_there.numel() else [0, 0, 0]
        torch.testing.assert_close(found[n, :, y, x], torch.tensor(expected).float(), atol=1e-5, rtol=1e-5)


def test_at_its_own_size_shrinking_changes_no_hint():
    planes = hints()
    torch.testing.assert_close(shrunk(planes, (40, 33)), planes)


# ---- at some places ------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 10**6))
def test_the_answer_at_places_is_the_full_answer_there(height, width, seed):
    network, x = lite(), grey(2, height, width)
    whole = network(x)
    places = torch.randint(whole[0, 0].numel(), (7,), generator=torch.Generator().manual_seed(seed))
    found = network(x, places=places)
    assert found.shape == (2, 3, 7, 1)
    rows, columns = places // whole.shape[-1], places % whole.shape[-1]
    torch.testing.assert_close(found[..., 0], whole[..., rows, columns], atol=1e-6, rtol=1e-5)


# ---- in use ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "seen_at"), [((12, 20), (32, 53)), ((64, 48), (43, 32)), ((32, 32), (32, 32))]
)
def test_it_is_shown_every_picture_at_its_working_size_and_others_no_small_one_enlarged(size, seen_at):
    rgb = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert Colorizer(lite(2), Regression(), working_size=32).small_copy(rgb).shape[-2:] == seen_at
    plain = Colorizer(UNet(1, 2, width=4, depth=1), Regression(), working_size=32).small_copy(rgb)
    assert plain.shape[-2:] == (size if min(size) < 32 else seen_at)


def test_a_picture_that_was_enlarged_for_it_comes_back_at_its_own_size_with_its_own_lightness():
    rgb = np.random.default_rng(0).integers(60, 190, (12, 20, 3), np.uint8)
    colored = Colorizer(lite(2), Regression(), working_size=32).colorize(rgb)
    assert colored.shape == rgb.shape
    torch.testing.assert_close(to_lab(colored)[0], to_lab(rgb)[0], atol=1.0, rtol=0)


# ---- files ---------------------------------------------------------------------------------------


def saved(tmp_path, **options):
    objective = Classification(ColorBins(40), "soft")
    network = lite(objective.out_channels, **options)
    for layer in (*network.hear, *network.follow):
        nn.init.normal_(layer.weight)
    colorizer = Colorizer(network.eval(), objective, working_size=32)
    return colorizer, colorizer.save(tmp_path / "model.safetensors")


def contents(path):
    with safe_open(path, framework="pt") as file:
        metadata = {key: json.loads(value) for key, value in file.metadata().items()}
        return metadata, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)


def rewritten(path, change):
    metadata, weights = contents(path)
    change(metadata)
    save_file(weights, path, {key: json.dumps(value) for key, value in metadata.items()})
    return path


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"in_channels": 4, "vector": GLOBAL_LENGTH}])
@pytest.mark.filterwarnings("error")
def test_a_file_holds_the_path_up_alone_and_names_what_it_reads(tmp_path, options):
    colorizer, path = saved(tmp_path, **options)
    metadata, weights = contents(path)
    assert metadata["reads"] == lite0.checksum()
    assert metadata["network"] == {"architecture": "LiteUNet", **colorizer.network.config}
    own = colorizer.network.state_dict()
    assert weights.keys() == own.keys()
    assert path.stat().st_size < 4 * sum(w.numel() for w in own.values()) + 20_000  # nothing besides
    loaded = Colorizer.load(path)
    assert all(torch.equal(w, loaded.network.state_dict()[name]) for name, w in own.items())
    x, vector = noise(2, colorizer.network.config["in_channels"], 9, 14), noise(2, colorizer.network.vector)
    torch.testing.assert_close(loaded.network(x, vector), colorizer.network(x, vector))
    picture = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    assert np.abs(loaded.colorize(picture).astype(int) - colorizer.colorize(picture)).max() <= 1


@pytest.mark.parametrize("other", ["0" * 64, None, 7, ["a"]])
def test_a_file_that_read_other_features_is_refused(tmp_path, other):
    path = rewritten(saved(tmp_path)[1], lambda metadata: metadata.update(reads=other))
    with pytest.raises(
        ValueError, match=r"model\.safetensors: .* checksum .*; use it with the edition .* saved it"
    ):
        Colorizer.load(path)


def test_a_file_that_does_not_say_what_it_read_is_refused(tmp_path):
    path = rewritten(saved(tmp_path)[1], lambda metadata: metadata.pop("reads"))
    with pytest.raises(ValueError, match="looks through a path down with the checksum None"):
        Colorizer.load(path)


def test_a_network_without_a_path_down_is_refused_if_it_names_one(tmp_path):
    path = Colorizer.new(Regression(), width=4, depth=1).save(tmp_path / "model.safetensors")
    assert contents(path)[0]["reads"] is None
    rewritten(path, lambda metadata: metadata.update(reads=lite0.checksum()))
    with pytest.raises(ValueError, match="looks through a path down"):
        Colorizer.load(path)


def first_edition(metadata):
    """As files were before there were checksums, regions and weighted regressions."""
    del metadata["reads"], metadata["by_region"]


@pytest.mark.parametrize("objective", [Regression("l1"), Classification(ColorBins(40))], ids=repr)
def test_a_file_of_the_first_edition_still_loads(tmp_path, objective):
    colorizer = Colorizer.new(objective, width=4, depth=1)
    loaded = Colorizer.load(rewritten(colorizer.save(tmp_path / "model.safetensors"), first_edition))
    assert type(loaded.network) is UNet and not loaded.by_region
    torch.testing.assert_close(loaded.network(grey()), colorizer.network(grey()))


@pytest.mark.parametrize("name", PRETRAINED)
def test_what_ships_loads_whatever_edition_it_is_of(name):
    metadata, weights = contents(WEIGHTS / f"{name}.safetensors")
    colorizer = Colorizer.pretrained(name)
    assert metadata.get("reads") == colorizer.network.reads
    assert weights.keys() == colorizer.network.state_dict().keys()


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [2, 3, 5])
def test_other_channels_than_of_grey_and_of_hints_are_refused(channels):
    with pytest.raises(ValueError, match=f"in_channels: expected 1, or 4 with hints, got {channels}"):
        LiteUNet(channels, 2)


def test_what_was_seen_in_half_the_bits_is_not_shown_again_in_all_of_them():
    network, x = lite().eval(), noise(1, 1, 32, 32)
    with torch.no_grad():
        wanted = network(x)
        network._last = None
        with torch.autocast("cpu", torch.bfloat16):
            network(x)
        assert torch.equal(network(x), wanted)
