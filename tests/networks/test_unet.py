"""colorlab.networks.unet: any size in, the right size out, no pooling, and one trunk for every objective."""

import doctest

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import colorlab.networks.unet
from colorlab.networks.base import pad_to_multiple
from colorlab.networks.unet import UNet

SIZES = [(1, 1), (1, 7), (2, 3), (5, 3), (8, 8), (13, 16), (17, 33)]


def small(out_channels=3, seed=0, **options):
    torch.manual_seed(seed)
    return UNet(1, out_channels, **{"width": 8, "depth": 2} | options)


def picture(height, width, n=2):
    return torch.randn(n, 1, height, width, generator=torch.Generator().manual_seed(0))


class Operations(TorchDispatchMode):
    """Writes down the name of every tensor operation that is really carried out."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.names.add(operation.name())
        return operation(*args, **(kwargs or {}))


# ---- shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("skips", [True, False])
def test_answers_at_the_size_of_the_picture(size, skips):
    assert small(skips=skips)(picture(*size)).shape == (2, 3, *size)


@pytest.mark.parametrize("height, width", SIZES)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_half_resolution_is_rounded_up(height, width, depth):
    answer = small(half_resolution=True, depth=depth)(picture(height, width))
    assert answer.shape == (2, 3, (height + 1) // 2, (width + 1) // 2)


@pytest.mark.parametrize("width, depth", [(1, 3), (2, 2), (4, 1)])
def test_even_the_narrowest_network_takes_one_pixel(width, depth):
    assert small(width=width, depth=depth)(picture(1, 1, n=1)).shape == (1, 3, 1, 1)


@pytest.mark.parametrize("options", [{}, {"half_resolution": True}, {"skips": False}, {"depth": 1}])
def test_the_table_of_shapes_agrees_with_a_forward_pass(options):
    net = small(**options)
    rows = net.shapes(9, 14)
    assert rows[0] == ("input", (1, 9, 14))
    assert rows[-1] == ("output", tuple(net(picture(9, 14)).shape[1:]))


def test_the_table_of_shapes_names_every_level():
    # 9×14 is padded to 12×16, so that it can be halved twice.
    assert small().shapes(9, 14) == [
        ("input", (1, 9, 14)),
        ("stem", (8, 12, 16)),
        ("down 1", (16, 6, 8)),
        ("down 2", (32, 3, 4)),
        ("up 2", (16, 6, 8)),
        ("up 1", (8, 12, 16)),
        ("head", (3, 12, 16)),
        ("output", (3, 9, 14)),
    ]


def test_the_table_of_shapes_leaves_no_hooks_behind():
    net = small()
    net.shapes(8, 8)
    assert not any(module._forward_hooks for module in net.modules())


def test_padding_repeats_the_last_row_and_column():
    x = torch.arange(6.0).reshape(1, 1, 2, 3)
    assert pad_to_multiple(x, 4).tolist() == [[[[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]]]


def test_a_picture_that_fits_is_not_padded():
    x = picture(4, 8)
    assert pad_to_multiple(x, 4) is x


# ---- architecture --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"half_resolution": True}, {"skips": False}])
def test_there_is_no_pooling(options):
    net = small(**options)
    with Operations() as performed:
        net(picture(9, 14))
    assert "aten::convolution" in performed.names
    assert not [name for name in performed.names if "pool" in name]
    assert not [type(m).__name__ for m in net.modules() if "Pool" in type(m).__name__]


@pytest.mark.parametrize("skips, crosses", [(True, True), (False, False)])
def test_only_skips_lead_past_the_middle(skips, crosses):
    net = small(skips=skips)
    net.down[-1].register_forward_hook(lambda _module, _inputs, out: torch.zeros_like(out))
    with torch.no_grad():
        one, other = net(picture(8, 8)), net(picture(8, 8) + 1)
    assert (not torch.equal(one, other)) == crosses


@pytest.mark.parametrize("options", [{}, {"half_resolution": True}, {"skips": False}])
def test_gradients_reach_every_parameter(options):
    net = small(**options)
    net(picture(8, 8)).square().sum().backward()
    unreached = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert not unreached


def test_it_behaves_the_same_in_training_and_in_use():
    net, x = small(), picture(9, 14)
    assert torch.equal(net.train()(x), net.eval()(x))


def test_a_picture_is_answered_alike_alone_and_in_a_batch():
    net, x = small(), picture(9, 14, n=3)
    torch.testing.assert_close(net(x)[1:2], net(x[1:2]))


# ---- one trunk, many heads -----------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"half_resolution": True}, {"skips": False}])
def test_one_seed_gives_one_trunk_whatever_the_head(options):
    regression, classification = small(2, **options).trunk_state(), small(262, **options).trunk_state()
    assert regression.keys() == classification.keys()
    assert all(torch.equal(regression[name], classification[name]) for name in regression)


def test_another_seed_gives_another_trunk():
    one, other = small(seed=0).trunk_state(), small(seed=1).trunk_state()
    assert not torch.equal(one["stem.0.weight"], other["stem.0.weight"])


def test_the_trunk_is_everything_but_the_head():
    net = small()
    assert set(net.state_dict()) - set(net.trunk_state()) == {"head.weight", "head.bias"}


def test_config_builds_the_same_network_again():
    net = small(half_resolution=True, skips=False)
    again = UNet(**net.config)
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(picture(5, 6)), net(picture(5, 6)))


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 3, 8, 8), (1, 1, 0, 8), (0, 1, 8, 8)])
def test_refuses_a_bad_input(shape):
    with pytest.raises(
        ValueError, match=r"expected \(N, 1, H, W\) with H, W >= 1, got \(" + str(shape)[1:-1]
    ):
        small()(torch.zeros(shape))


@pytest.mark.parametrize("name", ["in_channels", "out_channels", "width", "depth"])
@pytest.mark.parametrize("bad", [0, -1, 2.0, "8"])
def test_refuses_a_bad_architecture(name, bad):
    with pytest.raises(ValueError, match=f"{name}: expected a whole number from 1 to .*, got {bad!r}"):
        UNet(**{"in_channels": 1, "out_channels": 2} | {name: bad})


def test_the_docstring_examples_run():
    result = doctest.testmod(colorlab.networks.unet)
    assert result.attempted > 0 and result.failed == 0
