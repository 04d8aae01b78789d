"""A U-Net without pooling: down by strided convolutions, up by learned ones, across by skips."""

import torch
from torch import Tensor, nn

from colorlab.arguments import true_or_false
from colorlab.networks.base import Fuse, Pointwise, Trunk, checked_sizes, convolution


class UNet(Trunk):
    """A picture in, a picture of answers out.

    On the way *down* a convolution of stride 2 halves height and width and doubles the channels, `depth`
    times: every number now sees more of the picture and says less about where. On the way *up* a
    transposed convolution doubles height and width again. *Across*, a skip concatenates what the same
    level knew on the way down, so that fine positions need not squeeze through the middle. The head, a
    1×1 convolution, turns the last features into `out_channels` numbers a pixel.

    After Ronneberger, Fischer and Brox (2015), with the poster's change: no pooling layer. Three things
    differ from theirs: strided convolutions stand where max-pooling did, padding where they cropped, and
    GroupNorm keeps small batches stable.

    Args:
        in_channels: 1 for L alone.
        out_channels: what the objective asks for: 2 for regression, Q for classification.
        width: channels at full resolution; level n has `width * 2**n`.
        depth: how many times the resolution is halved.
        half_resolution: leave out the last step up and answer at ceil(H/2) × ceil(W/2). Colour needs
            less detail than lightness, and the largest layers are the slowest.
        skips: False cuts the bridges, to see what they are for.
        vector: length of a vector a picture that is fused in the middle, at the bottom of the U; 0 for none.

    Shape:
        `(N, in_channels, H, W)` -> `(N, out_channels, H, W)`, any H, W >= 1 (or the half, rounded up).
        With a vector also `(N, vector)`; left out it counts as zeros.

    Example:
        >>> net = UNet(1, 262, width=8, depth=2)
        >>> net(torch.zeros(4, 1, 33, 50)).shape
        torch.Size([4, 262, 33, 50])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        width: int = 32,
        depth: int = 3,
        half_resolution: bool = False,
        skips: bool = True,
        vector: int = 0,
    ):
        super().__init__()
        in_channels, out_channels, width, depth, vector = checked_sizes(
            in_channels=in_channels, out_channels=out_channels, width=width, depth=depth, vector=vector
        )
        self.config = dict(
            in_channels=in_channels,
            out_channels=out_channels,
            width=width,
            depth=depth,
            half_resolution=true_or_false("half_resolution", half_resolution),
            skips=true_or_false("skips", skips),
            vector=vector,
        )
        self.depth, self.skips, self.vector = depth, skips, vector
        self.multiple, self.answer_every = 2**depth, 2 if half_resolution else 1
        channels = [width * 2**level for level in range(depth + 1)]
        self.stem = convolution(in_channels, width)
        self.down = nn.ModuleList(
            nn.Sequential(convolution(c, 2 * c, stride=2), convolution(2 * c, 2 * c)) for c in channels[:-1]
        )
        last = 1 if half_resolution else 0
        levels = range(depth - 1, last - 1, -1)
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * channels[n], channels[n], 2, stride=2) for n in levels)
        self.merge = nn.ModuleList(
            convolution(2 * channels[n] if skips else channels[n], channels[n]) for n in levels
        )
        # Last, so that with one seed two networks that differ in out_channels share every other weight.
        self.head = Pointwise(channels[last], out_channels)
        self.fuse = Fuse(channels[-1], vector) if vector else None

    def last_features(self, x: Tensor, vector: Tensor | None) -> Tensor:
        features = [self.stem(x)]  # (N, width, H, W)
        for down in self.down:
            features.append(down(features[-1]))  # (N, width * 2^n, H / 2^n, W / 2^n)
        x = features.pop()
        if self.fuse:
            x = self.fuse(x, vector)
        for up, merge in zip(self.up, self.merge, strict=True):
            x, skip = up(x), features.pop()
            x = merge(torch.cat([x, skip], dim=1) if self.skips else x)
        return x

    def stages(self) -> dict[str, nn.Module]:
        stages = {"stem": self.stem}
        stages |= {f"down {n + 1}": stage for n, stage in enumerate(self.down)}
        stages |= {f"up {self.depth - n}": stage for n, stage in enumerate(self.merge)}
        return stages | {"head": self.head}
