"""colorlab.metrics against scikit-image and against loops that do literally what the definition says."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

from colorlab.data import Photo, photo
from colorlab.lab import lab_to_rgb
from colorlab.metrics import (
    ONE_COLOR,
    Tally,
    baselines,
    closeness,
    colorfulness,
    evaluate,
    hits,
    intervals,
    psnr,
    score,
    segments_of,
    spread_in,
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


# ---- chroma and colorfulness --------------------------------------------------------------------


def test_chroma_ratio():
    predicted = torch.tensor([[3.0, 0.0], [4.0, 5.0]])[:, None]  # chroma 5 and 5
    true = torch.tensor([[50.0, 50.0], [6.0, 30.0], [8.0, 0.0]])[:, None]  # chroma 10 and 30
    assert score([predicted], [true])["chroma_ratio"] == pytest.approx(10 / 40)


def test_colourfulness_of_two_pixels_by_hand():
    # Red (200, 100, 50): rg = 100, yb = 100. Blue (0, 60, 90): rg = -60, yb = -60.
    # Standard deviation of (100, -60): 80; mean: 20. Twice, so both enter as sqrt(2).
    rgb = torch.tensor([[200, 0], [100, 60], [50, 90]])[:, None]
    assert colorfulness(rgb) == pytest.approx(math.sqrt(2) * 80 + 0.3 * math.sqrt(2) * 20)


def test_grey_is_not_colourful():
    grey = torch.arange(256).expand(3, 1, 256)
    assert colorfulness(grey) == 0


def test_colourfulness_is_averaged_over_the_coloured_pictures(predictions, labs):
    pictures = [
        torch.from_numpy(levels(torch.cat([lab[:1], ab]))) for ab, lab in zip(predictions, labs, strict=True)
    ]
    expected = sum(colorfulness(p) for p in pictures) / 2
    assert score(predictions, labs)["colorfulness"] == pytest.approx(expected)


# ---- hits, and pictures that had better stayed grey ----------------------------------------------


def test_hits_are_the_clear_colours_that_were_answered_nearly(predictions, labs):
    clear = hit = 0
    for p, t in zip(pooled(predictions).T.tolist(), pooled(labs)[1:].T.tolist(), strict=True):
        if math.hypot(*t) > 30:
            clear += 1
            hit += math.dist(p, t) <= 25
    assert 0 < hit < clear < 208
    assert score(predictions, labs)["hits"] == pytest.approx(100 * hit / clear)
    assert hits(predictions, labs) == pytest.approx(100 * hit / clear)


@pytest.mark.parametrize(
    ("true", "answer", "share"),
    [
        ((30.0, 0.0), (30.0, 0.0), math.nan),  # not clear: a chroma of 30 is not over 30
        ((30.1, 0.0), (30.1, 0.0), 100),
        ((-40.0, 0.0), (-15.0, 0.0), 100),  # 25 away
        ((-40.0, 0.0), (-14.9, 0.0), 0),
        ((24.0, 32.0), (24.0 + 15, 32.0 + 20), 100),  # chroma 40; 25 away
        ((24.0, 32.0), (24.0 + 16, 32.0 + 20), 0),
    ],
)
def test_hits_of_a_single_pixel(true, answer, share):
    lab = torch.tensor([50.0, *true]).reshape(3, 1, 1)
    ab = torch.tensor(answer).reshape(2, 1, 1)
    assert score([ab], [lab])["hits"] == pytest.approx(share, nan_ok=True)
    assert hits([ab], [lab]) == pytest.approx(share, nan_ok=True)


def test_what_is_not_clear_has_no_say_in_hits():
    """A cautious brown hits nothing, however grey the rest of the picture is."""
    lab = torch.cat([torch.full((1, 1, 10), 50.0), torch.zeros(2, 1, 10)])
    lab[1, 0, :2] = 60.0
    brown, bold = torch.full((2, 1, 10), 10.0), torch.zeros(2, 1, 10)
    bold[0, 0, :1] = 70.0
    assert score([brown], [lab])["hits"] == 0
    assert score([bold], [lab])["hits"] == 50
    assert score([bold], [lab])["auc"] > score([brown], [lab])["auc"]


def test_a_picture_is_farther_than_grey_if_on_average_over_its_pixels_it_is(predictions, labs):
    farther = 0
    for ab, lab in zip(predictions, labs, strict=True):
        both = zip(ab.flatten(1).T.tolist(), lab[1:].flatten(1).T.tolist(), strict=True)
        colored, grey = zip(*((math.dist(p, t), math.hypot(*t)) for p, t in both), strict=True)
        farther += sum(colored) / len(colored) > sum(grey) / len(grey)
    assert score(predictions, labs)["farther_than_grey"] == pytest.approx(100 * farther / 2)


def test_pictures_count_alike_whatever_their_size():
    """Of three pictures one is coloured wrongly, the largest."""
    labs = [torch.cat([torch.full((1, n, 4), 50.0), torch.full((2, n, 4), 20.0)]) for n in (2, 3, 40)]
    answers = [labs[0][1:], 0.5 * labs[1][1:], -labs[2][1:]]
    assert score(answers, labs)["farther_than_grey"] == pytest.approx(100 / 3)
    grey = [torch.zeros_like(lab[1:]) for lab in labs]
    assert score(grey, labs)["farther_than_grey"] == 0  # as far as grey is not farther


# ---- patchiness ----------------------------------------------------------------------------------


def brute_force_spread(segments, ab, L):
    """In every segment, of a and of b, what the best straight line in L leaves: by numpy's least squares."""
    total = 0.0
    for segment in np.unique(segments):
        light = L[segments == segment].double().numpy()
        for plane in ab:
            values = plane[segments == segment].double().numpy()
            line = np.stack([light - light.mean(), np.ones(len(light))], axis=1)
            best = np.linalg.lstsq(line, values, rcond=1e-6)[0]
            total += ((values - line @ best) ** 2).sum()
    return total


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6), st.integers(0, 10**6))
def test_the_spread_in_segments_is_what_a_line_in_l_leaves(height, width, count, seed):
    g = torch.Generator().manual_seed(seed)
    segments = torch.randint(count, (height, width), generator=g)
    ab, L = 30 * torch.randn(2, height, width, generator=g), 100 * torch.rand(height, width, generator=g)
    expected = brute_force_spread(segments, ab, L)
    assert spread_in(segments, ab, L) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_shade_spreads_nothing_and_patches_do():
    shade = torch.linspace(30, 60, 8).expand(8, 8)
    door = torch.stack([0.5 * shade + 3, -0.2 * shade])
    one = torch.zeros(8, 8, dtype=torch.int64)
    assert spread_in(one, door, shade) == pytest.approx(0, abs=1e-6)
    patched = torch.full((2, 8, 8), 20.0)
    patched[0, :4] = -20  # above blue-green, below red; L says nothing about it
    assert spread_in(one, patched, shade) == pytest.approx(64 * 20**2, rel=1e-6)
    two = one.clone()
    two[:4] = 1
    assert spread_in(two, patched, shade) == 0  # two things of one colour each
    assert spread_in(7 * two, patched, shade) == 0  # numbers may be left out


