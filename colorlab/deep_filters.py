"""What excites a channel deep inside a network: places of photographs, and pictures made for it.

The network is EfficientNet-Lite0, the path down of the networks that ship (`colorlab.networks.lite0`), or one
of its shape: `shuffled` gives the control.
"""

import copy
from collections.abc import Mapping

import numpy as np
import torch
from skimage.data import stereo_motorcycle
from torch import Tensor

from colorlab.data import photos, seeded, shrink, to_lab
from colorlab.lab import grey_of
from colorlab.networks.lite0 import STAGES, STRIDES, Lite0

SIDE = 320  # of the pictures it is shown, pixels: a wheel is then three places of stride 32 wide
AROUND = 96  # pixels a side of what is shown of a place
PLACES = {  # what the poster names, and an eye: picture, x, y, radius, pixels
    "rear tire": ("motorcycle", 128, 205, 51),
    "front tire": ("motorcycle", 384, 232, 54),
    "headlight": ("motorcycle", 346, 99, 19),
    "left eye": ("chelsea", 172, 110, 35),
    "right eye": ("chelsea", 320, 133, 25),
}
LEVELS = (*(f"stride {stride}" for stride in STRIDES), "last")  # its features, and what it names things by
LAST_OF = (1, 2, 3, 5, 7)  # how many of the published stages lie before each level
STEP = 0.02  # of Adam in `made_for`
ROUGHNESS = (
    1.0  # price of a squared unit of scaled L between neighbours, in standard deviations of the answer
)


