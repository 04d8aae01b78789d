"""colorlab.regions against loops in numpy that fit a line in every window, and closed forms where L is flat."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.networks.base import Trunk
from colorlab.objectives import Classification, Regression
from colorlab.regions import EDGE, RADIUS, SHARE, around, shared

quick = settings(max_examples=40, deadline=None, derandomize=True)
SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def distributions(height, width, n=2, bins=5, seed=0, sharpness=3.0):
    """`(n, bins, height, width)`, sum to 1 over the bins."""
    g = torch.Generator().manual_seed(seed)
    return (sharpness * torch.randn(n, bins, height, width, generator=g)).softmax(1)


def lightness(height, width, n=2, seed=1):
    return 100 * torch.rand(n, 1, height, width, generator=torch.Generator().manual_seed(seed))


def window(y, x, radius, height, width):
    """Rows and columns around a place, cut where the picture ends."""
    return (
        slice(max(0, y - radius), min(height, y + radius + 1)),
        slice(max(0, x - radius), min(width, x + radius + 1)),
    )


def box_means(p, radius):
    """`(C, h, w)` -> the mean over every window, by a loop."""
    found = np.empty_like(p)
    for y, x in np.ndindex(p.shape[1:]):
        found[:, y, x] = p[:, *window(y, x, radius, *p.shape[1:])].mean((1, 2))
    return found


def guided(p, guide, radius, edge):
    """A guided filter as He, Sun and Tang write it: in every window the line slope · guide + offset nearest to p
    (least squares, with edge · slope² added), then at every place the mean of the lines of all windows around it.

    Args:
        p: `(C, h, w)`.
        guide: `(h, w)`.
    """
    size = guide.shape
    slopes, offsets = np.empty_like(p), np.empty_like(p)
    for y, x in np.ndindex(size):
        there = window(y, x, radius, *size)
        g, values = guide[there].ravel(), p[:, *there].reshape(len(p), -1)
        n = g.size
        # [g 1] line = values, and one row more: sqrt(n edge) · slope = 0
        rows = np.vstack([np.stack([g, np.ones(n)], axis=1), [np.sqrt(n * edge), 0]])
        lines = np.linalg.lstsq(rows, np.hstack([values, np.zeros((len(p), 1))]).T, rcond=None)[0]
        slopes[:, y, x], offsets[:, y, x] = lines
    return box_means(slopes, radius) * guide + box_means(offsets, radius)


# ---- against loops -------------------------------------------------------------------------------


@quick
@given(SIZES, st.integers(0, 4), st.integers(0, 10**6))
def test_around_is_the_mean_of_what_lies_around(size, radius, seed):
    p = distributions(*size, seed=seed)
    expected = np.stack([box_means(picture, radius) for picture in p.numpy().astype(float)])
    np.testing.assert_allclose(around(p, radius), expected, atol=1e-6)


@quick
@given(
    SIZES,
    st.integers(0, 3),
    st.sampled_from([1e-4, 1e-3, 1e-2, 1.0]),
    st.floats(0.05, 1),
    st.integers(0, 10**6),
)
def test_it_is_a_guided_filter(size, radius, edge, share, seed):
    """Of which nothing below 0 is kept; what is left is mixed in and sums to 1."""
    p, L = distributions(*size, n=1, seed=seed).double(), lightness(*size, n=1, seed=seed + 1).double()
    region = guided(p[0].numpy(), L[0, 0].numpy() / 100, radius, edge).clip(min=0)
    mixed = (1 - share) * p[0].numpy() + share * region
    expected = mixed / mixed.sum(0)
    np.testing.assert_allclose(shared(p, L, radius, edge, share)[0], expected, atol=1e-7)


def test_so_it_is_with_the_numbers_used_and_in_single_precision():
    p, L = distributions(20, 23), lightness(20, 23)
    for n in range(2):
        region = guided(p[n].double().numpy(), L[n, 0].double().numpy() / 100, RADIUS, EDGE).clip(min=0)
        mixed = (1 - SHARE) * p[n].numpy() + SHARE * region
        np.testing.assert_allclose(shared(p, L)[n], mixed / mixed.sum(0), atol=1e-4)


# ---- closed forms --------------------------------------------------------------------------------


@quick
@given(SIZES, st.integers(1, 4), st.floats(0, 100), st.floats(0, 1), st.integers(0, 10**6))
def test_where_l_is_flat_a_region_is_a_mean_of_means(size, radius, level, share, seed):
    p = distributions(*size, n=1, seed=seed).double()
    L = torch.full((1, 1, *size), level, dtype=torch.float64)
    twice = box_means(box_means(p[0].numpy(), radius), radius)
    expected = (1 - share) * p[0].numpy() + share * twice
    np.testing.assert_allclose(shared(p, L, radius, 1e-3, share)[0], expected, atol=1e-7)


@quick
@given(SIZES, st.integers(0, 5), st.floats(1e-5, 1), st.floats(0, 1), st.integers(0, 10**6))
def test_what_comes_out_is_a_distribution(size, radius, edge, share, seed):
    found = shared(distributions(*size, seed=seed), lightness(*size, seed=seed), radius, edge, share)
    assert found.min() >= 0
    torch.testing.assert_close(found.sum(1), torch.ones(2, *size), atol=1e-5, rtol=0)


def test_a_share_of_nothing_changes_nothing():
    p = distributions(9, 7)
    assert torch.equal(shared(p, lightness(9, 7), share=0), p)


def test_what_is_the_same_everywhere_stays():
    p = distributions(1, 1, n=1).expand(1, 5, 12, 9)
    torch.testing.assert_close(shared(p, lightness(12, 9, n=1)), p, atol=1e-4, rtol=0)


def test_a_region_of_one_place_is_that_place():
    p = distributions(6, 6)
    torch.testing.assert_close(shared(p, lightness(6, 6), radius=0, share=1), p, atol=1e-6, rtol=1e-4)


def sides(step, size=24):
    """A picture with an edge down its middle, one bin on the left and the other on the right of it."""
    L = torch.full((1, 1, size, size), 40.0)
    L[..., size // 2 :] += step
    p = torch.zeros(1, 2, size, size)
    p[:, 0, :, : size // 2], p[:, 1, :, size // 2 :] = 1, 1
    return p, L


@pytest.mark.parametrize("step", [40, -35])
def test_a_step_in_l_keeps_two_sides_apart(step):
    """Its variance within a window that it halves, (0.4 / 2)², is many times the edge."""
    p, L = sides(step)
    found = shared(p, L, share=1)
    torch.testing.assert_close(found, p, atol=0.03, rtol=0)


def test_a_step_smaller_than_the_edge_does_not():
    p, L = sides(1)  # a variance of at most 0.005², a fortieth of the edge
    found = shared(p, L, share=1)
    assert found[0, 1, :, 11].min() > 0.3  # left of the step, the colour of the right
    assert found[0, 1, :, :4].max() < 1e-6  # but no farther than two windows reach


def test_without_a_step_a_narrow_majority_takes_the_whole_region():
    """A door, pixel by pixel red or blue; four of seven for red. Shared, all of it is red: what this is for."""
    g = torch.Generator().manual_seed(0)
    red = 4 / 7 + 0.3 * (torch.rand(1, 1, 40, 40, generator=g) - 0.5) * 2
    p, L = torch.cat([red, 1 - red], dim=1), torch.full((1, 1, 40, 40), 55.0)
    assert 0.2 < (p.argmax(1) == 1).float().mean() < 0.45
    assert (shared(p, L, share=0.8).argmax(1) == 1).float().mean() < 0.02


def test_pictures_and_bins_do_not_touch_one_another():
    p, L = distributions(8, 9, n=3), lightness(8, 9, n=3)
    torch.testing.assert_close(shared(p, L)[1:2], shared(p[1:2], L[1:2]))
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(shared(p, L)[:, order], shared(p[:, order], L))


@quick
@given(st.integers(0, 10**6))
def test_a_mirrored_picture_is_shared_mirrored(seed):
    p, L = distributions(7, 10, seed=seed), lightness(7, 10, seed=seed)
    for axis in (-1, -2):
        torch.testing.assert_close(
            shared(p.flip(axis), L.flip(axis)), shared(p, L).flip(axis), atol=1e-4, rtol=0
        )


# ---- in a colorizer ------------------------------------------------------------------------------

BINS = ColorBins(40)  # Q = 23


class Told(Trunk):
    """Answers logits that are given, whatever it is shown, at every second pixel."""

    multiple, answer_every = 2, 2
    head = torch.nn.Identity()

    def __init__(self, logits):
        super().__init__()
        self.config = dict(in_channels=1, out_channels=logits.shape[1])
        self.logits = torch.nn.Parameter(logits)

    def last_features(self, x, vector):
        return self.logits


@pytest.fixture
def told():
    """A colorizer of a picture of 14×17, and that picture's L."""
    logits = 3 * torch.randn(1, BINS.n_bins, 7, 9, generator=torch.Generator().manual_seed(0))
    return Colorizer(Told(logits), Classification(BINS)), lightness(14, 17, n=1)


