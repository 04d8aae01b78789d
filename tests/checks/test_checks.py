"""Every exercise: the solution passes, the stub is not attempted, typical mistakes are named; nothing raises."""

import numpy as np
import pytest
import torch
from torch.nn.functional import pad

from colorlab.checks import (
    beyond,
    brown_well,
    classification,
    convolutions,
    deep_filters,
    guided,
    papers,
    rebalancing,
    regression,
    results,
    unet,
    welcome,
)
from colorlab.checks.exercise import Exercise
from colorlab.colorizer import Colorizer
from colorlab.data import photo
from colorlab.toy import PALETTE


def find_exercises():
    modules = (
        welcome, convolutions, unet, regression, brown_well, classification, rebalancing, results, guided, beyond,
        deep_filters, papers,
    )  # fmt: skip
    for module in modules:
        for name, value in vars(module).items():
            if isinstance(value, Exercise):
                yield pytest.param(value, id=f"{module.__name__.rpartition('.')[2]}.{name}")


EXERCISES = list(find_exercises())

SOLUTIONS = {  # a function is the answer itself, anything else is what the solution returns
    convolutions.q1: convolutions.number_by_hand(),
    convolutions.q2: convolutions.window_size,
    convolutions.q3: convolutions.falling_line(),
    unet.q1: unet.shape_of_the_bottom(),
    unet.q2: unet.padded,
    unet.q3: unet.narrow_and_deep(),
    regression.q1: regression.loss_by_hand(),
    regression.q2: regression.l_r,
    regression.q3: regression.two_means(),
    brown_well.q1: brown_well.best_guess(),
    brown_well.q2: brown_well.variance_floor,
    brown_well.q3: brown_well.grey_well(),
    classification.q1: classification.cross_entropy_by_hand(),
    classification.q2: classification.annealed_mean,
    classification.q3: classification.temperature_for_the_marbles(),
    rebalancing.q1: rebalancing.weights_by_hand(),
    rebalancing.q2: rebalancing.reweight,
    rebalancing.q3: rebalancing.as_vivid_as_life(),
    rebalancing.q4: rebalancing.rebalanced_mean,
    results.q1: results.psnr_by_hand(),
    results.q2: results.winners(),
    results.q3: results.bold_over_mean(),
    guided.q1: guided.two_hints(),
    guided.q2: guided.chances(),
    guided.q3: guided.good_place(),
    deep_filters.q1: deep_filters.tire_channels(),
    deep_filters.q2: deep_filters.above_the_rest,
    deep_filters.q3: deep_filters.eye_channel(),
    papers.q1: papers.fused,
    papers.q2: papers.window_of_three(),
    beyond.q1: beyond.flicker_by_hand(),
    beyond.q2: beyond.half_life(),
    beyond.q3: beyond.is_cut,
    welcome.q1: welcome.duller_network(),
    welcome.q2: welcome.colored_cat(),
}


def only_colored_hints():
    planes = guided.two_hints()
    planes[2, 2, 1] = 0
    return planes


def poor_place():
    gains = guided.gained(guided.by_lot())
    return guided.by_lot()[gains.index(min(gains))]


def vector_first(features, vector, weight):
    tiled = vector[:, None, None].expand(-1, *features.shape[1:])
    return torch.einsum("oi,ihw->ohw", weight, torch.cat([tiled, features]))


