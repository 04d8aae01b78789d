"""colorlab.toy: the floors against closed forms written out by hand, against sampling, and against training."""

import math

import numpy as np
import pytest
import torch

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.config import Config
from colorlab.data import Photo
from colorlab.distances import HUBER_DELTA
from colorlab.lab import chroma, in_gamut
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification, Regression
from colorlab.toy import PALETTE, CoinToss, DottedMarbles, Marbles, from_middle, recolor
from colorlab.training import fit

BINS = ColorBins(20)  # Q = 77: quick
COLORS = torch.tensor([[61.0, 42.0], [-44.0, 43.0], [12.0, -48.0]])  # none equally near to two bins
SHARES = torch.tensor([0.5, 0.3, 0.2])


def photo(side=24, seed=0):
    """A vivid photograph that no camera took: random colours, no two pixels alike."""
    rgb = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Photo("noise", rgb, "train", "nobody", "CC0", "coloured noise")


def marbles(**options):
    palette = torch.cat([torch.full((3, 1), 55.0), COLORS], dim=1)
    return Marbles(**{"palette": palette, "probabilities": SHARES, "size": 16} | options)


def coin_toss(**options):
    return CoinToss(**{"photos": [photo()], "size": 16} | options)


def rebalanced(targets, bins=BINS):
    prior = bins.prior(marbles().batch(50)[0][:, 1:], sigma=10)
    return Classification(bins, targets, prior, uniform_mix=0.3)


OBJECTIVES = [
    Regression("l2"),
    Regression("l1"),
    Regression("huber"),
    Classification(BINS, "hard"),
    Classification(BINS, "soft"),
    rebalanced("hard"),
    rebalanced("soft"),
]
WORLDS = [marbles, coin_toss]


# ---- the floors, in closed form ------------------------------------------------------------------


def l2_floor(_):
    mean = SHARES @ COLORS
    return sum(p * (c - mean).square().sum() for p, c in zip(SHARES, COLORS, strict=True))  # the variance


def l1_floor(_):
    """Channel by channel the least is reached at one of the colours: try each."""
    return sum(
        min((SHARES * (values - candidate).abs()).sum() for candidate in values) for values in COLORS.T
    )


def huber_floor(_):
    """Channel by channel, on a fine grid of answers."""
    answers = torch.linspace(-60, 70, 130_001, dtype=torch.float64)
    distance = (answers[:, None, None] - COLORS).abs()  # (answers, K, 2)
    huber = torch.where(distance <= HUBER_DELTA, distance**2 / 2, HUBER_DELTA * (distance - HUBER_DELTA / 2))
    return torch.einsum("k,nkc->nc", SHARES.double(), huber).amin(0).sum()


def cross_entropy_floor(objective):
    """Answering m_q, the expected (weighted) target, is best: the floor is -Σ m log(m / Σ m)."""
    mass = torch.zeros(BINS.n_bins, dtype=torch.float64)
    for p, color in zip(SHARES.double(), COLORS, strict=True):
        squared = (BINS.centers - color).square().sum(1).double()
        nearest, k = squared.argmin(), 1 if objective.targets == "hard" else 10
        near = squared.argsort()[:k]
        target = torch.zeros_like(mass)
        target[near] = torch.softmax(-squared[near] / (2 * 5.0**2), 0)
        mass += p * objective.weights[nearest] * target
    mass = mass[mass > 0]
    return -(mass * (mass / mass.sum()).log()).sum()


@pytest.mark.parametrize(
    "objective, closed_form",
    list(zip(OBJECTIVES, [l2_floor, l1_floor, huber_floor] + [cross_entropy_floor] * 4, strict=True)),
    ids=lambda value: repr(value) if hasattr(value, "loss") else "",
)
def test_floor_of_marbles_is_the_closed_form(objective, closed_form):
    assert marbles().floor(objective) == pytest.approx(closed_form(objective).item(), rel=1e-5)


