"""The networks of the papers this course cites, as configurations beside our own U-Net.

Each follows its paper's layers: strides, dilations, how skips join, where it answers. What is changed is the
same for all, so that comparing them compares architectures: convolutions are padded, and normalised by
GroupNorm where the papers used BatchNorm or nothing. `width` is the number of channels at full resolution;
with the published one the shapes are the published ones, with a small one they train on a laptop.
"""

from inspect import signature

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorlab.arguments import true_or_false
from colorlab.networks import lite0
from colorlab.networks.base import Fuse, Pointwise, Trunk, checked_sizes, convolution
from colorlab.networks.fusion import SemanticUNet, opinion
from colorlab.networks.lite_unet import LiteUNet
from colorlab.networks.unet import UNet


class Ronneberger2015(Trunk):
    """The U-Net as it was published: max-pooling down, transposed convolutions up, skips by concatenation.

    Published with width 64, depth 4, unpadded: 572×572 in, 388×388 out, 23 convolutions.

    Args:
        in_channels, out_channels, width, depth, half_resolution: as in `UNet`.
        pooling: False puts a strided convolution in the place of each max-pooling, the poster's change; the
            first convolution of a level then has the stride, and the number of weights stays.
        padding: False crops as published: the answer is smaller than the picture, so it cannot be trained
            here, only looked at.

    References:
        Ronneberger, Fischer, Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, 2015.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 64,
        depth: int = 4,
        half_resolution: bool = False,
        pooling: bool = True,
        padding: bool = True,
    ):
        super().__init__()
        in_channels, out_channels, width, depth = checked_sizes(
            in_channels=in_channels, out_channels=out_channels, width=width, depth=depth
        )
        self.config = dict(
            in_channels=in_channels,
            out_channels=out_channels,
            width=width,
            depth=depth,
            half_resolution=true_or_false("half_resolution", half_resolution),
            pooling=true_or_false("pooling", pooling),
            padding=true_or_false("padding", padding),
        )
        self.multiple, self.answer_every = 2**depth if padding else 1, 2 if half_resolution else 1
        channels = [width * 2**level for level in range(depth + 1)]
        self.stem = twice(in_channels, width, padding)
        self.down = nn.ModuleList(
            nn.Sequential(nn.MaxPool2d(2), *twice(c, 2 * c, padding))
            if pooling
            else twice(c, 2 * c, padding, stride=2)
            for c in channels[:-1]
        )
        last = 1 if half_resolution else 0
        levels = range(depth - 1, last - 1, -1)
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * channels[n], channels[n], 2, stride=2) for n in levels)
        self.merge = nn.ModuleList(twice(2 * channels[n], channels[n], padding) for n in levels)
        self.head = Pointwise(channels[last], out_channels)

    def last_features(self, x: Tensor, vector: Tensor | None) -> Tensor:
        features = [self.stem(x)]
        for down in self.down:
            features.append(down(features[-1]))
        x = features.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = up(x)
            x = merge(torch.cat([_middle(features.pop(), x.shape[-2:]), x], dim=1))
        return x

    def stages(self) -> dict[str, nn.Module]:
        depth = self.config["depth"]
        stages = {"stem": self.stem} | {f"down {n + 1}": stage for n, stage in enumerate(self.down)}
        return stages | {f"up {depth - n}": s for n, s in enumerate(self.merge)} | {"head": self.head}


class Zhang2016(Trunk):
    """Colorful Image Colorization: down to 1/8, wide kernels by dilation, no skips, answers at a quarter.

    Published with width 64, 224×224 in, a distribution over 313 bins at 56×56 out.

    References:
        Zhang, Isola, Efros, Colorful Image Colorization, 2016, table 4.
    """

    multiple, answer_every = 8, 4

    def __init__(self, in_channels: int, out_channels: int, width: int = 64):
        super().__init__()
        in_channels, out_channels, width = checked_sizes(
            in_channels=in_channels, out_channels=out_channels, width=width
        )
        self.config = dict(in_channels=in_channels, out_channels=out_channels, width=width)
        w = width
        self.blocks = nn.ModuleDict(
            {
                "conv1": block(in_channels, w, 2, stride=2),  # H / 2
                "conv2": block(w, 2 * w, 2, stride=2),  # H / 4
                "conv3": block(2 * w, 4 * w, 3, stride=2),  # H / 8
                "conv4": block(4 * w, 8 * w, 3),
                "conv5": block(8 * w, 8 * w, 3, dilation=2),
                "conv6": block(8 * w, 8 * w, 3, dilation=2),
                "conv7": block(8 * w, 8 * w, 3),
                "conv8": nn.Sequential(rise(8 * w, 4 * w), block(4 * w, 4 * w, 2)),  # H / 4
            }
        )
        self.head = Pointwise(4 * w, out_channels)

    def last_features(self, x: Tensor, vector: Tensor | None) -> Tensor:
        for stage in self.blocks.values():
            x = stage(x)
        return x

    def stages(self) -> dict[str, nn.Module]:
        return dict(self.blocks) | {"head": self.head}


class Zhang2017(Trunk):
    """User-guided colorization: the trunk of 2016 with a way up to full resolution and skips that are added.

    Published with width 64 and 4 channels in: L, hint a, hint b, mask. What goes down to the next level is
    every second pixel, not a strided convolution. A vector a picture (global hints) is fused after conv4.

    Args:
        in_channels, out_channels, width: as in `UNet`.
        half_resolution: leave out conv10, the last step up.
        vector: length of the global hints, 0 for none.

    References:
        Zhang et al., Real-Time User-Guided Image Colorization with Learned Deep Priors, 2017, figure 4.
    """

    multiple = 8

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 64,
        half_resolution: bool = False,
        vector: int = 0,
    ):
        super().__init__()
        in_channels, out_channels, width, vector = checked_sizes(
            in_channels=in_channels, out_channels=out_channels, width=width, vector=vector
        )
        self.config = dict(
            in_channels=in_channels,
            out_channels=out_channels,
            width=width,
            half_resolution=true_or_false("half_resolution", half_resolution),
            vector=vector,
        )
        self.vector, self.answer_every = vector, 2 if half_resolution else 1
        w = width
        blocks = {
            "conv1": block(in_channels, w, 2),
            "conv2": block(w, 2 * w, 2),  # H / 2
            "conv3": block(2 * w, 4 * w, 3),  # H / 4
            "conv4": block(4 * w, 8 * w, 3),  # H / 8
            "conv5": block(8 * w, 8 * w, 3, dilation=2),
            "conv6": block(8 * w, 8 * w, 3, dilation=2),
            "conv7": block(8 * w, 8 * w, 3),
            "conv8": Add(8 * w, 4 * w, 4 * w, 2),  # H / 4, with conv3
            "conv9": Add(4 * w, 2 * w, 2 * w, 1),  # H / 2, with conv2
        }
        if not half_resolution:
            blocks["conv10"] = Add(2 * w, 2 * w, w, 1)  # H, with conv1
        self.blocks = nn.ModuleDict(blocks)
        self.head = Pointwise(2 * w, out_channels)
        self.fuse = Fuse(8 * w, vector) if vector else None

    def last_features(self, x: Tensor, vector: Tensor | None) -> Tensor:
        b = self.blocks
        one = b["conv1"](x)
        two = b["conv2"](every_second(one))
        three = b["conv3"](every_second(two))
        x = b["conv4"](every_second(three))
        if self.fuse:
            x = self.fuse(x, vector)
        for name in ("conv5", "conv6", "conv7"):
            x = b[name](x)
        for name, skip in (("conv8", three), ("conv9", two), ("conv10", one)):
            if name in b:
                x = b[name](x, skip)
        return x

    def stages(self) -> dict[str, nn.Module]:
        return dict(self.blocks) | {"head": self.head}


class Koalarization(Trunk):
    """Deep Koalarization: an encoder to 1/8, a classifier's opinion fused in, a decoder without skips.

    Published with width 64, 224×224 in, the 1,001 logits of an Inception-ResNet-v2 fused at 28×28. Its last
    step up repeats pixels, so it answers at half the resolution.

    Args:
        in_channels, out_channels, width: as in `UNet`; the first channel is L.

    References:
        Baldassarre, González Morín, Rodés-Guirao, Deep Koalarization, 2017.
    """

    multiple, answer_every = 8, 2

    def __init__(self, in_channels: int, out_channels: int, width: int = 64):
        super().__init__()
        in_channels, out_channels, width = checked_sizes(
            in_channels=in_channels, out_channels=out_channels, width=width
        )
        self.config = dict(in_channels=in_channels, out_channels=out_channels, width=width)
        w, half = width, (width + 1) // 2
        self.blocks = nn.ModuleDict(
            {
                "down 1": nn.Sequential(convolution(in_channels, w, stride=2), convolution(w, 2 * w)),
                "down 2": nn.Sequential(convolution(2 * w, 2 * w, stride=2), convolution(2 * w, 4 * w)),
                "down 3": nn.Sequential(convolution(4 * w, 4 * w, stride=2), convolution(4 * w, 8 * w)),
                "bottom": nn.Sequential(convolution(8 * w, 8 * w), convolution(8 * w, 4 * w)),
                "fusion": Fuse(4 * w, lite0.CLASSES),
                "up 2": nn.Sequential(convolution(4 * w, 2 * w), nn.Upsample(scale_factor=2)),
                "up 1": nn.Sequential(
                    convolution(2 * w, w),
                    convolution(w, w),
                    nn.Upsample(scale_factor=2),
                    convolution(w, half),
                ),
            }
        )
        self.head = nn.Conv2d(half, out_channels, kernel_size=3, padding=1)

    @property
    def reads(self) -> str:
        return lite0.checksum()

    def last_features(self, x: Tensor, vector: Tensor | None) -> Tensor:
        found = opinion(x[:, :1])
        for name, stage in self.blocks.items():
            x = stage(x, found) if name == "fusion" else stage(x)
        return x

    def stages(self) -> dict[str, nn.Module]:
        return dict(self.blocks) | {"head": self.head}


class Add(nn.Module):
    """A step up, a skip that is added to it, and convolutions on the sum."""

    def __init__(self, below: int, channels: int, beside: int, convolutions: int):
        super().__init__()
        self.up = nn.ConvTranspose2d(below, channels, 4, stride=2, padding=1)
        self.skip = nn.Conv2d(beside, channels, 3, padding=1)
        self.after = block(channels, channels, convolutions)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.after(F.relu(self.up(x) + self.skip(skip)))


def block(
    in_channels: int, out_channels: int, convolutions: int, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Several convolutions of one size; the last has the stride."""
    last = convolutions - 1
    return nn.Sequential(
        *(
            convolution(
                out_channels if n else in_channels, out_channels, stride if n == last else 1, dilation
            )
            for n in range(convolutions)
        )
    )


