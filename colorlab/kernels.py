"""What a kernel sees: kernels made by hand, the window behind a number, and what excites a learnt channel."""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorlab.colorizer import Colorizer
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

STEP = 0.02  # of Adam in `gradient_ascent`
ROUGHNESS = 2.0  # price of one squared unit of scaled L between neighbours, in units of the response


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


# ---- what excites a channel ----------------------------------------------------------------------


class Patch(NamedTuple):
    """The window of a picture to which one channel answered.

    Attributes:
        response: the channel's number, after normalisation and rectifier.
        picture: index of the picture.
        top, left: where the window begins, pixels.
        L: `(size, size)`, the window.
    """

    response: float
    picture: int
    top: int
    left: int
    L: Tensor


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


@torch.no_grad()
def best_patches(
    colorizer: Colorizer, stage: str, channels: Sequence[int], pictures: Sequence[Tensor], n: int
) -> list[list[Patch]]:
    """The windows that excite a channel most: the best one of each picture, and the n best of these.

    One a picture, for otherwise all n would be the same place moved by a pixel. Only windows that lie wholly
    inside the picture count. The network sees the whole picture, so its normalisation is that of use.

    Args:
        colorizer: any network; without hints.
        stage: "stem" or "down 1", … .
        channels: of that stage.
        pictures: L in [0, 100], `(H, W)` each.
        n: windows a channel, at most one a picture.

    Returns:
        For each channel n patches, the most exciting one first.

    Raises:
        ValueError: more windows than pictures, a picture smaller than the window, no such channel or stage.
    """
    size, step = receptive_field(trunk_layers(colorizer.network, stage))
    if not 1 <= n <= len(pictures):
        raise ValueError(f"n: expected 1 to {len(pictures)}, one window a picture, got {n}")
    found: list[list[Patch]] = [[] for _ in channels]
    for i, L in enumerate(pictures):
        if min(L.shape) < size:
            raise ValueError(
                f"picture {i}: {L.shape[1]}×{L.shape[0]} is smaller than the window of {stage}, {size} pixels"
            )
        responses = respond(colorizer, L[None, None], stage, channels)[0]
        # A window lies around its own pixel: kernels are odd and padded by half their size.
        top, left = (torch.arange(count) * step - size // 2 for count in responses.shape[1:])
        rows_inside = (top >= 0) & (top + size <= L.shape[0])
        columns_inside = (left >= 0) & (left + size <= L.shape[1])
        inside = rows_inside[:, None] & columns_inside
        for patches, response in zip(found, responses.cpu(), strict=True):
            place = response.masked_fill(~inside, -torch.inf).argmax()
            y, x = (int(k) for k in torch.unravel_index(place, response.shape))
            row, column = int(top[y]), int(left[x])
            window = L[row : row + size, column : column + size]
            patches.append(Patch(float(response[y, x]), i, row, column, window))
    return [sorted(patches, key=lambda patch: -patch.response)[:n] for patches in found]


def gradient_ascent(
    colorizer: Colorizer, stage: str, channel: int, steps: int = 64, size: int = 96, seed: int = 0
) -> tuple[Tensor, list[float]]:
    """A picture made to excite one channel: begin with faint noise and go uphill.

    What rises is the channel's mean over the whole picture. (A single number would rise without bound: the
    norm divides by the picture's spread, so one spot on a flat grey is enough.)

    Left alone, this ends in fine noise that no photograph has. Two things hold it back, and both are choices:
    the picture is stored as waves whose steps fall as 1/frequency, as the amplitudes of photographs do, and
    neighbours that differ cost `ROUGHNESS` times their mean squared difference. So smoothness in
    the result comes from us; where it is light or dark, and in which direction it runs, from the channel.

    Args:
        colorizer: any network; without hints.
        stage: of `UNet.features`.
        channel: of that stage.
        steps: of Adam; 0 gives the noise.
        size: side of the picture, pixels.
        seed: of the noise.

    Returns:
        L `(size, size)` in [0, 100], and the mean response before every step and after the last: steps + 1.
    """
    generator = torch.Generator().manual_seed(seed)
    frequency = torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size))
    amplitude = 1 / frequency.clamp(min=1 / size)
    waves = 0.01 * torch.randn(2, *frequency.shape, generator=generator)  # real and imaginary parts
    waves.requires_grad_()
    optimizer = torch.optim.Adam([waves], lr=STEP)
    history = []
    for step in range(steps + 1):
        spectrum = torch.complex(*waves) * amplitude
        L = 100 * torch.sigmoid(torch.fft.irfft2(spectrum, s=(size, size), norm="ortho"))
        response = respond(colorizer, L[None, None], stage, [channel]).mean()
        history.append(response.item())
        if step < steps:
            scaled = L / 50
            rough = scaled.diff(dim=0).square().mean() + scaled.diff(dim=1).square().mean()
            loss = ROUGHNESS * rough.to(response.device) - response
            (waves.grad,) = torch.autograd.grad(loss, [waves])  # the network's own gradients stay untouched
            optimizer.step()
    return L.detach(), history


def respond(colorizer: Colorizer, L: Tensor, stage: str, channels: Sequence[int]) -> Tensor:
    """What some channels of a stage answer to L `(N, 1, H, W)` in [0, 100]: `(N, len(channels), h, w)`."""
    features = colorizer.network.features(colorizer.inputs(L))
    if stage not in features:
        raise ValueError(f"stage: expected one of {', '.join(features)}, got {stage!r}")
    count = features[stage].shape[1]
    if not all(0 <= c < count for c in channels):
        raise ValueError(f"channels: {stage} has 0 to {count - 1}, got {list(channels)}")
    return features[stage][:, list(channels)]