def test_floor_of_hard_labels_is_the_entropy():
    entropy = -(0.5 * math.log(0.5) + 0.3 * math.log(0.3) + 0.2 * math.log(0.2))
    assert marbles().floor(Classification(BINS)) == pytest.approx(entropy, rel=1e-5)


def test_colours_in_one_bin_are_one_outcome_to_the_entropy():
    palette = [[55.0, 61.0, 42.0], [55.0, 59.0, 39.0], [55.0, -44.0, 43.0]]
    world = marbles(palette=palette, probabilities=[0.2, 0.3, 0.5])
    assert world.floor(Classification(BINS)) == pytest.approx(math.log(2), rel=1e-5)


def test_floor_of_a_certain_colour_is_0():
    world = marbles(palette=[[55.0, 60.0, 40.0]], probabilities=[1.0])
    for objective in (Regression("l2"), Regression("l1"), Regression("huber"), Classification(BINS)):
        assert world.floor(objective) == pytest.approx(0, abs=1e-6)


def test_floor_holds_where_a_colour_is_equally_near_to_two_bins():
    """(10, -50) lies at the corner of four bins of grid 20: which of their weights does it take?"""
    ab = torch.tensor([10.0, -50.0]).reshape(1, 2, 1, 1)
    objective = rebalanced("soft")
    weighted, plain = (objective.pixel_losses(torch.zeros(1, 77, 1, 1), ab, w) for w in (True, False))
    torch.testing.assert_close(weighted / plain, objective.weights[BINS.encode(ab)])


def test_floor_of_a_coin_toss_is_the_mean_variance_over_the_ambiguous_pixels():
    outcomes, p = ((0.0, 1.0), (180.0, 0.5)), 0.25
    world = coin_toss(outcomes=outcomes, probabilities=(p, 1 - p))
    fixed = world.evaluation()
    first, second = fixed.outcomes.double()
    # Two outcomes with probabilities p and 1-p have the variance p (1-p) |difference|².
    variance = p * (1 - p) * (first - second).square().sum(1)
    assert world.floor(Regression()) == pytest.approx(variance[fixed.mask].mean().item(), rel=1e-5)


# ---- the floors, by sampling ---------------------------------------------------------------------


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_floor_of_marbles_is_what_the_best_answer_pays_on_drawn_batches(objective):
    world = marbles(seed=5)
    fixed = world.evaluation()
    best = objective.best_output(fixed.outcomes, fixed.probabilities)
    best = best.movedim(1, -1)[fixed.mask][:1].T[None, :, :, None]  # (1, C, 1, 1): one answer for all marbles
    lab, mask = world.batch(1000)
    seen = lab.movedim(1, -1)[mask][:, 1:].T[None, :, None]  # (1, 2, 1, P)
    paid = objective.pixel_losses(best.expand(-1, -1, 1, seen.shape[-1]), seen).mean().item()
    assert paid == pytest.approx(world.floor(objective), rel=0.05)  # 4,000 marbles: about 2 % of noise


