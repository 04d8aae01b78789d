"""The two approaches side by side: how many channels, which loss, how to read the answer.

Everything else, the network, the pictures, their order and the seed, is shared. Swapping one class for
the other is the whole point of the course.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from colorlab.bins import ColorBins

AB_SCALE = 110.0  # a network answers numbers near 1; ab lies within about ±110
HUBER_DELTA = 10.0  # Lab units: below it the Huber loss is a square, above it a straight line


class Regression:
    """Answer one colour: minimise the distance to the true (a, b).

    L_R = 1/n Σ_i ‖f(X)_i − Y_i‖², in squared Lab units (torch's MSE would be half of it).

    Args:
        norm: "l2" as above; "l1" (|Δa| + |Δb|) and "huber" are there to show that they do not help.
        bins, prior, uniform_mix: below uniform_mix = 1 each pixel counts by the weight of its nearest bin, as in
            `Classification`: the control that tells what the weights do from what the classes do.
    """

    def __init__(
        self,
        norm: Literal["l2", "l1", "huber"] = "l2",
        bins: ColorBins | None = None,
        prior: Tensor | None = None,
        uniform_mix: float = 1.0,
    ):
        if norm not in ("l2", "l1", "huber"):
            raise ValueError(f'norm: expected "l2", "l1" or "huber", got {norm!r}')
        if uniform_mix != 1.0 and bins is None:
            raise ValueError(f"uniform_mix = {uniform_mix} rebalances, which needs bins to count colours in")
        self.norm, self.out_channels = norm, 2
        self.bins, self.prior, self.uniform_mix = bins, prior, uniform_mix
        self.weights = None if bins is None else _weights(bins, prior, uniform_mix)

    def pixel_losses(self, output: Tensor, ab: Tensor, weighted: bool = True) -> Tensor:
        """(N, 2, h, w) and (N, 2, H, W) -> (N, h, w); False leaves rebalancing weights out."""
        ab = at_resolution_of(output, ab, self.out_channels)
        prediction = output.float() * AB_SCALE  # under autocast the output has half the digits
        if self.norm == "l2":
            losses = (prediction - ab).square().sum(1)
        elif self.norm == "l1":
            losses = (prediction - ab).abs().sum(1)
        else:
            losses = F.huber_loss(prediction, ab, reduction="none", delta=HUBER_DELTA).sum(1)
        if self.weights is None or not weighted:
            return losses
        return losses * self.weights.to(losses)[self.bins.encode(ab)]

    def loss(self, output: Tensor, ab: Tensor) -> Tensor:
        """The mean over pixels: a scalar to call `.backward()` on."""
        return self.pixel_losses(output, ab).mean()

    def decode(self, output: Tensor) -> Tensor:
        """(N, 2, h, w) -> ab (N, 2, h, w) in Lab units."""
        return output * AB_SCALE

    def __repr__(self) -> str:
        weighted = f", uniform_mix={self.uniform_mix:g}" if self.uniform_mix != 1 else ""
        return f"Regression(norm={self.norm!r}{weighted})"


class Classification:
    """Answer a distribution over Q colours: minimise the cross-entropy.

    L_C = −1/n Σ_i Σ_q Y_{i,q} log f(X)_{i,q}, in nats.

    Args:
        bins: the table of Q colours.
        targets: "hard", the nearest bin, or "soft", its nearest neighbours by a Gaussian.
        prior: `(Q,)`, how often each bin occurs (`bins.prior`); needed for rebalancing only.
        uniform_mix: the papers' λ. Below 1.0 each pixel counts by the weight of its nearest bin.
        neighbours: how many bins share a soft target; the 2016 paper says 5, its code 10.
    """

    def __init__(
        self,
        bins: ColorBins,
        targets: Literal["hard", "soft"] = "hard",
        prior: Tensor | None = None,
        uniform_mix: float = 1.0,
        neighbours: int = 10,
    ):
        if targets not in ("hard", "soft"):
            raise ValueError(f'targets: expected "hard" or "soft", got {targets!r}')
        if isinstance(neighbours, bool) or not isinstance(neighbours, int) or neighbours < 1:
            raise ValueError(f"neighbours: expected a whole number >= 1, got {neighbours!r}")
        self.bins, self.targets, self.uniform_mix = bins, targets, uniform_mix
        self.neighbours = neighbours
        self.out_channels = bins.n_bins
        self.prior = prior
        self.weights = _weights(bins, prior, uniform_mix)

    def pixel_losses(self, output: Tensor, ab: Tensor, weighted: bool = True) -> Tensor:
        """Logits (N, Q, h, w) and ab (N, 2, H, W) -> (N, h, w)."""
        ab = at_resolution_of(output, ab, self.out_channels)
        if self.targets == "hard":
            nearest = self.bins.encode(ab)  # (N, h, w)
            losses = F.cross_entropy(output, nearest, reduction="none")
        else:
            # (N, k, h, w) each, never a dense (N, Q, h, w) target
            indices, shares = self.bins.encode_soft(ab, self.neighbours)
            nearest = self.bins.encode(ab)  # not indices[:, 0]: among equally near bins both must name one
            losses = -(shares * F.log_softmax(output, dim=1).gather(1, indices)).sum(1)
        return losses * self.weights.to(output)[nearest] if weighted else losses

    def loss(self, output: Tensor, ab: Tensor) -> Tensor:
        """The mean over pixels: a scalar to call `.backward()` on."""
        return self.pixel_losses(output, ab).mean()

    def reweight(self, logits: Tensor, uniform_mix: float) -> Tensor:
        """The logits that training with another λ would have led to: + log w' - log w. No training.

        A network that has learnt everything answers probabilities in proportion to w_q p_q, the weight of
        a bin times the chance of it; so exchanging the weights is adding to the logits. Exact for hard
        targets and a perfect network, near enough for a good one.

        Args:
            logits: `(N, Q, h, w)`, of a network trained with this objective.
            uniform_mix: the new λ.

        References:
            Menon et al., Long-tail learning via logit adjustment, 2021.
        """
        if self.prior is None:
            raise ValueError("this objective has no prior to weigh by: pass prior=bins.prior(ab)")
        shift = self.bins.weights(self.prior, uniform_mix).log() - self.weights.log()
        return logits + shift.to(logits).reshape(1, -1, 1, 1)

    def decode(self, output: Tensor, temperature: float | Literal["mode"] = 0.38) -> Tensor:
        """Logits (N, Q, h, w) -> ab (N, 2, h, w) in Lab units, by the annealed mean."""
        return self.bins.decode(output, temperature)

    def __repr__(self) -> str:
        return f"Classification({self.bins!r}, targets={self.targets!r}, uniform_mix={self.uniform_mix:g})"


def _weights(bins: ColorBins, prior: Tensor | None, uniform_mix: float) -> Tensor:
    """What a pixel of each bin counts for, `(Q,)`."""
    if prior is not None:
        return bins.weights(prior, uniform_mix)
    if uniform_mix != 1.0:
        raise ValueError(
            f"uniform_mix = {uniform_mix} rebalances, which needs the prior of the training pictures: "
            "pass prior=bins.prior(ab)"
        )
    return torch.ones(bins.n_bins)


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
