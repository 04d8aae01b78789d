"""Exercises of notebook 04, regression."""

import torch
from torch import Tensor

from colorlab.checks.exercise import asked, exercise, numbers
from colorlab.data import photo
from colorlab.objectives import AB_SCALE, Regression


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
        found = float(numbers(asked(answer, said, true), (), "the loss"))
        if abs(found - wanted) > 1e-3 * wanted:
            if abs(found - wanted / 2) < 1e-3 * wanted:
                return "exactly half, as torch's MSE: a and b are averaged where L_R adds them"
            if abs(found - wanted * 60) < 1e-3 * wanted * 60:
                return "the sum over all pixels; divide by their number, or the loss grows with the picture"
            return f"for one batch it gave {found:.1f}, the library {wanted:.1f}"
    return None


BRIGHT = 70.0  # L from which a pixel of the cup counts as bright in the third exercise
MOST = 0.87  # of what the best single colour costs; the two means reach 85 %


def two_means() -> list[list[float]]:
    L, ab = photo("coffee", side=160).lab.split([1, 2])
    dark = L[0] < 70
    return [ab[:, dark].mean(dim=1).tolist(), ab[:, ~dark].mean(dim=1).tolist()]  # the mean of each group


@exercise(
    hints=(
        "One colour was cheapest as the mean of all pixels. Now there are two groups of pixels.",
        "dark = L[0] < 70 picks pixels: true_ab[:, dark] is (2, pixels), true_ab[:, ~dark] are the others.",
    ),
    solution=two_means,
)
def q3(answer):
    """two colours for the photograph coffee, L below 70 and the rest, at most 87 % of the best single one's cost."""
    said = numbers(answer, (2, 2), "two colours [[a, b], [a, b]]").float()
    cost, best = price_of_two(said), price_of_two(best_single().expand(2, 2))
    if cost <= MOST * best:
        return None
    share = (
        f"together they cost {cost:,.0f}, which is {cost / best:.0%} of the best single colour's {best:,.0f}"
    )
    if price_of_two(said.flip(0)) <= MOST * best:
        return f"the other way round: first the colour for L below 70. As they stand {share}"
    if torch.allclose(said[0], said[1], atol=0.5):
        return f"twice the same colour; {share}. What do the bright pixels have in common?"
    if said[1].norm() < 0.5:
        return f"{share}. The bright pixels are pale, but not grey: look at their colours"
    return share


def best_single() -> Tensor:
    return photo("coffee", side=160).lab[1:].mean(dim=(1, 2))


def price_of_two(said: Tensor) -> float:
    """L_R of saying `said[0]` where the photograph is dark and `said[1]` where it is bright, `(2, 2)`."""
    L, ab = photo("coffee", side=160).lab.split([1, 2])
    answer = torch.where(L < BRIGHT, said[0, :, None, None], said[1, :, None, None])
    return float(l_r(answer[None], ab[None]))
