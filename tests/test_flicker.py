"""Flicker is measured as defined, and calmed without washing colours out or smearing what moves."""

import itertools
import math

import numpy as np
import pytest
import torch

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.data import manifest, photo, to_lab
from colorlab.evaluation import flicker_of
from colorlab.flicker import FrameColorizer, Smoother, flicker, static_clip
from colorlab.lab import chroma
from colorlab.metrics import score, to_labs
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification, Regression


def test_flicker_by_hand():
    first, second = torch.full((3, 1, 3), 50.0), torch.full((3, 1, 3), 50.0)
    second[1:, 0, 0] += torch.tensor([3.0, 4.0])  # a still pixel whose colour jumps by 5
    second[:, 0, 2] += 20  # this one moved: its colour may change as it likes
    assert flicker([first, second]) == pytest.approx(5 / 2)
    assert flicker([first, second, second]) == pytest.approx(5 / 5)  # 5, 0 and then 0, 0, 0
    assert flicker(iter([first, second])) == flicker([first, second])
    assert math.isnan(flicker([first, first + 30]))
    assert math.isnan(flicker([first]))


def test_a_still_pixel_has_an_exponential_mean_and_a_moved_one_none():
    rng, smoother, L = np.random.default_rng(0), Smoother(0.8), torch.full((1, 1, 2, 5), 40.0)
    values = rng.random((6, 1, 3, 2, 5)).astype(np.float32)
    expected = values[0]
    for i, value in enumerate(values):
        L = L.clone()
        L[..., 0, 0] = 10.0 + 12 * (i % 2)  # one pixel in ten flashes
        L[..., 1, 4] = 40 + 4 * (i % 2)  # another changes half of the way between still and moved, ...
        found = smoother(torch.tensor(value), L).numpy()
        expected = value + 0.8 * (expected - value) if i else value
        still = np.ones((2, 5), bool)
        still[0, 0] = still[1, 4] = False
        np.testing.assert_allclose(found[..., still], expected[..., still], rtol=1e-5)
        np.testing.assert_allclose(found[..., 0, 0], value[..., 0, 0])
        if i == 1:  # ... so it keeps half of its share of the past
            halfway = value + 0.4 * (values[0] - value)
            np.testing.assert_allclose(found[..., 1, 4], halfway[..., 1, 4], rtol=1e-5)


def test_exposure_is_no_movement_but_slow_movement_is():
    L, past, now = torch.full((1, 1, 4, 4), 40.0), torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    smoother = Smoother(0.9)
    smoother(past, L)
    torch.testing.assert_close(smoother(now, L + 9), now * 0.1)
    smoother, drifting = Smoother(0.9), L.clone()
    smoother(past, drifting)
    for _ in range(8):  # 1.5 units a frame: never much at a time
        drifting = drifting.clone()
        drifting[..., 0, 0] += 1.5
        found = smoother(now, drifting)
    assert found[0, 0, 0, 0] > 0.9 > 0.6 > found[0, 0, 2, 2]


def test_every_cut_between_two_photographs_is_noticed():
    scenes = [to_lab(photo(e["name"], side=48).rgb)[None, :1, :48, :48] for e in manifest()]
    missed = []
    for before, after in itertools.permutations(scenes, 2):
        smoother = Smoother(0.95)
        smoother(torch.zeros(1, 1, 48, 48), before)
        missed.append(not torch.equal(smoother(torch.ones(1, 1, 48, 48), after), torch.ones(1, 1, 48, 48)))
    assert len(missed) == 30 and not any(missed)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_an_impossible_smoothing_is_refused(smoothing):
    with pytest.raises(ValueError, match=r"smoothing: expected a share of the past in \[0, 1\)"):
        Smoother(smoothing)


