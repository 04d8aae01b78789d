"""The cross-entropy of many pixels over many classes, with half the tensors that torch's own keeps beside the logits.

Between logits and gradient torch keeps the log-probabilities, and a gradient of these: two more tensors of Q numbers
a pixel. Here a few pixels at a time go all the way while they are in the processor's cache; what is kept of each is
one number, and its probabilities are computed again when the gradient is asked for.

In training not even the logits are wanted, only what they cost and how the last layer should change. So there a few
pixels go through that layer, the loss and both their gradients at once, and nothing of Q numbers a pixel is kept.
"""

import math

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

ROWS_AT_ONCE = 1 << 9  # pixels whose Q logits stay in the cache of a processor core
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
    rows, *target = (x.movedim(1, -1).flatten(0, -2) for x in (features, indices, shares))
    with torch.autocast(features.device.type, enabled=False):
        weight, bias = head.weight.flatten(1), head.bias
        return _Through.apply(rows.to(weight.dtype), weight, bias, *target, slopes.flatten())


class _Through(torch.autograd.Function):
    """Rows `(P, C)`, weight `(Q, C)`, bias `(Q,)`, indices and shares `(P, k)`, slopes `(P,)` -> a scalar."""

    @staticmethod
    def forward(ctx, rows, weight, bias, indices, shares, slopes) -> Tensor:
        total, shares, slopes = rows.new_zeros(()), shares.to(rows), slopes.to(rows)
        to_rows, to_weight, to_bias = (torch.zeros_like(x) for x in (rows, weight, bias))
        in_bits, bias_in_bits = PER_NAT * weight.T, PER_NAT * bias
        parts = (x.split(at_once(rows)) for x in (rows, indices, shares, slopes, to_rows))
        for row, index, share, slope, to_row in zip(*parts, strict=True):
            logits = torch.addmm(bias_in_bits, row, in_bits)  # (p, Q)
            most = logits.amax(1, keepdim=True)
            named = (logits.gather(1, index) * share).sum(1)
            chances = logits.sub_(most).exp2_()
            mass = chances.sum(1, keepdim=True)
            total += slope @ ((most + mass.log2()).squeeze(1) - named)
            gradient = chances.mul_(slope[:, None] / mass).scatter_add_(1, index, -share * slope[:, None])
            torch.mm(gradient, weight, out=to_row)
            to_weight.addmm_(gradient.T, row)
            to_bias += gradient.sum(0)
        ctx.save_for_backward(to_rows, to_weight, to_bias)
        return total / PER_NAT

    @staticmethod
    @once_differentiable
    def backward(ctx, slope: Tensor):
        return *(slope * gradient for gradient in ctx.saved_tensors), None, None, None


def at_once(rows: Tensor) -> int:
    """A GPU has no use for small pieces."""
    return ROWS_AT_ONCE if rows.device.type == "cpu" else max(1, len(rows))
