"""A U-Net whose path down is EfficientNet-Lite0 as Google trained it; only the path up learns."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorlab.lab import grey_of
from colorlab.networks import lite0
from colorlab.networks.base import Pointwise, Trunk, checked_sizes, convolution

HINTED = 4  # channels in: L, hint a, hint b, mask, see `colorlab.hints`
FINEST = 1  # the first of Lite0's strides that is used, 4: answers come at that one


class LiteUNet(Trunk):
    """A picture in, a picture of answers out: the path down knows what things are, the path up learns colours.

    On the way *down* EfficientNet-Lite0 looks at the grey picture at strides 2, 4, 8, 16 and 32. It stays as
    it was trained, so it is shared by all networks and no file of theirs holds it. On the way *up*, as in
    `UNet`, features are enlarged level by level and joined by what the path down saw at the same size; here
    they are enlarged bilinearly, and a 3×3 convolution mixes them. In the *middle* the vector by which
    Lite0 would name the picture is laid over every place (fusion, in the words of Deep Koalarization, 2017).
    Hints, shrunk, and a global hint join every level on the way up; both begin without effect.

    Args:
        in_channels: 1 for scaled L alone, 4 with hints.
        out_channels: what the objective asks for: 2 for regression, Q for classification.
        width: channels at stride 4; the other levels are wider the coarser they are.
        vector: length of a global hint; 0 for none.

    Shape:
        `(N, in_channels, H, W)` -> `(N, out_channels, ceil(H / 4), ceil(W / 4))`, any H, W >= 1.
    """

    multiple, answer_every = lite0.STRIDES[-1], lite0.STRIDES[FINEST]
    enlarges = True  # Lite0 learnt from pictures of 224 pixels: it knows a thing again at that size, hardly at a third

    def __init__(self, in_channels: int, out_channels: int, width: int = 48, vector: int = 0):
        super().__init__()
        in_channels, out_channels, width, vector = checked_sizes(
            in_channels=in_channels, out_channels=out_channels, width=width, vector=vector
        )
        if in_channels not in (1, HINTED):
            raise ValueError(f"in_channels: expected 1, or {HINTED} with hints, got {in_channels}")
        self.config = dict(in_channels=in_channels, out_channels=out_channels, width=width, vector=vector)
        self.vector = vector
        self._last: tuple[Tensor, list[Tensor], Tensor] | None = None  # a picture, and what was seen in it
        skips = lite0.CHANNELS[FINEST:]
        widths = [max(2, width * sixths // 6) for sixths in (4, 6, 9, 18, 30)][FINEST:]
        self.middle = convolution(skips[-1], widths[-1])
        self.context = nn.Linear(lite0.POOLED, widths[-1])
        levels = range(len(widths) - 2, -1, -1)
        self.narrow = nn.ModuleList(nn.Conv2d(widths[n + 1], widths[n], 1) for n in levels)
        self.merge = nn.ModuleList(
            nn.Sequential(
                convolution(widths[n] + skips[n], widths[n]),
                *([convolution(widths[n], widths[n])] if n else []),  # the finest level is the slowest
            )
            for n in levels
        )
        # Last, so that with one seed two networks that differ in out_channels share every other weight.
        self.head = Pointwise(widths[0], out_channels)
        self.hear = nn.ModuleList(
            _silent(nn.Conv2d(HINTED - 1, w, 1)) for w in widths[::-1] if in_channels > 1
        )
        self.follow = nn.ModuleList(_silent(nn.Linear(vector, w)) for w in widths[::-1] if vector)

    @property
    def reads(self) -> str:
        return lite0.checksum()

    def last_features(self, x: Tensor, vector: Tensor | None) -> Tensor:
        features, pooled = self._seen(x[:, :1])
        hints = x[:, 1:]
        x = F.relu(self.middle(features.pop()) + self.context(pooled)[:, :, None, None])
        x = self._told(x, 0, hints, vector)
        for level, (narrow, merge) in enumerate(zip(self.narrow, self.merge, strict=True), 1):
            skip = features.pop()
            x = F.interpolate(narrow(x), size=skip.shape[-2:], mode="bilinear", align_corners=False)
            x = self._told(merge(torch.cat([x, skip.to(x)], dim=1)), level, hints, vector)
        return x

    def _seen(self, L: Tensor) -> tuple[list[Tensor], Tensor]:
        """As `seen`, once a picture: whoever moves hints over it asks again and again."""
        if len(L) > 1 or torch.is_autocast_enabled(L.device.type):  # what it sees then has half the bits
            return seen(L)
        L, last = L.detach().float(), self._last
        if last is None or last[0].device != L.device or not torch.equal(last[0], L):
            self._last = last = L.clone(), *seen(L)
        return list(last[1]), last[2]

    def _told(self, x: Tensor, level: int, hints: Tensor, vector: Tensor | None) -> Tensor:
        """Features of a level with what a person said added: hints where they are, a global hint everywhere."""
        if self.hear:
            x = x + self.hear[level](shrunk(hints, x.shape[-2:]))
        if self.follow:
            x = x + self.follow[level](vector)[:, :, None, None]
        return x if not (self.hear or self.follow) else F.relu(x)

    def stages(self) -> dict[str, nn.Module]:
        strides = lite0.STRIDES[FINEST:][::-1]
        up = {f"up {s}": stage for s, stage in zip(strides[1:], self.merge, strict=True)}
        return {"middle": self.middle} | up | {"head": self.head}


@torch.no_grad()
def seen(L: Tensor) -> tuple[list[Tensor], Tensor]:
    """What Lite0 sees in a lightness: features from the finest stride on, and the vector of the whole picture.

    Args:
        L: scaled, `(N, 1, H, W)` in [-1, 1], sides that are multiples of 32.
    """
    grey = grey_of(50 * (L.float() + 1)).expand(-1, 3, -1, -1)
    path_down = lite0.shipped(L.device)
    features = path_down.features(grey.contiguous(memory_format=torch.channels_last))
    pooled = path_down.pooled(features[-1])
    return [f.contiguous() for f in features[FINEST:]], pooled


def shrunk(hints: Tensor, size: tuple[int, int]) -> Tensor:
    """Hints `(N, 3, H, W)` at a smaller size: where any lies, the mean of their colours, and a mask of 1."""
    sums = F.adaptive_avg_pool2d(hints, size)
    share = sums[:, 2:]
    return torch.cat([sums[:, :2] / share.clamp(min=1e-6), (share > 0).to(sums)], dim=1)


def _silent(layer: nn.Module) -> nn.Module:
    """A layer that adds nothing yet."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
