"""Exercises of notebook 13, papers."""

import torch
from torch import Tensor

from colorlab.checks.exercise import asked, exercise, numbers


def fused(features: Tensor, vector: Tensor, weight: Tensor) -> Tensor:
    tiled = vector[:, None, None].expand(-1, *features.shape[1:])
    stacked = torch.cat([features, tiled])  # (channels + length, h, w)
    return torch.einsum("oi,ihw->ohw", weight, stacked)


@exercise(
    hints=(
        "vector[:, None, None].expand(-1, h, w) lays the vector over every place.",
        "torch.cat them, features first; a 1×1 convolution is weight @ numbers at every place: einsum.",
    ),
    solution=fused,
)
def q1(answer):
    """a function (features (C, h, w), vector (V,), weight (O, C + V)) -> (O, h, w), without ReLU and bias."""
    if not callable(answer):
        return f"expected a function of (features, vector, weight), got {type(answer).__name__}"
    generator = torch.Generator().manual_seed(0)
    for channels, length, outputs, height, width in ((2, 2, 2, 2, 2), (3, 5, 4, 2, 3), (1, 4, 2, 3, 1)):
        features = torch.randn(channels, height, width, generator=generator)
        vector = torch.randn(length, generator=generator)
        weight = torch.randn(outputs, channels + length, generator=generator)
        wanted = fused(features, vector, weight)
        found = numbers(
            asked(answer, features, vector, weight), tuple(wanted.shape), "the fused features"
        ).float()
        if torch.allclose(found, wanted, atol=1e-4):
            continue
        if torch.allclose(found, wanted.relu(), atol=1e-4):
            return "right, but rectified: leave the ReLU out, so that the numbers can be compared"
        only_features = torch.einsum("oi,ihw->ohw", weight[:, :channels], features)
        if torch.allclose(found, only_features, atol=1e-4):
            return "the vector has no effect: does it reach the convolution?"
        swapped = torch.cat([weight[:, length:], weight[:, :length]], dim=1)
        if torch.allclose(found, fused(features, vector, swapped), atol=1e-4):
            return "the vector stands before the features; the weights expect the features first"
        shapes = f"features {tuple(features.shape)}, vector {tuple(vector.shape)}"
        return f"{shapes}: the shape is right, the numbers are not"
    return None


def window_of_three() -> int:
    return 1 + 2 * 1 + 2 * 2 + 2 * 4  # each 3×3 kernel adds twice its dilation


@exercise(
    hints=(
        "With dilation d the outer taps of a 3×3 kernel lie d pixels from its middle.",
        "Begin with one pixel, and go back layer by layer: each adds twice its dilation.",
    ),
    solution=window_of_three,
)
def q2(answer):
    """the width in pixels of the window of three 3×3 convolutions with dilations 1, 2 and 4."""
    found, wanted = float(numbers(answer, (), "the width")), window_of_three()
    if found == wanted:
        return None
    if found == 7:
        return "7 is the window without dilation"
    if found == 9:
        return "9 is the reach of the last kernel alone; those before it widen what it sees"
    if found == 3 + 5 + 9:
        return "that is the sum of the three reaches; neighbours share the pixel in the middle"
    if found == wanted - 1 or found == wanted // 2:
        return "count the pixel in the middle, and both sides of it"
    return f"{found:g} is not it; a 3×3 kernel with dilation d reaches d pixels to either side"
