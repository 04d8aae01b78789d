"""The cited papers' networks: the published shapes, what is said to differ, and the same use for all of them."""

import json
from math import ceil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from test_unet import Operations
from torch import nn
from torch.nn import functional as F

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.config import Config
from colorlab.networks.base import Fuse
from colorlab.networks.published import ARCHITECTURES, build
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification, Regression
from colorlab.toy import Marbles
from colorlab.training import fit

BINS = ColorBins(40)  # Q = 23: quick
TINY = {
    "UNet": dict(width=4, depth=2),
    "LiteUNet": dict(width=4),
    "SemanticUNet": dict(width=4, depth=2),
    "Ronneberger2015": dict(width=4, depth=2),
    "Zhang2016": dict(width=4),
    "Zhang2017": dict(width=4),
    "Koalarization": dict(width=4),
}
PAPERS = ("Ronneberger2015", "Zhang2016", "Zhang2017", "Koalarization")
VARIANTS = [  # name, further options, pixels between two answers
    ("UNet", {}, 1),
    ("UNet", {"half_resolution": True, "vector": 7}, 2),
    ("LiteUNet", {}, 4),
    ("LiteUNet", {"vector": 7}, 4),
    ("SemanticUNet", {}, 1),
    ("SemanticUNet", {"half_resolution": True, "shuffled": True}, 2),
    ("Ronneberger2015", {}, 1),
    ("Ronneberger2015", {"half_resolution": True, "pooling": False}, 2),
    ("Zhang2016", {}, 4),
    ("Zhang2017", {"vector": 7}, 1),
    ("Zhang2017", {"half_resolution": True}, 2),
    ("Koalarization", {}, 2),
]


def tiny(name, out_channels=3, in_channels=1, seed=0, **options):
    torch.manual_seed(seed)
    return build(name, in_channels=in_channels, out_channels=out_channels, **TINY[name] | options)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_every_architecture_is_tried_here():
    assert set(TINY) == set(ARCHITECTURES)


# ---- as published --------------------------------------------------------------------------------

