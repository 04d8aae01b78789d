"""The checks of notebook 06: they pass the solution, wait at the stub, and name the typical mistakes."""

import pytest
import torch

from colorlab.checks import color_bins as check
from colorlab.quantization import round_trip


def squared(ab, centers):
    return (ab[:, None] - centers).square().sum(-1)


def gaussian(distance, sigma):
    return torch.exp(-(distance**2) / (2 * sigma**2))


def one_off(ab, centers):
    labels = check.my_encode(ab, centers)
    labels[3] = (labels[3] + 1) % len(centers)
    return labels


STUBS = {"q1": lambda ab, centers: ..., "q2": lambda distance, sigma: ..., "q3": ..., "q4": ...}


@pytest.mark.parametrize(
    "exercise, solution",
    [
        (check.q1, check.my_encode),
        (check.q2, check.my_shares),
        (check.q3, check.coarsest_grid()),
        (check.q4, check.far_color()),
    ],
)
def test_the_solution_passes(exercise, solution):
    assert exercise(solution).status == "passed", exercise(solution).message


@pytest.mark.parametrize(
    "exercise, answer",
    [
        (check.q1, lambda ab, centers: squared(ab, centers).argmin(1).tolist()),
        (check.q1, lambda ab, centers: squared(ab, centers).sqrt().argmin(1).int().numpy()),
        (check.q2, lambda d, sigma: torch.softmax(-(d**2) / (2 * sigma**2), dim=1)),
        (check.q2, lambda d, sigma: gaussian(d, sigma) / gaussian(d, sigma).sum(-1)[:, None]),
        (check.q3, 6.0),
        (check.q4, torch.tensor(check.far_color())),
    ],
)
def test_another_right_answer_passes(exercise, answer):
    assert exercise(answer).status == "passed", exercise(answer).message


@pytest.mark.parametrize("name", STUBS)
def test_a_stub_is_not_attempted(name):
    for stub in (..., STUBS[name]):
        result = getattr(check, name)(stub)
        assert result.status == "not attempted" and "Replace the ..." in result.message


@pytest.mark.parametrize(
    "answer, message",
    [
        (7, "expected a function of (ab, centers), got int"),
        (lambda ab, centers: squared(ab, centers).argmin(0), "one answer a bin (9), not one a pixel (30)"),
        (lambda ab, centers: squared(ab, centers).min(1).values, "that is the least distance"),
        (lambda ab, centers: squared(ab, centers).sqrt().amin(1), "that is the least distance"),
        (lambda ab, centers: squared(ab, centers).argmax(1), "that is the farthest bin"),
        (lambda ab, centers: squared(ab, centers).argmin(), "expected one class number a pixel"),
        (one_off, "1 of 30 pixels did not get their nearest bin"),
        (lambda ab, centers: squared(ab, centres).argmin(1), "your answer raised NameError"),  # noqa: F821
        (lambda ab: ab, "your answer raised TypeError"),
    ],
)
def test_q1_names_the_mistake(answer, message):
    assert_fails(check.q1(answer), message)


@pytest.mark.parametrize(
    "answer, message",
    [
        ([0.5, 0.5], "expected a function of (distance, sigma), got list"),
        (gaussian, "do not sum to 1 yet"),
        (lambda d, s: gaussian(d, s) / gaussian(d, s).sum(0), "sum to 1 over the pixels"),
        (lambda d, s: gaussian(d, s) / gaussian(d, s).sum(), "all shares of all pixels together"),
        (lambda d, s: torch.softmax(-d / (2 * s**2), 1), "the distance is not squared"),
        (lambda d, s: torch.softmax(-(d**2) / s**2, 1), "the 2 in 2σ² is missing"),
        (lambda d, s: torch.softmax(-(d**2) / (2 * s), 1), "σ is not squared"),
        (lambda d, s: torch.softmax(d**2 / (2 * s**2), 1), "a minus sign is missing"),
        (lambda d, s: torch.softmax(-(d**2) / 50, 1), "with σ = 12"),
        (lambda d, s: torch.ones_like(d), "yours sum to 5 to 5"),
        (lambda d, s: d.sum(1), "expected the shares as numbers of shape (30, 5), got shape (30,)"),
    ],
)
def test_q2_names_the_mistake(answer, message):
    assert_fails(check.q2(answer), message)


@pytest.mark.parametrize(
    "answer, message",
    [
        (7, "too coarse: grid 7 moves the pixels by 3.02 on average, although the formula promised 2.68"),
        (10, "too coarse: grid 10 moves the pixels by 3.96"),
        (5, "grid 5 stays under 3 (1.99), but it is not the coarsest"),
        (6.5, "asked is a whole number of Lab units, got 6.5"),
        (3, "from 4 to 100 Lab units, got 3"),
        (float("nan"), "finite"),
        ("six", "expected a grid_size as one number, got str"),
    ],
)
def test_q3_names_the_mistake(answer, message):
    assert_fails(check.q3(answer), message)


@pytest.mark.slow
def test_no_coarser_grid_meets_the_target_of_q3():
    """The error does not always rise with the grid, so "the coarsest" needs a look at all of them."""
    assert [g for g in range(4, 41) if round_trip(g, "rocket").mean < check.MOST_ERROR] == [4, 5, 6]


@pytest.mark.parametrize(
    "answer, message",
    [
        ([128, 128, 128], "which moves by 0.00 only"),
        ([123, 185, 104], "the corner of a cell is 7.07 away"),
        ([0.1, 0.2, 0.3], "whole numbers from 0 to 255"),
        ([0, 300, 0], "whole numbers from 0 to 255"),
        ([5.0, 5.0], "expected a colour [R, G, B] as numbers of shape (3,), got shape (2,)"),
    ],
)
def test_q4_names_the_mistake(answer, message):
    assert_fails(check.q4(answer), message)


def assert_fails(result, message):
    assert result.status == "failed" and message in result.message, result.message