def test_floor_of_a_coin_toss_is_the_scatter_of_drawn_batches():
    world = coin_toss(photos=[photo(side=16)], seed=5)  # the size of a crop: only flips and colours differ
    lab, mask = world.batch(2000)
    flipped = (lab[:, 0] != lab[0, 0]).flatten(1).any(1)
    scatter = []
    for group in (flipped, ~flipped):
        ab = lab[group, 1:]
        deviation = (ab - ab.mean(0)).square().sum(1)  # from the mean of what was drawn
        scatter.append(deviation[mask[group]])
    assert 0.4 < flipped.double().mean() < 0.6
    assert torch.cat(scatter).mean().item() == pytest.approx(world.floor(Regression()), rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_no_perturbation_of_the_best_answer_does_better(world, objective):
    fixed = world().evaluation()
    best, floor = objective.best_output(fixed.outcomes, fixed.probabilities), world().floor(objective)
    g = torch.Generator().manual_seed(0)
    for size in (0.01, 0.1, 1.0):
        noise = size * torch.randn(best.shape, generator=g)
        assert fixed.loss(objective, best + noise) > floor * (1 - 1e-6)
    assert fixed.loss(objective, best + noise) > floor * 1.05  # the last noise is large enough to hurt


@pytest.mark.parametrize("objective", [Regression(), Classification(BINS)], ids=repr)
def test_an_untrained_network_is_far_above_the_floor(objective):
    fixed = marbles().evaluation()
    flat = torch.zeros(16, objective.out_channels, 16, 16)
    assert fixed.loss(objective, flat) > 1.2 * marbles().floor(objective)


# ---- the floors, by training ---------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("objective, slack", [(Regression(), 0.02), (Classification(BINS), 0.15)], ids=repr)
def test_a_small_network_learns_to_reach_the_floor(objective, slack):
    torch.manual_seed(0)
    colorizer = Colorizer(UNet(1, objective.out_channels, width=8, depth=2), objective)
    history = fit(colorizer, marbles(), Config(steps=200, learning_rate=1e-2, evaluate_every=100))
    floor = marbles().floor(objective)
    assert history.loss[0] > 1.5 * floor
    assert floor * 0.9999 <= history.loss[-1] <= floor * (1 + slack)


def test_regression_answers_the_mean_and_classification_the_shares():
    """The brown well and the way out of it, on one page."""
    fixed = marbles().evaluation()
    mean = Regression().best_output(fixed.outcomes, fixed.probabilities) * 110
    logits = Classification(BINS).best_output(fixed.outcomes, fixed.probabilities)
    inside = fixed.mask
    torch.testing.assert_close(
        mean.movedim(1, -1)[inside], (SHARES @ COLORS).expand(int(inside.sum()), 2), atol=1e-3, rtol=0
    )
    likeliest = logits.softmax(1).movedim(1, -1)[inside].sort(1, descending=True).values[:, :4]
    torch.testing.assert_close(likeliest, torch.tensor([0.5, 0.3, 0.2, 0.0]).expand_as(likeliest))


# ---- the worlds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("world", WORLDS)
def test_one_seed_draws_one_sequence_of_batches(world):
    one, same, other = world(seed=3), world(seed=3), world(seed=4)
    for _ in range(2):
        drawn = one.batch(4)
        assert all(torch.equal(a, b) for a, b in zip(drawn, same.batch(4), strict=True))
        assert not torch.equal(drawn[0], other.batch(4)[0])
    assert not torch.equal(drawn[0], one.batch(4)[0])


@pytest.mark.parametrize("world", WORLDS)
def test_a_generator_decides_whatever_was_drawn_before(world):
    one, other = world(seed=3), world(seed=4)
    one.batch(7)
    batches = [w.batch(4, torch.Generator().manual_seed(9))[0] for w in (one, other)]
    assert torch.equal(*batches)


@pytest.mark.parametrize("world", WORLDS)
def test_the_evaluation_set_never_changes(world):
    one, other = world(seed=3), world(seed=4)
    one.batch(7)
    for name in ("L", "outcomes", "probabilities", "mask"):
        assert torch.equal(getattr(one.evaluation(), name), getattr(other.evaluation(), name))


@pytest.mark.parametrize("world", WORLDS)
def test_shapes_and_types(world):
    lab, mask = world().batch(5)
    assert lab.shape == (5, 3, 16, 16) and lab.dtype == torch.float32
    assert mask.shape == (5, 16, 16) and mask.dtype == torch.bool
    assert mask.any() and not mask.all()
    fixed = world().evaluation()
    assert fixed.L.shape == (16, 1, 16, 16) and fixed.outcomes.shape == (3, 16, 2, 16, 16)


def test_the_default_palette_has_one_lightness():
    world = Marbles()
    assert world.palette[:, 0].max() - world.palette[:, 0].min() < 1e-3
    lab, mask = world.batch(20)
    assert lab[:, 0][mask].max() - lab[:, 0][mask].min() < 1e-3


def test_every_marble_pixel_is_exactly_a_palette_colour():
    world = marbles()
    lab, mask = world.batch(50)
    seen = lab.movedim(1, -1)[mask].unique(dim=0)
    assert {tuple(row) for row in seen.tolist()} == {tuple(row) for row in world.palette.tolist()}


def test_every_other_pixel_is_a_darker_grey():
    lab, mask = marbles().batch(50)
    background = lab.movedim(1, -1)[~mask]
    assert not background[:, 1:].any()
    assert background[:, 0].min() >= 15 and background[:, 0].max() <= 40


def test_marbles_are_drawn_with_the_given_probabilities():
    lab, _ = marbles().batch(2000)
    corner = lab[:, :, 4, 4]  # inside the first marble, wherever it was placed
    shares = [(corner[:, 1] == a).double().mean().item() for a in COLORS[:, 0]]
    assert shares == pytest.approx(SHARES.tolist(), abs=0.04)


def test_there_are_four_marbles():
    _, mask = Marbles(size=64).batch(20)
    for quarter in (mask[:, :32, :32], mask[:, :32, 32:], mask[:, 32:, :32], mask[:, 32:, 32:]):
        assert quarter.flatten(1).any(1).all()
    assert not mask[:, [0, 32]].any() and not mask[:, :, [0, 32]].any()  # they stay apart


# ---- recolouring ---------------------------------------------------------------------------------


@pytest.mark.parametrize("angle, factor", [(0.0, 1.0), (90.0, 1.0), (200.0, 1.5), (30.0, 0.0)])
def test_recolouring_keeps_L_and_stays_in_gamut(angle, factor):
    lab = photo().lab
    new = recolor(lab, angle, factor)
    assert torch.equal(new[0], lab[0])
    assert in_gamut(new).all()


def test_recolouring_turns_and_scales_what_fits():
    lab = torch.tensor([50.0, 20.0, 10.0]).reshape(3, 1, 1)
    expected = torch.tensor([50.0, -5.0, 10.0]).reshape(3, 1, 1)
    torch.testing.assert_close(recolor(lab, angle=90, factor=0.5), expected, atol=1e-4, rtol=0)


def test_recolouring_reduces_chroma_no_more_than_needed():
    lab = torch.tensor([50.0, 60.0, 0.0]).reshape(3, 1, 1)
    new = recolor(lab, angle=180.0)  # sRGB has no such green
    assert not in_gamut(torch.cat([lab[:1], -lab[1:]]))
    assert in_gamut(new) and not in_gamut(torch.cat([new[:1], 1.01 * new[1:]]))
    assert new[1] < 0 and abs(new[2]) < 1e-4  # the hue is the one asked for


def test_recolouring_by_nothing_changes_nothing():
    torch.testing.assert_close(recolor(photo().lab, 0.0), photo().lab)


def test_every_outcome_of_a_coin_toss_is_in_gamut_and_keeps_L():
    world = coin_toss(outcomes=((0.0, 1.0), (120.0, 1.0), (240.0, 2.0)))
    fixed = world.evaluation()
    for ab in fixed.outcomes:
        assert in_gamut(torch.cat([fixed.L, ab], dim=1)).all()
    lab, _ = world.batch(20)
    assert in_gamut(lab).all()
    assert set(lab[:, 0].flatten().tolist()) <= set(photo().lab[0].flatten().tolist())


def test_one_toss_colours_a_whole_crop():
    world = coin_toss(photos=[photo(side=16)])
    lab, _ = world.batch(20)
    possible = [recolor(photo(side=16).lab, angle) for angle in (0.0, 120.0, 240.0)]
    possible += [outcome.flip(-1) for outcome in possible]
    assert all(any(torch.equal(crop, outcome) for outcome in possible) for crop in lab)


def test_nearly_grey_pixels_are_not_ambiguous():
    world = coin_toss(photos=[photo(side=16)])
    fixed = world.evaluation()
    assert torch.equal(
        fixed.mask, chroma(fixed.outcomes[0]) > world.LEAST_CHROMA
    )  # outcome 0 leaves it as it was


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, message",
    [
        (
            dict(palette=[[55.0, 60.0, 40.0], [55.01, -45.0, 45.0]]),
            r"one lightness for all colours, got L\* that differ by 0\.0099",
        ),
        (dict(palette=[[55.0, 60.0, 40.0], [55.0, -100.0, 0.0]]), "-100.0.* cannot be shown in sRGB"),
        (dict(palette=[[60.0, 40.0]]), r"expected \(K, 3\) Lab colours, got \(1, 2\)"),
        (dict(palette=torch.zeros(0, 3)), r"expected \(K, 3\) Lab colours, got \(0, 3\)"),
        (dict(size=15), "expected at least 16 pixels, got 15"),
    ],
)
def test_marbles_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        Marbles(**options)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    "bad", [[0.5, 0.5], [0.5, 0.3, 0.3], [0.5, 0.5, 0.0], [1.5, -0.3, -0.2], [math.nan] * 3]
)
def test_refuses_bad_probabilities(world, bad):
    with pytest.raises(ValueError, match="expected 3 positive numbers that sum to 1, got"):
        world(probabilities=bad)