# In the order in which a picture passes through: channels in, channels out, kernel, stride, dilation. What is
# listed as stride 0.5 is a transposed convolution.
U, UP, STRIDED = (3, 1, 1), (2, 0.5, 1), (3, 2, 1)
DILATED, RISE, ONE = (3, 1, 2), (4, 0.5, 1), (1, 1, 1)
ZHANG_TRUNK = [*[(512, 512, *DILATED)] * 6, *[(512, 512, *U)] * 3]
PUBLISHED = {
    "Ronneberger2015": [
        *[(1, 64, *U), (64, 64, *U), (64, 128, *U), (128, 128, *U), (128, 256, *U), (256, 256, *U)],
        *[(256, 512, *U), (512, 512, *U), (512, 1024, *U), (1024, 1024, *U)],
        *[(1024, 512, *UP), (1024, 512, *U), (512, 512, *U)],
        *[(512, 256, *UP), (512, 256, *U), (256, 256, *U)],
        *[(256, 128, *UP), (256, 128, *U), (128, 128, *U)],
        *[(128, 64, *UP), (128, 64, *U), (64, 64, *U)],
        (64, 2, *ONE),
    ],
    "Zhang2016": [
        *[(1, 64, *U), (64, 64, *STRIDED), (64, 128, *U), (128, 128, *STRIDED)],
        *[(128, 256, *U), (256, 256, *U), (256, 256, *STRIDED)],
        *[(256, 512, *U), (512, 512, *U), (512, 512, *U)],
        *ZHANG_TRUNK,
        *[(512, 256, *RISE), (256, 256, *U), (256, 256, *U)],
        (256, 313, *ONE),
    ],
    "Zhang2017": [
        *[(4, 64, *U), (64, 64, *U), (64, 128, *U), (128, 128, *U)],
        *[(128, 256, *U), (256, 256, *U), (256, 256, *U)],
        *[(256, 512, *U), (512, 512, *U), (512, 512, *U)],
        *ZHANG_TRUNK,
        *[(512, 256, *RISE), (256, 256, *U), (256, 256, *U), (256, 256, *U)],
        *[(256, 128, *RISE), (128, 128, *U), (128, 128, *U)],
        *[(128, 128, *RISE), (64, 128, *U), (128, 128, *U)],
        (128, 2, *ONE),
    ],
    "Koalarization": [
        *[(1, 64, *STRIDED), (64, 128, *U), (128, 128, *STRIDED), (128, 256, *U), (256, 256, *STRIDED)],
        *[(256, 512, *U), (512, 512, *U), (512, 256, *U)],
        (256 + 1000, 256, *ONE),  # 256 and the classifier's logits, of which Baldassarre had 1,001
        *[(256, 128, *U), (128, 64, *U), (64, 64, *U), (64, 32, *U), (32, 2, *U)],
    ],
}
ASKED = {  # channels in, channels out, further options, side of the picture
    "Ronneberger2015": (1, 2, {"padding": False}, 572),
    "Zhang2016": (1, 313, {}, 224),
    "Zhang2017": (4, 2, {}, 256),
    "Koalarization": (1, 2, {}, 224),
}
STAGES = {  # name -> channels, side
    "Ronneberger2015": {
        "stem": (64, 568),
        "down 1": (128, 280),
        "down 2": (256, 136),
        "down 3": (512, 64),
        "down 4": (1024, 28),
        "up 4": (512, 52),
        "up 3": (256, 100),
        "up 2": (128, 196),
        "up 1": (64, 388),
        "output": (2, 388),
    },
    "Zhang2016": {"conv1": (64, 112), "conv2": (128, 56), "conv3": (256, 28)}
    | {f"conv{n}": (512, 28) for n in (4, 5, 6, 7)}
    | {"conv8": (256, 56), "output": (313, 56)},
    "Zhang2017": {"conv1": (64, 256), "conv2": (128, 128), "conv3": (256, 64)}
    | {f"conv{n}": (512, 32) for n in (4, 5, 6, 7)}
    | {"conv8": (256, 64), "conv9": (128, 128), "conv10": (128, 256), "output": (2, 256)},
    "Koalarization": {
        "down 1": (128, 112),
        "down 2": (256, 56),
        "down 3": (512, 28),
        "bottom": (256, 28),
        "fusion": (256, 28),
        "up 2": (128, 56),  # risen already
        "up 1": (32, 112),
        "output": (2, 112),  # the published last step repeats these pixels
    },
}


@pytest.fixture(scope="module", params=PAPERS)
def published(request):
    """(name, network at the published width, side of the picture); the weights are not really there."""
    channels, answers, options, side = ASKED[request.param]
    with torch.device("meta"):
        network = build(request.param, in_channels=channels, out_channels=answers, **options)
    return request.param, network.to("meta"), side


def convolutions(network):
    """Every convolution, by name. A frozen classifier's are not the network's own."""
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))
    }


@pytest.mark.slow
def test_published_width_gives_the_published_shapes(published):
    name, network, side = published
    found = {stage: shape for stage, shape in network.shapes(side, side) if stage not in ("input", "head")}
    assert found == {stage: (channels, s, s) for stage, (channels, s) in STAGES[name].items()}


def test_every_convolution_is_the_published_one_in_the_published_order(published):
    name, network, side = published
    passed, hooks = [], []
    for module in convolutions(network).values():
        step = (1 / module.stride[0]) if isinstance(module, nn.ConvTranspose2d) else module.stride[0]
        row = (module.in_channels, module.out_channels, module.kernel_size[0], step, module.dilation[0])
        hooks.append(module.register_forward_hook(lambda *_, row=row: passed.append(row)))
    network.shapes(side, side)
    for hook in hooks:
        hook.remove()
    assert passed == PUBLISHED[name]


def test_the_number_of_weights_is_the_published_one_and_that_of_the_norms(published):
    """A norm has two weights a channel where the published convolution had a bias, one a channel."""
    name, network, _ = published
    theirs = sum(i * o * k * k + o for i, o, k, _, _ in PUBLISHED[name])
    norms = sum(m.num_channels for m in network.modules() if isinstance(m, nn.GroupNorm))
    assert weights(network) == theirs + norms