def test_the_clip_is_still_but_for_noise_exposure_and_the_visitor():
    seen, truth = static_clip(frames=3, side=48)
    again, _ = static_clip(frames=3, side=48)
    assert all(np.array_equal(a, b) for a, b in zip(seen, again, strict=True))
    assert not np.array_equal(seen[0], seen[1])
    changed = (truth[0] != truth[2]).any(2)
    assert 0 < changed.mean() < 0.2  # the disc and what it uncovers
    exact, same = static_clip(frames=3, side=48, noise=0, exposure=0)
    assert all(np.array_equal(a, b) for a, b in zip(exact, same, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("by_region", [False, True])
@pytest.mark.parametrize("name", ["regression", "classification", "guided"])
def test_without_smoothing_every_frame_is_what_colorize_makes_of_it(name, by_region):
    seen, _ = static_clip(frames=2, side=120)  # larger than the network sees it
    network = Colorizer.pretrained(name)
    network.by_region = by_region
    for frame, colored in zip(seen, map(FrameColorizer(network, 0), seen), strict=True):
        assert np.abs(colored.astype(int) - network.colorize(frame)).max() <= 1  # rounding


@pytest.mark.slow
@pytest.mark.parametrize("size", [(32, 1024), (1024, 32)])
def test_a_thin_frame_is_seen_as_colorize_sees_it(size):
    rgb = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    network = Colorizer.pretrained("classification")
    assert np.array_equal(FrameColorizer(network, 0)(rgb), network.colorize(rgb))


@pytest.mark.slow
def test_a_global_hint_holds_for_every_frame():
    seen, _ = static_clip(frames=2, side=64)
    network, like = Colorizer.pretrained("guided"), photo("flower", side=64).rgb
    paint = FrameColorizer(network, 0, like=like)
    for frame in seen:
        assert np.abs(paint(frame).astype(int) - network.colorize(frame, like=like)).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "background, visitor", [("chelsea", "flower"), ("flower", "rocket"), ("china", "chelsea")]
)
def test_a_fifth_of_the_flicker_or_less_and_hardly_a_change_of_rebalanced_auc(background, visitor):
    seen, truth = static_clip(background, visitor)
    network, truth = Colorizer.pretrained(), to_labs(truth)
    measured = []
    for smoothing in (0, 0.95):
        paint = FrameColorizer(network, smoothing)
        labs = [paint.lab(frame) for frame in seen]
        measured.append((flicker(labs), score([lab[1:] for lab in labs], truth)["rebalanced_auc"]))
    (before, auc), (after, smoothed_auc) = measured
    assert before > 5 * after
    assert smoothed_auc > auc - 0.2


@pytest.mark.slow
def test_evaluation_reports_it():
    seen, truth = static_clip()
    network, found = Colorizer.pretrained("regression"), flicker_of(Colorizer.pretrained("regression"))
    labs = [FrameColorizer(network, 0).lab(frame) for frame in seen]
    by_frame = found["by_frame"]
    assert by_frame["flicker"] == pytest.approx(flicker(labs), rel=1e-4)
    expected = score([lab[1:] for lab in labs], to_labs(truth))["rebalanced_auc"]
    assert by_frame["rebalanced_auc"] == pytest.approx(expected, abs=1e-3)
    assert found["smoothed"]["flicker"] < 0.2 * by_frame["flicker"]


def test_colours_averaged_are_the_brown_well_and_distributions_averaged_are_not():
    """A pixel that could be red or blue: which of them the frames say flips with the noise."""
    bins, generator = ColorBins(10), torch.Generator().manual_seed(0)
    logits = torch.full((40, bins.n_bins, 8, 8), -20.0)
    red, blue = (int(bins.encode(torch.tensor(c).reshape(1, 2, 1, 1))) for c in ([60.0, 40.0], [30.0, -80.0]))
    logits[:, red], logits[:, blue] = 0.2, 0.0
    logits += 0.5 * torch.randn(logits.shape, generator=generator)
    L, of_colors, of_shares = torch.full((1, 1, 8, 8), 50.0), Smoother(), Smoother()
    vivid = []
    for frame in logits:
        colors = bins.decode(frame[None], "mode")
        averaged = of_colors(colors, L)
        shares = of_shares(frame[None].softmax(1), L)
        vivid.append(
            [chroma(ab).mean().item() for ab in (colors, averaged, bins.decode(shares.log(), "mode"))]
        )
    by_frame, averaged, distribution = np.mean(vivid[20:], axis=0)
    assert averaged < 0.75 * by_frame
    assert distribution > 0.95 * by_frame
    mean = bins.decode(shares.log(), 1.0)  # where the colour is the mean, both are the same
    of_means = Smoother()
    for frame in logits:
        same = of_means(bins.decode(frame[None], 1.0), L)
    torch.testing.assert_close(mean, same, rtol=1e-3, atol=1e-3)


def test_a_network_of_damaged_weights_is_called_so():
    network = Colorizer(UNet(1, 2, width=4, depth=1), Regression(), 16)
    torch.nn.init.constant_(network.network.head.bias, float("nan"))
    with pytest.raises(ValueError, match="its weights are damaged"):
        FrameColorizer(network)(np.zeros((20, 30, 3), np.uint8))


def test_a_change_of_size_begins_anew():
    network = Colorizer(UNet(1, ColorBins(40).n_bins, width=4, depth=1), Classification(ColorBins(40)), 16)
    paint = FrameColorizer(network)
    paint(np.zeros((20, 30, 3), np.uint8))
    assert paint(np.zeros((30, 20, 3), np.uint8)).shape == (30, 20, 3)
