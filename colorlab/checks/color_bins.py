"""Exercises of notebook 06, the colour bins."""

import math

import torch
from torch import Tensor

from colorlab.bins import ColorBins
from colorlab.checks.exercise import AnswerError, asked, exercise, numbers
from colorlab.lab import chroma, rgb_to_lab
from colorlab.quantization import quantize, round_trip

MOST_ERROR = 3.0  # Lab units, what exercise 3 allows
FAR = 7.0  # Lab units, what exercise 4 asks for; the corner of a cell of 10 is 5√2 = 7.07 away


def random_points() -> tuple[Tensor, Tensor]:
    """Pixels `(30, 2)` and centres `(9, 2)` in the ab plane, all distances different."""
    generator = torch.Generator().manual_seed(6)
    return tuple(100 * torch.rand(n, 2, generator=generator) - 50 for n in (30, 9))


def my_encode(ab: Tensor, centers: Tensor) -> Tensor:
    squared = (ab[:, None] - centers).square().sum(-1)  # (P, Q)
    return squared.argmin(dim=1)


@exercise(
    hints=(
        "The table has a row a pixel and a column a bin. Which column do you look for in each row?",
        "The position of the least entry, not the entry itself; along dim=1.",
    ),
    solution=my_encode,
)
def q1(answer):
    """a function (ab of shape (P, 2), centers of shape (Q, 2)) -> the number of the nearest centre of every pixel."""
    _need_function(answer, "(ab, centers)")
    ab, centers = random_points()
    found = asked(answer, ab, centers)
    wanted, squared = my_encode(ab, centers), torch.cdist(ab, centers).square()
    if isinstance(found, Tensor) and found.shape == (len(centers),):
        return f"one answer a bin ({len(centers)}), not one a pixel ({len(ab)}): search along the other dimension"
    found = numbers(found, (len(ab),), "one class number a pixel")
    if any(torch.allclose(found, t.double(), atol=1e-2) for t in (squared.amin(1), squared.amin(1).sqrt())):
        return "that is the least distance; asked is which bin has it, a whole number from 0 to Q - 1"
    if torch.equal(found, squared.argmax(1).double()):
        return "that is the farthest bin"
    wrong = int((found != wanted).sum())
    return f"{wrong} of {len(ab)} pixels did not get their nearest bin" if wrong else None


def my_shares(distance: Tensor, sigma: float) -> Tensor:
    share = torch.exp(-(distance**2) / (2 * sigma**2))  # (P, k)
    return share / share.sum(dim=1, keepdim=True)


@exercise(
    hints=(
        "Two steps: a Gaussian of every distance, then something that makes each pixel's shares sum to 1.",
        "exp(-d²/2σ²); then divide by the sum along dim=1 with keepdim=True, so that every row has its own.",
    ),
    solution=my_shares,
)
def q2(answer):
    """a function (distance of shape (P, k), sigma) -> the shares of the k bins in each pixel's soft label."""
    _need_function(answer, "(distance, sigma)")
    ab, centers = random_points()
    distance = torch.cdist(ab, centers).topk(5, largest=False).values  # (30, 5)
    for sigma in (5.0, 12.0):
        found = asked(answer, distance, sigma)
        if isinstance(found, Tensor) and not torch.isfinite(found).all():
            return "the exponential overflowed: is the minus there, and are there brackets round 2σ²?"
        found, wanted = numbers(found, (30, 5), "the shares"), my_shares(distance.double(), sigma)
        if torch.allclose(found, wanted, atol=1e-4):
            continue
        gaussian = torch.exp(-(distance.double() ** 2) / (2 * sigma**2))
        if torch.allclose(found, gaussian, atol=1e-4):
            return "the Gaussian is right, but the shares of a pixel do not sum to 1 yet"
        if torch.allclose(found, gaussian / gaussian.sum(0), atol=1e-4):
            return "the shares sum to 1 over the pixels; they must do so over the k bins of each pixel"
        if torch.allclose(found, gaussian / gaussian.sum(), atol=1e-4):
            return "all shares of all pixels together sum to 1; each pixel must have its own sum"
        slips = {
            "the distance is not squared": distance.double() / (2 * sigma**2),
            "the 2 in 2σ² is missing": distance.double() ** 2 / sigma**2,
            "σ is not squared": distance.double() ** 2 / (2 * sigma),
        }
        for slip, exponent in slips.items():
            if torch.allclose(found, torch.softmax(-exponent, dim=1), atol=1e-4):
                return f"they sum to 1, but in the exponent {slip}"
        if torch.allclose(found, torch.softmax(distance.double() ** 2 / (2 * sigma**2), dim=1), atol=1e-4):
            return "the farthest bin gets most: a minus sign is missing in the exponent"
        sums = found.sum(1)
        if not torch.allclose(sums, torch.ones(30).double(), atol=1e-3):
            return f"the shares of a pixel must sum to 1; yours sum to {sums.min():.3g} to {sums.max():.3g}"
        return f"they sum to 1, but with σ = {sigma:g} one pixel's differ by up to {(found - wanted).abs().max():.2f}"
    return None