def test_what_is_counted_elsewhere_is_counted_here():
    assert len(PUBLISHED["Ronneberger2015"]) == 23
    counted = sum(i * o * k * k + o for i, o, k, _, _ in PUBLISHED["Ronneberger2015"])
    # A widespread version of 31,031,685 weights ends in 64 -> 2 (3×3) -> 1 instead of 64 -> 2.
    assert counted - (64 * 2 + 2) + (64 * 2 * 9 + 2) + (2 * 1 + 1) == 31_031_685
    assert Fuse(256, 1001).mix.in_channels == 1257


def test_answers_come_from_as_many_pixels_as_published():
    """To a quarter, to full resolution, to a half: 224 -> 56, 256 -> 256, 224 -> 112."""
    assert [ARCHITECTURES[n].answer_every for n in ("Zhang2016", "Koalarization")] == [4, 2]
    assert tiny("Zhang2017").answer_every == 1


# ---- any size ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (17, 33)])
@pytest.mark.parametrize(("name", "options", "every"), VARIANTS)
def test_any_size_is_answered_at_the_size_rounded_up(name, options, every, size):
    answer = tiny(name, **options)(noise(2, 1, *size))
    assert answer.shape == (2, 3, *(ceil(side / every) for side in size))
    assert answer.isfinite().all()


@pytest.mark.slow
@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.sampled_from(VARIANTS), st.integers(1, 40), st.integers(1, 40), st.integers(1, 3))
def test_any_other_size_as_well(variant, height, width, n):
    name, options, every = variant
    network = tiny(name, **options)
    rows = dict(network.shapes(height, width))
    assert network(noise(n, 1, height, width)).shape == (n, *rows["output"])
    assert rows["output"] == (3, ceil(height / every), ceil(width / every))
    assert rows["input"] == (1, height, width)
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("width", [1, 3])
def test_even_the_narrowest_takes_one_pixel(name, width):
    assert tiny(name, width=width)(noise(1, 1, 1, 1)).shape == (1, 3, 1, 1)


@pytest.mark.slow
@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.sampled_from(VARIANTS), st.integers(1, 30), st.integers(1, 30), st.integers(1, 9))
def test_the_answer_at_places_is_the_full_answer_there(variant, height, width, count):
    name, options, _ = variant
    network, x = tiny(name, **options), noise(2, 1, height, width)
    whole = network(x)
    places = torch.randint(whole[0, 0].numel(), (count,), generator=torch.Generator().manual_seed(count))
    judged = network(x, judge=lambda features, head: head(features))
    torch.testing.assert_close(judged, whole, atol=1e-5, rtol=1e-4)
    found = network(x, places=places)
    assert found.shape == (2, 3, count, 1)
    for n, place in enumerate(places.tolist()):  # counted row by row
        there = whole[:, :, place // whole.shape[-1], place % whole.shape[-1]]
        torch.testing.assert_close(found[:, :, n, 0], there, atol=1e-5, rtol=1e-4)


# ---- pooling, skips, steps -----------------------------------------------------------------------


def weights(network):
    return sum(p.numel() for p in network.parameters())


def performed(network, x):
    with Operations() as operations:
        network(x)
    return operations.names


def test_pooling_is_what_is_said_and_costs_no_weight():
    pooled, strided = tiny("Ronneberger2015"), tiny("Ronneberger2015", pooling=False)
    x = noise(1, 1, 9, 14)
    assert [name for name in performed(pooled, x) if "max_pool" in name]
    assert not [name for name in performed(strided, x) if "pool" in name]
    assert weights(pooled) == weights(strided)
    assert pooled.shapes(9, 14) == strided.shapes(9, 14)


def test_pooling_takes_the_largest_of_four():
    network = tiny("Ronneberger2015", depth=1)
    found = network.features(noise(1, 1, 8, 8))
    largest = found["stem"].unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))
    torch.testing.assert_close(found["down 1"], network.down[0][1:](largest))


@pytest.mark.parametrize("name", ["Zhang2016", "Zhang2017", "Koalarization"])
def test_the_others_pool_nothing(name):
    assert not [operation for operation in performed(tiny(name), noise(1, 1, 9, 14)) if "pool" in operation]


