"""What a bad training looks like is said; what a good one looks like is not."""

import pytest
import torch

from colorlab.bins import ColorBins
from colorlab.data import photos, to_lab
from colorlab.datasets import middle_square
from colorlab.diagnosis import diagnose
from colorlab.objectives import Classification, Regression

BINS = ColorBins(20)


@pytest.fixture(scope="module")
def truth():
    squares = [to_lab(middle_square(p.rgb, 32)) for p in photos()]
    return torch.stack(squares)[:, 1:]


def test_a_good_answer_is_left_in_peace(truth):
    objective = Classification(BINS, prior=BINS.prior(truth), uniform_mix=0.5)
    assert diagnose(objective, 0.9 * truth, truth) == []
    assert diagnose(Regression(), 0.5 * truth, truth) == []


def test_all_grey(truth):
    (finding,) = diagnose(Regression(), 0.01 * truth, truth)
    assert finding.startswith("all grey: the answers have 1% of the truth's chroma; regression")
    (finding,) = diagnose(Classification(BINS), 0 * truth, truth)
    assert "lower uniform_mix" in finding


def test_one_colour_everywhere(truth):
    brown = torch.tensor([12.0, 20.0]).reshape(1, 2, 1, 1).expand_as(truth)
    (finding,) = diagnose(Regression(), brown, truth)
    assert "one colour everywhere, near (a, b) = (12, 20)" in finding


def test_a_prior_of_other_pictures(truth):
    underwater = torch.tensor([-10.0, -30.0]).reshape(1, 2, 1, 1) + 0.3 * truth
    objective = Classification(BINS, prior=BINS.prior(underwater), uniform_mix=0.5)
    (finding,) = diagnose(objective, truth, truth)
    assert finding.startswith("the prior is of other pictures")


def test_answers_at_half_the_size(truth):
    half = torch.nn.functional.avg_pool2d(truth, 2)
    assert diagnose(Regression(), half, truth) == []
