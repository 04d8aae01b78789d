"""colorlab.metrics against scikit-image and against loops that do literally what the definition says."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from colorlab.data import Photo, photo
from colorlab.lab import lab_to_rgb
from colorlab.metrics import (
    ONE_COLOR,
    Tally,
    baselines,
    best_saturation,
    closeness,
    colourfulness,
    evaluate,
    intervals,
    psnr,
    score,
    to_labs,
)

SIZES = [(12, 9), (5, 20)]  # two pictures of different sizes: pooling and averaging differ


@pytest.fixture(scope="module")
def labs():
    rng = np.random.default_rng(0)
    return to_labs([rng.integers(40, 200, (*size, 3), dtype=np.uint8) for size in SIZES])


@pytest.fixture(scope="module")
def predictions():
    g = torch.Generator().manual_seed(1)
    return [25 * torch.randn(2, *size, generator=g) for size in SIZES]


def levels(lab):
    return np.rint(lab_to_rgb(lab).numpy() * 255)


def pooled(pictures):
    return torch.cat([p.flatten(1) for p in pictures], dim=1)


def distances(predictions, labs):
    """One float a pixel of all pictures."""
    return [
        math.dist(p, t)
        for p, t in zip(pooled(predictions).T.tolist(), pooled(labs)[1:].T.tolist(), strict=True)
    ]


def brute_force_auc(distances, weights):
    total = sum(weights)
    shares = []
    for t in range(151):
        shares.append(sum(w for d, w in zip(distances, weights, strict=True) if d <= t) / total)
    return 100 * sum(shares) / 151


# ---- PSNR ----------------------------------------------------------------------------------------


def test_psnr_is_skimages_over_the_pooled_pixels(predictions, labs):
    colored = [levels(torch.cat([lab[:1], ab])) for ab, lab in zip(predictions, labs, strict=True)]
    truth = [levels(lab) for lab in labs]
    both = [np.concatenate([p.reshape(3, -1) for p in pictures], axis=1) for pictures in (truth, colored)]
    assert score(predictions, labs)["psnr"] == pytest.approx(
        peak_signal_noise_ratio(*both, data_range=255), rel=1e-6
    )


def test_psnr_pools_the_errors_and_does_not_average_the_decibels():
    flat = torch.zeros(3, 2, 2)
    assert psnr([flat, flat + 10], [flat, flat]) == pytest.approx(10 * math.log10(255**2 / 50))


def test_psnr_of_equal_pictures_is_infinite(labs):
    assert psnr(labs, labs) == math.inf


# ---- AuC -----------------------------------------------------------------------------------------


def test_auc_is_the_mean_over_151_tolerances(predictions, labs):
    expected = brute_force_auc(distances(predictions, labs), [1.0] * 208)
    assert score(predictions, labs)["auc"] == pytest.approx(expected)


@pytest.mark.parametrize("distance", [0.0, 0.5, 1.0, 1.5, 149.5, 150.0, 150.5, 1e4])
def test_auc_of_a_single_pixel(distance):
    expected = brute_force_auc([distance], [1.0])
    assert 100 * closeness(torch.tensor([distance])).item() == pytest.approx(expected)


def test_rebalanced_auc_weighs_each_pixel_by_the_rarity_of_its_true_colour(predictions, labs):
    cells = [(round(a / 10), round(b / 10)) for _, a, b in pooled(labs).T.tolist()]
    count = Counter(cells)
    expected = brute_force_auc(distances(predictions, labs), [1 / count[cell] for cell in cells])
    got = score(predictions, labs)
    assert got["rebalanced_auc"] == pytest.approx(expected)
    assert abs(got["rebalanced_auc"] - got["auc"]) > 0.5


def test_a_rare_colour_counts_as_much_as_a_common_one():
    """Nine grey pixels and a red one: answering grey is 90 % right, and 50 % when every colour counts alike."""
    lab = torch.tensor([50.0, 0.0, 0.0]).reshape(3, 1, 1).repeat(1, 1, 10)
    lab[1, 0, 0] = 60.0
    grey = score([torch.zeros(2, 1, 10)], [lab])
    missed = 60 / 151  # of the tolerances 0..150, those below 60
    assert grey["auc"] == pytest.approx(100 * (1 - 0.1 * missed))
    assert grey["rebalanced_auc"] == pytest.approx(100 * (1 - 0.5 * missed))


def test_perfect_predictions(labs):
    perfect = score([lab[1:] for lab in labs], labs)
    assert perfect["auc"] == perfect["rebalanced_auc"] == 100
    assert perfect["psnr"] == math.inf
    assert perfect["chroma_ratio"] == pytest.approx(1)


# ---- chroma and colourfulness --------------------------------------------------------------------


def test_chroma_ratio():
    predicted = torch.tensor([[3.0, 0.0], [4.0, 5.0]])[:, None]  # chroma 5 and 5
    true = torch.tensor([[50.0, 50.0], [6.0, 30.0], [8.0, 0.0]])[:, None]  # chroma 10 and 30
    assert score([predicted], [true])["chroma_ratio"] == pytest.approx(10 / 40)


def test_colourfulness_of_two_pixels_by_hand():
    # Red (200, 100, 50): rg = 100, yb = 100. Blue (0, 60, 90): rg = -60, yb = -60.
    # Standard deviation of (100, -60): 80; mean: 20. Twice, so both enter as sqrt(2).
    rgb = torch.tensor([[200, 0], [100, 60], [50, 90]])[:, None]
    assert colourfulness(rgb) == pytest.approx(math.sqrt(2) * 80 + 0.3 * math.sqrt(2) * 20)


def test_grey_is_not_colourful():
    grey = torch.arange(256).expand(3, 1, 256)
    assert colourfulness(grey) == 0


def test_colourfulness_is_averaged_over_the_coloured_pictures(predictions, labs):
    pictures = [
        torch.from_numpy(levels(torch.cat([lab[:1], ab]))) for ab, lab in zip(predictions, labs, strict=True)
    ]
    expected = sum(colourfulness(p) for p in pictures) / 2
    assert score(predictions, labs)["colourfulness"] == pytest.approx(expected)


# ---- the bootstrap -------------------------------------------------------------------------------


def test_a_choice_of_pictures_is_scored_like_those_pictures_alone(predictions, labs):
    tally = Tally.of(predictions, labs)
    thrice = score([predictions[1]] * 3, [labs[1]] * 3)
    assert tally.scores(torch.tensor([0, 3])) == pytest.approx(thrice)
    both = score([predictions[0], predictions[1], predictions[1]], [labs[0], labs[1], labs[1]])
    assert tally.scores(torch.tensor([1, 2])) == pytest.approx(both)


def test_intervals_hold_the_score_and_shrink_with_the_square_root_of_the_pictures():
    g = torch.Generator().manual_seed(3)
    labs = [
        torch.cat([torch.full((1, 4, 4), 50.0), 20 * torch.randn(2, 4, 4, generator=g)]) for _ in range(400)
    ]
    predictions = [torch.rand((), generator=g) * lab[1:] for lab in labs]
    few, many = (Tally.of(predictions[:n], labs[:n]) for n in (25, 400))
    narrow, wide = (intervals({"p": t}, draws=300)["p"]["chroma_ratio"] for t in (many, few))
    assert narrow[0] < many.scores()["chroma_ratio"] < narrow[1]
    assert 2.5 < (wide[1] - wide[0]) / (narrow[1] - narrow[0]) < 6  # sqrt(400 / 25) = 4
    # The standard error of a mean of uniform numbers, 0.289 / sqrt(400), is 0.0144: ±1.96 of it.
    assert narrow[1] - narrow[0] == pytest.approx(2 * 1.96 * 0.0144, rel=0.25)


def test_differences_cancel_the_luck_that_all_share(predictions, labs):
    tallies = {"a": Tally.of(predictions, labs), "b": Tally.of(predictions, labs)}
    difference = intervals(tallies, against="b", draws=20)
    assert difference.keys() == {"a"}
    assert set(difference["a"].values()) == {(0.0, 0.0)}


# ---- baselines -----------------------------------------------------------------------------------


def test_the_baselines_are_grey_and_one_colour(labs):
    table = {name: score(ab, labs) for name, ab in baselines(labs).items()}
    grey, constant = table["grey"], table[f"one colour {ONE_COLOR}"]
    assert grey["chroma_ratio"] == 0
    assert grey["colourfulness"] < 1  # levels are rounded
    assert constant == score([torch.full_like(lab[1:], 15.0) for lab in labs], labs)


def test_the_best_saturation_is_found(labs):
    pale = [0.5 * lab[1:] for lab in labs]
    factor, scores = best_saturation(pale, labs, factors=(1.0, 2.0, 3.0))
    assert factor == 2.0
    assert scores["rebalanced_auc"] == pytest.approx(100, abs=0.7)  # tolerance 0 asks for the exact float


# ---- evaluating a colorizer ----------------------------------------------------------------------


class Oracle:
    """A colorizer that answers one colour, and remembers what it was shown."""

    def __init__(self):
        self.seen = []

    def predict_ab(self, L, temperature):
        self.seen.append((tuple(L.shape), temperature))
        return torch.full((1, 2, *L.shape[-2:]), 15.0)


def test_evaluate_shows_every_picture_at_its_own_size():
    pictures, colorizer = [photo("coffee", side=16), np.zeros((5, 7, 3), np.uint8)], Oracle()
    result = evaluate(colorizer, pictures, temperature=0.5)
    assert colorizer.seen == [((1, 1, 16, 24), 0.5), ((1, 1, 5, 7), 0.5)]
    truth = to_labs(pictures)
    assert result == score(baselines(truth)[f"one colour {ONE_COLOR}"], truth)
    assert result["pictures"] == 2


def test_photos_and_arrays_are_measured_alike():
    p = photo("coffee", side=16)
    assert isinstance(p, Photo)
    assert torch.equal(*to_labs([p, p.rgb]))


# ---- refusals ------------------------------------------------------------------------------------


def test_refuses_a_missing_prediction(predictions, labs):
    with pytest.raises(ValueError, match="expected one prediction a picture, got 1 for 2 pictures"):
        score(predictions[:1], labs)


def test_refuses_to_score_nothing():
    with pytest.raises(ValueError, match="got 0 for 0 pictures"):
        score([], [])


def test_refuses_a_prediction_of_another_size(predictions, labs):
    with pytest.raises(ValueError, match=r"expected ab of shape \(2, \*\(12, 9\)\), got \(2, 5, 20\)"):
        score(predictions[::-1], labs)
