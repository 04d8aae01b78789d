"""colorlab.kernels against torch, scipy and brute force: filtering, windows, best patches, gradient ascent."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate
from torch import nn
from torch.nn import functional as F

from colorlab.kernels import (
    KERNELS,
    best_windows,
    count_paths,
    filter_picture,
    receptive_field,
    trunk_layers,
)
from colorlab.networks.unet import UNet
from colorlab.widgets.kernel_playground import kernel_playground

STAGES = ("stem", "down 1", "down 2")


def noise(*shape, seed=0):
    return 100 * torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


# ---- filtering -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KERNELS)
def test_filtering_is_scipys_correlation_with_the_border_repeated(name):
    L = noise(9, 13)
    wanted = correlate(L.numpy(), KERNELS[name].numpy(), mode="nearest")
    assert np.allclose(filter_picture(L, KERNELS[name]).numpy(), wanted, atol=1e-3)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_inside_it_is_torchs_conv2d(k):
    L, kernel = noise(8, 7), noise(k, k, seed=1) - 50
    wanted = F.conv2d(L[None, None], kernel[None, None])[0, 0]
    inside = slice(k // 2, -(k // 2) or None)
    assert torch.allclose(filter_picture(L, kernel)[inside, inside], wanted, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("name", KERNELS)
def test_a_flat_picture_answers_the_sum_of_the_kernel_even_at_the_border(name):
    answers = filter_picture(torch.full((4, 5), 50.0), KERNELS[name])
    assert torch.allclose(answers, torch.full((4, 5), 50.0 * float(KERNELS[name].sum())), atol=1e-3)


@pytest.mark.parametrize(
    ("name", "vertical", "horizontal"),
    [("vertical edges", 4, 0), ("horizontal edges", 0, 4), ("diagonal edges", 3, 3), ("blur", 1 / 3, 1 / 3)],
)
def test_an_edge_kernel_answers_its_own_edge(name, vertical, horizontal):
    edge = torch.tensor([0.0, 0.0, 1.0]).expand(3, 3)  # light on the right
    assert filter_picture(edge, KERNELS[name])[1, 1] == pytest.approx(vertical)
    assert filter_picture(edge.T, KERNELS[name])[1, 1] == pytest.approx(horizontal)


@pytest.mark.parametrize("kernel", [torch.ones(2, 2), torch.ones(3, 5), torch.ones(3)])
def test_a_kernel_without_a_middle_is_refused(kernel):
    with pytest.raises(ValueError, match="k odd"):
        filter_picture(noise(5, 5), kernel)


def test_a_picture_with_channels_is_refused():
    with pytest.raises(ValueError, match="one channel at a time"):
        filter_picture(noise(3, 5, 5), KERNELS["blur"])


# ---- the receptive field -------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3)), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_the_closed_form_is_the_support_of_the_gradient(layers):
    size, step = receptive_field(layers)
    convolutions = nn.Sequential(*[nn.Conv1d(1, 1, k, stride=s, bias=False) for k, s in layers])
    for convolution in convolutions:
        nn.init.ones_(convolution.weight)
    x = torch.zeros(1, 1, size + step, requires_grad=True)  # just enough for two numbers
    answers = convolutions(x)
    supports = [torch.autograd.grad(answers[0, 0, i], x, retain_graph=True)[0][0, 0] != 0 for i in (0, 1)]
    first, second = (support.nonzero().flatten() for support in supports)
    assert answers.shape[-1] == 2
    assert int(first[0]) == 0
    assert int(second[0]) == step
    # With a stride above the size there are holes; the window still ends where the last tap is.
    assert int(first[-1]) == size - 1


def test_what_is_no_layer_is_refused():
    with pytest.raises(ValueError, match=r"got \(3, 0\)"):
        receptive_field([(3, 1), (3, 0)])


@pytest.mark.parametrize(("depth", "in_channels"), [(1, 1), (2, 4), (3, 1)])
def test_the_windows_of_a_unet_are_measured_by_a_gradient(depth, in_channels):
    network = UNet(in_channels, 2, width=2, depth=depth)
    for stage in ["stem", *(f"down {n + 1}" for n in range(depth))]:
        size, step = receptive_field(trunk_layers(network, stage))
        side = 4 * -(-size // 2)
        paths = count_paths(network, stage, side)
        rows, columns = paths.nonzero().T
        middle = side // 2 // step * step
        for found in (rows, columns):
            assert int(found.min()) == middle - size // 2
            assert int(found.max()) == middle + size // 2
        # Every convolution multiplies the paths by its nine weights.
        assert paths.sum() == pytest.approx(9 ** len(trunk_layers(network, stage)))
        assert paths.max() > paths[rows.min(), columns.min()] or stage == "stem"


def test_counting_paths_leaves_the_network_as_it_was():
    network = UNet(1, 2, width=4, depth=2)
    before, kinds = {k: v.clone() for k, v in network.state_dict().items()}, repr(network)
    count_paths(network, "down 2", 32)
    assert repr(network) == kinds
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert all(p.grad is None for p in network.parameters())


def test_the_windows_of_the_network_of_notebook_02():
    network = UNet(1, 2, width=16, depth=4)
    sizes = [receptive_field(trunk_layers(network, s)).size for s in (*STAGES, "down 3", "down 4")]
    assert sizes == [3, 9, 21, 45, 93]


def test_a_stage_on_the_way_up_has_no_single_window():
    with pytest.raises(ValueError, match="one of stem, down 1, down 2, got 'up 1'"):
        trunk_layers(UNet(1, 2, width=4, depth=2), "up 1")


# ---- the first layer ------------------------------------------------------------------------------


def test_the_best_windows_are_those_of_brute_force():
    kernels, pictures = noise(4, 9).reshape(4, 3, 3) - 50, [noise(9, 7), noise(5, 8)]
    for kernel, found in zip(kernels, best_windows(kernels, pictures), strict=True):
        answers = {
            float((kernel * L[y : y + 3, x : x + 3]).sum()): L[y : y + 3, x : x + 3]
            for L in pictures
            for y in range(L.shape[0] - 2)
            for x in range(L.shape[1] - 2)
        }
        assert torch.equal(found, answers[max(answers)])


def test_sum_to_0_leaves_a_flat_area_without_an_answer():
    playground = kernel_playground("blur")
    playground.buttons["Sum to 0"].click()
    kernel = playground.state["kernel"]
    assert sum(kernel) == pytest.approx(0, abs=1e-6)
    assert kernel[4] == pytest.approx(1 / 9 - 1) and kernel[0] == pytest.approx(1 / 9)
