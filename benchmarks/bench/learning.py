"""Rows about learning: the loss over Q classes, and a whole step of a lesson."""

from collections.abc import Iterator
from functools import partial

import torch
from clock import Row, peak_megabytes
from torch import Tensor, nn
from torch.nn import functional as F

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.objective_base import Objective
from colorlab.objectives import Classification, Regression
from colorlab.toy import Marbles

BATCH, SIDE, WIDTH = 16, 64, 16


class Usual(Classification):
    """As torch's own functions write it: a log-softmax over the channel axis, and what follows from that."""

    def pixel_losses(self, output: Tensor, ab: Tensor, weighted: bool = True) -> Tensor:
        return F.cross_entropy(output, self.bins.encode(ab), reduction="none")


def rows() -> Iterator[Row]:
    lab, _ = Marbles(size=SIDE).batch(BATCH)
    yield _loss(lab)
    yield from _steps(lab)


def _loss(lab: Tensor) -> Row:
    bins = ColorBins(10)
    ours, usual = Classification(bins), Usual(bins)
    trained = Colorizer.new(ours, width=WIDTH)
    head, torchs = trained.network.head, _convolution(trained.network.head)
    features = torch.randn(BATCH, WIDTH, SIDE, SIDE, requires_grad=True)

    def gradient(head: nn.Module, objective: Objective) -> Tensor:
        features.grad = None
        objective.loss_from_features(features, head, lab[:, 1:]).backward()
        return features.grad

    def accuracy() -> str:
        one, other = gradient(head, ours).clone(), gradient(torchs, usual)
        apart = float((one - other).abs().max() / other.abs().max())
        assert apart < 1e-4, apart
        memory = [
            peak_megabytes(lambda: gradient(head, ours)),
            peak_megabytes(lambda: gradient(torchs, usual)),
        ]
        return f"gradient {apart:.0e}; peak {memory[0]:.0f} of {memory[1]:.0f} MB"

    return Row(
        f"last layer and classification loss with backward, {BATCH}×{SIDE}², Q = {bins.n_bins}",
        lambda: gradient(head, ours),
        {"convolution + torch's cross-entropy": lambda: gradient(torchs, usual)},
        "3 × torch's, half the memory",
        faster=3,
        accuracy=accuracy,
    )


def _convolution(head: nn.Conv2d) -> nn.Conv2d:
    usual = nn.Conv2d(head.in_channels, head.out_channels, 1)
    usual.load_state_dict(head.state_dict())
    return usual


def _steps(lab: Tensor) -> Iterator[Row]:
    bins = ColorBins(10)

    def stepper(objective: Objective, usual: bool = False):
        trained = Colorizer.new(objective, width=WIDTH)
        if usual:
            trained.network.head = _convolution(trained.network.head)
        optimizer = torch.optim.AdamW(trained.network.parameters(), lr=1e-3)

        def step() -> float:
            optimizer.zero_grad(set_to_none=True)
            judge = partial(objective.loss_from_features, ab=lab[:, 1:])
            loss = trained.network(trained.inputs(lab[:, :1]), judge=judge)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    def accuracy() -> str:
        one, other = stepper(Classification(bins)), stepper(Usual(bins), usual=True)
        losses = [(one(), other()) for _ in range(3)]
        apart = max(abs(a - b) for a, b in losses)
        assert apart < 1e-3, losses
        return f"losses of three steps {apart:.0e} apart"

    lesson = f"one step of a lesson, {BATCH}×{SIDE}², U-Net of width {WIDTH}, classification"
    yield Row(
        lesson,
        stepper(Classification(bins)),
        {"torch's loss and last layer": stepper(Usual(bins), usual=True)},
        "1.8 × torch's",
        faster=1.8,
        accuracy=accuracy,
        budget=25,
    )
    yield Row(
        f"{lesson}, beside regression",
        stepper(Classification(bins)),
        {"regression": stepper(Regression())},
        "1.3 × a step of regression",
        faster=1 / 1.3,
        budget=25,
    )
