"""Exercises of notebook 04, regression."""

import torch
from torch import Tensor

from colorlab.checks.exercise import exercise, numbers
from colorlab.data import photo
from colorlab.objectives import AB_SCALE, Regression

# Two pixels: what was said, and what is true.
SAID = torch.tensor([[10.0, 20.0], [0.0, -7.0]])  # (pixel, ab)
TRUE = torch.tensor([[13.0, 16.0], [0.0, 0.0]])


def loss_by_hand() -> float:
    return ((3**2 + 4**2) + (0**2 + 7**2)) / 2  # two squared distances, averaged over two pixels


@exercise(
    hints=(
        "Take the pixels one by one: how far is (10, 20) from (13, 16)? Square that distance.",
        "The two squared distances are 3² + 4² and 0² + 7²; L_R is their average over the pixels.",
    ),
    solution=loss_by_hand,
)
def q1(answer):
    """L_R of two pixels: (10, 20) said for (13, 16), and (0, −7) said for (0, 0)."""
    found, wanted = float(numbers(answer, (), "the loss")), loss_by_hand()
    if abs(found - wanted) < 0.01:
        return None
    if abs(found - 2 * wanted) < 0.01:
        return "that is the sum over the two pixels; L_R is their mean"
    if abs(found - wanted / 2) < 0.01:
        return "half of it: the squared distance adds the squares of a and b, it does not average them"
    if abs(found - 6) < 0.01:
        return "that is the average distance; L_R squares it"
    return f"{found:g} is not it; square the distance of each pixel, then average over the pixels"


def l_r(said: Tensor, true: Tensor) -> Tensor:
    return (said - true).square().sum(dim=1).mean()  # add over (a, b), average over all pixels


@exercise(
    hints=(
        "Both tensors are (N, 2, H, W): over which axis are a and b added?",
        "Difference, square, sum(dim=1), then the mean of what is left.",
    ),
    solution=l_r,
)
def q2(answer):
    """a function (said, true), both (N, 2, H, W) in Lab units, equal to the library's loss on ten batches."""
    if not callable(answer):
        return f"expected a function of (said, true), got {type(answer).__name__}"
    generator = torch.Generator().manual_seed(4)
    for _ in range(10):
        said, true = 40 * torch.randn(2, 3, 2, 5, 4, generator=generator)
        wanted = float(Regression().loss(said / AB_SCALE, true))
        found = float(numbers(answer(said, true), (), "the loss"))
        if abs(found - wanted) > 1e-3 * wanted:
            if abs(found - wanted / 2) < 1e-3 * wanted:
                return "exactly half, as torch's MSE: a and b are averaged where L_R adds them"
            if abs(found - wanted * 60) < 1e-3 * wanted * 60:
                return "the sum over all pixels; divide by their number, or the loss grows with the picture"
            return f"for one batch it gave {found:.1f}, the library {wanted:.1f}"
    return None


def best_constant() -> list[float]:
    return photo("coffee", side=96).lab[1:].mean(dim=(1, 2)).tolist()  # the mean ab of the photograph


@exercise(
    hints=(
        "Plot the cost of a few constants, or think: which number is nearest to many numbers, squared?",
        "Average a and b over all pixels of `photo('coffee', side=96).lab`.",
    ),
    solution=best_constant,
)
def q3(answer):
    """one colour (a, b) for the whole photograph coffee that costs at most 20 % of what grey costs."""
    guess = numbers(answer, (2,), "one colour (a, b)").float()
    true = photo("coffee", side=96).lab[None, 1:]
    grey = float(l_r(torch.zeros_like(true), true))
    cost = float(l_r(guess.reshape(1, 2, 1, 1).expand_as(true), true))
    if cost > 0.2 * grey:
        return f"({guess[0]:g}, {guess[1]:g}) costs {cost:,.0f}, which is {cost / grey:.0%} of grey's {grey:,.0f}"
    return None
