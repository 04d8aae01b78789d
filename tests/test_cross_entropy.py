"""colorlab.cross_entropy against torch's own, and the one product of matrices that feeds it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from colorlab.cross_entropy import PIXELS_AT_ONCE, ROWS_AT_ONCE, cross_entropy, last_layer_and_loss
from colorlab.networks.base import Pointwise


def case(q=7, k=3, dtype=torch.float64, n=2, side=(3, 5)):
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(n, q, *side, generator=generator, dtype=dtype)
    indices = torch.rand(n, q, *side, generator=generator).argsort(1)[:, :k]
    shares = torch.rand(n, k, *side, generator=generator, dtype=dtype)
    return logits, indices, shares / shares.sum(1, keepdim=True)


@pytest.mark.parametrize("side", [(3, 5), (1, ROWS_AT_ONCE + 3)], ids=["one piece", "several pieces"])
def test_hard_targets_agree_with_torch(side):
    logits, indices, shares = case(k=1, side=side)
    expected = F.cross_entropy(logits, indices[:, 0], reduction="none")
    torch.testing.assert_close(cross_entropy(logits, indices, shares), expected)


def test_soft_targets_agree_with_a_dense_target():
    logits, indices, shares = case()
    dense = torch.zeros_like(logits).scatter_(1, indices, shares)
    torch.testing.assert_close(
        cross_entropy(logits, indices, shares), F.cross_entropy(logits, dense, reduction="none")
    )


@pytest.mark.parametrize("k", [1, 3])
def test_the_gradient_agrees_with_finite_differences(k):
    logits, indices, shares = case(k=k)
    weights = torch.linspace(0, 2, 30, dtype=torch.float64).reshape(2, 3, 5)  # every pixel counts differently
    assert torch.autograd.gradcheck(
        lambda x: (weights * cross_entropy(x, indices, shares)).sum(), logits.requires_grad_()
    )


def test_huge_logits_overflow_nowhere():
    logits = torch.tensor([1e4, -1e4, 0.0]).reshape(1, 3, 1, 1).requires_grad_()
    losses = cross_entropy(logits, torch.ones(1, 1, 1, 1, dtype=torch.int64), torch.ones(1, 1, 1, 1))
    losses.sum().backward()
    assert losses.item() == 2e4 and logits.grad.flatten().tolist() == [1, -1, 0]


def test_half_of_the_bits_are_summed_in_all_of_them():
    logits, indices, shares = case(q=262, k=1, dtype=torch.float32)
    coarse = logits.bfloat16().requires_grad_()
    losses = cross_entropy(coarse, indices, shares)
    losses.sum().backward()
    assert losses.dtype == torch.float32 and coarse.grad.dtype == torch.bfloat16
    torch.testing.assert_close(losses, cross_entropy(coarse.detach().float(), indices, shares))


def test_the_graph_may_be_walked_twice():
    logits, indices, shares = case(k=1)
    total = cross_entropy(logits.requires_grad_(), indices, shares).sum()
    (once,) = torch.autograd.grad(total, logits, retain_graph=True)
    (again,) = torch.autograd.grad(total, logits)
    assert torch.equal(once, again)


def test_a_product_of_matrices_is_a_convolution_of_one_pixel():
    head = Pointwise(5, 9)
    usual = nn.Conv2d(5, 9, 1)
    usual.load_state_dict(head.state_dict())
    x = torch.randn(2, 5, 4, 6)
    answers = head(x)
    torch.testing.assert_close(answers, usual(x), atol=1e-6, rtol=1e-5)
    assert answers.is_contiguous(memory_format=torch.channels_last)


def features_case(side, k, dtype=torch.float64):
    logits, indices, shares = case(k=k, side=side, dtype=dtype)
    torch.manual_seed(0)
    features = torch.randn(len(logits), 4, *side, dtype=dtype, requires_grad=True)
    slopes = torch.linspace(0, 2, features[:, 0].numel(), dtype=dtype).reshape(features[:, 0].shape)
    return features, Pointwise(4, logits.shape[1]).to(dtype), indices, shares, slopes


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("side", [(3, 5), (1, PIXELS_AT_ONCE + 3)], ids=["one piece", "several pieces"])
def test_last_layer_and_loss_in_one_are_the_two_one_after_the_other(side, k):
    features, head, indices, shares, slopes = features_case(side, k)
    wanted = (slopes * cross_entropy(head(features), indices, shares)).sum()
    found = last_layer_and_loss(features, head, indices, shares, slopes)
    torch.testing.assert_close(found, wanted)
    learning = [features, *head.parameters()]
    for one, other in zip(
        *(torch.autograd.grad(3 * loss, learning) for loss in (found, wanted)), strict=True
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_however_many_pictures_go_through_at_once(threads, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    torch.manual_seed(0)
    head, features = Pointwise(4, 7).double(), torch.randn(5, 4, 3, PIXELS_AT_ONCE // 2, dtype=torch.float64)
    features = features.contiguous(memory_format=torch.channels_last).requires_grad_()
    indices = torch.randint(7, (5, 1, *features.shape[2:]))
    shares, slopes = torch.ones_like(features[:, :1]), torch.rand_like(features[:, 0])
    wanted = (slopes * F.cross_entropy(head(features), indices[:, 0], reduction="none")).sum()
    found = last_layer_and_loss(features, head, indices, shares, slopes)
    torch.testing.assert_close(found, wanted)
    learning = [features, *head.parameters()]
    for one, other in zip(*(torch.autograd.grad(loss, learning) for loss in (found, wanted)), strict=True):
        torch.testing.assert_close(one, other)


def test_their_gradient_agrees_with_finite_differences():
    features, head, indices, shares, slopes = features_case((2, 3), 3)
    assert torch.autograd.gradcheck(
        lambda x, weight, bias: last_layer_and_loss(x, head, indices, shares, slopes),
        (features, *head.parameters()),
    )


def test_features_in_half_of_the_bits_are_judged_in_all_of_them():
    features, head, *rest = features_case((3, 5), 3, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = last_layer_and_loss(features.bfloat16(), head, *rest)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, last_layer_and_loss(features.bfloat16().float(), head, *rest))