@pytest.mark.parametrize(
    ("name", "stage", "crosses"),
    [
        ("Ronneberger2015", "down 2", True),
        ("Zhang2017", "conv7", True),
        *(("Zhang2016", f"conv{n}", False) for n in range(1, 9)),
        *(("Koalarization", stage, False) for stage in ("down 1", "bottom", "fusion", "up 2")),
    ],
)
def test_only_skips_lead_past_a_stage(name, stage, crosses):
    network = tiny(name).eval()
    network.stages()[stage].register_forward_hook(lambda _module, _inputs, out: torch.zeros_like(out))
    with torch.no_grad():
        one, other = network(noise(1, 1, 16, 16)), network(noise(1, 1, 16, 16, seed=1))
    assert (not torch.equal(one, other)) == crosses


def test_skips_are_stacked_in_2015_and_added_in_2017():
    assert "aten::cat" in performed(tiny("Ronneberger2015"), noise(1, 1, 16, 16))
    names = performed(tiny("Zhang2017"), noise(1, 1, 16, 16))
    assert "aten::cat" not in names and [name for name in names if name.startswith("aten::add")]


@pytest.mark.parametrize(("stage", "below", "beside"), [("conv8", 7, 3), ("conv9", 8, 2), ("conv10", 9, 1)])
def test_a_skip_of_2017_is_a_convolution_added_to_the_step_up(stage, below, beside):
    network = tiny("Zhang2017").eval()
    with torch.no_grad():
        found, step = network.features(noise(2, 1, 16, 24)), network.blocks[stage]
        up = F.conv_transpose2d(found[f"conv{below}"], step.up.weight, step.up.bias, stride=2, padding=1)
        skip = F.conv2d(found[f"conv{beside}"], step.skip.weight, step.skip.bias, padding=1)
        torch.testing.assert_close(found[stage], step.after((up + skip).clamp(min=0)))
        step.skip.weight.zero_()
        assert not torch.allclose(network(noise(2, 1, 16, 24)), found["output"], atol=1e-3)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_what_goes_down_in_2017_is_every_second_pixel(level):
    network = tiny("Zhang2017").eval()
    found = network.features(noise(1, 1, 16, 24))
    kept = found[f"conv{level}"][:, :, ::2, ::2]
    torch.testing.assert_close(found[f"conv{level + 1}"], network.blocks[f"conv{level + 1}"](kept))


@pytest.mark.parametrize("stage", ["up 1", "up 2"])
def test_koalarization_rises_by_repeating_pixels(stage):
    network, risen = tiny("Koalarization"), []
    (up,) = (m for m in network.blocks[stage] if isinstance(m, nn.Upsample))
    up.register_forward_hook(lambda _module, inputs, output: risen.append((inputs[0], output)))
    network(noise(1, 1, 16, 24))
    before, after = risen[0]
    assert torch.equal(after, before.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_without_padding_the_skip_is_cut_out_of_the_middle():
    """Where no border is near, the published network and the padded one answer alike."""
    cropped = without_norms(tiny("Ronneberger2015", depth=1, padding=False))
    padded = without_norms(tiny("Ronneberger2015", depth=1))
    x = noise(1, 1, 20, 28)
    assert cropped(x).shape == (1, 3, 4, 12)
    torch.testing.assert_close(cropped(x), padded(x)[..., 8:12, 8:20])


def test_an_answer_that_was_cropped_cannot_be_trained_and_says_so():
    network = tiny("Ronneberger2015", 2, depth=1, padding=False)
    with pytest.raises(ValueError, match=r"expected the size of ab \(24, 24\).*got \(8, 8\)"):
        fit(Colorizer(network, Regression()), Marbles(size=24), Config(steps=1, batch_size=2))


def without_norms(network):
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.GroupNorm):
                setattr(module, name, nn.Identity())
    return network


# ---- the receptive field -------------------------------------------------------------------------


def closed_form(rows):
    """Side of the window behind one number: 1 + Σ (k - 1) · dilation · the product of all strides before."""
    side, step = 1, 1
    for _, _, kernel, stride, dilation in rows:
        side, step = side + (kernel - 1) * dilation * step, step * stride
    return side


