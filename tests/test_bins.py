"""colorlab.bins against brute force: every distance computed, no table, no shortcut."""

import doctest
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import colorlab.bins
from colorlab.bins import ColorBins, gamut_ab


@pytest.fixture(scope="module")
def bins():
    return ColorBins(10)


@pytest.fixture(scope="module")
def coarse():
    return ColorBins(40)  # Q is small enough to reason about single bins


def random_ab(n, reach=130.0, seed=0, dtype=torch.float32):
    """(1, 2, 1, n), uniform in the square of ±reach: mostly outside the gamut, as a network's answers may be."""
    g = torch.Generator().manual_seed(seed)
    return (2 * torch.rand(1, 2, 1, n, generator=g, dtype=dtype) - 1) * reach


def as_ab(points):
    """(P, 2) points -> (1, 2, 1, P)."""
    return torch.as_tensor(points, dtype=torch.float32).T[None, :, None]


def distances(bins, ab):
    """(P, Q) in float64, literally."""
    points = ab.movedim(1, -1).reshape(-1, 1, 2).double()
    return (points - bins.centers.double()).norm(dim=-1)


def assert_nearest(bins, ab, atol=1e-4):
    # Distances are compared, not indices: on a tie any of the nearest bins is right.
    labels = bins.encode(ab)
    table = distances(bins, ab)
    reached = table.gather(1, labels.reshape(-1, 1)).squeeze(1)
    torch.testing.assert_close(reached, table.amin(1), atol=atol, rtol=0)


def assert_k_nearest(bins, ab, k, atol=1e-4):
    indices, _ = bins.encode_soft(ab, k=k)
    indices = indices.movedim(1, -1).flatten(0, -2)  # (P, k)
    table = distances(bins, ab)
    torch.testing.assert_close(
        table.gather(1, indices), table.sort(1).values[:, : indices.shape[1]], atol=atol, rtol=0
    )
    assert all(len(set(row)) == len(row) for row in indices.tolist())  # no bin twice


# ---- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "grid_size, rule, q",
    [
        (10, "nearest", 262),
        (5, "nearest", 970),
        (20, "nearest", 77),
        (10, "corners", 309),
        (10, "square", 529),
    ],
)
def test_number_of_bins(grid_size, rule, q):
    bins = ColorBins(grid_size, rule)
    assert bins.n_bins == len(bins.centers) == q
    assert f"Q = {q} bins" in repr(bins)


def test_centres_lie_on_the_grid_sorted_and_distinct(bins):
    rows = bins.centers.tolist()
    assert rows == sorted(rows) and len({tuple(row) for row in rows}) == 262
    assert not (bins.centers % 10).any()


def test_every_srgb_colour_has_a_bin_within_half_a_cell(bins):
    ab = as_ab(gamut_ab()[::7])
    offset = bins.centers[bins.encode(ab)].movedim(-1, 1) - ab
    assert offset.abs().max() <= 5 + 1e-4


def test_corners_contains_all_that_nearest_does(bins):
    corners = {tuple(c) for c in ColorBins(10, "corners").centers.tolist()}
    assert {tuple(c) for c in bins.centers.tolist()} < corners


@pytest.mark.parametrize("number", [np.int64(20), np.float32(20), np.float64(20)], ids=repr)
def test_numpys_numbers_are_numbers(number):
    bins = ColorBins(number)
    assert type(bins.grid_size) in (int, float) and torch.equal(bins.centers, ColorBins(20).centers)
    logits = torch.arange(float(bins.n_bins)).reshape(1, -1, 1, 1) / 9
    assert torch.equal(bins.decode(logits, number), bins.decode(logits, 20))


@pytest.mark.parametrize("bad", [3.9, 101, 0, -10, float("nan"), "10", None, True])
def test_refuses_a_bad_grid_size(bad):
    with pytest.raises(ValueError, match=r"grid_size: expected a number from 4 to 100 .*got"):
        ColorBins(bad)


def test_refuses_an_unknown_rule():
    with pytest.raises(ValueError, match='expected "nearest", "corners" or "square", got \'hull\''):
        ColorBins(10, "hull")


