"""Exercises of notebook 08, rebalancing."""

from functools import cache

import torch
from torch import Tensor

from colorlab.checks.exercise import asked, exercise, numbers
from colorlab.colorizer import Colorizer
from colorlab.data import photos, to_lab
from colorlab.datasets import middle_square
from colorlab.metrics import Tally
from colorlab.objective_base import at_resolution_of

PRIOR = (0.8, 0.2)
LEAST, MOST = 0.98, 1.02  # the chroma ratio to reach in the third exercise
SEEN = 160  # pixels of the squares that the notebook shows the network


def weights_by_hand() -> list[float]:
    return [0.5 / 0.8, 0.5 / 0.2]  # 1/p, scaled by a half: 0.8 · 0.625 + 0.2 · 2.5 = 1


@exercise(
    hints=(
        "With λ = 0 a weight is 1/p, up to a factor that both share.",
        "Choose the factor so that 0.8 · w₁ + 0.2 · w₂ = 1: each bin then contributes one half.",
    ),
    solution=weights_by_hand,
)
def q1(answer):
    """the weights of two bins with p = (0.8, 0.2) at λ = 0, scaled to an average of 1."""
    found, wanted = numbers(answer, (2,), "the two weights"), torch.tensor(weights_by_hand()).double()
    if torch.allclose(found, wanted, atol=0.01):
        return None
    if torch.allclose(found, wanted.flip(0), atol=0.01):
        return "the other way round: the rare bin must weigh more"
    if torch.allclose(found, 1 / torch.tensor(PRIOR).double(), atol=0.01):
        return "1/p it is, but not scaled yet: p₁w₁ + p₂w₂ must be 1"
    if torch.allclose(found, torch.ones(2).double(), atol=0.01):
        return "equal weights are λ = 1, no rebalancing"
    average = float((found * torch.tensor(PRIOR).double()).sum())
    return f"their average p₁w₁ + p₂w₂ is {average:.2f}, and each bin should contribute one half to it"


def reweight(logits: Tensor, old_weights: Tensor, new_weights: Tensor) -> Tensor:
    return logits + new_weights.log() - old_weights.log()


@exercise(
    hints=(
        "Probabilities are multiplied by new/old; what does that do to their logarithms?",
        "Add the logarithm of the new weights and subtract that of the old ones.",
    ),
    solution=reweight,
)
def q2(answer):
    """a function (logits, old_weights, new_weights) -> logits whose softmax is bent from the old weights to the new."""
    if not callable(answer):
        return f"expected a function of (logits, old_weights, new_weights), got {type(answer).__name__}"
    generator = torch.Generator().manual_seed(3)
    for size in (2, 5, 262):
        logits = torch.randn(size, generator=generator)
        old, new = (0.1 + torch.rand(size, generator=generator) for _ in range(2))
        found = numbers(asked(answer, logits, old, new), (size,), "logits").softmax(0)
        if torch.allclose(found, reweight(logits, old, new).double().softmax(0), atol=1e-5):
            continue
        if torch.allclose(found, reweight(logits, new, old).double().softmax(0), atol=1e-5):
            return "old and new changed places: divide by the old weight, multiply by the new"
        if torch.allclose(found, (logits * new / old).double().softmax(0), atol=1e-5):
            return "logits are logarithms: what multiplies a probability is added to them, as a logarithm"
        if torch.allclose(found, (logits + new.log()).double().softmax(0), atol=1e-5):
            return "the old weights are still in it: take them out as well"
        return "its softmax differs from p · new / old, scaled to a sum of 1"
    return None


def as_vivid_as_life() -> tuple[float, float]:
    temperature = 1.0
    low, high = 0.05, 1.0  # chroma falls as λ rises: halve the interval
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if chroma_ratio(middle, temperature) > 1 else (low, middle)
    return low, temperature


@exercise(
    hints=(
        "Print the chroma ratio for a few λ at T = 1; between two of them it crosses 1.",
        "A smaller λ is more vivid. Halve the interval between one that is too pale and one too vivid.",
    ),
    solution=as_vivid_as_life,
)
def q3(answer):
    """a pair (λ, T) with which the six photographs have 98 to 102 % of the truth's chroma."""
    mix, temperature = numbers(answer, (2,), "λ and T").tolist()
    if not 0 < mix <= 1 or not temperature > 0:
        return f"expected λ above 0 and at most 1, and T above 0, got {mix:g} and {temperature:g}"
    ratio = chroma_ratio(mix, temperature)
    if LEAST <= ratio <= MOST:
        return None
    side = "too pale" if ratio < LEAST else "too vivid"
    return f"at λ = {mix:g}, T = {temperature:g} the chroma ratio is {ratio:.3f}: {side}"


def chroma_ratio(mix: float, temperature: float) -> float:
    """Of the six photographs, coloured by the shipped network reweighted to λ."""
    objective, stored, small = _answers()
    ab = objective.decode(objective.reweight(stored, mix), temperature)
    return Tally.of(list(ab), list(small)).scores()["chroma_ratio"]


@cache
def _answers():
    colorizer = Colorizer.pretrained("classification")
    lab = torch.stack([to_lab(middle_square(p.rgb, SEEN)) for p in photos()])
    with torch.no_grad():
        stored = colorizer.answer(lab[:, :1])
    return colorizer.objective, stored, at_resolution_of(stored[:, :3], lab, 3)


def rebalanced_mean(weights: Tensor, chances: Tensor, colors: Tensor) -> Tensor:
    heavy = weights * chances  # what each colour counts for, (K,)
    return heavy @ colors / heavy.sum()


@exercise(
    hints=(
        "Each colour counts w · p; a mean of numbers that do not sum to 1 is divided by their sum.",
        "(w * p) @ colors is the sum over K; what is (w * p).sum()?",
    ),
    solution=rebalanced_mean,
)
def q4(answer):
    """a function (weights (K,), chances (K,), colors (K, 2)) -> (2,), the mean of the rebalanced distribution."""
    if not callable(answer):
        return f"expected a function of (weights, chances, colors), got {type(answer).__name__}"
    generator = torch.Generator().manual_seed(5)
    for count in (2, 3, 7):
        weights, p = (0.2 + torch.rand(count, generator=generator) for _ in range(2))
        p, colors = p / p.sum(), 40 * torch.randn(count, 2, generator=generator)
        found = numbers(asked(answer, weights, p, colors), (2,), "the mean").float()
        if torch.allclose(found, rebalanced_mean(weights, p, colors), atol=1e-3):
            continue
        if torch.allclose(found, p @ colors, atol=1e-3):
            return "that is the mean without weights: they are not used"
        if torch.allclose(found, (weights * p) @ colors, atol=1e-3):
            return "the sum is right, but w · p does not sum to 1: divide by what it sums to"
        if torch.allclose(found, weights @ colors / weights.sum(), atol=1e-3):
            return "how likely each colour is does not enter: the chances are not used"
        return "another colour than Σ w p c / Σ w p"
    return None