def rise(in_channels: int, out_channels: int) -> nn.Sequential:
    """A step up as Zhang and colleagues make it: a transposed convolution with kernels of 4×4."""
    return nn.Sequential(nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1), nn.ReLU(True))


def twice(in_channels: int, out_channels: int, padding: bool, stride: int = 1) -> nn.Sequential:
    """Ronneberger's two convolutions a level."""
    first, second = convolution(in_channels, out_channels, stride), convolution(out_channels, out_channels)
    if not padding:
        for each in (first, second):
            each[0].padding = (0, 0)
    return nn.Sequential(first, second)


def every_second(x: Tensor) -> Tensor:
    """Every second pixel of every second row."""
    return x[..., ::2, ::2]


def _middle(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Crop `(…, H, W)` to the middle."""
    top, left = (x.shape[-2] - size[0]) // 2, (x.shape[-1] - size[1]) // 2
    return x[..., top : top + size[0], left : left + size[1]]


ARCHITECTURES = {
    kind.__name__: kind
    for kind in (UNet, LiteUNet, SemanticUNet, Ronneberger2015, Zhang2016, Zhang2017, Koalarization)
}


def build(architecture: str = "UNet", **config) -> Trunk:
    """A network by the name of its class and its arguments, as `Colorizer.save` stores them.

    Raises:
        ValueError: no such architecture, or arguments that it does not take.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(f"architecture: expected one of {', '.join(ARCHITECTURES)}, got {architecture!r}")
    kind = ARCHITECTURES[architecture]
    try:
        return kind(**config)
    except TypeError as error:
        takes = ", ".join(signature(kind).parameters)
        raise ValueError(f"{architecture}: {error}; it takes {takes}") from None