def test_patchiness_is_the_root_of_the_spread_over_that_of_the_truth(predictions, labs):
    g = torch.Generator().manual_seed(2)
    segments = [torch.randint(3, size, generator=g) for size in SIZES]
    spreads = [
        sum(brute_force_spread(s, ab, lab[0]) for s, ab, lab in zip(segments, answers, labs, strict=True))
        for answers in (predictions, [lab[1:] for lab in labs])
    ]
    scores = Tally.of(predictions, labs, segments).scores()
    assert scores["patchiness"] == pytest.approx(math.sqrt(spreads[0] / spreads[1]), rel=1e-4)
    truth = Tally.of([lab[1:] for lab in labs], labs, segments).scores()
    assert truth["patchiness"] == pytest.approx(1)
    grey = Tally.of([torch.zeros_like(ab) for ab in predictions], labs, segments).scores()
    assert grey["patchiness"] == 0
    assert {**scores, **score(predictions, labs)} == scores and "patchiness" not in score(predictions, labs)


def test_segments_are_the_surfaces_of_a_picture():
    """Three flat surfaces, with the grain of a camera."""
    rgb = np.zeros((60, 80, 3), np.uint8)
    rgb[:], rgb[:30, :40], rgb[30:, 20:60] = (200, 200, 190), (180, 40, 40), (30, 60, 160)
    rgb = (rgb + np.random.default_rng(0).integers(-2, 3, rgb.shape)).clip(0, 255).astype(np.uint8)
    found = segments_of(rgb)
    assert found.shape == (60, 80) and found.dtype == torch.int64
    inside = [found[3:27, 3:37], found[33:57, 23:57], found[3:27, 45:75]]
    assert all(len(part.unique()) == 1 for part in inside)
    assert len({int(part[0, 0]) for part in inside}) == 3


def test_of_some_draws_nothing_can_be_said():
    """A picture of one colour has no spread, and a grey one no clear colours."""
    flat = torch.cat([torch.full((1, 8, 8), 50.0), torch.full((2, 8, 8), 10.0)])
    varied = torch.cat([flat[:1], 40 * torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0))])
    segments = [torch.zeros(8, 8, dtype=torch.int64)] * 2
    tally = Tally.of([flat[1:] + 1, varied[1:] + 1], [flat, varied], segments)
    assert tally.scores()["patchiness"] == pytest.approx(1)
    assert tally.scores()["hits"] == 100
    only_flat = tally.of_draws(torch.tensor([[2.0, 0.0], [1.0, 1.0]]).double())
    for measure in ("patchiness", "hits"):
        assert only_flat[measure][0].isnan() and not only_flat[measure][1].isnan()
    assert tally.scores().keys() - {"pictures"} == intervals({"p": tally}, draws=30)["p"].keys()


# ---- the bootstrap -------------------------------------------------------------------------------


def test_a_choice_of_pictures_is_scored_like_those_pictures_alone(predictions, labs):
    tally = Tally.of(predictions, labs)
    thrice = score([predictions[1]] * 3, [labs[1]] * 3)
    assert tally.scores(torch.tensor([0, 3])) == pytest.approx(thrice)
    both = score([predictions[0], predictions[1], predictions[1]], [labs[0], labs[1], labs[1]])
    assert tally.scores(torch.tensor([1, 2])) == pytest.approx(both)


@pytest.mark.slow
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
    grey, constant = table["grey"], table[f"one color {ONE_COLOR}"]
    assert grey["chroma_ratio"] == 0
    assert grey["colorfulness"] < 1  # levels are rounded
    assert constant == score([torch.full_like(lab[1:], 15.0) for lab in labs], labs)


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
    assert result == score(baselines(truth)[f"one color {ONE_COLOR}"], truth)
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