# ---- encode --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_encode_is_the_nearest_bin_everywhere(bins):
    assert_nearest(bins, random_ab(20_000))


def test_encode_is_the_nearest_bin_for_the_colours_of_the_gamut(bins):
    assert_nearest(bins, as_ab(gamut_ab()[::101]))


def test_encode_is_the_nearest_bin_on_the_borders_of_the_cells(bins):
    half_cells = torch.arange(-26, 27) * 5.0
    assert_nearest(bins, as_ab(torch.cartesian_prod(half_cells, half_cells)))


@pytest.mark.parametrize("reach", [1e3, 1e4])
def test_encode_is_the_nearest_bin_far_outside(bins, reach):
    assert_nearest(bins, random_ab(2000, reach), atol=1e-3)


def test_a_centre_is_encoded_as_itself(bins):
    assert torch.equal(bins.encode(as_ab(bins.centers)).flatten(), torch.arange(262))


def test_encode_keeps_the_shape_of_the_pictures(bins):
    ab = random_ab(2 * 5 * 7).reshape(2, 2, 5, 7)[:1].expand(3, -1, -1, -1)
    labels = bins.encode(ab)
    assert labels.shape == (3, 5, 7) and labels.dtype == torch.int64
    assert labels[1, 2, 3] == bins.encode(ab[1:2, :, 2:3, 3:4]).item()


@pytest.mark.slow
@settings(max_examples=20, deadline=None, derandomize=True)  # deadline: the first table samples the gamut
@given(
    grid_size=st.floats(4, 100), rule=st.sampled_from(["nearest", "corners", "square"]), k=st.integers(1, 400)
)
def test_encoding_is_exact_for_any_grid(grid_size, rule, k):
    bins, ab = ColorBins(grid_size, rule), random_ab(300)
    assert_nearest(bins, ab)
    assert_k_nearest(bins, ab, k)


# ---- encode_soft ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 5, 8, 10, 30])
def test_soft_neighbours_are_the_nearest_ones_nearest_first(bins, k):
    assert_k_nearest(bins, random_ab(4000), k)
    assert_k_nearest(bins, as_ab(gamut_ab()[::101]), k)


def test_soft_neighbours_on_the_borders_of_the_cells(bins):
    half_cells = torch.arange(-26, 27) * 5.0
    assert_k_nearest(bins, as_ab(torch.cartesian_prod(half_cells, half_cells)), k=10)


def test_soft_neighbours_far_outside(bins):
    assert_k_nearest(bins, random_ab(2000, 1e4), k=10, atol=1e-3)


def test_more_neighbours_than_bins_means_all_bins():
    bins = ColorBins(60)
    indices, weights = bins.encode_soft(random_ab(50), k=1000)
    assert indices.shape == weights.shape == (1, bins.n_bins, 1, 50)
    assert_k_nearest(bins, random_ab(50), k=1000)


@pytest.mark.parametrize("sigma", [1.0, 5.0, 20.0])
def test_soft_weights_are_a_normalised_gaussian(bins, sigma):
    ab = random_ab(500, dtype=torch.float64)
    _, weights = bins.encode_soft(ab, k=10, sigma=sigma)
    nearest = distances(bins, ab).sort(1).values[:, :10]
    # Divided by the largest term, so that a far pixel does not become 0 / 0.
    gaussian = torch.exp((nearest[:, :1] ** 2 - nearest**2) / (2 * sigma**2))
    expected = gaussian / gaussian.sum(1, keepdim=True)
    torch.testing.assert_close(weights[0, :, 0].T, expected)


@pytest.mark.parametrize("reach", [100.0, 1e4])
def test_soft_weights_sum_to_1_and_fall(bins, reach):
    _, weights = bins.encode_soft(random_ab(500, reach))
    torch.testing.assert_close(weights.sum(1), torch.ones(1, 1, 500))
    assert (weights.diff(dim=1) <= 0).all()