def window(network, stage, size):
    """Height and width of the pixels that the middle number of a stage depends on, by a gradient.

    Norms, which see the whole picture, are taken out; weights and picture are positive, so nothing cancels.
    """
    network = without_norms(network).double()
    for module in convolutions(network).values():
        nn.init.constant_(module.weight, 1 / module.in_channels)
    x = torch.ones(1, 1, size, size, dtype=torch.double, requires_grad=True)
    found = network.features(x)[stage]
    found[0, 0, found.shape[2] // 2, found.shape[3] // 2].backward()
    rows, columns = (x.grad[0, 0] != 0).nonzero().T
    return (rows.max() - rows.min() + 1).item(), (columns.max() - columns.min() + 1).item()


@pytest.mark.parametrize("name", ["Zhang2016", "Zhang2017"])
@pytest.mark.parametrize(
    ("stage", "layers", "side"),
    [("conv3", 7, 37), ("conv4", 10, 85), ("conv5", 13, 181), ("conv6", 16, 277), ("conv7", 19, 325)],
)
def test_dilation_widens_the_receptive_field_as_the_closed_form_says(name, stage, layers, side):
    # In 2017 every second pixel is taken where in 2016 the last convolution had the stride: the same windows.
    assert closed_form(PUBLISHED["Zhang2016"][:layers]) == side
    assert window(tiny(name, width=1), stage, 336) == (side, side)


def test_without_dilation_it_would_be_narrower():
    network = tiny("Zhang2016", width=1)
    dilated = [m for m in convolutions(network).values() if m.dilation == (2, 2)]
    assert len(dilated) == 6
    for module in dilated:
        module.dilation, module.padding = (1, 1), (1, 1)
    plain = [(*row[:4], 1) for row in PUBLISHED["Zhang2016"][:19]]
    assert window(network, "conv7", 336) == (closed_form(plain), closed_form(plain)) == (229, 229)


# ---- one trunk, many heads -----------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options", "every"), VARIANTS)
def test_one_seed_gives_one_trunk_whatever_the_head(name, options, every):
    regression, classification = (tiny(name, q, **options).trunk_state() for q in (2, 50))
    assert regression.keys() == classification.keys()
    assert all(torch.equal(regression[key], classification[key]) for key in regression)
    another = tiny(name, 2, seed=1, **options).trunk_state()
    learnt = [key for key in another if another[key].ndim == 4]
    assert not any(torch.equal(another[key], regression[key]) for key in learnt if "fus" not in key)


@pytest.mark.parametrize("name", ["UNet", "Zhang2017"])
def test_a_place_for_a_vector_changes_no_other_weight_and_no_answer(name):
    plain, fused, x = tiny(name), tiny(name, vector=7), noise(2, 1, 9, 14)
    extra = {key for key in fused.state_dict() if key.startswith("fuse.")}
    assert set(fused.state_dict()) == set(plain.state_dict()) | extra and extra
    assert all(torch.equal(w, fused.state_dict()[key]) for key, w in plain.state_dict().items())
    torch.testing.assert_close(fused(x, noise(2, 7)), plain(x))


@pytest.mark.parametrize(("name", "options", "every"), VARIANTS)
def test_config_builds_the_same_network_again(name, options, every):
    network, x = tiny(name, **options), noise(2, 1, 9, 14)
    again = ARCHITECTURES[name](**network.config)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(x), network(x))
    assert again.config == network.config


@pytest.mark.parametrize("name", TINY)
def test_it_behaves_the_same_in_training_and_in_use_alone_and_in_a_batch(name):
    network, x = tiny(name), noise(3, 1, 9, 14)
    assert torch.equal(network.train()(x), network.eval()(x))
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]))


@pytest.mark.parametrize(("name", "options", "every"), VARIANTS)
def test_gradients_reach_every_weight_that_is_trained(name, options, every):
    network = tiny(name, **options)
    vector = noise(2, network.vector) if network.vector else None
    network(noise(2, 1, 32, 32), vector).square().sum().backward()
    assert not [k for k, p in network.named_parameters() if not p.grad.any()]


# ---- one training for all ------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("objective", "precision"),
    [(Regression(), "float32"), (Classification(BINS, "soft"), "bfloat16")],
    ids=["regression", "classification"],
)
@pytest.mark.parametrize("name", TINY)
def test_the_same_training_teaches_every_architecture_both_objectives(name, objective, precision):
    colorizer = Colorizer(tiny(name, objective.out_channels), objective)
    config = Config(20, 4, learning_rate=3e-2, evaluate_every=20, precision=precision)
    history = fit(colorizer, Marbles(size=32), config)
    assert history.step == [0, 20]
    assert history.loss[-1] < 0.9 * history.loss[0]
    assert np.isfinite(history.chroma_ratio).all()


