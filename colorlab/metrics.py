"""How good is a colouring? Every measure is over the pixels of all pictures together, at their own size.

No single number tells. PSNR and plain AuC reward a cautious brown; the chroma ratio rewards anything
vivid; rebalanced AuC asks for rare colours too. And a sceptic asks what would have been reached without
any network: those are the *baselines*.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from colorlab.data import Photo, picture_tensor
from colorlab.lab import chroma, lab_to_rgb, rgb_to_lab

FARTHEST = 150  # AuC sweeps the tolerance from 0 to 150 Lab units
CELL = 10  # rebalanced AuC counts true colours in a plain grid of this size
ONE_COLOR = (15.0, 15.0)  # ab of the constant baseline, a skin-like orange


def evaluate(colorizer, pictures: Sequence[np.ndarray | Photo], temperature=None) -> dict[str, float]:
    """The measures of a colorizer on pictures whose colours are known.

    Args:
        colorizer: anything with `predict_ab(L, temperature)`.
        pictures: uint8 `(H, W, 3)` arrays or `Photo`s. Each is shown to the network at its own size.
        temperature: see `Colorizer.decode`.

    Returns:
        What `score` returns.
    """
    labs = to_labs(pictures)
    return score([colorizer.predict_ab(lab[None, :1], temperature).cpu()[0] for lab in labs], labs)


def baselines(labs: Sequence[Tensor]) -> dict[str, dict[str, float]]:
    """What needs no network: grey everywhere, and one constant colour everywhere."""
    grey = [torch.zeros_like(lab[1:]) for lab in labs]
    constant = [torch.tensor(ONE_COLOR).reshape(2, 1, 1).expand_as(lab[1:]) for lab in labs]
    return {"grey": score(grey, labs), f"one colour {ONE_COLOR}": score(constant, labs)}


def best_saturation(
    predictions: Sequence[Tensor],
    labs: Sequence[Tensor],
    factors: Sequence[float] = (1.0, 1.3, 1.7, 2.2, 3.0),
) -> tuple[float, dict[str, float]]:
    """The factor on ab that gives a prediction its highest rebalanced AuC: the sceptic's "just turn it up".

    Returns:
        The factor and its scores. Chosen on the pictures it is measured on, so it flatters the baseline.
    """
    scores = {f: score([f * ab for ab in predictions], labs) for f in factors}
    best = max(scores, key=lambda f: scores[f]["rebalanced_auc"])
    return best, scores[best]


def score(predictions: Sequence[Tensor], labs: Sequence[Tensor]) -> dict[str, float]:
    """All measures for predicted ab against true pictures.

    Args:
        predictions: ab `(2, H, W)` in Lab units, one a picture.
        labs: the true pictures, `(3, H, W)`.

    Returns:
        pictures: how many.
        psnr: dB, over sRGB uint8, squared errors pooled over all pictures (inf for a perfect match).
        auc: share of pixels within a distance t of the true ab, averaged over t = 0, 1, …, 150, in %.
        rebalanced_auc: the same, each pixel weighted by 1/n of its true colour's cell in a grid of 10.
            It depends on which pictures are pooled: compare on one set only.
        chroma_ratio: mean predicted chroma over mean true chroma.
        colourfulness: of the coloured pictures, averaged (see `colourfulness`).
    """
    if len(predictions) != len(labs) or not labs:
        raise ValueError(
            f"expected one prediction a picture, got {len(predictions)} for {len(labs)} pictures"
        )
    for ab, lab in zip(predictions, labs, strict=True):
        if ab.shape[1:] != lab.shape[1:] or len(ab) != 2:
            raise ValueError(f"expected ab of shape (2, *{tuple(lab.shape[1:])}), got {tuple(ab.shape)}")
    colored = [_levels(torch.cat([lab[:1], ab])) for ab, lab in zip(predictions, labs, strict=True)]
    truth = [_levels(lab) for lab in labs]
    predicted_ab = torch.cat([ab.flatten(1) for ab in predictions], dim=1)  # (2, P)
    true_ab = torch.cat([lab[1:].flatten(1) for lab in labs], dim=1)
    distance = (predicted_ab - true_ab).norm(dim=0)
    return {
        "pictures": len(labs),
        "psnr": psnr(colored, truth),
        "auc": auc(distance),
        "rebalanced_auc": auc(distance, _rebalancing(true_ab)),
        "chroma_ratio": chroma_ratio(predicted_ab[:, None], true_ab[:, None]),
        "colourfulness": float(np.mean([colourfulness(rgb) for rgb in colored])),
    }


def psnr(colored: Sequence[Tensor], truth: Sequence[Tensor]) -> float:
    """Peak signal-to-noise ratio in dB over 0..255 values, squared errors pooled over all pictures."""
    squared = sum(
        (c.double() - t.double()).square().sum().item() for c, t in zip(colored, truth, strict=True)
    )
    mean = squared / sum(t.numel() for t in truth)
    return math.inf if mean == 0 else 10 * math.log10(255**2 / mean)


def auc(distance: Tensor, weights: Tensor | None = None) -> float:
    """Area under the curve of "share of pixels within t", t = 0, 1, …, 150, in percent.

    Args:
        distance: `(P,)`, ab distance of every pixel, Lab units.
        weights: `(P,)`, what each pixel counts; None counts all alike.
    """
    weights = torch.ones_like(distance) if weights is None else weights
    first = distance.ceil().clamp(max=FARTHEST + 1).long()  # the smallest whole t that contains the pixel
    arrived = torch.zeros(FARTHEST + 2, dtype=torch.float64)
    arrived.index_add_(0, first, weights.double())
    within = arrived[:-1].cumsum(0) / arrived.sum()  # (151,), for t = 0..150
    return 100 * within.mean().item()


def colourfulness(rgb: Tensor) -> float:
    """How colourful a picture looks: sqrt(σ_rg² + σ_yb²) + 0.3 sqrt(μ_rg² + μ_yb²), signed differences.

    Args:
        rgb: `(3, H, W)`, values 0..255.

    References:
        Hasler and Süsstrunk, Measuring colourfulness in natural images, 2003. Some projects take absolute
        values first and get other numbers.
    """
    r, g, b = rgb.double()
    rg, yb = r - g, (r + g) / 2 - b
    spread = math.hypot(rg.std(correction=0), yb.std(correction=0))
    return spread + 0.3 * math.hypot(rg.mean(), yb.mean())


def chroma_ratio(predicted_ab: Tensor, true_ab: Tensor) -> float:
    """Mean chroma of a prediction over mean chroma of the truth, both `(..., 2, H, W)`; nan for a grey truth."""
    truth = chroma(true_ab).mean().item()
    return chroma(predicted_ab).mean().item() / truth if truth > 0 else math.nan


def to_labs(pictures: Sequence[np.ndarray | Photo]) -> list[Tensor]:
    """uint8 pictures or `Photo`s -> Lab tensors `(3, H, W)`."""
    return [p.lab if isinstance(p, Photo) else rgb_to_lab(picture_tensor(p)) for p in pictures]


def _levels(lab: Tensor) -> Tensor:
    return (lab_to_rgb(lab) * 255).round()


def _rebalancing(true_ab: Tensor) -> Tensor:
    """(2, P) -> (P,): one over the number of pixels whose true colour lies in the same cell."""
    cell = (true_ab / CELL).round() + 100
    key = (cell[0] * 1000 + cell[1]).long()
    _, inverse, counts = key.unique(return_inverse=True, return_counts=True)
    return 1 / counts[inverse].double()
