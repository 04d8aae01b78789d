"""Exercises of notebook 11, beyond."""

import numpy as np
import torch
from torch import Tensor

from colorlab.checks.exercise import NotAttempted, asked, exercise, numbers


def flicker_by_hand() -> float:
    return (10 + 10 + 0) / 3  # first pixel twice, the second only from frame 2 to 3, where its L stands still


@exercise(
    hints=(
        "Which of the four steps (two pixels, two pairs of frames) have the same L before and after?",
        "A step from (20, 0) to (26, 8) is sqrt(6² + 8²) = 10 Lab units. Average over the still steps only.",
    ),
    solution=flicker_by_hand,
)
def q1(answer):
    """the flicker of the three frames: the mean |Δab| over the steps whose L stands still."""
    found, wanted = float(numbers(answer, (), "the flicker")), flicker_by_hand()
    if abs(found - wanted) < 0.04:  # 6.7 is as good
        return None
    if abs(found - 15) < 0.02:
        return "one of the four steps is no flicker: L changed there, so something moved"
    if abs(found - 10) < 0.02:
        return "a step of 0 is a still step too: the second pixel from frame 2 to 3"
    if abs(found - 20 / 4) < 0.02:
        return "right sum, wrong count: the step where L changed is left out of both"
    if abs(found - (14 + 14) / 3) < 0.02:
        return "that is |Δa| + |Δb|; take the distance in the plane"
    return f"{found:g} is not it; write the four steps down, strike out those where L changes"


def half_life() -> int:
    return 14  # 0.95 ** 13 = 0.513, 0.95 ** 14 = 0.488


@exercise(
    hints=(
        "With every new frame what an old one counts for is multiplied by the share of the past.",
        "0.95 ** n < 0.5: try n, or take logarithms.",
    ),
    solution=half_life,
)
def q2(answer):
    """after how many frames an old frame counts for less than half, if the share of the past is 0.95."""
    found = float(numbers(answer, (), "a number of frames"))
    if found == 14:
        return None
    if found == 13:
        return "nearly: after 13 it counts for 51 %"
    if abs(found - 13.51) < 0.02:
        return "in whole frames, please: the first at which it is less than half"
    if found == 20:
        return "1 / (1 - 0.95) = 20 is the mean age of the memory; where is it below half?"
    if found == 10:
        return (
            "ten times 0.05 would be taken from what was there at first; it is always taken from what is left"
        )
    return f"after {found:g} frames it counts for {0.95 ** min(max(found, 0), 1000):.0%}"


def is_cut(before: Tensor, after: Tensor) -> bool:
    change = after - before
    change = (change - change.median()).abs()  # a little more light changes all pixels about alike
    return bool((change >= 6).float().mean() > 0.5)


@exercise(
    hints=(
        "A cut changes most pixels, and each by another amount; a little more light changes all about alike.",
        "Take the median change away first. Then: do more than half of the pixels change by 6 or more?",
    ),
    solution=is_cut,
)
def q3(answer):
    """a function (L before, L after), (H, W) each, -> True at a scene cut, False if the light or a thing changed."""
    if not callable(answer):
        return f"expected a function of (before, after), got {type(answer).__name__}"
    draw = torch.Generator().manual_seed(0)
    room, street = 20 + 60 * torch.rand(2, 16, 24, generator=draw)
    passing = room.clone()
    passing[4:12, 6:14] = 90.0
    noisy = room + torch.randn(room.shape, generator=draw)
    dusk, fog = 20 + 28 * torch.rand(2, 16, 24, generator=draw)  # two scenes of little contrast
    cases = [
        (room, room.clone(), "nothing changed at all"),
        (room, noisy, "only the sensor's noise changed"),
        (room, passing, "a thing passed over a sixth of the picture"),
        (room, room + 12, "somebody switched a lamp on: every pixel is 12 lighter"),
        (room, street, "another scene began"),
        (room, noisy + 8, "a lamp, and noise"),
        (dusk, dusk + 40, "a bright lamp was switched on: every pixel is 40 lighter"),
        (dusk, fog, "another scene began, as dim as the one before"),
    ]
    for before, after, what in cases:
        found, wanted = asked(answer, before, after), what.startswith("another scene began")
        if found is ...:
            raise NotAttempted
        if not isinstance(found, (bool, np.bool_, Tensor)):
            return f"expected True or False, got {type(found).__name__}"
        if bool(found) != wanted:
            return f"{what}: your function says {bool(found)}"
    return None