@pytest.mark.parametrize("photos", [[], [photo(side=15)]])
def test_coin_toss_refuses_too_few_or_too_small_photos(photos):
    with pytest.raises(ValueError, match="expected at least one, each at least 16 pixels on both sides"):
        CoinToss(photos, size=16)


@pytest.mark.parametrize("mixes", [(0.5, 1.0), (1.0, 0.3), (0.2, 0.6)])
def test_reweighting_gives_what_training_with_the_other_weights_would_have_led_to(mixes):
    """In a world whose best answers are known: the best logits of one λ become those of the other."""
    fixed = Marbles(seed=0).evaluation()
    prior = BINS.prior(fixed.outcomes[0])
    trained, wanted = (Classification(BINS, prior=prior, uniform_mix=m) for m in mixes)
    best = [o.best_output(fixed.outcomes, fixed.probabilities) for o in (trained, wanted)]
    moved = trained.reweight(best[0], mixes[1])
    torch.testing.assert_close(moved.softmax(1), best[1].softmax(1))


def test_reweighting_needs_a_prior():
    with pytest.raises(ValueError, match=r"no prior to weigh by: pass prior=bins\.prior"):
        Classification(BINS).reweight(torch.zeros(1, BINS.n_bins, 1, 1), 0.5)


def test_dotted_marbles_need_quarters():
    with pytest.raises(ValueError, match="size: expected an even number"):
        DottedMarbles(size=33)