# ---- saving and loading --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("objective", [Regression(), Classification(BINS, "soft", neighbours=5)], ids=repr)
@pytest.mark.parametrize(("name", "options", "every"), VARIANTS)
@pytest.mark.filterwarnings("error")
def test_what_is_loaded_answers_as_what_was_saved(name, options, every, objective, tmp_path):
    network = tiny(name, objective.out_channels, **options)
    if network.vector:
        nn.init.normal_(network.follow[0].weight if name == "LiteUNet" else network.fuse.mix.weight)
    colorizer = Colorizer(network, objective, working_size=16)
    loaded = Colorizer.load(colorizer.save(tmp_path / "model.safetensors"))
    x = noise(2, 1, 9, 14)
    vector = noise(2, network.vector) if network.vector else None
    assert type(loaded.network) is ARCHITECTURES[name]
    assert all(torch.equal(w, loaded.network.state_dict()[k]) for k, w in network.state_dict().items())
    torch.testing.assert_close(loaded.network(x, vector), network(x, vector))
    assert all(p.requires_grad for p in loaded.network.parameters())
    picture = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    change = np.abs(loaded.colorize(picture).astype(int) - colorizer.colorize(picture))
    assert change.max() <= 1  # a file's weights lie elsewhere in memory, and sums are rounded elsewhere
    if isinstance(objective, Classification):
        ab = 30 * noise(1, 2, 4, 4)
        output = noise(1, BINS.n_bins, 4, 4, seed=1)
        assert loaded.objective.neighbours == 5
        assert torch.equal(loaded.objective.loss(output, ab), objective.loss(output, ab))


@pytest.mark.parametrize("name", TINY)
def test_half_precision_keeps_three_digits(name, tmp_path):
    colorizer = Colorizer(tiny(name, 2), Regression())
    loaded = Colorizer.load(colorizer.save(tmp_path / "model.safetensors", half_precision=True))
    answers = [c.network(noise(1, 1, 9, 14)) for c in (loaded, colorizer)]
    assert not torch.equal(*answers)
    assert (answers[0] - answers[1]).abs().max() < 0.02 * answers[1].abs().max()


def rewritten(path, change):
    """The file with other metadata."""
    with safe_open(path, framework="pt") as file:
        metadata = {key: json.loads(value) for key, value in file.metadata().items()}
        weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    change(metadata)
    save_file(weights, path, {key: json.dumps(value) for key, value in metadata.items()})
    return path


def test_a_file_of_before_there_were_architectures_is_a_u_net(tmp_path):
    colorizer = Colorizer(tiny("UNet", BINS.n_bins), Classification(BINS, "soft"))

    def forget(metadata):
        for group, key in (("network", "architecture"), ("network", "vector"), ("objective", "neighbours")):
            del metadata[group][key]

    loaded = Colorizer.load(rewritten(colorizer.save(tmp_path / "old.safetensors"), forget))
    assert type(loaded.network) is UNet
    assert loaded.objective.neighbours == 10
    torch.testing.assert_close(loaded.network(noise(1, 1, 9, 14)), colorizer.network(noise(1, 1, 9, 14)))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"architecture": "ResNet"}, r"architecture: expected one of UNet, .*, got 'ResNet'"),
        ({"architecture": ["UNet"]}, "TypeError"),
        ({"architecture": "Zhang2016"}, "Zhang2016: .*unexpected keyword argument"),
        ({"width": 0}, "width: expected a whole number from 1 to 65,536, got 0"),
        ({"colour": 1}, "unexpected keyword argument 'colour'"),
        ({"vector": 7}, "RuntimeError"),
        ({"vector": -1}, "vector: expected a whole number from 0 to 65,536, got -1"),
        ({"width": 10**12}, ""),
    ],
)
def test_a_file_that_describes_no_network_of_ours_is_refused(change, fault, tmp_path):
    path = Colorizer(tiny("UNet", 2), Regression()).save(tmp_path / "model.safetensors")
    rewritten(path, lambda metadata: metadata["network"].update(change))
    with pytest.raises(ValueError, match=r"model\.safetensors: not a colorizer saved by colorlab.*" + fault):
        Colorizer.load(path)


