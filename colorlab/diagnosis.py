"""What looks wrong with a training, in words: said beside its figures, never instead of them."""

import torch
from torch import Tensor

from colorlab.lab import chroma
from colorlab.objective_base import at_resolution_of

GREY = 0.1  # of the truth's chroma; below it a picture looks black and white
UNIFORM = 0.1  # of the truth's spread over the ab plane; below it every pixel has about one colour
FOREIGN = 0.3  # total variation between two priors; 128 and 4,096 pictures of one data set differ by less


def diagnose(objective, ab: Tensor, true_ab: Tensor) -> list[str]:
    """Name what is suspicious about answers to pictures whose colours are known.

    NaN is not among it: `fit` stops there by itself.

    Args:
        objective: what the network was trained with.
        ab: its answers, `(N, 2, h, w)` in Lab units.
        true_ab: the truth, `(N, 2, H, W)`, at the same size, twice or four times of it.

    Returns:
        A sentence for each finding, with what to look at; empty if nothing is.
    """
    ab = ab.cpu()
    true_ab = at_resolution_of(ab, true_ab.cpu(), 2)
    findings = []
    prior = getattr(objective, "prior", None)
    if prior is not None:
        here = objective.bins.prior(true_ab)
        apart = (here - prior).abs().sum().item() / 2
        if apart > FOREIGN:
            findings.append(
                f"the prior is of other pictures: {apart:.0%} of its colours lie elsewhere than those measured on; "
                "count it anew on the training pictures (bins.prior), or results turn green or blue"
            )
    ratio = (chroma(ab).mean() / chroma(true_ab).mean()).item()
    if ratio < GREY:
        cause = (
            "regression answers the mean, and the mean of many colours is grey: the brown well"
            if not objective.has_distribution
            else "the commonest bins are grey: lower uniform_mix (λ), and look whether the pictures have colour"
        )
        findings.append(f"all grey: the answers have {ratio:.0%} of the truth's chroma; {cause}")
    elif _spread(ab) < UNIFORM * _spread(true_ab):
        a, b = ab.mean((0, 2, 3)).tolist()
        findings.append(
            f"one colour everywhere, near (a, b) = ({a:.0f}, {b:.0f}): the network does not look at L yet; "
            "early this is normal, later lower learning_rate or train for longer"
        )
    return findings


def _spread(ab: Tensor) -> float:
    """Root mean square distance of all pixels' ab from their mean, Lab units."""
    points = ab.movedim(1, -1).reshape(-1, 2)
    return torch.linalg.vector_norm(points - points.mean(0), dim=1).square().mean().sqrt().item()
