"""Exercises of notebook 05, the brown well."""

import torch
from torch import Tensor

from colorlab.checks.exercise import asked, exercise, numbers
from colorlab.lab import chroma, in_gamut

# Two marbles, three times as many of the first.
EXAMPLE_AB = torch.tensor([[40.0, 60.0], [-20.0, -20.0]])
EXAMPLE_P = torch.tensor([0.75, 0.25])


def best_guess() -> Tensor:
    return EXAMPLE_P @ EXAMPLE_AB  # 0.75 · (40, 60) + 0.25 · (−20, −20)


@exercise(
    hints=(
        "Which single answer minimised the expected squared distance in the table above?",
        "Weigh each colour by its probability, separately for a and for b, and add.",
    ),
    solution=best_guess,
)
def q1(answer):
    """the ab that minimises the expected squared distance to (40, 60) with 75 % and (−20, −20) with 25 %."""
    guess = numbers(answer, (2,), "one colour (a, b)")
    if torch.allclose(guess, EXAMPLE_AB.double().mean(0), atol=0.01):
        return "that is the plain average; the first colour is three times as likely as the second"
    if any(torch.allclose(guess, color.double(), atol=0.01) for color in EXAMPLE_AB):
        return "that is one of the two colours; its mistakes on the other one are squared and cost too much"
    if not torch.allclose(guess, best_guess().double(), atol=0.01):
        return f"({guess[0]:g}, {guess[1]:g}) costs more than necessary; which answer won in the table above?"
    return None


def variance_floor(ab: Tensor, p: Tensor) -> Tensor:
    mean = p @ ab  # (2,)
    return p @ (ab - mean).square().sum(dim=1)


@exercise(
    hints=(
        "The floor is the expected loss of the best answer, and you know the best answer.",
        "Mean first, then the squared distance of every colour to it (add a and b), then weigh by p.",
    ),
    solution=variance_floor,
)
def q2(answer):
    """a function (ab of shape (K, 2), p of shape (K,)) -> the least expected squared distance, on 20 random worlds."""
    if not callable(answer):
        return f"expected a function of (ab, p), got {type(answer).__name__}"
    generator = torch.Generator().manual_seed(6)
    for _ in range(20):
        ab = 50 * torch.randn(4, 2, generator=generator)
        p = torch.rand(4, generator=generator)
        p = p / p.sum()
        found, wanted = asked(answer, ab, p), float(variance_floor(ab, p))
        if isinstance(found, Tensor) and found.shape in {(4,), (2,), (4, 2)}:
            kept = {
                (4,): "a number a colour",
                (2,): "a for itself and b for itself",
                (4, 2): "every difference",
            }
            return (
                f"you return {kept[tuple(found.shape)]}; the floor is one number: add what belongs together"
            )
        found = float(numbers(found, (), "the floor"))
        if abs(found - wanted) > 1e-3 * wanted:
            for mistake, value in mistaken_floors(ab, p).items():
                if abs(found - value) < 1e-3 * abs(value):
                    return mistake
            return f"for one world it gave {found:.1f} where the variance is {wanted:.1f}"
    return None


def mistaken_floors(ab: Tensor, p: Tensor) -> dict[str, float]:
    """What typical slips give, by the sentence that names them."""
    mean, plain = p @ ab, ab.mean(dim=0)
    wanted = float(variance_floor(ab, p))
    return {
        "the mean is right, but the average after it must be weighted by p as well": float(
            (ab - mean).square().sum(dim=1).mean()
        ),
        "the average is weighted, but the mean inside it is not: the likely colours pull it to them": float(
            p @ (ab - plain).square().sum(dim=1)
        ),
        "the colours are not equally likely: use p for the mean and for the average": float(
            (ab - plain).square().sum(dim=1).mean()
        ),
        "that is what *grey* costs; take the distance to the mean": float(p @ ab.square().sum(dim=1)),
        "that is the average distance; L_R is the distance squared": float(p @ (ab - mean).norm(dim=1)),
        "summed over the colours, but not weighted: multiply each by its chance": float(
            (ab - mean).square().sum()
        ),
        "exactly half of it: the squared distance adds a and b, it does not average them": wanted / 2,
        "that is its square root; L_R is the squared distance": wanted**0.5,
    }


def grey_well() -> tuple[list[list[float]], list[float]]:
    return [[20.0, -40.0], [-20.0, 40.0]], [0.5, 0.5]  # opposite hues, equally likely


@exercise(
    hints=(
        "The mean is grey when the colours pull it in opposite directions, equally hard.",
        "Take a colour and its mirror image through the origin; with which probabilities?",
    ),
    solution=grey_well,
)
def q3(answer):
    """vivid colours (chroma 40 or more, in gamut at L* = 55) and chances whose best L_R answer is grey (below 3)."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        return "expected two things: a list of colours [[a, b], …] and a list of probabilities"
    ab = torch.as_tensor(answer[0]).double()
    if ab.ndim == 1:
        return "where are the chances? expected ([[a, b], [a, b], …], [p, p, …])"
    if ab.ndim != 2 or ab.shape[1] != 2:
        return f"expected colours as [[a, b], …], got shape {tuple(ab.shape)}"
    p = numbers(answer[1], (len(ab),), "one probability a colour")
    if not (p > 0).all() or abs(float(p.sum()) - 1) > 1e-6:
        return f"probabilities are positive and sum to 1; these sum to {float(p.sum()):g}"
    vividness = chroma(ab.T[:, :, None])[:, 0]
    if vividness.min() < 40:
        return f"one of the colours has a chroma of only {float(vividness.min()):.0f}; that would be too easy"
    lab = torch.cat([torch.full((len(ab), 1), 55.0).double(), ab], dim=1)
    if not in_gamut(lab.T[:, :, None]).all():
        return "a screen cannot show one of these colours at L* = 55; take smaller numbers"
    mean = p @ ab
    if mean.norm() >= 3:
        return (
            f"the mean is ({mean[0]:.1f}, {mean[1]:.1f}), a chroma of {float(mean.norm()):.1f}: not grey yet"
        )
    return None