def coarsest_grid() -> int:
    return max(g for g in range(4, 31) if round_trip(g, "rocket").mean < 3)  # all of them: the error may dip


@exercise(
    hints=(
        "The formula gives a first guess: which grid_size makes 0.3826 · grid_size just less than 3?",
        'A photograph is not spread evenly, so measure: print round_trip(g, "rocket").mean around your guess.',
    ),
    solution=coarsest_grid,
)
def q3(answer):
    """the largest whole grid_size whose mean round-trip error on the rocket stays under 3 Lab units."""
    grid_size = float(numbers(answer, (), "a grid_size"))
    if not 4 <= grid_size < 100:
        return f"ColorBins takes grids from 4 to 100 Lab units, got {grid_size:g}"
    if grid_size != int(grid_size):
        return f"asked is a whole number of Lab units, got {grid_size:g}"
    error, next_error = (round_trip(int(grid_size) + more, "rocket").mean for more in (0, 1))
    if error >= MOST_ERROR:
        evenly = 0.3826 * grid_size
        also = f", although the formula promised {evenly:.2f}" if evenly < MOST_ERROR else ""
        return f"too coarse: grid {grid_size:g} moves the pixels by {error:.2f} on average{also}"
    if next_error < MOST_ERROR:
        return f"grid {grid_size:g} stays under 3 ({error:.2f}), but it is not the coarsest that does"
    return None


def far_color() -> list[int]:
    rgb = torch.randint(0, 256, (3, 1, 100_000), generator=torch.Generator().manual_seed(0)).byte()
    lab = rgb_to_lab(rgb)
    moved = chroma((quantize(lab, ColorBins(10)) - lab)[1:])[0]
    return rgb[:, 0, moved.argmax()].tolist()


@exercise(
    hints=(
        "The worst place of a cell is its corner: a and b both just half-way between two multiples of 10.",
        "Do not search by hand: draw 100,000 random colours, send them through the bins, keep the worst.",
    ),
    solution=far_color,
)
def q4(answer):
    """an 8-bit colour [R, G, B] that the bins of grid 10 move by more than 7 Lab units."""
    rgb = numbers(answer, (3,), "a colour [R, G, B]")
    if ((rgb < 0) | (rgb > 255) | (rgb != rgb.round())).any():
        return "R, G and B are whole numbers from 0 to 255"
    ab = rgb_to_lab(rgb.byte()[:, None, None])[1:]  # (2, 1, 1)
    bins = ColorBins(10)
    error = float((bins.centers[bins.encode(ab[None])][0, 0, 0] - ab.flatten()).norm())
    if error > FAR:
        return None
    a, b = ab.flatten().tolist()
    best = f"; the corner of a cell is {math.hypot(5, 5):.2f} away" if error > 5 else ""
    return f"its ab is ({a:.1f}, {b:.1f}), which moves by {error:.2f} only{best}"


def _need_function(answer: object, arguments: str) -> None:
    if not callable(answer):
        raise AnswerError(f"expected a function of {arguments}, got {type(answer).__name__}")
