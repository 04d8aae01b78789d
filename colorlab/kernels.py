"""What a kernel sees: kernels made by hand, the window behind a number, and what a learnt kernel likes best."""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorlab.networks.unet import UNet

# The edges are Sobel's: a difference in one direction, smoothed in the other.
KERNELS: dict[str, Tensor] = {
    name: torch.tensor(rows, dtype=torch.float32)
    for name, rows in {
        "identity": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
        "vertical edges": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
        "horizontal edges": ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
        "diagonal edges": ((-2, -1, 0), (-1, 0, 1), (0, 1, 2)),
        "spots": ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
        "blur": ((1 / 9,) * 3,) * 3,
        "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    }.items()
}


def filter_picture(L: Tensor, kernel: Tensor | Sequence[Sequence[float]]) -> Tensor:
    """Slide a kernel over a picture, as `conv2d` does: multiply, add up, go on; the kernel is not flipped.

    Args:
        L: `(H, W)`, any numbers.
        kernel: `(k, k)`, k odd. At the border the picture's last row and column are repeated, so that a
            flat picture stays flat.

    Returns:
        `(H, W)` float32, not clipped.

    Raises:
        ValueError: another shape.
    """
    kernel = torch.as_tensor(kernel, dtype=torch.float32)
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or kernel.shape[0] % 2 == 0:
        raise ValueError(f"kernel: expected (k, k) with k odd, got {tuple(kernel.shape)}")
    if L.ndim != 2:
        raise ValueError(f"L: expected (H, W), got {tuple(L.shape)}; filter one channel at a time")
    padded = F.pad(L[None, None].float(), [len(kernel) // 2] * 4, mode="replicate")
    return F.conv2d(padded, kernel[None, None].to(L.device))[0, 0]


# ---- the receptive field -------------------------------------------------------------------------


class Field(NamedTuple):
    """The window of the picture that one number looks at.

    Attributes:
        size: its side, pixels.
        step: how far it moves from one number to the next, pixels.
    """

    size: int
    step: int


def receptive_field(layers: Sequence[tuple[int, int]]) -> Field:
    """The window behind one number after a stack of convolutions.

    A kernel of size k reaches over k − 1 steps between its first and its last number, and a step is the
    product of all strides *before* it: size = 1 + Σ (kₙ − 1) · s₁ ⋯ sₙ₋₁.

    Args:
        layers: (kernel size, stride) of each, the first one first.

    Raises:
        ValueError: a size or stride below 1.
    """
    size, step = 1, 1
    for kernel_size, stride in layers:
        if kernel_size < 1 or stride < 1:
            raise ValueError(f"layers: expected sizes and strides >= 1, got ({kernel_size}, {stride})")
        size += (kernel_size - 1) * step
        step *= stride
    return Field(size, step)


def trunk_layers(network: UNet, stage: str) -> list[tuple[int, int]]:
    """(kernel size, stride) of every convolution from the picture to a stage on the way down.

    Args:
        network: the UNet.
        stage: "stem" or "down 1", "down 2", … as in `UNet.features`.

    Raises:
        ValueError: no stage on the way down.
    """
    stages = {"stem": network.stem} | {f"down {n}": s for n, s in enumerate(network.down, 1)}
    if stage not in stages:
        raise ValueError(
            f"stage: expected one of {', '.join(stages)}, got {stage!r}; on the way up several paths meet"
        )
    upto = list(stages.values())[: list(stages).index(stage) + 1]
    convolutions = [m for part in upto for m in part.modules() if isinstance(m, nn.Conv2d)]
    return [(c.kernel_size[0], c.stride[0]) for c in convolutions]


def count_paths(network: UNet, stage: str, size: int) -> Tensor:
    """On how many paths each pixel reaches the middle number of a stage, measured by a gradient.

    The weights are set to one (shared out over the channels) and norms and rectifiers are left out, so that
    nothing cancels: then the gradient of the number by a pixel is the number of paths between the two.

    Args:
        network: the UNet; it is not changed.
        stage: see `trunk_layers`.
        size: side of the picture, pixels.

    Returns:
        `(size, size)` float64.
    """
    wires = copy.deepcopy(network).double()
    for part in wires.modules():
        for name, child in part.named_children():
            if isinstance(child, (nn.GroupNorm, nn.ReLU)):
                setattr(part, name, nn.Identity())
            elif isinstance(child, nn.Conv2d):
                nn.init.constant_(child.weight, 1 / child.in_channels)
    x = torch.zeros(1, network.config["in_channels"], size, size, dtype=torch.double)
    x = x.to(network.head.weight.device).requires_grad_()
    step = receptive_field(trunk_layers(network, stage)).step
    middle = size // 2 // step
    wires.features(x)[stage][0, 0, middle, middle].backward()
    return x.grad[0].sum(0)


# ---- the first layer ------------------------------------------------------------------------------


def best_windows(kernels: Tensor, pictures: Sequence[Tensor]) -> Tensor:
    """For each kernel the window to which it answers most.

    Args:
        kernels: `(K, k, k)`.
        pictures: `(H, W)` each.

    Returns:
        `(K, k, k)`, the pixels of those windows.
    """
    side = kernels.shape[-1]
    windows = torch.cat([F.unfold(picture[None, None], side)[0].T for picture in pictures])  # (P, k²)
    best = (windows @ kernels.flatten(1).T).argmax(0)
    return windows[best].reshape(kernels.shape)