def test_soft_labels_vary_smoothly_across_a_border(bins):
    """14.9 and 15.1 are nearly the same colour; hard labels deny it, soft ones do not."""
    ab = as_ab([[14.9, 0.0], [15.1, 0.0]])
    indices, weights = bins.encode_soft(ab)
    left, right = torch.zeros(2, 262).scatter(1, indices[0, :, 0].T, weights[0, :, 0].T)
    assert bins.encode(ab).unique().numel() == 2
    assert (left - right).abs().sum() < 0.1


@pytest.mark.parametrize("leading", [(), (3,), (2, 3)])
def test_any_leading_dimensions_as_in_lab(bins, leading):
    ab = 50 * torch.randn(*leading, 2, 4, 5, generator=torch.Generator().manual_seed(0))
    flat = ab.reshape(-1, 2, 4, 5)
    assert torch.equal(bins.encode(ab), bins.encode(flat).reshape(*leading, 4, 5))
    for found, expected in zip(bins.encode_soft(ab, k=3), bins.encode_soft(flat, k=3), strict=True):
        assert torch.equal(found, expected.reshape(*leading, 3, 4, 5))
    logits = torch.randn(*leading, 262, 4, 5, generator=torch.Generator().manual_seed(1))
    for temperature in (0.38, "mode"):
        expected = bins.decode(logits.reshape(-1, 262, 4, 5), temperature).reshape(*leading, 2, 4, 5)
        torch.testing.assert_close(bins.decode(logits, temperature), expected)


@pytest.mark.parametrize("encode", [ColorBins.encode, ColorBins.encode_soft])
@pytest.mark.parametrize("shape", [(2, 4), (1, 3, 4, 5), (1, 4, 5, 2)])
def test_refuses_a_wrong_shape(bins, encode, shape):
    with pytest.raises(ValueError, match=r"expected a tensor \(\.\.\., 2, H, W\), got \(" + str(shape)[1:-1]):
        encode(bins, torch.zeros(shape))


@pytest.mark.parametrize("encode", [ColorBins.encode, ColorBins.encode_soft])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_refuses_values_that_are_not_finite(bins, encode, bad):
    with pytest.raises(ValueError, match="expected finite values, got NaN or infinity"):
        encode(bins, torch.full((1, 2, 1, 1), bad))


@pytest.mark.parametrize(
    "options",
    [dict(k=0), dict(k=2.5), dict(k=True), dict(sigma=0), dict(sigma=-1.0), dict(sigma=float("nan"))],
)
def test_refuses_a_bad_neighbourhood(bins, options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=f"{name}: expected .* got {value}"):
        bins.encode_soft(random_ab(1), **options)


# ---- decode --------------------------------------------------------------------------------------


def random_logits(bins, n=20, scale=3.0):
    return scale * torch.randn(1, bins.n_bins, 1, n, generator=torch.Generator().manual_seed(0))


def test_temperature_1_is_the_expectation(bins):
    logits = random_logits(bins)
    probabilities = logits[0, :, 0].T.exp()  # (P, Q), not yet normalised
    expected = probabilities @ bins.centers / probabilities.sum(1, keepdim=True)
    torch.testing.assert_close(bins.decode(logits, 1.0)[0, :, 0].T, expected, atol=1e-4, rtol=0)


def test_mode_is_the_centre_of_the_likeliest_bin(bins):
    logits = random_logits(bins)
    expected = [bins.centers[int(column.argmax())].tolist() for column in logits[0, :, 0].T]
    assert bins.decode(logits, "mode")[0, :, 0].T.tolist() == expected


def test_temperature_is_the_papers_annealed_mean(bins):
    logits, temperature = random_logits(bins), 0.38
    probabilities = logits.softmax(1)
    annealed = (probabilities.log() / temperature).exp()  # f_T as printed in the paper, section 2.3
    annealed = annealed / annealed.sum(1, keepdim=True)
    expected = torch.einsum("nqhw,qc->nchw", annealed, bins.centers)
    torch.testing.assert_close(bins.decode(logits, temperature), expected, atol=1e-3, rtol=0)


