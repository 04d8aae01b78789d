"""What every network of the course is built from: the frame around a trunk, its convolution, and fusion."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorlab.arguments import whole_number

MOST_CHANNELS, MOST_DEPTH = 2**16, 16  # more is a mistake, or a file that lies
MOST_GROUPS = 8  # of GroupNorm; unlike BatchNorm it behaves the same in training and in use


class Trunk(nn.Module):
    """The frame around every network: what may come in, padding before, cropping after, and a look inside.

    A network says how often it halves the picture and writes `last_features`, `head` and `stages`; `config` is
    kept so that a saved network can be built again.

    Attributes:
        config: the arguments it was built with.
        multiple: both sides are padded to a multiple of this, 2 to the number of halvings.
        answer_every: pixels between two answers, 1, 2 or 4; an answer has ceil(H / answer_every) rows.
        vector: length of a vector that is given with each picture and fused into the trunk; 0 for none.
        enlarges: whether a picture below the working size is enlarged to it before the network sees it.
    """

    config: dict
    multiple: int
    answer_every: int
    vector: int = 0
    enlarges: bool = False
    reads: str | None = None  # checksum of frozen weights that the network looks through and does not hold
    head: nn.Conv2d

    def forward(
        self,
        x: Tensor,
        vector: Tensor | None = None,
        places: Tensor | None = None,
        judge: Callable[[Tensor, nn.Module], Tensor] | None = None,
    ) -> Tensor:
        """Answer `(N, out_channels, h, w)`; with `places`, `(n,)` positions in the h × w answers, only there:
        `(N, out_channels, n, 1)`. A loss at some random places costs less than one at all, and is it on average.

        With `judge`, what that makes of the features and of the head which would read them, a loss for instance:
        so answers that nobody else wants need never be written down.
        """
        if x.ndim != 4 or x.shape[1] != self.config["in_channels"] or 0 in x.shape:
            raise ValueError(
                f"expected (N, {self.config['in_channels']}, H, W) with H, W >= 1, got {tuple(x.shape)}"
            )
        if vector is None and self.vector:
            vector = x.new_zeros(len(x), self.vector)
        if vector is not None and tuple(vector.shape) != (len(x), self.vector):
            raise ValueError(f"vector: expected ({len(x)}, {self.vector}), got {tuple(vector.shape)}")
        height, width = (-(-side // self.answer_every) for side in x.shape[-2:])
        features, head = self.last_features(pad_to_multiple(x, self.multiple), vector), self.head
        if places is None and judge is None:
            return head(features)[..., :height, :width]
        if head.kernel_size != (1, 1):  # it needs the neighbours too, and comes first
            features, head = head(features), nn.Identity()
        features = features[..., :height, :width]
        if places is not None:
            features = at(features, places)
        return judge(features, head) if judge else head(features)

    def last_features(self, x: Tensor, vector: Tensor | None) -> Tensor:
        """`(N, in_channels, H, W)` with sides that divide, and `(N, vector)` -> what the head reads."""
        raise NotImplementedError

    def stages(self) -> dict[str, nn.Module]:
        """The parts worth looking at, in the order in which a picture passes through them."""
        raise NotImplementedError

    def trunk_state(self) -> dict[str, Tensor]:
        """Every weight but the head's: what two objectives share."""
        return {name: w for name, w in self.state_dict().items() if not name.startswith("head.")}

    def features(self, x: Tensor) -> dict[str, Tensor]:
        """What every stage says about a picture, in the order of the stages: `(N, channels, height, width)` each.

        Below the head these are at the size that padding gave.
        """
        found: dict[str, Tensor] = {}

        def keep(name: str) -> Callable:
            return lambda _module, _inputs, output: found.__setitem__(name, output)

        stages = self.stages()
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
        device = next(self.parameters()).device
        x = torch.zeros(1, self.config["in_channels"], height, width, device=device)
        return [(name, tuple(output.shape[1:])) for name, output in self.features(x).items()]


class Pointwise(nn.Conv2d):
    """A 1×1 convolution as one product of matrices. Its answers lie in memory pixel by pixel, not channel by channel:
    whoever makes a distribution of the Q numbers of a pixel finds them side by side.

    Shape:
        `(N, in_channels, h, w)` -> `(N, out_channels, h, w)`.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__(in_channels, out_channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        pixels = x.movedim(1, -1).flatten(0, 2)  # (n · height · width, in_channels)
        answers = F.linear(pixels, self.weight.flatten(1), self.bias)
        return answers.reshape(n, height, width, -1).movedim(-1, 1)


class Fuse(nn.Module):
    """One vector a picture, laid over every place of the features and mixed in by a 1×1 convolution.

    A 1×1 convolution of two stacked things is the sum of one for each; so fusing (Baldassarre et al., 2017)
    is adding a linear map of the vector to the features (Zhang et al., 2017), and then rectifying. It begins
    as if the vector were not there: a trained network into which it is put colours as before.

    Shape:
        `(N, channels, h, w)` >= 0 and `(N, length)` -> `(N, channels, h, w)`.
    """

    def __init__(self, channels: int, length: int):
        super().__init__()
        channels, length = checked_sizes(channels=channels, length=length)
        self.mix = nn.Conv2d(channels + length, channels, kernel_size=1)
        with torch.no_grad():
            self.mix.weight.zero_()
            self.mix.weight[:, :channels, 0, 0] = torch.eye(channels)
            self.mix.bias.zero_()

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        tiled = vector.to(x)[:, :, None, None].expand(-1, -1, *x.shape[-2:])
        return F.relu(self.mix(torch.cat([x, tiled], dim=1)))


def convolution(in_channels: int, out_channels: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """A 3×3 convolution, normalised and rectified; stride 2 halves the picture, dilation spreads the taps."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride, padding=dilation, dilation=dilation, bias=False),
        nn.GroupNorm(groups(out_channels), out_channels),
        nn.ReLU(inplace=True),
    )


def at(x: Tensor, places: Tensor) -> Tensor:
    """`(N, C, h, w)` at `(n,)` positions, counted row by row -> `(N, C, n, 1)`."""
    return x.flatten(2)[..., places, None]


def groups(channels: int) -> int:
    """As many groups as divide the channels; two channels each, or nothing could be normalised at 1×1."""
    return next(g for g in range(MOST_GROUPS, 0, -1) if channels % g == 0 and (channels // g >= 2 or g == 1))


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until both sides divide by `multiple`."""
    bottom, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return F.pad(x, (0, right, 0, bottom), mode="replicate") if bottom or right else x


def checked_sizes(**sizes: int) -> list[int]:
    """The sizes as Python's own numbers, in the order in which they were given.

    Raises:
        ValueError: names the first that is no whole number >= 1 (a vector may have no length), or absurd.
    """
    most, least = {"depth": MOST_DEPTH}, {"vector": 0}
    return [
        whole_number(name, value, least.get(name, 1), most.get(name, MOST_CHANNELS))
        for name, value in sizes.items()
    ]
