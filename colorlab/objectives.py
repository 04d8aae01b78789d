"""The two approaches side by side: how many channels, which loss, how to read the answer.

Everything else, the network, the pictures, their order and the seed, is shared. Swapping one class for
the other is the whole point of the course.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from colorlab.bins import ColorBins
from colorlab.cross_entropy import cross_entropy

AB_SCALE = 110.0  # a network answers numbers near 1; ab lies within about ±110
HUBER_DELTA = 10.0  # Lab units: below it the Huber loss is a square, above it a straight line


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


class Regression(Objective):
    """Answer one colour: minimise the distance to the true (a, b).

    L_R = 1/n Σ_i ‖f(X)_i − Y_i‖², in squared Lab units (torch's MSE would be half of it).

    Args:
        norm: "l2" as above; "l1" (|Δa| + |Δb|) and "huber" are there to show that they do not help.
    """

    kind, out_channels = "regression", 2

    def __init__(self, norm: Literal["l2", "l1", "huber"] = "l2"):
        if norm not in ("l2", "l1", "huber"):
            raise ValueError(f'norm: expected "l2", "l1" or "huber", got {norm!r}')
        self.norm = norm

    def pixel_losses(self, output: Tensor, ab: Tensor, weighted: bool = True) -> Tensor:
        """(N, 2, h, w) and (N, 2, H, W) -> (N, h, w); `weighted` changes nothing here."""
        ab = at_resolution_of(output, ab, self.out_channels)
        prediction = output.float() * AB_SCALE  # under autocast the output has half the digits
        if self.norm == "l2":
            return (prediction - ab).square().sum(1)
        if self.norm == "l1":
            return (prediction - ab).abs().sum(1)
        return F.huber_loss(prediction, ab, reduction="none", delta=HUBER_DELTA).sum(1)

    def beliefs(self, output: Tensor) -> Tensor:
        """One colour: it has decided already."""
        return output * AB_SCALE

    def decide(self, beliefs: Tensor, temperature: float | Literal["mode"] = 1.0) -> Tensor:
        return beliefs

    def best_output(self, outcomes: Tensor, probabilities: Tensor) -> Tensor:
        """The mean of the colours for L2, their median for L1, something between for Huber."""
        p = probabilities.to(outcomes).reshape(-1, 1, 1, 1, 1)
        return {"l2": _mean, "l1": _median, "huber": _huber_minimiser}[self.norm](outcomes, p) / AB_SCALE

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
        if isinstance(neighbours, bool) or not isinstance(neighbours, int) or neighbours < 1:
            raise ValueError(f"neighbours: expected a whole number >= 1, got {neighbours!r}")
        self.bins, self.targets, self.uniform_mix = bins, targets, uniform_mix
        self.neighbours = neighbours
        self.out_channels = bins.n_bins
        self.prior = prior
        self.weights = bins.weights_or_ones(prior, uniform_mix)

    def pixel_losses(self, output: Tensor, ab: Tensor, weighted: bool = True) -> Tensor:
        """Logits (N, Q, h, w) and ab (N, 2, H, W) -> (N, h, w)."""
        ab = at_resolution_of(output, ab, self.out_channels)
        nearest = self.bins.encode(
            ab
        )  # (N, h, w); for soft targets too: of equally near bins both must name one
        if self.targets == "hard":
            losses = cross_entropy(output, nearest[:, None])
        else:  # (N, k, h, w) each, never a dense (N, Q, h, w) target
            losses = cross_entropy(output, *self.bins.encode_soft(ab, self.neighbours))
        return losses * self.weights.to(losses)[nearest] if weighted else losses

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

    def beliefs(self, output: Tensor) -> Tensor:
        """Logits -> the probabilities of the Q bins."""
        return output.float().softmax(1)

    def decide(self, beliefs: Tensor, temperature: float | Literal["mode"] = 1.0) -> Tensor:
        """Probabilities (N, Q, h, w) -> ab (N, 2, h, w) in Lab units, by the annealed mean."""
        return self.bins.decode(beliefs.log(), temperature)

    def decode(self, output: Tensor, temperature: float | Literal["mode"] = 0.38) -> Tensor:
        """Logits (N, Q, h, w) -> ab (N, 2, h, w) in Lab units, by the annealed mean."""
        return self.bins.decode(output, temperature)

    def best_output(self, outcomes: Tensor, probabilities: Tensor) -> Tensor:
        """The distribution itself, times the weights if the classes are rebalanced."""
        mass = 0
        for share, ab in zip(probabilities.tolist(), outcomes, strict=True):
            weight = self.weights.to(ab)[self.bins.encode(ab)]  # (M, H, W)
            mass = mass + share * weight[:, None] * self._dense_target(ab)
        return mass.clamp(min=1e-30).log()

    def _dense_target(self, ab: Tensor) -> Tensor:
        """The (M, Q, H, W) target that the loss itself never builds."""
        if self.targets == "hard":
            indices, shares = self.bins.encode(ab)[:, None], torch.ones_like(ab[:, :1])
        else:
            indices, shares = self.bins.encode_soft(ab, self.neighbours)
        dense = ab.new_zeros(len(ab), self.bins.n_bins, *ab.shape[-2:])
        return dense.scatter_(1, indices, shares)

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


def _all_kinds(kind: type[Objective]) -> list[type[Objective]]:
    """Every objective there is, also one that somebody else wrote and imported."""
    return [k for below in kind.__subclasses__() for k in (below, *_all_kinds(below))]


def _mean(outcomes: Tensor, p: Tensor) -> Tensor:
    return (p * outcomes).sum(0)


def _median(outcomes: Tensor, p: Tensor) -> Tensor:
    ordered, order = outcomes.sort(0)
    reached = p.expand_as(outcomes).gather(0, order).cumsum(0) >= 0.5 - 1e-6
    return ordered.gather(0, reached.int().argmax(0, keepdim=True))[0]


def _huber_minimiser(outcomes: Tensor, p: Tensor) -> Tensor:
    low, high = outcomes.amin(0), outcomes.amax(0)
    for _ in range(40):  # the slope of a convex function changes its sign once: bisect for it
        middle = (low + high) / 2
        slope = (p * (middle - outcomes).clamp(-HUBER_DELTA, HUBER_DELTA)).sum(0)
        low, high = torch.where(slope < 0, middle, low), torch.where(slope < 0, high, middle)
    return (low + high) / 2