def test_a_low_temperature_approaches_the_mode(bins):
    logits = random_logits(bins).argsort(1).float()  # every pixel's logits differ by at least 1: no near tie
    far = [(bins.decode(logits, t) - bins.decode(logits, "mode")).norm().item() for t in (3.0, 0.5, 0.05)]
    assert far[0] > far[1] > far[2] and far[2] < 1e-3


def test_decode_survives_extreme_logits(bins):
    logits = torch.zeros(1, 262, 1, 1)
    logits[0, 7] = 1e4
    torch.testing.assert_close(bins.decode(logits, 0.01).flatten(), bins.centers[7])


@pytest.mark.parametrize("shape", [(1, 262, 0, 4), (0, 262, 3, 4), (262, 0, 0)], ids=str)
def test_no_pixels_are_none_in_bins_and_colours(bins, shape):
    pixels = (*shape[:-3], *shape[-2:])
    for temperature in (1.0, "mode"):
        ab = bins.decode(torch.zeros(shape), temperature)
        assert ab.shape == (*shape[:-3], 2, *shape[-2:])
    indices, weights = bins.encode_soft(ab, k=3)
    assert bins.encode(ab).shape == pixels
    assert indices.shape == weights.shape == (*shape[:-3], 3, *shape[-2:])


@pytest.mark.parametrize("bad", [0, -0.5, float("nan"), "cold"])
def test_refuses_a_bad_temperature(bins, bad):
    with pytest.raises(ValueError, match=f"temperature: expected .* got '?{bad}"):
        bins.decode(random_logits(bins), bad)


@pytest.mark.parametrize("shape", [(1, 313, 2, 2), (262, 2)])
def test_refuses_logits_of_another_table(bins, shape):
    with pytest.raises(ValueError, match=r"expected \(\.\.\., Q = 262, H, W\), got \(" + str(shape)[1:-1]):
        bins.decode(torch.zeros(shape))


# ---- prior ---------------------------------------------------------------------------------------


def test_prior_without_smoothing_is_the_histogram(bins):
    ab = random_ab(1000, reach=60)
    counted = [0] * 262
    for label in bins.encode(ab).flatten().tolist():
        counted[label] += 1
    torch.testing.assert_close(bins.prior(ab, sigma=0), torch.tensor(counted) / 1000)


@pytest.mark.parametrize("sigma", [0, 1.0, 5.0, 50.0])
def test_prior_sums_to_1(bins, sigma):
    prior = bins.prior(random_ab(1000), sigma=sigma)
    assert prior.shape == (262,) and (prior >= 0).all()
    assert prior.sum().item() == pytest.approx(1, abs=1e-5)


def test_prior_of_one_colour_is_a_gaussian_around_it(bins):
    prior = bins.prior(as_ab([[20.0, 30.0]]), sigma=5.0)
    gaussian = torch.exp(-((bins.centers - torch.tensor([20.0, 30.0])) ** 2).sum(1) / (2 * 5.0**2))
    torch.testing.assert_close(prior, gaussian / gaussian.sum())


def test_smoothing_conserves_the_mass_of_every_bin(bins):
    """A colour at the gamut's edge has few neighbours, and must not count for less because of it."""
    edge, middle = as_ab(bins.centers[:1]), as_ab([[0.0, 0.0]])
    together = bins.prior([edge, middle])
    torch.testing.assert_close(together, (bins.prior(edge) + bins.prior(middle)) / 2)


def test_prior_pools_pictures_of_any_size(bins):
    pictures = [random_ab(30, seed=1), random_ab(7, seed=2)]
    torch.testing.assert_close(bins.prior(iter(pictures)), bins.prior(torch.cat(pictures, dim=-1)))


def test_prior_of_nothing_is_refused(bins):
    for nothing in ([], torch.zeros(0, 2, 4, 4)):
        with pytest.raises(ValueError, match="expected at least one pixel to count, got none"):
            bins.prior(nothing)


def test_prior_refuses_a_negative_sigma(bins):
    with pytest.raises(ValueError, match="sigma: expected a width >= 0 in Lab units, got -1"):
        bins.prior(random_ab(10), sigma=-1)


