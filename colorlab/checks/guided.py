"""Exercises of notebook 10, guided."""

from functools import cache

import torch
from torch import Tensor

from colorlab.checks.exercise import AnswerError, exercise, numbers
from colorlab.colorizer import Colorizer
from colorlab.data import photo, to_lab
from colorlab.datasets import middle_square
from colorlab.lab import chroma


def two_hints() -> Tensor:
    planes = torch.zeros(3, 4, 4)  # hint a, hint b, mask
    planes[:, 0, 3] = torch.tensor([22 / 110, -55 / 110, 1])  # blue at x = 3, y = 0
    planes[:, 2, 1] = torch.tensor([0, 0, 1])  # grey at x = 1, y = 2: only the mask tells
    return planes


@exercise(
    hints=(
        "A tensor is indexed by row and column: the pixel (x, y) is planes[:, y, x].",
        "ab is divided by 110; the grey hint has a = b = 0, and its mask is 1 all the same.",
    ),
    solution=two_hints,
)
def q1(answer):
    """the three channels (3, 4, 4) of a blue hint at x = 3, y = 0 and a grey one at x = 1, y = 2."""
    found, wanted = numbers(answer, (3, 4, 4), "hint a, hint b and mask").float(), two_hints()
    if torch.allclose(found, wanted, atol=1e-4):
        return None
    if torch.allclose(found[2], wanted[2].T, atol=1e-4):
        return "x and y are exchanged: y is the row, and the row comes first"
    if torch.allclose(found[:2] / 110, wanted[:2], atol=1e-4) and found[:2].abs().max() > 1:
        return "a and b are in Lab units; the network is given them divided by 110"
    if found[2, 2, 1] == 0 and found[2, 0, 3] == 1:
        return "the grey hint has vanished: its a and b are 0 like everywhere else, so who tells the network?"
    if torch.allclose(found[2] + 0.5, wanted[2], atol=1e-4):
        return "this mask is centred: it runs from -0.5 to 0.5; here it is 0 without a hint and 1 with one"
    if torch.allclose(found[2], wanted[2], atol=1e-4):
        return "the mask is right, the colours are not: blue is (a, b) = (22, -55), over 110"
    return "the mask is not right: 1 at the two hinted pixels, 0 at the fourteen others"


def chances() -> tuple[float, float]:
    return 1 / 5, 4.0  # none: the first lot says stop; mean: (1 - 1/5) / (1/5)


@exercise(
    hints=(
        "No hint at all: the very first lot says stop. Its chance is given.",
        "The mean m: with 4/5 there is one hint more and the story begins anew, so m = 4/5 (1 + m).",
    ),
    solution=chances,
)
def q2(answer):
    """(share of pictures without any hint, mean number of hints) if it stops before each one with a chance of 1/5."""
    none, mean = numbers(answer, (2,), "a share and a mean").tolist()
    if abs(none - 1 / 5) < 0.002 and abs(mean - 4) < 0.02:
        return None
    if abs(none - 4) < 0.02 and abs(mean - 1 / 5) < 0.002:
        return "the two are exchanged: first the share, then the mean"
    if abs(none - 1 / 8) < 0.002 or abs(mean - 7) < 0.02:
        return "that is the answer for 1/8, as above; here the chance is 1/5"
    if abs(none) < 0.002 and abs(mean - 5) < 0.02:
        return "that is a count that begins at 1; here the lot is drawn before the first hint too"
    if abs(mean - 5) < 0.02:
        return "5 would be the mean if there were always a first hint"
    if abs(none - 4 / 5) < 0.002:
        return "4/5 is the share with at least one hint"
    wrong = "the share" if abs(none - 1 / 5) >= 0.002 else "the mean"
    return f"{wrong} is not right; simulate it if you like: torch.rand(…) < 1/5 until the first True"


SIDE = 96  # of the dahlia, pixels
DRAWN = 24  # places drawn by lot, to compare with


@cache
def dahlia() -> Tensor:
    return to_lab(middle_square(photo("flower").rgb, SIDE))  # (3, SIDE, SIDE)


@cache
def gained(places: tuple[tuple[int, int], ...]) -> list[float]:
    """By how many Lab units one true hint at each place (x, y) brings the dahlia nearer to its true colours."""
    lab = dahlia()
    planes = torch.zeros(len(places) + 1, 3, SIDE, SIDE)  # the last without a hint
    for hint, (x, y) in zip(planes, places, strict=False):
        rows, columns = (slice(max(n - 1, 0), n + 2) for n in (y, x))
        hint[:2, rows, columns] = lab[1:, y, x, None, None] / 110
        hint[2, rows, columns] = 1
    L = lab[None, :1].expand(len(planes), -1, -1, -1)
    ab = Colorizer.pretrained("guided").predict_ab(L, hints=planes).cpu()
    *off, alone = chroma(ab - lab[1:]).mean((1, 2)).tolist()
    return [alone - distance for distance in off]


@cache
def by_lot() -> tuple[tuple[int, int], ...]:
    draw = torch.Generator().manual_seed(0)
    return tuple(map(tuple, torch.randint(0, SIDE, (DRAWN, 2), generator=draw).tolist()))


def good_place() -> tuple[int, int]:
    gains = gained(by_lot())
    return by_lot()[gains.index(max(gains))]  # the best of 24 places drawn by lot


@exercise(
    hints=(
        "Where is the answer without a hint farthest from the truth, and over a large part of the picture?",
        "Petals or ground: try the middle of each. A place on the edge between two things tells of neither.",
    ),
    solution=good_place,
)
def q3(answer):
    """a place (x, y) of the dahlia of 96 pixels where a true hint gains more than at three of four drawn by lot."""
    x, y = numbers(answer, (2,), "x and y").tolist()
    if x != int(x) or y != int(y) or not (0 <= x < SIDE and 0 <= y < SIDE):
        raise AnswerError(f"expected two whole numbers from 0 to {SIDE - 1}, got ({x:g}, {y:g})")
    wanted = sorted(gained(by_lot()))[3 * DRAWN // 4]
    (gain,) = gained(((int(x), int(y)),))
    if gain >= wanted:
        return None
    said = f"a hint there gains {gain:+.1f} Lab units, a quarter of the places drawn by lot {wanted:+.1f} or more"
    return f"{said}{'; this one hurts' if gain < 0 else ''}"
