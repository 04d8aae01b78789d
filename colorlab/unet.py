"""A U-Net without pooling: down by strided convolutions, up by learned ones, across by skips."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MOST_GROUPS = 8  # of GroupNorm; unlike BatchNorm it behaves the same in training and in use


class UNet(nn.Module):
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

    Shape:
        `(N, in_channels, H, W)` -> `(N, out_channels, H, W)`, any H, W >= 1 (or the half, rounded up).

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
    ):
        super().__init__()
        for name, value in dict(
            in_channels=in_channels, out_channels=out_channels, width=width, depth=depth
        ).items():
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}: expected a whole number >= 1, got {value!r}")
        # Kept so that a saved network can be built again.
        self.config = dict(
            in_channels=in_channels,
            out_channels=out_channels,
            width=width,
            depth=depth,
            half_resolution=half_resolution,
            skips=skips,
        )
        self.depth, self.half_resolution, self.skips = depth, half_resolution, skips
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
        self.head = nn.Conv2d(channels[last], out_channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.config["in_channels"] or 0 in x.shape:
            raise ValueError(
                f"expected (N, {self.config['in_channels']}, H, W) with H, W >= 1, got {tuple(x.shape)}"
            )
        height, width = x.shape[-2:]
        x = pad_to_multiple(x, 2**self.depth)
        features = [self.stem(x)]  # (N, width, H, W)
        for down in self.down:
            features.append(down(features[-1]))  # (N, width * 2^n, H / 2^n, W / 2^n)
        x = features.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x, skip = up(x), features.pop()
            x = merge(torch.cat([x, skip], dim=1) if self.skips else x)
        x = self.head(x)
        if self.half_resolution:
            height, width = (height + 1) // 2, (width + 1) // 2
        return x[..., :height, :width]

    def trunk_state(self) -> dict[str, Tensor]:
        """Every weight but the head's: what two objectives share."""
        return {name: w for name, w in self.state_dict().items() if not name.startswith("head.")}

    def features(self, x: Tensor) -> dict[str, Tensor]:
        """What every stage says about a picture, in the order of the stages: `(N, channels, height, width)` each.

        Below the head these are at the size that padding to a multiple of 2^depth gave.
        """
        found: dict[str, Tensor] = {}
        stages = {"stem": self.stem}
        stages |= {f"down {n + 1}": stage for n, stage in enumerate(self.down)}
        stages |= {f"up {self.depth - n}": stage for n, stage in enumerate(self.merge)}
        stages |= {"head": self.head}

        def keep(name: str) -> Callable:
            return lambda _module, _inputs, output: found.__setitem__(name, output)

        hooks = [stage.register_forward_hook(keep(name)) for name, stage in stages.items()]
        try:
            found["output"] = self(x)
        finally:
            for hook in hooks:
                hook.remove()
        return {"input": x, **{name: found[name] for name in (*stages, "output")}}

    @torch.no_grad()
    def shapes(self, height: int, width: int) -> list[tuple[str, tuple[int, int, int]]]:
        """(stage, (channels, height, width)) of every stage for one picture, as measured by a forward pass."""
        x = torch.zeros(1, self.config["in_channels"], height, width, device=self.head.weight.device)
        return [(name, tuple(output.shape[1:])) for name, output in self.features(x).items()]


def convolution(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """A 3×3 convolution, normalised and rectified; stride 2 halves the picture."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.GroupNorm(_groups(out_channels), out_channels),
        nn.ReLU(inplace=True),
    )


def _groups(channels: int) -> int:
    """As many groups as divide the channels; two channels each, or nothing could be normalised at 1×1."""
    return next(g for g in range(MOST_GROUPS, 0, -1) if channels % g == 0 and (channels // g >= 2 or g == 1))


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until both sides divide by `multiple`."""
    bottom, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return F.pad(x, (0, right, 0, bottom), mode="replicate") if bottom or right else x