def gallery() -> dict[str, Tensor]:
    """The six photographs, and a motorcycle that comes with scikit-image: name -> L `(H, W)`.

    The sides are cut to multiples of 32. The motorcycle is of the Middlebury stereo data sets, which may be
    used and published: Scharstein et al., High-resolution stereo datasets with subpixel-accurate ground
    truth, 2014.
    """
    pictures: dict[str, np.ndarray] = {photo.name: photo.rgb for photo in photos(side=SIDE)}
    pictures["motorcycle"] = shrink(stereo_motorcycle()[0], SIDE)
    found = {name: to_lab(rgb)[0] for name, rgb in pictures.items()}
    return {
        name: L[: L.shape[0] // STRIDES[-1] * STRIDES[-1], : L.shape[1] // STRIDES[-1] * STRIDES[-1]]
        for name, L in found.items()
    }


def stride_of(level: str) -> int:
    """Pixels from one place of a level to the next."""
    return STRIDES[min(LEVELS.index(level), len(STRIDES) - 1)]


def at_places(found: Mapping[str, Tensor], level: str, *names: str) -> Tensor:
    """The largest answer of every channel at some of `PLACES`, and the largest one anywhere else.

    Args:
        found: picture -> a level's answers, `(channels, h, w)`.
        level: which.
        names: of the places; what touches none of them, in all pictures, is elsewhere.

    Returns:
        `(len(names) + 1, channels)`, elsewhere last.
    """
    rest = {picture: answer.clone() for picture, answer in found.items()}
    rows = []
    for picture, x, y, radius in (PLACES[name] for name in names):
        stride, answer = stride_of(level), found[picture]
        down, right = (stride * (torch.arange(n) + 0.5) for n in answer.shape[1:])
        touched = torch.hypot(down[:, None] - y, right - x) < radius + stride / 2
        rows.append(answer[:, touched].amax(1))
        rest[picture][:, touched] = -torch.inf
    elsewhere = torch.stack([answer.amax((1, 2)) for answer in rest.values()]).amax(0)
    return torch.stack([*rows, elsewhere])


def answers(path_down: Lite0, L: Tensor) -> dict[str, Tensor]:
    """What every channel of every level answers at every place of a grey picture.

    Args:
        path_down: the network.
        L: `(H, W)` in [0, 100]; both sides multiples of 32.

    Returns:
        Level -> `(channels, h, w)`. "last" are the 1,280 channels whose means over all places, once
        rectified, the classifier reads.
    """
    if any(side % STRIDES[-1] for side in L.shape):
        raise ValueError(f"L: expected sides that are multiples of {STRIDES[-1]}, got {tuple(L.shape)}")
    rgb = grey_of(L)[None, None].expand(-1, 3, -1, -1)
    features = path_down.features(rgb.contiguous(memory_format=torch.channels_last))
    features.append(path_down.last(features[-1]))
    return dict(zip(LEVELS, (found[0] for found in features), strict=True))


def layers(level: str) -> list[tuple[int, int]]:
    """(kernel size, stride) of every convolution that looks around, from the picture to a level.

    Those of 1×1 look at their own place only and are left out.
    """
    stages = STAGES[: LAST_OF[min(LEVELS.index(level), len(LAST_OF) - 1)]]
    found = [(3, 2)]
    for kernel, stride, _, _, count in stages:
        found += [(kernel, stride)] + [(kernel, 1)] * (count - 1)
    return found


def favourites(found: Mapping[str, Tensor], channel: int) -> list[tuple[str, tuple[int, int]]]:
    """The place of each picture to which a channel answers most, the strongest answer first.

    Args:
        found: picture -> a level's answers, `(channels, h, w)`.
        channel: which.

    Returns:
        (picture, (row, column)) of each.
    """
    best = {picture: answer[channel].flatten().max(0) for picture, answer in found.items()}
    order = sorted(best, key=lambda picture: -float(best[picture].values))
    return [(picture, divmod(int(best[picture].indices), found[picture].shape[2])) for picture in order]


def around(L: Tensor, place: tuple[int, int], level: str) -> Tensor:
    """The square of `AROUND` pixels of a picture around a place of a level, moved where it would leave the picture."""
    stride = stride_of(level)
    corner = [
        min(max(n * stride + stride // 2 - AROUND // 2, 0), size - AROUND)
        for n, size in zip(place, L.shape, strict=True)
    ]
    return L[corner[0] : corner[0] + AROUND, corner[1] : corner[1] + AROUND]


def shuffled(path_down: Lite0, seed: int) -> Lite0:
    """The control: the same network with the weights of each kernel bank in another order.

    Every layer keeps its numbers, so their size and spread are those of the trained one; what is lost is
    only what training put in order.
    """
    generator = seeded(seed)
    control = copy.deepcopy(path_down)
    for weight in control.parameters():
        order = torch.randperm(weight.numel(), generator=generator).to(weight.device)
        weight.data = weight.flatten()[order].view_as(weight)
    return control


def made_for(
    path_down: Lite0, level: str, channel: int, steps: int = 64, side: int = 128, seed: int = 0
) -> tuple[Tensor, list[float]]:
    """A picture made to excite one channel by gradient ascent: begin with faint noise and go uphill.

    What rises is the channel's mean over the whole picture. Left alone, this ends in fine noise that no
    photograph has. Two things hold it back, and both are choices: the picture is stored as waves whose steps
    fall as 1/frequency, as the amplitudes of photographs do, and neighbours that differ cost `ROUGHNESS`. So
    smoothness in the result comes from us; what is drawn, from the channel.

    Args:
        path_down: the network; it is not changed.
        level: one of `LEVELS`.
        channel: of that level.
        steps: of Adam; 0 gives the noise.
        side: of the picture, pixels; a multiple of 32.
        seed: of the noise.

    Returns:
        L `(side, side)` in [0, 100], and the mean answer before every step and after the last: steps + 1.
    """
    generator = seeded(seed)
    frequency = torch.hypot(torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side))
    amplitude = 1 / frequency.clamp(min=1 / side)
    waves = 0.01 * torch.randn(2, *frequency.shape, generator=generator)  # real and imaginary parts
    waves.requires_grad_()
    optimizer = torch.optim.Adam([waves], lr=STEP)
    history, scale = [], None
    for step in range(steps + 1):
        spectrum = torch.complex(*waves) * amplitude
        L = 100 * torch.sigmoid(torch.fft.irfft2(spectrum, s=(side, side), norm="ortho"))
        found = answers(path_down, L)[level]
        answer = found[channel].mean()
        scale = scale or float(found.detach().std())  # levels answer in numbers of different size
        history.append(answer.item())
        if step < steps:
            rough = L.diff(dim=0).square().mean() + L.diff(dim=1).square().mean()
            loss = ROUGHNESS * rough / 50**2 - answer / scale
            (waves.grad,) = torch.autograd.grad(loss, [waves])
            optimizer.step()
    return L.detach(), history
