"""How far one colour lies from another, in three norms, and which colour lies least far from several."""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

HUBER_DELTA = 10.0  # Lab units: below it the Huber loss is a square, above it a straight line

LOSSES = {"l2": F.mse_loss, "l1": F.l1_loss, "huber": partial(F.huber_loss, delta=HUBER_DELTA)}


def distance(norm: str, prediction: Tensor, ab: Tensor) -> Tensor:
    """The sum over a and b of each one's loss: `(N, 2, h, w)` twice -> `(N, h, w)`; l2 is squared, not halved."""
    return LOSSES[norm](prediction, ab, reduction="none").sum(1)


def least_far(norm: str, outcomes: Tensor, probabilities: Tensor) -> Tensor:
    """The colour of least expected distance: the mean for l2, the median for l1, something between for huber.

    Args:
        outcomes: `(K, M, 2, H, W)`, the possible ab of every pixel.
        probabilities: `(K,)`.

    Returns:
        `(M, 2, H, W)` ab.
    """
    p = probabilities.to(outcomes).reshape(-1, 1, 1, 1, 1)
    return {"l2": _mean, "l1": _median, "huber": _huber_minimiser}[norm](outcomes, p)


def _mean(outcomes: Tensor, p: Tensor) -> Tensor:
    return (p * outcomes).sum(0)


def _median(outcomes: Tensor, p: Tensor) -> Tensor:
    ordered, order = outcomes.sort(0)
    reached = p.expand_as(outcomes).gather(0, order).cumsum(0) >= 0.5 - 1e-6
    return ordered.gather(0, reached.int().argmax(0, keepdim=True))[0]


def _huber_minimiser(outcomes: Tensor, p: Tensor) -> Tensor:
    low, high = outcomes.amin(0), outcomes.amax(0)
    for _ in range(40):  # the slope of a convex function changes its sign once: bisect for it
        middle = (low + high) / 2
        slope = (p * (middle - outcomes).clamp(-HUBER_DELTA, HUBER_DELTA)).sum(0)
        low, high = torch.where(slope < 0, middle, low), torch.where(slope < 0, high, middle)
    return (low + high) / 2