WRONG = [
    (convolutions.q1, -230, "flipped"),
    (convolutions.q1, 10, "rows and columns"),
    (convolutions.q1, 160, "counts twice"),
    (convolutions.q1, 390, "a minus was lost"),
    (convolutions.q1, 25.6, "mean of the nine"),
    (convolutions.q1, 7, "is not it"),
    (convolutions.q2, lambda layers: sum(k for k, _ in layers), "sum of the sizes"),
    (convolutions.q2, lambda layers: 1 + sum(k - 1 for k, _ in layers), "worth more"),
    (convolutions.q2, convolutions._own_stride_first, "from the next one on"),
    (convolutions.q2, lambda layers: 9, "another size"),
    (convolutions.q2, 93, "expected a function"),
    (convolutions.q3, [[0, 0, 0], [0, 1, 0], [0, 0, 0]], "flat white answers 100"),
    (convolutions.q3, [[-2, -1, 0], [-1, 0, 1], [0, 1, 2]], "answers only 0"),
    (convolutions.q3, [[-2, 1, 1], [1, -2, 1], [1, 1, -2]], "wrong way round"),
    (convolutions.q3, [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], "tell the two apart"),
    (convolutions.q3, [[100, 0, 0], [0, 0, 0], [0, 0, -100]], "from −20 to 20"),
    (convolutions.q3, [2, -1, -1, -1, 2, -1, -1, -1, 2], "shape (3, 3)"),
    (unet.q1, (128, 10, 13), "height comes before width"),
    (unet.q1, (128, 12, 9), "pads before it halves"),
    (unet.q1, (48, 13, 10), "not multiplied by the depth"),
    (unet.q1, (64, 13, 10), "one doubling is missing"),
    (unet.q1, (32, 52, 40), "one level down"),
    (unet.q1, (256, 7, 5), "a level too deep"),
    (unet.q1, (16, 13, 10), "16 channels are not"),
    (unet.q1, (128, 25, 20), "not the size"),
    (unet.q1, 128, "channels, height and width"),
    (unet.q2, lambda x, m: x[..., : x.shape[-2] // m * m, : x.shape[-1] // m * m], "something was cut off"),
    (
        unet.q2,
        lambda x, m: pad(x, (0, m - x.shape[-1] % m, 0, m - x.shape[-2] % m), "replicate"),
        "needs nothing",
    ),
    (unet.q2, lambda x, m: pad(x, (0, -x.shape[-1] % m, 0, -x.shape[-2] % m)), "zeros were added"),
    (unet.q2, lambda x, m: pad(x, (-x.shape[-1] % m, 0, -x.shape[-2] % m, 0)), "moved or changed"),
    (unet.q2, lambda x, m: pad(x, (0, -x.shape[-1] % m, 0, -x.shape[-2] % m), value=1.0), "not the last row"),
    (unet.q2, lambda x, m: pad(x, (0, 0, 0, -x.shape[-2] % m)), "not the next multiple"),
    (
        unet.q2,
        lambda x, m: np.pad(x, [(0, 0), (0, 0), (0, -x.shape[2] % m), (0, 0)]),
        "not the next multiple",
    ),
    (unet.q2, lambda x, m: x.shape, "got Size"),
    (unet.q3, (4, 3), "a deeper does"),
    (unet.q3, (8, 4), "too many"),
    (unet.q3, (2, 4), "room for more"),
    (unet.q3, (4.5, 4), "whole numbers"),
    (unet.q3, (4, 20), "a depth from 1 to 8"),
    (regression.q1, 74.0, "sum over the two pixels"),
    (regression.q1, 18.5, "half of it"),
    (regression.q1, 6.0, "squares it"),
    (regression.q1, 25.0, "is not it"),
    (regression.q1, [25.0], "one number"),
    (regression.q2, lambda said, true: torch.nn.functional.mse_loss(said, true), "exactly half"),
    (regression.q2, lambda said, true: (said - true).square().sum(), "sum over all pixels"),
    (regression.q2, lambda said, true: (said - true).abs().sum(1).mean(), "it gave"),
    (regression.q2, 3.0, "expected a function"),
    (regression.q3, [[26.6, 32.8], [26.6, 32.8]], "twice the same colour"),
    (regression.q3, regression.two_means()[::-1], "the other way round"),
    (regression.q3, [[29, 34], [0, 0]], "pale, but not grey"),
    (regression.q3, [[47, 42], [8, 21]], "of the best single colour's"),
    (regression.q3, [26.6, 32.8], "numbers of shape (2, 2), got shape (2,)"),
    (regression.q3, "brown", "got str"),
    (brown_well.q1, [10, 20], "plain average"),
    (brown_well.q1, [40, 60], "one of the two colours"),
    (brown_well.q1, [0, 0], "costs more than necessary"),
    (brown_well.q1, 25, "numbers of shape (2,)"),
    (brown_well.q2, lambda ab, p: (ab - ab.mean(0)).square().sum(1).mean(), "not equally likely"),
    (brown_well.q2, lambda ab, p: p @ (ab - p @ ab).square().mean(1), "exactly half"),
    (brown_well.q2, lambda ab, p: brown_well.variance_floor(ab, p).sqrt(), "square root"),
    (brown_well.q2, lambda ab, p: ab @ p, "raised RuntimeError"),
    (brown_well.q2, lambda ab, p: p @ (ab - ab.mean(0)).square().sum(1), "but the mean inside it is not"),
    (brown_well.q2, lambda ab, p: (ab - p @ ab).square().sum(1).mean(), "must be weighted by p as well"),
    (brown_well.q2, lambda ab, p: p @ ab.square().sum(1), "what *grey* costs"),
    (brown_well.q2, lambda ab, p: p @ (ab - p @ ab).norm(dim=1), "the average distance"),
    (brown_well.q2, lambda ab, p: (ab - p @ ab).square().sum(), "multiply each by its chance"),
    (brown_well.q2, lambda ab, p: (ab - p @ ab).square().sum(1), "a number a colour"),
    (brown_well.q2, lambda ab, p: p @ (ab - p @ ab).square(), "a for itself and b for itself"),
    (brown_well.q2, lambda ab, p: 7.0, "for one world it gave 7.0"),
    (brown_well.q3, ([[20, -40]], [1.0]), "not grey yet"),
    (brown_well.q3, ([[20, -40], [-20, 40]], [0.5, 0.6]), "sum to 1"),
    (brown_well.q3, ([[10, 0], [-10, 0]], [0.5, 0.5]), "too easy"),
    (brown_well.q3, ([[100, 100], [-100, -100]], [0.5, 0.5]), "cannot show"),
    (brown_well.q3, [1, 2, 3], "expected two things"),
    (brown_well.q3, [[20, -40], [-20, 40]], "where are the chances"),
    (classification.q1, -0.916, "the sign"),
    (classification.q1, 1.833, "sum over the two pixels"),
    (classification.q1, 1.322, "bits"),
    (classification.q1, 0.398, "log10"),
    (classification.q1, 0.693, "logarithm of the mean"),
    (classification.q2, lambda z, c, t: torch.softmax(z, 0) @ c, "T is not used"),
    (classification.q2, lambda z, c, t: torch.softmax(z * t, 0) @ c, "multiplied"),
    (classification.q2, lambda z, c, t: c[z.argmax()], "another colour"),
    (classification.q2, lambda z, c, t: torch.softmax(z / t, 0), "shape (2,)"),
    (classification.q3, 1.0, "too pale"),
    (classification.q3, 0.05, "too vivid"),
    (classification.q3, 0.0, "above 0"),
    (classification.q3, 0.38, "too pale: sharpen more"),  # the published one
    (rebalancing.q1, [2.5, 0.625], "the other way round"),
    (rebalancing.q1, [1.25, 5.0], "not scaled yet"),
    (rebalancing.q1, [1.0, 1.0], "no rebalancing"),
    (rebalancing.q1, [0.2, 0.8], "one half"),
    (rebalancing.q2, lambda z, old, new: z + old.log() - new.log(), "changed places"),
    (rebalancing.q2, lambda z, old, new: z * new / old, "logits are logarithms"),
    (rebalancing.q2, lambda z, old, new: z + new.log(), "still in it"),
    (rebalancing.q2, lambda z, old, new: z, "differs from"),
    (rebalancing.q3, (1.0, 1.0), "too pale"),
    (rebalancing.q3, (0.05, 0.7), "too vivid"),
    (rebalancing.q3, (0.0, 1.0), "expected λ above 0"),
    (rebalancing.q3, (0.1, 1.0), "too vivid"),
    (rebalancing.q4, lambda w, p, c: p @ c, "they are not used"),
    (rebalancing.q4, lambda w, p, c: (w * p) @ c, "divide by what it sums to"),
    (rebalancing.q4, lambda w, p, c: w @ c / w.sum(), "the chances are not used"),
    (rebalancing.q4, lambda w, p, c: c.mean(0), "another colour"),
    (rebalancing.q4, lambda w, p, c: (w * p)[:, None] * c, "shape (2,)"),
    (results.q1, 17.08, "half of it"),
    (results.q1, 78.6, "natural logarithm"),
    (results.q1, 41.14, "do not take its root"),
    (results.q1, -34.15, "the sign"),
    (results.q2, results.winners()[::-1], "wrong order"),
    (results.q2, ("grey", "grey"), "another row has a better PSNR"),
    (results.q2, ("gray", "grey"), "no row of the table"),
    (results.q2, "regression", "expected a pair"),
    (results.q2, 3, "expected a pair"),
    (results.q1, 30, "is not it"),
    (results.q3, 4, "half of the time it is right"),
    (results.q3, 1, "ratio of the distances"),
    (results.q3, 0.5, "upside down"),
    (results.q3, 3, "over both colours"),
    (guided.q1, guided.two_hints().transpose(1, 2), "exchanged"),
    (
        guided.q1,
        110 * guided.two_hints().transpose(1, 2) // torch.tensor([1, 1, 110])[:, None, None],
        "exchanged",
    ),
    (guided.q1, guided.two_hints() * torch.tensor([110, 110, 1])[:, None, None], "divided by 110"),
    (guided.q1, only_colored_hints(), "has vanished"),
    (guided.q1, guided.two_hints() - torch.tensor([0, 0, 0.5])[:, None, None], "centred"),
    (guided.q1, guided.two_hints() * torch.tensor([1, -1, 1])[:, None, None], "the colours are not"),
    (guided.q1, torch.zeros(3, 4, 4), "the mask is not right"),
    (guided.q2, (0, 5), "begins at 1"),
    (guided.q2, (1 / 5, 5), "always a first hint"),
    (guided.q2, (4 / 5, 4), "at least one"),
    (guided.q2, (4, 1 / 5), "exchanged"),
    (guided.q2, (1 / 5, 3), "the mean is not right"),
    (guided.q2, (1 / 8, 7), "the answer for 1/8"),
    (guided.q3, poor_place(), "drawn by lot"),
    (guided.q3, (96, 10), "from 0 to 95"),
    (guided.q3, (10.5, 10), "whole numbers"),
    (guided.q3, 40, "x and y"),
    (deep_filters.q1, 4, "one tire only"),
    (deep_filters.q1, 1, "a scale of its own"),
    (deep_filters.q1, 3, "is not it"),
    (deep_filters.q1, "two", "got str"),
    (deep_filters.q2, lambda front, rear, rest: torch.maximum(front, rear) > rest, "one of the two tires"),
    (deep_filters.q2, lambda front, rear, rest: (front + rear) / 2 > rest, "the mean of the two"),
    (deep_filters.q2, lambda front, rear, rest: torch.minimum(front, rear) <= rest, "the opposite"),
    (deep_filters.q2, lambda front, rear, rest: front > rest, "leaves out the other"),
    (deep_filters.q2, lambda front, rear, rest: front > 0, "sorted wrongly"),
    (deep_filters.q2, 7, "expected a function"),
    (deep_filters.q3, 317, "to something else"),
    (deep_filters.q3, 1280, "from 0 to 1279"),
    (deep_filters.q3, 0.5, "whole number"),
    (deep_filters.q3, "eye", "got str"),
    (papers.q1, lambda f, v, w: papers.fused(f, v, w).relu(), "rectified"),
    (papers.q1, lambda f, v, w: papers.fused(f, 0 * v, w), "no effect"),
    (papers.q1, vector_first, "before the features"),
    (papers.q1, lambda f, v, w: papers.fused(f, v, w) + 1, "the numbers are not"),
    (papers.q1, 7, "expected a function"),
    (papers.q2, 7, "without dilation"),
    (papers.q2, 9, "the last kernel alone"),
    (papers.q2, 17, "sum of the three reaches"),
    (papers.q2, 14, "the pixel in the middle"),
    (papers.q2, 21, "is not it"),
    (beyond.q1, 15, "something moved"),
    (beyond.q1, 10, "a still step too"),
    (beyond.q1, 5, "wrong count"),
    (beyond.q1, 28 / 3, "distance in the plane"),
    (beyond.q2, 20, "mean age"),
    (beyond.q2, 13, "51 %"),
    (beyond.q2, 13.51, "whole frames"),
    (beyond.q2, 10, "from what is left"),
    (beyond.q2, 5, "77%"),
    (beyond.q3, lambda before, after: ((after - before).abs() >= 6).float().mean() > 0.5, "switched a lamp"),
    (beyond.q3, lambda before, after: (after - before).abs().max() > 6, "a thing passed"),
    (beyond.q3, lambda before, after: not torch.equal(before, after), "sensor's noise"),
    (beyond.q3, lambda before, after: False, "another scene"),
    (beyond.q3, lambda before, after: 3, "True or False"),
    (beyond.q3, lambda before, after: np.bool_(False), "another scene began"),
    (beyond.q3, lambda before, after: (after - before).abs().mean() > 20, "bright lamp"),
    (beyond.q3, lambda before, after: ((after - before).abs() > 15).float().mean() > 0.5, "bright lamp"),
    (beyond.q3, lambda before, after: (c := after - before).sub(c.median()).abs().mean() > 12, "as dim"),
    (beyond.q3, lambda b, a: ((a - b) - (a - b).median()).abs().gt(12).float().mean() > 0.5, "as dim"),
    (welcome.q1, "Classifying", "more vivid"),
    (welcome.q1, "regression", "not one of"),
    (welcome.q1, "Ground truth", "not one of"),
    (welcome.q1, 1, "in quotes"),
    (welcome.q2, photo("chelsea", side=128).rgb, "with its own colours"),
    (welcome.q2, photo("chelsea", side=64).rgb, "should come out"),
    (
        welcome.q2,
        Colorizer.pretrained("regression").colorize(photo("chelsea", side=128).rgb),
        "the other network",
    ),
    (welcome.q2, 255 - photo("chelsea", side=128).rgb, "not the picture"),
    (welcome.q2, "chelsea", "got str"),
]


@pytest.mark.parametrize("check", EXERCISES)
def test_the_solution_passes(check):
    assert check(SOLUTIONS[check]).status == "passed"


@pytest.mark.parametrize("check", EXERCISES)
def test_a_blank_is_not_attempted(check):
    assert check(...).status == "not attempted"
    if callable(SOLUTIONS[check]):
        assert check(lambda *arguments: ...).status == "not attempted"


@pytest.mark.parametrize(("check", "answer", "mistake"), WRONG)
def test_a_wrong_answer_fails_and_its_mistake_is_named(check, answer, mistake):
    result = check(answer)
    assert result.status == "failed"
    assert mistake in result.message


@pytest.mark.parametrize("check", EXERCISES)
def test_at_least_four_wrong_answers_are_tried(check):
    assert sum(wrong is check for wrong, _, _ in WRONG) >= 4


@pytest.mark.parametrize("check", EXERCISES)
@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        "…",
        [],
        {},
        object(),
        float("nan"),
        [float("nan")] * 2,
        lambda *a: float("nan"),
        lambda: None,
        torch.empty(0),
    ],
)
def test_nonsense_fails_with_a_message_and_never_raises(check, nonsense):
    result = check(nonsense)
    assert result.status == "failed"
    assert result.message


@pytest.mark.parametrize("check", EXERCISES)
def test_hints_and_solution_are_folded_and_the_message_does_not_tell(check):
    result = check(...)
    page = result._repr_html_()
    assert page.count("<details>") == 3
    assert all(hint for hint in result.hints)
    body = "\n".join(result.solution.splitlines()[1:]).strip()
    assert body
    assert body not in result.message


def test_the_palette_of_the_exercise_is_the_palette_of_the_marbles():
    assert classification.marble_chroma(1.0) == pytest.approx(27.2, abs=0.1)
    assert len(PALETTE) == 3


def test_padding_by_numpy_is_as_good():
    def padded(x, multiple):
        sides = ((0, 0), (0, 0), (0, -x.shape[2] % multiple), (0, -x.shape[3] % multiple))
        return np.pad(x.numpy(), sides, mode="edge")

    assert unet.q2(padded).status == "passed"
