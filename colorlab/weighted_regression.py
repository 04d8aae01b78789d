"""A third objective, the control: regression with the weights of the rebalanced classification.

It tells what the weights do from what the classes do: the mean of a rebalanced distribution is what this one
answers, and no temperature or λ can be moved afterwards.
"""

from torch import Tensor

from colorlab.bins import ColorBins, checked_uniform_mix
from colorlab.objective_base import at_resolution_of
from colorlab.objectives import AB_SCALE, Regression


class WeightedRegression(Regression):
    """Minimise the squared distance, each pixel counted by the weight of its nearest bin.

    Args:
        bins: the table in which colours are counted; the answer is one colour all the same.
        prior: `(Q,)`, how often each bin occurs (`bins.prior`).
        uniform_mix: the papers' λ, as in `Classification`.
    """

    kind = "weighted regression"

    def __init__(self, bins: ColorBins, prior: Tensor, uniform_mix: float = 0.5):
        super().__init__()
        self.bins, self.prior, self.uniform_mix = bins, prior, checked_uniform_mix(uniform_mix)
        self.weights = bins.weights(prior, uniform_mix)

    def pixel_losses(self, output: Tensor, ab: Tensor, weighted: bool = True) -> Tensor:
        losses = super().pixel_losses(output, ab)
        if not weighted:
            return losses
        nearest = self.bins.encode(at_resolution_of(output, ab, self.out_channels))
        return losses * self.weights.to(losses)[nearest]

    def best_output(self, outcomes: Tensor, probabilities: Tensor) -> Tensor:
        """The mean of the colours, each as often as its weight says."""
        p = probabilities.to(outcomes).reshape(-1, 1, 1, 1)
        heavy = p * self.weights.to(outcomes)[self.bins.encode(outcomes.flatten(0, 1))].unflatten(
            0, outcomes.shape[:2]
        )  # (K, M, H, W)
        return (heavy[:, :, None] * outcomes).sum(0) / heavy.sum(0)[:, None] / AB_SCALE

    def to_dict(self) -> dict:
        return {"kind": self.kind, **self.bins.to_dict(self.prior, self.uniform_mix)}

    @classmethod
    def from_dict(cls, stored: dict) -> "WeightedRegression":
        return cls(*ColorBins.from_dict(stored), stored["uniform_mix"])

    def __repr__(self) -> str:
        return f"WeightedRegression({self.bins!r}, uniform_mix={self.uniform_mix:g})"