def test_distributions_are_shared_along_the_mean_l_of_the_pixels_of_each_answer(told):
    colorizer, L = told
    plain = colorizer.network.logits.softmax(1)
    assert torch.equal(colorizer.beliefs(L), plain)
    places = torch.empty(1, 1, 7, 9)
    for y, x in np.ndindex(7, 9):  # the last column covers one pixel less
        places[..., y, x] = L[..., 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean()
    torch.testing.assert_close(colorizer.beliefs(L, by_region=True), shared(plain, places))


def test_a_call_decides_over_what_is_stored(told):
    colorizer, L = told
    by_itself, by_region = (colorizer.predict_ab(L, by_region=choice) for choice in (False, True))
    assert (by_itself - by_region).abs().max() > 1
    assert torch.equal(colorizer.predict_ab(L), by_itself)
    colorizer.by_region = True
    assert torch.equal(colorizer.predict_ab(L), by_region)
    assert torch.equal(colorizer.predict_ab(L, by_region=False), by_itself)


@pytest.mark.parametrize("temperature", [1.0, 0.38, "mode"])
def test_colours_are_chosen_from_what_was_shared(told, temperature):
    colorizer, L = told
    ab = BINS.decode(colorizer.beliefs(L, by_region=True).log(), temperature)
    found = colorizer.predict_ab(L, temperature, by_region=True)
    torch.testing.assert_close(found, colorizer.to_size(ab, L))


def test_a_picture_is_coloured_as_asked(told):
    colorizer, _ = told
    colorizer.working_size = 14
    rgb = np.random.default_rng(0).integers(0, 256, (14, 17, 3), dtype=np.uint8)
    ways = [colorizer.colorize(rgb, by_region=choice) for choice in (None, False, True)]
    assert np.array_equal(ways[0], ways[1]) and not np.array_equal(ways[1], ways[2])
    colorizer.by_region = True
    assert np.array_equal(colorizer.colorize(rgb), ways[2])


def test_a_regression_has_nothing_to_share():
    regression = Colorizer(Told(torch.randn(1, 2, 7, 9)), Regression(), by_region=True)
    L = lightness(14, 17, n=1)
    assert torch.equal(regression.predict_ab(L), regression.predict_ab(L, by_region=False))


def test_what_is_stored_comes_back(tmp_path):
    for by_region in (False, True):
        colorizer = Colorizer.new(Classification(BINS), width=4, depth=1)
        colorizer.by_region = by_region
        assert Colorizer.load(colorizer.save(tmp_path / "m.safetensors")).by_region is by_region


@pytest.mark.parametrize("bad", [1, 0, "yes", None])
def test_refuses_what_is_neither_yes_nor_no(told, bad):
    with pytest.raises(ValueError, match=f"by_region: expected True or False, got {bad!r}"):
        Colorizer(told[0].network, told[0].objective, by_region=bad)


def test_what_is_shared_stays_as_it_was():
    probabilities, L = torch.rand(1, 3, 8, 8).softmax(1), 100 * torch.rand(1, 1, 8, 8)
    before = probabilities.clone(), L.clone()
    shared(probabilities, L)
    assert torch.equal(probabilities, before[0]) and torch.equal(L, before[1])
