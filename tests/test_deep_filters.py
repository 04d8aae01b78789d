"""colorlab.deep_filters against brute force and closed forms: places, favourites, the control, pictures made."""

import pytest
import torch

from colorlab import deep_filters
from colorlab.kernels import receptive_field
from colorlab.networks import lite0


def noise(*shape, seed=0):
    return 100 * torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def path_down():
    return lite0.shipped(torch.device("cpu"))


def test_the_last_channels_are_those_that_the_classifier_reads(path_down):
    L = noise(64, 96)
    found = deep_filters.answers(path_down, L)
    assert list(found) == list(deep_filters.LEVELS)
    for level, count in zip(deep_filters.LEVELS, (*lite0.CHANNELS, lite0.POOLED), strict=True):
        stride = deep_filters.stride_of(level)
        assert found[level].shape == (count, 64 // stride, 96 // stride)
    pooled = found["last"].clamp(0, 6).mean((1, 2))
    torch.testing.assert_close(pooled[None], path_down.pooled(found["stride 32"][None]))


def test_a_picture_of_other_sides_is_refused(path_down):
    with pytest.raises(ValueError, match=r"multiples of 32, got \(64, 90\)"):
        deep_filters.answers(path_down, noise(64, 90))


@pytest.mark.parametrize("level", ["stride 2", "stride 4", "stride 8"])
def test_the_window_of_a_level_is_the_support_of_its_gradient(level):
    """Weights of one and no rectifier: every wire that there is counts."""
    wires = lite0.Lite0().double()
    for weight in wires.parameters():
        weight.data.fill_(1e-3 if weight.ndim == 4 else 0)
    size, _ = receptive_field(deep_filters.layers(level))
    x = torch.full((1, 3, 128, 128), 0.6, dtype=torch.double, requires_grad=True)
    index = deep_filters.LEVELS.index(level)
    answer = wires.features(x)[index]
    answer[0, 0, answer.shape[2] // 2, answer.shape[3] // 2].backward()
    rows = x.grad[0].abs().sum((0, 2)).nonzero().flatten()
    assert int(rows[-1] - rows[0]) + 1 == size


def test_places_are_told_from_everything_else():
    found = {"motorcycle": torch.zeros(2, 10, 14), "chelsea": torch.zeros(2, 9, 14)}
    found["motorcycle"][0, 6, 4] = 3.0  # the rear tire, (128, 205) / 32
    found["motorcycle"][0, 7, 12] = 2.0  # the front one
    found["chelsea"][1, 0, 13] = 5.0  # neither
    front, rear, elsewhere = deep_filters.at_places(found, "last", "front tire", "rear tire")
    assert front.tolist() == [2, 0] and rear.tolist() == [3, 0] and elsewhere.tolist() == [0, 5]
    assert found["motorcycle"].max() == 3  # untouched


def test_favourites_are_those_of_brute_force():
    found = {"a": noise(4, 3, 5), "b": noise(4, 6, 2, seed=1)}
    for channel in range(4):
        places = deep_filters.favourites(found, channel)
        values = [float(found[name][channel][place]) for name, place in places]
        assert values == sorted((float(f[channel].max()) for f in found.values()), reverse=True)


@pytest.mark.parametrize("place", [(0, 0), (9, 13), (5, 7)])
def test_the_square_around_a_place_stays_inside_the_picture(place):
    L = torch.arange(320 * 448.0).reshape(320, 448)
    square = deep_filters.around(L, place, "last")
    assert square.shape == (96, 96)
    middle = L[32 * place[0] + 16, 32 * place[1] + 16]
    assert (square == middle).any()


@pytest.mark.slow
def test_shuffling_keeps_the_numbers_of_every_layer_and_the_network_itself(path_down):
    before = {name: weight.clone() for name, weight in path_down.named_parameters()}
    control = deep_filters.shuffled(path_down, 0)
    for name, weight in control.named_parameters():
        assert torch.equal(weight.flatten().sort().values, before[name].flatten().sort().values)
        assert torch.equal(path_down.get_parameter(name), before[name])
    assert not torch.equal(control.stem.weight, before["stem.weight"])
    again, other = (deep_filters.shuffled(path_down, seed).stem.weight for seed in (0, 1))
    assert torch.equal(control.stem.weight, again) and not torch.equal(control.stem.weight, other)


def test_ascent_rises_is_repeatable_and_leaves_the_network_alone(path_down):
    before = path_down.stem.weight.clone()
    L, history = deep_filters.made_for(path_down, "stride 4", 0, steps=8, side=64)
    again, _ = deep_filters.made_for(path_down, "stride 4", 0, steps=8, side=64)
    assert L.shape == (64, 64) and L.min() >= 0 and L.max() <= 100
    assert len(history) == 9 and history[-1] > history[0]
    assert torch.equal(L, again) and torch.equal(before, path_down.stem.weight)


def test_no_steps_give_the_noise(path_down):
    L, history = deep_filters.made_for(path_down, "last", 5, steps=0, side=32)
    assert len(history) == 1 and L.std() < 10
