"""A right answer stays right if it works in place: it is given copies, and is not judged by what it left of them."""

import pytest

from colorlab.checks import brown_well, classification, convolutions, deep_filters, rebalancing, regression


def by_popping(layers):
    size, step = 1, 1
    while layers:
        kernel_size, stride = layers.pop(0)
        size, step = size + (kernel_size - 1) * step, step * stride
    return size


def variance_in_place(ab, p):
    ab.sub_(p @ ab).square_()
    return p @ ab.sum(dim=1)


def annealed_in_place(logits, centers, temperature):
    centers.mul_(logits.div_(temperature).softmax(0)[:, None])
    return centers.sum(0)


def above_in_place(front, rear, elsewhere):
    return (front.sub_(elsewhere) > 0) & (rear.sub_(elsewhere) > 0)


def reweighted_in_place(logits, old, new):
    return logits.add_(new.log_()).sub_(old.log_())


def rebalanced_in_place(weights, chances, colors):
    weights.mul_(chances)
    return weights @ colors / weights.sum()


@pytest.mark.parametrize(
    "check, answer",
    [
        (convolutions.q2, by_popping),
        (brown_well.q2, variance_in_place),
        (classification.q2, annealed_in_place),
        (deep_filters.q2, above_in_place),
        (rebalancing.q2, reweighted_in_place),
        (rebalancing.q4, rebalanced_in_place),
        (regression.q2, lambda said, true: said.sub_(true).square_().sum(1).mean()),
    ],
)
def test_a_right_answer_that_works_in_place_is_right(check, answer):
    assert check(answer).status == "passed", check(answer).message
