"""The ab plane cut into Q bins, so that guessing a colour becomes choosing a class.

A square grid is laid over the plane, one bin centre at every multiple of `grid_size`, and the centres no
colour needs are dropped. Which ones those are is a matter of definition, so the rule has a name:

    "nearest"  keep a centre if it is the nearest one to some sRGB colour        grid 10: Q = 262
    "corners"  keep all four corners of every grid cell that an sRGB colour touches      Q = 309
    "square"   keep the whole square from -110 to 110                                    Q = 529

Zhang, Isola and Efros (2016) publish a table of 313 bins; no rule above gives exactly that number, and
notebook 06 looks into why.
"""

import math
import warnings
from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor

from colorlab.arguments import number, whole_number
from colorlab.blocks import in_blocks
from colorlab.grid import gamut_ab, occupied_cells
from colorlab.nearest import NearestBins, all_finite

LOGITS_AT_ONCE = 1 << 11  # pixels; measured, see benchmarks/README.md
LARGE_RATIO = 1000  # beyond this a handful of rare pixels decides every gradient

Temperature = float | Literal["mode"]
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.001, 1000  # beyond them floats overflow, or all bins are alike
LEAST_GRID, MOST_GRID = 4, 100  # Lab units


def checked_temperature(value) -> Temperature:
    """What was given, if a distribution can become a colour with it: a number in reach, or "mode".

    Raises:
        ValueError: anything else.
    """
    found = value if value == "mode" else number(value)
    if found == "mode" or LEAST_TEMPERATURE <= found <= MOST_TEMPERATURE:
        return found
    limits = f"{LEAST_TEMPERATURE} to {MOST_TEMPERATURE}"
    raise ValueError(f'temperature: expected a number from {limits} or "mode", got {value!r}')


def checked_grid_size(value) -> float:
    """What was given, if bins can lie so far apart.

    Raises:
        ValueError: anything else.
    """
    if LEAST_GRID <= (found := number(value)) <= MOST_GRID:
        return found
    raise ValueError(
        f"grid_size: expected a number from {LEAST_GRID} to {MOST_GRID} (Lab units), got {value!r}"
    )


def checked_uniform_mix(value) -> float:
    """What was given, if it is a λ.

    Raises:
        ValueError: anything else.
    """
    if 0 <= (found := number(value)) <= 1:
        return found
    raise ValueError(f"uniform_mix: expected λ in [0, 1], got {value!r}")