# ---- refusals ------------------------------------------------------------------------------------


def test_an_unknown_architecture_is_told_the_known_ones():
    with pytest.raises(ValueError) as error:
        build("VGG", in_channels=1, out_channels=2)
    assert all(name in str(error.value) for name in (*ARCHITECTURES, "'VGG'"))


def test_an_argument_that_an_architecture_does_not_take_is_named_beside_those_it_takes():
    with pytest.raises(ValueError, match=r"Zhang2016: .*'depth'; it takes in_channels, out_channels, width"):
        build("Zhang2016", in_channels=1, out_channels=2, depth=3)
    with pytest.raises(ValueError, match=r"SemanticUNet: .*'vector'"):
        build("SemanticUNet", in_channels=1, out_channels=2, vector=3)
    with pytest.raises(ValueError, match=r"Koalarization: .*missing .*'out_channels'"):
        build("Koalarization", in_channels=1)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("bad", [0, -1, 2.0, "8", True])
def test_refuses_a_bad_width(name, bad):
    with pytest.raises(ValueError, match=f"width: expected a whole number from 1 to 65,536, got {bad!r}"):
        tiny(name, width=bad)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 3, 8, 8), (1, 1, 0, 8), (0, 1, 8, 8)])
def test_refuses_a_bad_input(name, shape):
    with pytest.raises(
        ValueError, match=r"expected \(N, 1, H, W\) with H, W >= 1, got \(" + str(shape)[1:-1]
    ):
        tiny(name)(torch.zeros(shape))


@pytest.mark.parametrize("name", ["UNet", "Zhang2017"])
@pytest.mark.parametrize("shape", [(2, 6), (1, 7), (2, 8), (7,), (2, 7, 1)])
def test_refuses_a_vector_of_another_length_or_number(name, shape):
    with pytest.raises(ValueError, match=r"vector: expected \(2, 7\), got \(" + str(shape)[1:-1]):
        tiny(name, vector=7)(noise(2, 1, 8, 8), torch.zeros(shape))


@pytest.mark.parametrize("name", TINY)
def test_refuses_a_vector_where_there_is_no_place_for_one(name):
    with pytest.raises(ValueError, match=r"vector: expected \(2, 0\), got \(2, 7\)"):
        tiny(name)(noise(2, 1, 8, 8), torch.zeros(2, 7))


# ---- fusion --------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 4), st.integers(1, 4), st.integers(0, 10**6))
def test_fusing_is_adding_a_linear_map_of_the_vector(channels, length, height, width, seed):
    fuse, x, vector = (
        Fuse(channels, length),
        noise(2, channels, height, width).relu(),
        noise(2, length, seed=seed),
    )
    assert torch.equal(fuse(x, vector), x)  # it begins as if the vector were not there
    w, b = noise(channels, channels + length, seed=seed + 1), noise(channels, seed=seed + 2)
    with torch.no_grad():
        fuse.mix.weight.copy_(w[:, :, None, None])
        fuse.mix.bias.copy_(b)
        of_features = torch.einsum("oc,nchw->nohw", w[:, :channels], x)
        of_vector = (vector @ w[:, channels:].T)[:, :, None, None]
        expected = (of_features + of_vector + b[:, None, None]).clamp(min=0)
        torch.testing.assert_close(fuse(x, vector), expected, atol=1e-5, rtol=1e-5)


def test_the_vector_can_be_learnt_from_the_beginning():
    fuse = Fuse(4, 3)
    fuse(noise(2, 4, 5, 5).relu(), noise(2, 3)).square().sum().backward()
    assert fuse.mix.weight.grad[:, 4:].abs().min() > 0


@pytest.mark.parametrize("name", ["UNet", "Zhang2017"])
def test_no_vector_counts_as_zeros_and_another_is_heeded(name):
    network, x = tiny(name, vector=7), noise(2, 1, 9, 14)
    nn.init.normal_(network.fuse.mix.weight)
    assert torch.equal(network(x), network(x, torch.zeros(2, 7)))
    answers = network(x, torch.stack([torch.zeros(7), noise(7)]))
    torch.testing.assert_close(answers[0], network(x)[0])
    assert (answers[1] - network(x)[1]).abs().max() > 1e-3
