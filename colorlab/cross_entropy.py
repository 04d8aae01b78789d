"""The cross-entropy of many pixels over many classes, with half the tensors that torch's own keeps beside the logits.

Between logits and gradient torch keeps the log-probabilities, and a gradient of these: two more tensors of Q numbers
a pixel. Here a few pixels at a time go all the way while they are in the processor's cache; what is kept of each is
one number, and its probabilities are computed again when the gradient is asked for.

In training not even the logits are wanted, only what they cost and how the last layer should change. So there a few
pixels go through that layer, the loss and both their gradients at once, and nothing of Q numbers a pixel is kept.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

ROWS_AT_ONCE = 1 << 9  # pixels whose Q logits stay in the cache of a processor core
PIXELS_AT_ONCE = 1 << 10  # of each of several pictures; measured, see benchmarks/README.md
MOST_AT_ONCE = 1 << 14  # the same on a GPU, to bound the memory of Q numbers a pixel
PER_NAT = math.log2(math.e)  # exp(x) = 2^(x · log2 e), and the latter takes half the time


def cross_entropy(logits: Tensor, indices: Tensor, shares: Tensor) -> Tensor:
    """−Σ_k share_k · log softmax(logits)[index_k] of every pixel, computed in float32 or better.

    Args:
        logits: `(N, Q, h, w)`, fastest where the Q of a pixel lie side by side in memory, as `Pointwise` leaves them.
        indices: `(N, k, h, w)` int64, the classes that a pixel's target names, each once.
        shares: `(N, k, h, w)`, sum to 1 over k: how much of the target each is.

    Returns:
        `(N, h, w)`, in nats.
    """
    rows, *target = (x.movedim(1, -1).flatten(0, -2) for x in (logits, indices, shares))
    return _CrossEntropy.apply(rows, *target).reshape(len(logits), *logits.shape[-2:])


class _CrossEntropy(torch.autograd.Function):
    """Rows `(P, Q)`, indices and shares `(P, k)` -> `(P,)`."""

    @staticmethod
    def forward(ctx, rows: Tensor, indices: Tensor, shares: Tensor) -> Tensor:
        kind = torch.promote_types(rows.dtype, torch.float32)
        shares = shares.to(kind)
        total = rows.new_empty(len(rows), dtype=kind)  # log Σ exp of each row
        for row, out in zip(rows.split(at_once(rows)), total.split(at_once(rows)), strict=True):
            row = row.to(kind)
            most = row.amax(1)
            chances = torch.sub(row, most[:, None]).mul_(PER_NAT).exp2_()
            torch.add(most, chances.sum(1).log(), out=out)
        ctx.save_for_backward(rows, indices, shares, total)
        return total - (rows.gather(1, indices) * shares).sum(1)

    @staticmethod
    @once_differentiable
    def backward(ctx, slope: Tensor) -> tuple[Tensor, None, None]:
        """softmax − target, times the slope of what came after."""
        rows, indices, shares, total = ctx.saved_tensors
        gradient = torch.empty_like(rows)
        parts = (x.split(at_once(rows)) for x in (rows, indices, shares, total, slope, gradient))
        for row, index, share, log_sum, outer, out in zip(*parts, strict=True):
            chances = torch.sub(row, log_sum[:, None]).mul_(PER_NAT).exp2_()
            out.copy_(chances.scatter_add_(1, index, -share).mul_(outer[:, None]))
        return gradient, None, None


def last_layer_and_loss(
    features: Tensor, head: nn.Conv2d, indices: Tensor, shares: Tensor, slopes: Tensor
) -> Tensor:
    """Σ slope · cross-entropy over all pixels of `head(features)`, without these logits.

    Args:
        features: `(N, C, h, w)`.
        head: a 1×1 convolution to Q channels, with a bias.
        indices, shares: `(N, k, h, w)`, as for `cross_entropy`.
        slopes: `(N, h, w)`, what each pixel counts in the sum.

    Returns:
        A scalar; its gradient reaches the features and the weights of the head.
    """
    columns, *rest = (x.flatten(2) for x in (features, indices, shares, slopes[:, None]))
    with torch.autocast(features.device.type, enabled=False):
        weight, bias = head.weight.flatten(1), head.bias
        return _Through.apply(columns.to(weight.dtype), weight, bias, *rest)


class _Through(torch.autograd.Function):
    """Columns `(N, C, P)`, a layer `(Q, C)` and `(Q,)`, indices and shares `(N, k, P)`, slopes `(N, 1, P)`."""

    @staticmethod
    def forward(ctx, columns, weight, bias, indices, shares, slopes) -> Tensor:
        shares, slopes = shares.to(columns), slopes.to(columns)
        most, mass, named, to_columns = (torch.empty_like(x) for x in (slopes, slopes, shares, columns))
        layer = torch.cat([weight, bias[:, None]], 1)  # the bias is the weight of one more feature, always 1
        to_layer, in_bits = torch.zeros_like(layer), PER_NAT * layer
        pixels = columns, indices, shares, slopes, most, mass, named, to_columns
        size = piece(columns)
        for parts in zip(*(pieces(x, *size) for x in pixels), strict=True):
            column, index, share, slope, top, sum_of, said, to_column = parts
            column = F.pad(column, (0, 0, 0, 1), value=1)
            logits = torch.bmm(in_bits.expand(len(column), -1, -1), column)  # (n, Q, p)
            torch.gather(logits, 1, index, out=said)
            torch.amax(logits, 1, keepdim=True, out=top)
            chances = logits.sub_(top).exp2_()
            torch.sum(chances, 1, keepdim=True, out=sum_of)
            # Not yet divided by their sum: a factor a pixel costs less on its C numbers than on its Q.
            gradient, slope = chances.scatter_add_(1, index, share * -sum_of), slope / sum_of
            to_column.copy_(weight.T.expand(len(column), -1, -1) @ gradient)
            to_layer += (gradient @ (slope * column).mT).sum(0)
        ctx.save_for_backward(to_columns.mul_(slopes / mass), to_layer[:, :-1], to_layer[:, -1])
        losses = most + mass.log2() - (named * shares).sum(1, keepdim=True)
        return (slopes * losses).sum() / PER_NAT

    @staticmethod
    @once_differentiable
    def backward(ctx, slope: Tensor):
        return *(slope * gradient for gradient in ctx.saved_tensors), None, None, None


def piece(pixels: Tensor) -> tuple[int, int]:
    """How many pictures of `(N, c, P)`, and pixels of each, go through at once: on a CPU as many as it has threads,
    for products of batches give each of them a picture, whose numbers then stay in the cache of one core."""
    if pixels.device.type == "cpu":
        return torch.get_num_threads(), PIXELS_AT_ONCE
    return max(1, len(pixels)), MOST_AT_ONCE


def pieces(pixels: Tensor, pictures: int, at_once: int) -> Iterator[Tensor]:
    """`(N, c, P)` -> `(n, c, p)` each."""
    for some in pixels.split(pictures):
        yield from some.split(at_once, dim=2)


def at_once(rows: Tensor) -> int:
    """A GPU has no use for small pieces."""
    return ROWS_AT_ONCE if rows.device.type == "cpu" else max(1, len(rows))