def test_only_the_blue_of_the_dotted_marbles_have_a_dot_and_it_lies_in_their_middle():
    lab, mask = DottedMarbles((PALETTE[0], PALETTE[2]), (0.5, 0.5), seed=1).batch(8)
    dark = mask & (lab[:, 0] < 40)
    assert dark.any() and (lab[:, 2][dark] < 0).all()
    blue = mask & (lab[:, 2] < 0)
    middle = from_middle(mask) < DottedMarbles.DOT
    assert torch.equal(dark, blue & middle)
    assert from_middle(mask)[mask].max() < 8  # the largest radius is 0.45 of 16


def test_the_middle_of_a_marble_is_the_mean_of_its_pixels():
    marbles = torch.zeros(1, 8, 8, dtype=torch.bool)
    marbles[0, 0:3, 1:4] = marbles[0, 5, 5] = marbles[0, 0, 7] = marbles[0, 7, 0] = True
    distance = from_middle(marbles)
    assert distance[0, 1, 2] == distance[0, 5, 5] == distance[0, 0, 7] == distance[0, 7, 0] == 0
    assert distance[0, 1, 0] == 2 and distance[0, 4, 5] == 1


def test_whole_photographs_hold_what_a_crop_of_them_shows():
    world = coin_toss(photos=[photo(seed=seed) for seed in (0, 1)])
    whole = world.whole()
    assert whole.L.shape == (2, 1, 24, 24) and whole.outcomes.shape == (3, 2, 2, 24, 24)
    assert torch.equal(whole.outcomes[0, 1], photo(seed=1).lab[1:])
    assert torch.equal(whole.mask, whole.outcomes[0].norm(dim=1) > CoinToss.LEAST_CHROMA)