# ---- weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize("uniform_mix", [0.0, 0.1, 0.5, 1.0])
def test_the_expected_weight_is_1(bins, uniform_mix):
    prior = bins.prior(random_ab(1000, reach=60), sigma=20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # λ = 0 weighs some bins enormously, and says so
        weights = bins.weights(prior, uniform_mix)
    assert (prior.double() * weights).sum().item() == pytest.approx(1, abs=1e-5)


def test_weights_follow_the_formula(bins):
    prior, lam = bins.prior(random_ab(1000, reach=60)).double(), 0.25
    expected = 1 / ((1 - lam) * prior + lam / 262)
    expected = expected / (prior * expected).sum()
    torch.testing.assert_close(bins.weights(prior, lam), expected.float())


def test_uniform_mix_1_is_no_rebalancing(bins):
    torch.testing.assert_close(bins.weights(bins.prior(random_ab(1000)), 1.0), torch.ones(262))


def test_rare_bins_weigh_more(coarse):
    prior = torch.arange(1, coarse.n_bins + 1) / sum(range(1, coarse.n_bins + 1))
    assert (coarse.weights(prior).diff() < 0).all()


def test_a_huge_ratio_is_warned_of(coarse):
    prior = torch.zeros(coarse.n_bins)
    prior[0] = 1
    with pytest.warns(UserWarning, match=r"weighs [\d,]+ times the commonest"):
        coarse.weights(prior, uniform_mix=1e-3)


def test_an_ordinary_ratio_is_not_warned_of(bins):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bins.weights(bins.prior(random_ab(1000, reach=60)))


def test_an_empty_bin_without_mixing_is_refused(coarse):
    prior = torch.zeros(coarse.n_bins)
    prior[0] = 1
    with pytest.raises(ValueError, match=f"{coarse.n_bins - 1} of Q = {coarse.n_bins} bins never occur"):
        coarse.weights(prior, uniform_mix=0)


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_refuses_a_mix_outside_0_to_1(coarse, bad):
    with pytest.raises(ValueError, match=rf"expected λ in \[0, 1\], got {bad}"):
        coarse.weights(torch.full((coarse.n_bins,), 1 / coarse.n_bins), bad)


def test_refuses_the_prior_of_another_table(bins):
    with pytest.raises(ValueError, match=r"prior: expected shape \(Q = 262,\), got \(313,\)"):
        bins.weights(torch.full((313,), 1 / 313))


@pytest.mark.parametrize("factor", [2.0, -1.0, float("nan")])
def test_refuses_what_is_not_a_distribution(bins, factor):
    with pytest.raises(ValueError, match="expected non-negative values that sum to 1, got a sum of"):
        bins.weights(torch.full((262,), factor / 262))


def test_weights_are_described_in_one_line(bins):
    line = bins.describe_weights(bins.prior(random_ab(1000, reach=60)), 0.5)
    assert line.startswith("Q = 262, λ = 0.5: weights ") and "\n" not in line
    assert "sum of prior 1.0000, of prior × weight 1.0000" in line


def test_the_docstring_examples_run():
    result = doctest.testmod(colorlab.bins)
    assert result.attempted > 0 and result.failed == 0


def test_arrays_and_tensors_have_the_same_nearest_bin():
    # On a GPU they stay tensors.
    bins, points = ColorBins(10), 80 * torch.randn(2, 5000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(bins._nearest._nearest(points), bins._nearest.one(points))


@pytest.mark.parametrize("shape", [(0, 2, 3, 3), (1, 2, 0, 5)])
def test_no_pixels_have_no_bins(shape):
    bins, none = ColorBins(25), torch.empty(shape)
    assert bins.encode(none).shape == (shape[0], *shape[2:])
    assert bins.encode_soft(none, 3)[0].shape == (shape[0], 3, *shape[2:])


def test_many_pixels_are_encoded_in_pieces_like_few():
    bins, ab = ColorBins(10), 60 * torch.randn(1, 2, 130, 150, generator=torch.Generator().manual_seed(0))
    rows = torch.cat([bins.encode(ab[..., row : row + 1, :]) for row in range(130)], dim=1)
    assert torch.equal(bins.encode(ab.requires_grad_()), rows)
