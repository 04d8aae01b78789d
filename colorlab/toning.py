"""Is a picture grey, toned like an old print, or in colour?"""

from typing import Literal, get_args

import numpy as np
import torch
from torch.nn.functional import avg_pool2d
from torch.nn.functional import pad as replicated

from colorlab.data import shrink, to_lab
from colorlab.lab import chroma

SIDE = 128  # pixels of the shorter side are plenty, and average JPEG's noise away
GREY = 4.0  # Lab units: chroma below it is noise, or paper that is not quite white
ONE_TONE = 6.0  # Lab units; measured: prints toned evenly or not 0.5 to 4.8, colour photographs 8.7 to 19
LEVELS = 20  # of L
CLEAR = 20.0  # Lab units: what is so far from grey is coloured; stains of old paper have less
AREA = 3  # pixels a side that it is averaged over: what is smaller is noise

Kind = Literal["grey", "sepia", "color"]
KINDS: tuple[Kind, ...] = get_args(Kind)  # from the least colourful to the most


def kind_of(rgb: np.ndarray) -> Kind:
    """Grey has no colour; sepia, or any other toning, has one that follows from L; what has more is "color".

    In a toned print every pixel of one lightness has one colour. So what tells is how far the pixels' ab
    lie, as a root mean square, from the mean ab of all pixels of their lightness. But a mean hides small
    things: a red stamp, a coat. So whatever small area is clearly coloured makes it a picture in colour.

    Args:
        rgb: uint8 `(H, W, 3)`.
    """
    lab = to_lab(shrink(rgb, SIDE))
    ab, level = lab[1:].flatten(1), (lab[0].flatten() / (100 / LEVELS)).long().clamp(0, LEVELS - 1)
    if _rms(ab) <= GREY:
        return "color" if _has_clear_area(lab[1:]) else "grey"
    pixels = torch.bincount(level, minlength=LEVELS).clamp(min=1)
    mean = torch.stack([torch.bincount(level, channel, LEVELS) for channel in ab]) / pixels  # (2, LEVELS)
    # The median is the tone also where a stamp takes a third of a lightness.
    medians = [ab[:, level == i].median(1).values if i in level else mean[:, i] for i in range(LEVELS)]
    tone = torch.stack(medians, 1)[:, level].view_as(lab[1:])
    stamped = _has_clear_area(lab[1:] - tone, chroma(tone) / 2)  # a strong tone varies within a level
    return "color" if stamped or _rms(ab - mean[:, level]) > ONE_TONE else "sepia"


def _has_clear_area(ab: torch.Tensor, allowed: torch.Tensor | float = 0.0) -> bool:
    """Whether `(2, H, W)` is anywhere, over some pixels, clearly farther from 0 than is allowed `(H, W)` there."""
    around = replicated(ab[None], [AREA // 2] * 4, "replicate")
    return (chroma(avg_pool2d(around, AREA, 1)[0]) > CLEAR + allowed).any().item()


def _rms(ab: torch.Tensor) -> float:
    return ab.square().sum(0).mean().sqrt().item()
