"""What every objective answers, and the resolutions at which a network may answer."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Objective:
    """What training, use and measuring ask of an objective; nobody asks which one it is.

    Attributes:
        kind: how files call it; with `to_dict` and `from_dict` it is saved and built again.
        out_channels: how many numbers a pixel the network answers.
        has_distribution: whether an answer is a distribution, which a temperature can sharpen.
    """

    kind: str
    out_channels: int
    has_distribution = False

    def pixel_losses(self, output: Tensor, ab: Tensor, weighted: bool = True) -> Tensor:
        """The loss of every pixel: answers (N, C, h, w) and the true ab (N, 2, H, W) -> (N, h, w)."""
        raise NotImplementedError

    def loss(self, output: Tensor, ab: Tensor) -> Tensor:
        """The mean over pixels: a scalar to call `.backward()` on."""
        return self.pixel_losses(output, ab).mean()

    def loss_from_features(self, features: Tensor, head: nn.Module, ab: Tensor) -> Tensor:
        """The loss of `head(features)`: who knows how to get it for less overrides this."""
        output = head(features)
        with torch.autocast(output.device.type, enabled=False):
            return self.loss(output, ab)

    def beliefs(self, output: Tensor) -> Tensor:
        """What may be averaged, over frames or regions, before it becomes a colour: (N, C, h, w)."""
        raise NotImplementedError

    def decide(self, beliefs: Tensor, temperature: float | Literal["mode"] = 1.0) -> Tensor:
        """Beliefs -> ab (N, 2, h, w) in Lab units."""
        raise NotImplementedError

    def decode(self, output: Tensor) -> Tensor:
        """An answer (N, C, h, w) -> ab (N, 2, h, w) in Lab units."""
        return self.decide(self.beliefs(output))

    def best_output(self, outcomes: Tensor, probabilities: Tensor) -> Tensor:
        """What a network would answer that has learnt everything: the least expected loss.

        Args:
            outcomes: `(K, M, 2, H, W)`, the possible ab of every pixel.
            probabilities: `(K,)`.

        Returns:
            `(M, C, H, W)`, in the units in which a network answers.
        """
        raise NotImplementedError

    def to_dict(self) -> dict:
        """Plain values, from which `from_dict` builds it again."""
        raise NotImplementedError

    @classmethod
    def from_dict(cls, stored: dict) -> "Objective":
        """Build what `to_dict` described.

        Raises:
            ValueError: of an unknown kind; or values that do not fit.
        """
        kinds = {kind.kind: kind for kind in _all_kinds(cls)}
        if stored["kind"] not in kinds:
            raise ValueError(
                f"its objective is of an unknown kind, {stored['kind']!r}; known: {', '.join(kinds)}"
            )
        return kinds[stored["kind"]].from_dict(stored)


def _all_kinds(kind: type[Objective]) -> list[type[Objective]]:
    """Every objective there is, also one that somebody else wrote and imported."""
    return [k for below in kind.__subclasses__() for k in (below, *_all_kinds(below))]


def at_resolution_of(output: Tensor, ab: Tensor, out_channels: int) -> Tensor:
    """Average ab `(N, 2, H, W)` down where the network answers at a half or a quarter of the resolution.

    Raises:
        ValueError: an output of another batch, number of channels or resolution.
    """
    if output.shape[:2] != (len(ab), out_channels):
        raise ValueError(f"output: expected ({len(ab)}, {out_channels}, h, w), got {tuple(output.shape)}")
    size = tuple(ab.shape[-2:])
    allowed = {every: tuple(-(-side // every) for side in size) for every in (1, 2, 4)}
    for every, answers in allowed.items():
        if tuple(output.shape[-2:]) == answers:
            return averaged(ab, every)
    raise ValueError(
        f"output: expected the size of ab {size}, its half {allowed[2]} or its quarter {allowed[4]}, "
        f"got {tuple(output.shape[-2:])}"
    )


def averaged(ab: Tensor, every: int) -> Tensor:
    """The mean over squares of `every` pixels: `(N, C, H, W)` -> `(N, C, ceil(H / every), ceil(W / every))`."""
    return ab if every == 1 else F.avg_pool2d(ab, every, ceil_mode=True, count_include_pad=False)
