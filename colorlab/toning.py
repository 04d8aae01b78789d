"""Is a picture grey, toned like an old print, or in colour?"""

from typing import Literal, get_args

import numpy as np
import torch

from colorlab.data import shrink, to_lab

SIDE = 128  # pixels of the shorter side are plenty, and average JPEG's noise away
GREY = 4.0  # Lab units: chroma below it is noise, or paper that is not quite white
ONE_TONE = 6.0  # Lab units; measured: prints toned evenly or not 0.5 to 4.8, colour photographs 8.7 to 19
LEVELS = 20  # of L

Kind = Literal["grey", "sepia", "colour"]
KINDS: tuple[Kind, ...] = get_args(Kind)  # from the least colourful to the most


def kind_of(rgb: np.ndarray) -> Kind:
    """Grey has no colour; sepia, or any other toning, has one that follows from L; colour has more.

    In a toned print every pixel of one lightness has one colour. So what tells is how far the pixels' ab
    lie, as a root mean square, from the mean ab of all pixels of their lightness.

    Args:
        rgb: uint8 `(H, W, 3)`.
    """
    lab = to_lab(shrink(rgb, SIDE))
    ab, level = lab[1:].flatten(1), (lab[0].flatten() / (100 / LEVELS)).long().clamp(0, LEVELS - 1)
    if _rms(ab) <= GREY:
        return "grey"
    pixels = torch.bincount(level, minlength=LEVELS).clamp(min=1)
    mean = torch.stack([torch.bincount(level, channel, LEVELS) for channel in ab]) / pixels  # (2, LEVELS)
    return "sepia" if _rms(ab - mean[:, level]) <= ONE_TONE else "colour"


def _rms(ab: torch.Tensor) -> float:
    return ab.square().sum(0).mean().sqrt().item()
