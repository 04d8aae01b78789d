"""Exercises of notebook 03, the U-Net."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from colorlab.checks.exercise import AnswerError, NotAttempted, asked, exercise, numbers
from colorlab.kernels import receptive_field, trunk_layers
from colorlab.networks.base import pad_to_multiple
from colorlab.networks.unet import UNet

WIDTH, DEPTH, SIZE = 16, 3, (100, 75)  # of the first exercise; height before width
WINDOW, FEWEST, MOST = 64, 100_000, 150_000  # pixels and weights, the target of the third


def shape_of_the_bottom() -> tuple[int, int, int]:
    # 100 × 75 is padded to 104 × 80, the next multiples of 2³ = 8; then both are divided by 8.
    return 16 * 2**3, 104 // 8, 80 // 8


@exercise(
    hints=(
        "First pad both sides to a multiple of 2 to the power of the depth; then halve, level by level.",
        "104 × 80, then 52 × 40, 26 × 20, …; the channels double every time, beginning with the width.",
    ),
    solution=shape_of_the_bottom,
)
def q1(answer):
    """(channels, height, width) at the bottom of a U-Net of width 16 and depth 3, for 100 × 75 pixels."""
    found = tuple(numbers(answer, (3,), "channels, height and width").tolist())
    c, h, w = shape_of_the_bottom()
    if found == (c, h, w):
        return None
    if found == (c, w, h):
        return "height comes before width, and the picture is 100 pixels high"
    if found[1:] != (h, w):
        if found[1:] == (SIZE[0] // 2**DEPTH, SIZE[1] // 2**DEPTH):
            return "rows at the edge were lost: the library pads before it halves"
        if found[1:] == (52, 40):
            return "that size is one level down; depth 3 halves three times"
        if found[1:] == (7, 5):
            return "that size is a level too deep; depth 3 halves three times"
        return f"{found[1]:g} × {found[2]:g} is not the size; is the padded picture a multiple of 8?"
    if found[0] == WIDTH * DEPTH:
        return "the channels double at every level, they are not multiplied by the depth"
    if found[0] == WIDTH * 2 ** (DEPTH - 1):
        return "one doubling is missing: the stem has 16 channels already, then three levels double them"
    return f"the size is right, {found[0]:g} channels are not"


def padded(x: Tensor, multiple: int) -> Tensor:
    bottom, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return F.pad(x, (0, right, 0, bottom), mode="replicate")


@exercise(
    hints=(
        "`-height % multiple` is how many rows are missing; try it with 33 and 4.",
        'torch.nn.functional.pad takes (left, right, top, bottom) and mode="replicate".',
    ),
    solution=padded,
)
def q2(answer):
    """a function (x (N, C, H, W), multiple) -> x padded at the bottom and right by its last row and column."""
    if not callable(answer):
        return f"expected a function of (x, multiple), got {type(answer).__name__}"
    generator = torch.Generator().manual_seed(0)
    for height, width, multiple in ((33, 50, 4), (32, 48, 16), (1, 1, 8), (9, 14, 4), (5, 16, 8)):
        x = torch.rand(2, 3, height, width, generator=generator)
        wanted = pad_to_multiple(x, multiple)
        found, size = asked(answer, x, multiple), f"{height} × {width} to a multiple of {multiple}"
        if found is ...:
            raise NotAttempted
        if isinstance(found, np.ndarray):  # np.pad is as good
            found = torch.from_numpy(found)
        if not isinstance(found, Tensor) or found.ndim != 4:
            return f"expected a tensor (N, C, H, W), got {_kind(found)}"
        if found.shape != wanted.shape:
            got = f"{found.shape[-2]} × {found.shape[-1]}"
            if any(f < s for f, s in zip(found.shape[-2:], (height, width), strict=True)):
                return f"{size}: it gave {got}; something was cut off, only add"
            if any(f - s >= multiple for f, s in zip(found.shape[-2:], (height, width), strict=True)):
                return f"{size}: it gave {got}; a side that divides already needs nothing"
            return f"{size}: it gave {got}, which is not the next multiple"
        if torch.equal(found, wanted):
            continue
        if not torch.equal(found[..., :height, :width], x):
            return f"{size}: the picture was moved or changed; add at the bottom and right only"
        if torch.count_nonzero(found) == torch.count_nonzero(x):
            return f"{size}: zeros were added; black is a colour too, repeat the last row and column instead"
        return f"{size}: the size is right, but what was added is not the last row and column"
    return None


def narrow_and_deep() -> tuple[int, int]:
    return 4, 4  # width, depth; found by building networks and counting


@exercise(
    hints=(
        "What does a level more do to the window, and what to the weights? Print both for depths 1 to 5.",
        "The width does not change the window: choose the depth first, then the width that fits.",
    ),
    solution=narrow_and_deep,
)
def q3(answer):
    """(width, depth) of a network whose bottom sees at least 64 pixels, with 100,000 to 150,000 weights."""
    width, depth = numbers(answer, (2,), "width and depth").tolist()
    if any(n != int(n) or not 1 <= n <= 256 for n in (width, depth)) or depth > 8:
        raise AnswerError("expected whole numbers: a width from 1 to 256 and a depth from 1 to 8")
    with torch.device("meta"):  # shapes without memory: a careless answer may ask for billions of weights
        network = UNet(1, 2, width=int(width), depth=int(depth))
    window = receptive_field(trunk_layers(network, f"down {int(depth)}")).size
    weights = sum(p.numel() for p in network.parameters())
    if window < WINDOW:
        return (
            f"the bottom sees {window} pixels, not {WINDOW}: a wider network does not see more, a deeper does"
        )
    if weights > MOST:
        return f"it sees {window} pixels, but has {weights:,} weights: too many"
    if weights < FEWEST:
        return f"it sees {window} pixels and has only {weights:,} weights: there is room for more channels"
    return None


def _kind(found: object) -> str:
    return f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