class ColorBins:
    """A table of Q bin centres in the ab plane, and the ways to and from it.

    Args:
        grid_size: distance between neighbouring centres in Lab units, 4 to 100.
        rule: which centres are kept: "nearest", "corners" or "square" (see the module's first lines).

    Attributes:
        centers: `(Q, 2)` float32, the (a, b) of every bin, sorted by a, then b.
        n_bins: Q, the number of classes.

    Example:
        >>> bins = ColorBins(grid_size=10)
        >>> bins.n_bins
        262
        >>> ab = torch.tensor([[12.0], [-3.0]]).reshape(1, 2, 1, 1)    # one pixel
        >>> bins.centers[bins.encode(ab)].flatten().tolist()
        [10.0, 0.0]
    """

    def __init__(self, grid_size: float = 10, rule: Literal["nearest", "corners", "square"] = "nearest"):
        self.grid_size, self.rule = checked_grid_size(grid_size), rule
        cells = occupied_cells(gamut_ab(), self.grid_size, rule)
        self.centers = cells * self.grid_size
        self._nearest = NearestBins(cells, self.grid_size)

    @property
    def n_bins(self) -> int:
        """Q, the number of classes."""
        return len(self.centers)

    def __repr__(self) -> str:
        return f"ColorBins(Q = {self.n_bins} bins, grid {self.grid_size:g}, rule {self.rule!r})"

    # ---- colours to bins -------------------------------------------------------------------------

    def encode(self, ab: Tensor) -> Tensor:
        """The nearest bin of every pixel, exactly, also far outside the gamut.

        Args:
            ab: `(..., 2, H, W)` float, Lab units.

        Returns:
            `(..., H, W)` int64 in 0..Q-1. A pixel equally near to several centres gets one of them.

        Raises:
            ValueError: wrong shape, or a value that is not finite.
        """
        points, shape = self._points(ab)
        labels = self._nearest.one(points)
        return labels.reshape(shape).to(ab.device)

    def encode_soft(self, ab: Tensor, k: int = 10, sigma: float = 5.0) -> tuple[Tensor, Tensor]:
        """The k nearest bins of every pixel, weighted by a Gaussian of their distance.

        A hard label says that 14.9 and 15.1 are different classes and 5.1 and 14.9 the same one; soft
        labels let neighbouring bins share what is theirs.

        Args:
            ab: `(..., 2, H, W)` float, Lab units.
            k: how many neighbours, at least 1; clipped to Q. The 2016 paper says 5, its code 10.
            sigma: standard deviation of the Gaussian in Lab units, > 0.

        Returns:
            indices `(..., k, H, W)` int64, the nearest bin first, and weights `(..., k, H, W)` float that
            sum to 1 over k: softmax of -d²/2σ². Never a dense target with Q entries a pixel.

        Raises:
            ValueError: wrong shape, k or sigma, or a value that is not finite.

        References:
            Zhang, Isola, Efros, Colorful Image Colorization, 2016, section 2.2.
        """
        k = whole_number("k", k, 1)
        if not sigma > 0:
            raise ValueError(f"sigma: expected a width > 0 in Lab units, got {sigma!r}")
        points, shape = self._points(ab)
        indices, squared = self._nearest.several(points, min(k, self.n_bins))
        weights = torch.softmax(squared / (-2 * sigma**2), dim=0)  # of (k, P): a tenth of the time of (P, k)
        return tuple(t.reshape(len(t), *shape).movedim(0, -3).to(ab.device) for t in (indices, weights))

    # ---- bins to colours -------------------------------------------------------------------------

    def decode(self, logits: Tensor, temperature: Temperature = 0.38) -> Tensor:
        """One colour for every pixel's distribution: the annealed mean.

        Args:
            logits: `(..., Q, H, W)` float, unnormalised log-probabilities.
            temperature: see `checked_temperature`. 1.0 is the mean of the distribution, small values approach its
                mode, and "mode" is the mode itself. 0.38 is the published compromise.

        Returns:
            `(..., 2, H, W)` float ab, Lab units.

        Raises:
            ValueError: another number of channels than Q, or no temperature.

        References:
            Zhang, Isola, Efros 2016, section 2.3; softmax(logits / T) is their f_T.
        """
        if logits.ndim < 3 or logits.shape[-3] != self.n_bins:
            raise ValueError(f"logits: expected (..., Q = {self.n_bins}, H, W), got {tuple(logits.shape)}")
        centers = self.centers.to(logits)
        if (temperature := checked_temperature(temperature)) == "mode":
            return centers[logits.argmax(-3)].movedim(-1, -3)

        def annealed_mean(logits: Tensor) -> Tensor:  # (n, Q, p) -> (n, 2, p)
            # In place, as memory that is new to the process costs more than numbers; 2^x is twice as fast as e^x.
            above = logits - logits.amax(1, keepdim=True)
            chances = above.mul_(math.log2(math.e) / temperature).exp2_()
            return (centers.T @ chances) / chances.sum(1, keepdim=True)

        flat = logits.reshape(math.prod(logits.shape[:-3]), *logits.shape[-3:]).flatten(2)  # (N, Q, P)
        return in_blocks(annealed_mean, flat, LOGITS_AT_ONCE).reshape(
            *logits.shape[:-3], 2, *logits.shape[-2:]
        )

    # ---- how often each bin occurs ---------------------------------------------------------------

    def prior(self, pictures: Tensor | Iterable[Tensor], sigma: float = 5.0) -> Tensor:
        """How often each bin occurs in some pictures, smoothed over the ab plane.

        Args:
            pictures: ab `(..., 2, H, W)`, or an iterable of such tensors.
            sigma: standard deviation of the Gaussian in Lab units; 0 leaves the histogram as it is.

        Returns:
            `(Q,)` float32 on the CPU, sums to 1.

        Raises:
            ValueError: no pixel at all, or a negative sigma.
        """
        if not sigma >= 0:
            raise ValueError(f"sigma: expected a width >= 0 in Lab units, got {sigma!r}")
        counts = torch.zeros(self.n_bins, dtype=torch.float64)
        for ab in [pictures] if isinstance(pictures, Tensor) else pictures:
            counts += torch.bincount(self.encode(ab).flatten().cpu(), minlength=self.n_bins)
        if counts.sum() == 0:
            raise ValueError("pictures: expected at least one pixel to count, got none")
        if sigma > 0:
            squared = (self.centers[:, None] - self.centers).double().square().sum(-1)  # (Q, Q)
            # Each bin spreads its own count: the columns sum to 1, so no probability leaves the gamut.
            counts = torch.softmax(-squared / (2 * sigma**2), dim=0) @ counts
        return (counts / counts.sum()).float()

    def weights(self, prior: Tensor, uniform_mix: float = 0.5) -> Tensor:
        """What a pixel of each bin counts for, so that rare colours are not drowned.

        w ∝ 1 / ((1-λ) prior + λ/Q), scaled so that the expected weight is 1.

        Args:
            prior: `(Q,)`, non-negative, sums to 1.
            uniform_mix: the papers' λ in [0, 1]: how much of a uniform distribution is mixed in.
                1.0 is no rebalancing, 0.0 gives every bin the same say.

        Returns:
            `(Q,)` float32 with `sum(prior * weights) == 1`.

        Raises:
            ValueError: a prior of another table, negative, or not summing to 1; λ outside [0, 1]; an
                empty bin with λ = 0, whose weight would be infinite.

        Warns:
            UserWarning: the largest weight is over 1,000 times the smallest.

        References:
            Zhang, Isola, Efros 2016, equation 4 (λ = 1/2, prior smoothed with σ = 5).
        """
        prior, uniform_mix = self._check_prior(prior), checked_uniform_mix(uniform_mix)
        mixed = (1 - uniform_mix) * prior + uniform_mix / self.n_bins
        empty = int((mixed == 0).sum())
        if empty:
            raise ValueError(
                f"{empty} of Q = {self.n_bins} bins never occur and would weigh infinitely much; "
                "raise uniform_mix above 0, or smooth the prior with sigma > 0"
            )
        weights = 1 / mixed
        weights /= (prior * weights).sum()
        ratio = float(weights.max() / weights.min())
        if ratio > LARGE_RATIO:
            warnings.warn(
                f"the rarest bin weighs {ratio:,.0f} times the commonest: a few pixels will rule the "
                "gradient; raise uniform_mix (λ) or smooth the prior",
                stacklevel=2,
            )
        return weights.float()

    def weights_or_ones(self, prior: Tensor | None, uniform_mix: float) -> Tensor:
        """As `weights`; without a prior and without rebalancing every pixel counts 1."""
        if prior is not None:
            return self.weights(prior, uniform_mix)
        if uniform_mix != 1.0:
            raise ValueError(
                f"uniform_mix = {uniform_mix} rebalances, which needs the prior of the training pictures: "
                "pass prior=bins.prior(ab)"
            )
        return torch.ones(self.n_bins)

    def describe_weights(self, prior: Tensor, uniform_mix: float = 0.5) -> str:
        """The weights in one line: their range, the largest ratio and the two sums that must be 1."""
        prior, weights = self._check_prior(prior), self.weights(prior, uniform_mix).double()
        return (
            f"Q = {self.n_bins}, λ = {uniform_mix:g}: weights {weights.min():.3g} to {weights.max():.3g}, "
            f"largest ratio {weights.max() / weights.min():.1f}; "
            f"sum of prior {prior.sum():.4f}, of prior × weight {(prior * weights).sum():.4f}"
        )

    # ---- files -----------------------------------------------------------------------------------

    def to_dict(self, prior: Tensor | None, uniform_mix: float) -> dict:
        """The table and how it is rebalanced, as plain values."""
        return {
            "grid_size": self.grid_size,
            "rule": self.rule,
            "bins": self.centers.tolist(),
            "uniform_mix": uniform_mix,
            "prior": None if prior is None else prior.tolist(),
        }

    @classmethod
    def from_dict(cls, stored: dict) -> "tuple[ColorBins, Tensor | None]":
        """The table and the prior of what `to_dict` wrote.

        Raises:
            ValueError: its centres are not those that its grid and rule make.
        """
        bins = cls(stored["grid_size"], stored["rule"])
        if bins.centers.tolist() != stored["bins"]:
            raise ValueError(f"its {len(stored['bins'])} bins are not the {bins.n_bins} that {bins!r} makes")
        return bins, None if stored["prior"] is None else torch.tensor(stored["prior"])

    # ---- inside ----------------------------------------------------------------------------------

    def _points(self, ab: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """(..., 2, H, W) -> (2, P) float and (..., H, W)."""
        if not isinstance(ab, Tensor) or ab.ndim < 3 or ab.shape[-3] != 2:
            got = tuple(ab.shape) if isinstance(ab, Tensor) else type(ab).__name__
            raise ValueError(f"ab: expected a tensor (..., 2, H, W), got {got}")
        ab = ab.detach() if ab.dtype == torch.float64 else ab.detach().float()
        if ab.device.type == "mps":  # a Mac's GPU has no float64, see `NearestBins`
            ab = ab.cpu()
        if not all_finite(ab):
            raise ValueError("ab: expected finite values, got NaN or infinity; look where they arose")
        return ab.movedim(-3, 0).reshape(2, -1), (*ab.shape[:-3], *ab.shape[-2:])

    def _check_prior(self, prior: Tensor) -> Tensor:
        prior = torch.as_tensor(prior).detach().cpu().double()
        if prior.shape != (self.n_bins,):
            raise ValueError(f"prior: expected shape (Q = {self.n_bins},), got {tuple(prior.shape)}")
        if not (prior >= 0).all() or not abs(float(prior.sum()) - 1) < 1e-3:
            raise ValueError(
                f"prior: expected non-negative values that sum to 1, got a sum of {float(prior.sum()):g} "
                f"and a minimum of {float(prior.min()):g}"
            )
        return prior / prior.sum()
