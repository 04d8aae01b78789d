"""The two approaches side by side: how many channels, which loss, how to read the answer.

Everything else, the network, the pictures, their order and the seed, is shared. Swapping one class for
the other is the whole point of the course.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from colorlab.arguments import whole_number
from colorlab.bins import ColorBins, Temperature, checked_uniform_mix
from colorlab.cross_entropy import cross_entropy, last_layer_and_loss
from colorlab.distances import LOSSES, distance, least_far
from colorlab.networks.base import Pointwise
from colorlab.objective_base import Objective, at_resolution_of

AB_SCALE = 110.0  # a network answers numbers near 1; ab lies within about ±110


class Regression(Objective):
    """Answer one colour: minimise the distance to the true (a, b).

    L_R = 1/n Σ_i ‖f(X)_i − Y_i‖², in squared Lab units (torch's MSE would be half of it).

    Args:
        norm: "l2" as above; "l1" (|Δa| + |Δb|) and "huber" are there to show that they do not help.
    """

    kind, out_channels = "regression", 2

    def __init__(self, norm: Literal["l2", "l1", "huber"] = "l2"):
        if norm not in LOSSES:
            raise ValueError(f'norm: expected "l2", "l1" or "huber", got {norm!r}')
        self.norm = norm

    def pixel_losses(self, output: Tensor, ab: Tensor, weighted: bool = True) -> Tensor:
        """(N, 2, h, w) and (N, 2, H, W) -> (N, h, w); `weighted` changes nothing here."""
        ab = at_resolution_of(output, ab, self.out_channels)
        return distance(self.norm, self.beliefs(output.float()), ab)  # under autocast it has half the digits

    def beliefs(self, output: Tensor) -> Tensor:
        """One colour: it has decided already."""
        return output * AB_SCALE

    def decide(self, beliefs: Tensor, temperature: Temperature = 1.0) -> Tensor:
        return beliefs

    def best_output(self, outcomes: Tensor, probabilities: Tensor) -> Tensor:
        """The mean of the colours for L2, their median for L1, something between for Huber."""
        return least_far(self.norm, outcomes, probabilities) / AB_SCALE

    def to_dict(self) -> dict:
        return {"kind": self.kind, "norm": self.norm}

    @classmethod
    def from_dict(cls, stored: dict) -> "Regression":
        return cls(stored["norm"])

    def __repr__(self) -> str:
        return f"Regression(norm={self.norm!r})"


class Classification(Objective):
    """Answer a distribution over Q colours: minimise the cross-entropy.

    L_C = −1/n Σ_i Σ_q Y_{i,q} log f(X)_{i,q}, in nats.

    Args:
        bins: the table of Q colours.
        targets: "hard", the nearest bin, or "soft", its nearest neighbours by a Gaussian.
        prior: `(Q,)`, how often each bin occurs (`bins.prior`); needed for rebalancing only.
        uniform_mix: the papers' λ. Below 1.0 each pixel counts by the weight of its nearest bin.
        neighbours: how many bins share a soft target; the 2016 paper says 5, its code 10.
    """

    kind, has_distribution = "classification", True

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
        self.bins, self.targets, self.neighbours = bins, targets, whole_number("neighbours", neighbours, 1)
        self.prior, self.uniform_mix = prior, checked_uniform_mix(uniform_mix)
        self.out_channels, self.weights = bins.n_bins, bins.weights_or_ones(prior, uniform_mix)

    def pixel_losses(self, output: Tensor, ab: Tensor, weighted: bool = True) -> Tensor:
        """Logits (N, Q, h, w) and ab (N, 2, H, W) -> (N, h, w)."""
        ab = at_resolution_of(output, ab, self.out_channels)
        losses = cross_entropy(output, *self.target(ab))
        return losses * self.pixel_weights(ab).to(losses) if weighted else losses

    def loss_from_features(self, features: Tensor, head: nn.Module, ab: Tensor) -> Tensor:
        """The mean of the same losses in a fraction of the time: the Q logits are known of some pixels at a time."""
        if not isinstance(head, Pointwise):
            return super().loss_from_features(features, head, ab)
        ab = at_resolution_of(features, ab, features.shape[1])
        weights = self.pixel_weights(ab)
        return last_layer_and_loss(features, head, *self.target(ab), weights / weights.numel())

    def pixel_weights(self, ab: Tensor) -> Tensor:
        """How much each pixel counts, (N, h, w): as its nearest bin weighs."""
        return (
            self.weights.to(ab)[self.bins.encode(ab)] if self.uniform_mix < 1 else torch.ones_like(ab[:, 0])
        )

    def target(self, ab: Tensor) -> tuple[Tensor, Tensor]:
        """Which k bins a pixel's target names, and their shares, (N, k, h, w) each; never all Q of them."""
        if self.targets == "soft":
            return self.bins.encode_soft(ab, self.neighbours)
        return self.bins.encode(ab)[:, None], torch.ones_like(ab[:, :1])

    def beliefs(self, output: Tensor) -> Tensor:
        """Logits -> the probabilities of the Q bins."""
        return output.float().softmax(1)

    def decide(self, beliefs: Tensor, temperature: Temperature = 1.0) -> Tensor:
        """Probabilities (N, Q, h, w) -> ab (N, 2, h, w) in Lab units, by the annealed mean."""
        return self.bins.decode(beliefs.log(), temperature)

    def decode(self, output: Tensor, temperature: Temperature = 0.38) -> Tensor:
        """Logits (N, Q, h, w) -> ab (N, 2, h, w) in Lab units, by the annealed mean."""
        return self.bins.decode(output, temperature)

    def reweight(self, logits: Tensor, uniform_mix: float) -> Tensor:
        """The logits that training with another λ would have led to: + log w' - log w. No training.

        A network that has learnt everything answers probabilities in proportion to w_q p_q, the weight of
        a bin times the chance of it; so exchanging the weights is adding to the logits. Exact for hard
        targets and a perfect network, near enough for a good one (Menon et al., Long-tail learning via logit
        adjustment, 2021).

        Args:
            logits: `(N, Q, h, w)`, of a network trained with this objective.
            uniform_mix: the new λ.
        """
        if self.prior is None:
            raise ValueError("this objective has no prior to weigh by: pass prior=bins.prior(ab)")
        shift = self.bins.weights(self.prior, uniform_mix).log() - self.weights.log()
        return logits + shift.to(logits).reshape(1, -1, 1, 1)

    def best_output(self, outcomes: Tensor, probabilities: Tensor) -> Tensor:
        """The distribution itself, times the weights if the classes are rebalanced."""
        mass = outcomes.new_zeros(outcomes.shape[1], self.out_channels, *outcomes.shape[-2:])
        for share, ab in zip(probabilities.tolist(), outcomes, strict=True):
            indices, shares = self.target(ab)
            weight = self.weights.to(ab)[self.bins.encode(ab)][:, None]  # (M, 1, H, W)
            mass.scatter_add_(1, indices, share * weight * shares)
        return mass.clamp(min=1e-30).log()

    def to_dict(self) -> dict:
        rebalanced = self.bins.to_dict(self.prior, self.uniform_mix)
        return {"kind": self.kind, "targets": self.targets, "neighbours": self.neighbours, **rebalanced}

    @classmethod
    def from_dict(cls, stored: dict) -> "Classification":
        bins, prior = ColorBins.from_dict(stored)
        neighbours = stored.get("neighbours", 10)  # files of before had no other
        return cls(bins, stored["targets"], prior, stored["uniform_mix"], neighbours)

    def __repr__(self) -> str:
        return f"Classification({self.bins!r}, targets={self.targets!r}, uniform_mix={self.uniform_mix:g})"
