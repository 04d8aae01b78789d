"""Colour hints: the published simulation, one mask convention, the baseline without a network."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.color import rgb2hsv, rgb2lab
from torch.nn import functional as F

from colorlab import hints as hints_module
from colorlab.bins import ColorBins
from colorlab.colorizer import REFERENCE_SIDE, Colorizer
from colorlab.config import Config
from colorlab.data import photos, shrink, to_lab
from colorlab.hints import (
    GLOBAL_LENGTH,
    HINT_CHANNELS,
    POINT_SIDE,
    check_hint,
    encode,
    global_bins,
    global_hint,
    heed,
    read_hints,
    simulate,
    simulate_global,
    spread,
    write_hints,
)
from colorlab.lab import rgb_to_lab
from colorlab.networks.unet import UNet
from colorlab.objectives import AB_SCALE, Regression
from colorlab.toy import Marbles
from colorlab.training import fit


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(n=1, height=64, width=64):
    return 40 * torch.randn(n, 2, height, width, generator=generator(7))


# ---- simulation ----------------------------------------------------------------------------------


def test_every_hint_tells_the_mean_colour_of_its_patch():
    ab = noise(8)
    for side in range(1, 10):
        planes = simulate(ab, generator(side), count=1, side=side)
        for truth, plane in zip(ab, planes, strict=True):
            rows, columns = plane[2].nonzero().T
            assert len(rows) == side * side
            top, left = rows.min(), columns.min()
            mean = truth[:, top : top + side, left : left + side].mean((1, 2))
            torch.testing.assert_close(plane[:2, top, left] * AB_SCALE, mean)
            assert (plane[:2, rows, columns] == plane[:2, top, left][:, None]).all()


def test_where_there_is_no_hint_all_three_channels_are_zero():
    planes = simulate(noise(50), generator())
    assert set(planes[:, 2].unique().tolist()) == {0.0, 1.0}
    assert (planes[:, :2] * (1 - planes[:, 2:]) == 0).all()


@pytest.mark.slow
def test_the_number_of_hints_is_geometric_from_zero_with_mean_seven():
    # One pixel a hint on a large picture: hardly two fall together.
    counts = simulate(torch.zeros(3000, 2, 128, 128), generator(), side=1)[:, 2].sum((1, 2))
    assert counts.mean().item() == pytest.approx(7, abs=0.5)
    for k in range(4):
        expected = (1 / 8) * (7 / 8) ** k
        assert (counts == k).float().mean().item() == pytest.approx(expected, abs=0.025)


@pytest.mark.slow
def test_places_are_gaussian_around_the_middle_a_quarter_of_the_side_wide():
    planes = simulate(torch.zeros(4000, 2, 64, 128), generator(), count=1, side=1)
    _, rows, columns = planes[:, 2].nonzero().T
    for place, side in ((rows, 64), (columns, 128)):
        place = place.float() + 0.5
        assert place.mean().item() == pytest.approx(side / 2, abs=0.02 * side)
        # Places beyond the border are moved to it: of a normal distribution cut at ±2σ this much remains.
        clamped = (torch.randn(100_000, generator=generator(1)) * side / 4).clamp(-side / 2, side / 2)
        assert place.std().item() == pytest.approx(clamped.std().item(), rel=0.05)


@pytest.mark.slow
def test_sides_are_one_to_nine_equally_often():
    planes = simulate(torch.zeros(4500, 2, 64, 64), generator(), count=1)
    sides = planes[:, 2].sum((1, 2)).sqrt()
    shares = torch.bincount(sides.round().long(), minlength=10)[1:] / 4500
    assert len(shares) == 9
    torch.testing.assert_close(shares, torch.full((9,), 1 / 9), atol=0.02, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (3, 20), (64, 5)])
def test_small_pictures_hold_their_hints(size):
    planes = simulate(torch.ones(4, 2, *size), generator(), count=3, side=9)
    assert planes.shape == (4, HINT_CHANNELS, *size)
    assert (planes[:, 2].sum((1, 2)) > 0).all()


def test_one_seed_gives_the_same_hints():
    assert torch.equal(simulate(noise(5), generator(3)), simulate(noise(5), generator(3)))


# ---- a person's hints ----------------------------------------------------------------------------


def test_a_point_lands_where_it_was_clicked_with_its_colour():
    planes = encode([(30, 10, (200, 30, 60))], (40, 60), (20, 30))[0]
    rows, columns = planes[2].nonzero().T
    assert len(rows) == POINT_SIDE**2
    assert (rows.float().mean().item(), columns.float().mean().item()) == (5.0, 15.0)
    ab = rgb_to_lab(torch.tensor([200, 30, 60], dtype=torch.uint8).reshape(3, 1, 1))[1:, 0, 0]
    torch.testing.assert_close(planes[:2, 5, 15] * AB_SCALE, ab)


def test_training_and_use_speak_the_same_language():
    """The same coloured patch, simulated and clicked, gives the same channels: the trap of two mask conventions."""
    rgb = torch.tensor([180, 90, 40], dtype=torch.uint8).reshape(3, 1, 1)
    ab = rgb_to_lab(rgb)[1:].expand(2, 64, 64)[None]
    simulated = simulate(ab, generator(5), count=1, side=POINT_SIDE)
    rows, columns = simulated[0, 2].nonzero().T
    x, y = columns.float().mean().item(), rows.float().mean().item()
    torch.testing.assert_close(encode([(x, y, (180, 90, 40))], (64, 64), (64, 64)), simulated)


def test_a_hint_at_every_corner_stays_inside():
    corners = [(x, y, (0, 0, 255)) for x in (0, 99) for y in (0, 49)]
    assert encode(corners, (50, 100), (25, 50))[0, 2].sum() == 4 * POINT_SIDE**2


@pytest.mark.parametrize(
    "hint",
    [
        (1, 2),
        (1, 2, 3),
        (1, 2, (1, 2)),
        (1, 2, (1, 2, 256)),
        (1, 2, (1, 2, -1)),
        ("a", 2, (1, 2, 3)),
        (1, 2, (0.5, 0, 0)),
        None,
        (1, 2, (True, 0, 0)),
    ],
)
def test_what_is_no_hint_is_named_with_its_number(hint):
    with pytest.raises(ValueError, match=r"hint 2: expected \(x, y, \(r, g, b\)\)"):
        encode([(0, 0, (1, 2, 3)), hint], (10, 10), (10, 10))


@pytest.mark.parametrize(("x", "y"), [(-1, 0), (20, 0), (0, 10), (float("nan"), 0), (float("inf"), 0)])
def test_a_hint_outside_the_picture_is_refused(x, y):
    with pytest.raises(ValueError, match="outside the picture of 20×10 pixels"):
        check_hint((x, y, (1, 2, 3)), 1, (10, 20))


# ---- networks ------------------------------------------------------------------------------------


def colorizer(channels, vector=0):
    torch.manual_seed(0)
    network = UNet(channels, 2, width=4, depth=1, vector=vector)
    if vector:
        torch.nn.init.normal_(network.fuse.mix.weight)  # as it is built, it would not heed a vector
    return Colorizer(network, Regression(), working_size=16)


def watched(network):
    """What the network is shown from now on: a list of (x, vector)."""
    seen = []

    def note(_module, inputs, named):
        x, vector = (*inputs, named.get("vector"))[:2]
        seen.append((x, vector))

    network.register_forward_pre_hook(note, with_kwargs=True)
    return seen


def test_the_network_is_shown_the_same_mask_in_training_and_in_use():
    """Zero without a hint and one with it, in both: the trap of a mask that is centred in one of them."""
    guided = colorizer(1 + HINT_CHANNELS)
    seen = watched(guided.network)
    fit(guided, Marbles(size=16), Config(2, 8, evaluate_every=2))
    training = torch.cat([x for x, _ in seen if len(x) == 8])
    seen.clear()
    guided.colorize(np.full((16, 16), 128, np.uint8), hints=[(8, 8, (255, 0, 0))])
    guided.colorize(np.full((16, 16), 128, np.uint8))
    hinted, unhinted = (x for x, _ in seen)
    for planes in (training, hinted):
        assert planes[:, 3].unique().tolist() == [0, 1]
        assert (planes[:, 1:3] * (1 - planes[:, 3:]) == 0).all()
        assert planes[:, 1:3].abs().max() > 0
    assert hinted[:, 3].sum() == POINT_SIDE**2 and not unhinted[:, 1:].any()


@pytest.mark.slow
def test_a_mask_of_another_convention_would_be_noticed():
    """From -0.5 to 0.5 instead of from 0 to 1: the shipped network then misses the colours it is told."""
    guided = Colorizer.pretrained("guided")
    errors = {0.0: 0.0, -0.5: 0.0}
    for photo in photos(side=48):
        lab = photo.lab[None]
        planes = simulate(lab[:, 1:], generator(), count=10, side=POINT_SIDE)
        for shift in errors:
            shifted = planes + torch.tensor([0, 0, shift]).reshape(3, 1, 1)
            with torch.no_grad():
                ab = guided.decode(guided.answer(lab[:, :1], shifted))
            ab = F.interpolate(ab, size=lab.shape[-2:], mode="bilinear")
            errors[shift] += (ab - lab[:, 1:]).norm(dim=1).mean().item() / 6
    assert errors[-0.5] > 1.3 * errors[0.0]


def test_no_hints_and_no_hint_are_the_same():
    guided, L = colorizer(1 + HINT_CHANNELS), torch.full((2, 1, 8, 8), 50.0)
    assert guided.takes_hints
    assert torch.equal(guided.answer(L), guided.answer(L, torch.zeros(2, HINT_CHANNELS, 8, 8)))


def test_a_hint_changes_the_picture():
    guided, grey = colorizer(1 + HINT_CHANNELS), np.full((16, 16), 128, np.uint8)
    assert not np.array_equal(guided.colorize(grey), guided.colorize(grey, hints=[(8, 8, (255, 0, 0))]))


def test_a_network_that_takes_no_hints_says_so():
    with pytest.raises(ValueError, match='use the model "guided"'):
        colorizer(1).colorize(np.zeros((16, 16), np.uint8), hints=[(8, 8, (255, 0, 0))])


# ---- global hints --------------------------------------------------------------------------------


def colours(height=8, width=8, seed=0, levels=256):
    return np.random.default_rng(seed).integers(0, levels, (height, width, 3), dtype=np.uint8)


def lab_of(rgb):
    return to_lab(rgb)[None]


@pytest.mark.slow
def test_a_global_hint_is_as_long_as_it_is_said():
    assert ColorBins(10).n_bins + 3 == GLOBAL_LENGTH
    assert global_hint(lab_of(colours())).shape == (1, GLOBAL_LENGTH)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10**6), st.integers(1, 256))
def test_a_global_hint_by_brute_force(height, width, seed, levels):
    rgb = colours(height, width, seed, levels)  # of few levels: black pixels and equal ones occur
    (vector,) = global_hint(lab_of(rgb)).numpy()
    ab, centers = rgb2lab(rgb)[..., 1:].reshape(-1, 1, 2), ColorBins(10).centers.numpy()
    nearest = ((ab - centers) ** 2).sum(2).argmin(1)
    counts = np.zeros(len(centers))
    for q in nearest:
        counts[q] += 1
    # A pixel that lies halfway between two bins may be counted in either.
    distances = np.sort(((ab - centers) ** 2).sum(2), axis=1)
    undecided = (distances[:, 1] - distances[:, 0] < 0.05).sum()
    assert np.abs(vector[: len(centers)] * height * width - counts).sum() <= 2 * undecided + 1e-3
    assert vector[: len(centers)].sum() == pytest.approx(1, abs=1e-5)
    assert vector[-2] == pytest.approx(rgb2hsv(rgb)[..., 1].mean(), abs=2e-3)
    assert vector[-3] == vector[-1] == 1


def test_a_global_hint_knows_no_places_and_no_size():
    rgb = colours()
    shuffled = np.random.default_rng(1).permutation(rgb.reshape(-1, 3)).reshape(4, 16, 3)
    larger = rgb.repeat(3, axis=0).repeat(2, axis=1)
    for other in (shuffled, larger):
        torch.testing.assert_close(global_hint(lab_of(other)), global_hint(lab_of(rgb)))
    assert not torch.allclose(global_hint(lab_of(colours(seed=1))), global_hint(lab_of(rgb)), atol=1e-2)


def test_pictures_of_a_batch_are_counted_one_by_one_and_grey_is_all_in_one_bin():
    grey, red = np.full((4, 4, 3), 90, np.uint8), np.full((4, 4, 3), (200, 0, 0), np.uint8)
    vectors = global_hint(torch.cat([lab_of(grey), lab_of(red)]))
    assert [vector[:-3].max().item() for vector in vectors] == [1, 1]
    centers = global_bins().centers[vectors[:, :-3].argmax(1)]
    assert centers[0].tolist() == [0, 0]
    assert (centers[1] - lab_of(red)[0, 1:, 0, 0]).norm() < 8  # half of the diagonal of a bin
    assert vectors[:, -2].tolist() == pytest.approx([0, 1], abs=1e-3)


def test_in_training_each_part_is_given_half_of_the_time_independently():
    lab = lab_of(colours(4, 4)).expand(4000, -1, -1, -1)
    true, drawn = global_hint(lab[:1])[0], simulate_global(lab, generator())
    histogram, saturation = drawn[:, -3] == 1, drawn[:, -1] == 1
    assert set(drawn[:, [-3, -1]].unique().tolist()) == {0, 1}
    for one in (True, False):
        for other in (True, False):
            rows = drawn[(histogram == one) & (saturation == other)]
            assert len(rows) / 4000 == pytest.approx(0.25, abs=0.03)
            expected = true.clone()
            expected[:-2] *= one
            expected[-2:] *= other
            assert (rows == expected).all()  # zeros where it is not given
    assert torch.equal(drawn, simulate_global(lab, generator()))
    assert not torch.equal(drawn, simulate_global(lab, generator(1)))


@pytest.mark.parametrize("channels", [1, 1 + HINT_CHANNELS])
def test_training_shows_simulated_global_hints_of_the_pictures_it_shows(channels):
    guided, batches = colorizer(channels, GLOBAL_LENGTH), []
    seen, world = watched(guided.network), Marbles(size=16)
    drawn = world.batches

    def batches_of(*arguments):
        for lab in drawn(*arguments):
            batches.append(lab)
            yield lab

    world.batches = batches_of
    fit(guided, world, Config(3, 4, evaluate_every=3))
    shown = [vector for _, vector in seen if vector is not None]
    assert len(shown) == 3
    for lab, vector in zip(batches, shown, strict=False):
        true = global_hint(lab)
        true[:, :-2] *= vector[:, -3:-2]
        true[:, -2:] *= vector[:, -1:]
        assert torch.equal(vector, true)
    assert set(torch.cat(shown)[:, [-3, -1]].unique().tolist()) == {0, 1}


def test_who_takes_a_global_hint():
    assert colorizer(1, GLOBAL_LENGTH).takes_global_hint
    assert colorizer(1 + HINT_CHANNELS, GLOBAL_LENGTH).takes_hints
    assert not colorizer(1).takes_global_hint
    assert not colorizer(1, GLOBAL_LENGTH - 1).takes_global_hint  # another vector


def test_no_global_hint_is_zeros():
    guided, L = colorizer(1, GLOBAL_LENGTH), torch.full((2, 1, 8, 8), 50.0)
    zeros = torch.zeros(2, GLOBAL_LENGTH)
    assert torch.equal(guided.answer(L), guided.answer(L, like=zeros))
    assert torch.equal(guided.predict_ab(L), guided.predict_ab(L, like=zeros))


def test_a_picture_is_coloured_like_another_one(tmp_path):
    guided, grey = colorizer(1 + HINT_CHANNELS, GLOBAL_LENGTH), np.full((16, 16), 128, np.uint8)
    like = colours(20, 30)
    seen = watched(guided.network)
    colored = guided.colorize(grey, like=like)
    assert torch.equal(seen[0][1], global_hint(lab_of(like)))
    Image.fromarray(like).save(tmp_path / "like.png")
    for same in (tmp_path / "like.png", str(tmp_path / "like.png"), Image.fromarray(like)):
        assert np.array_equal(guided.colorize(grey, like=same), colored)
    for other in (None, np.full((9, 9, 3), (200, 0, 0), np.uint8)):
        assert not np.array_equal(guided.colorize(grey, like=other), colored)
    hints = [(8, 8, (255, 0, 0))]  # both together
    assert not np.array_equal(guided.colorize(grey, hints=hints, like=like), colored)
    assert not np.array_equal(
        guided.colorize(grey, hints=hints, like=like), guided.colorize(grey, hints=hints)
    )


def test_of_a_large_reference_a_smaller_copy_is_counted():
    guided, like = colorizer(1, GLOBAL_LENGTH), colours(REFERENCE_SIDE + 44, REFERENCE_SIDE + 100)
    seen = watched(guided.network)
    guided.colorize(np.full((16, 16), 128, np.uint8), like=like)
    assert torch.equal(seen[0][1], global_hint(lab_of(shrink(like, REFERENCE_SIDE))))


@pytest.mark.parametrize("channels", [1, 1 + HINT_CHANNELS])
def test_a_network_without_global_hints_says_so(channels):
    L, vector = torch.full((1, 1, 8, 8), 50.0), torch.zeros(1, GLOBAL_LENGTH)
    for ask in (
        lambda c: c.colorize(np.zeros((16, 16), np.uint8), like=colours()),
        lambda c: c.predict_ab(L, like=vector),
        lambda c: c.answer(L, like=vector),
    ):
        with pytest.raises(ValueError, match=r'like: .*without global hints; use the model "guided"'):
            ask(colorizer(channels))


@pytest.mark.parametrize("shape", [(GLOBAL_LENGTH,), (2, GLOBAL_LENGTH), (1, GLOBAL_LENGTH - 1)])
def test_a_global_hint_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=rf"vector: expected \(1, {GLOBAL_LENGTH}\), got"):
        colorizer(1, GLOBAL_LENGTH).answer(torch.full((1, 1, 8, 8), 50.0), like=torch.zeros(shape))


@pytest.mark.parametrize("like", [np.zeros((4, 4, 3)), 7, np.zeros((4, 4, 4), np.uint8)])
def test_what_is_no_picture_is_no_reference(like):
    with pytest.raises((TypeError, ValueError), match="image: expected"):
        colorizer(1, GLOBAL_LENGTH).colorize(np.zeros((16, 16), np.uint8), like=like)


# ---- without a network ---------------------------------------------------------------------------


def test_spread_by_a_loop():
    L = 100 * torch.rand(1, 1, 6, 7, generator=generator())
    planes = simulate(noise(1, 6, 7), generator(2), count=3, side=1)
    got = spread(planes, L, reach=0.3, likeness=9.0)
    hinted = planes[0, 2].nonzero().tolist()
    for y in range(6):
        for x in range(7):
            weights, total = 0.0, torch.zeros(2)
            for v, u in hinted:
                distance = ((y - v) ** 2 + (x - u) ** 2) ** 0.5 / (0.3 * 6)
                unlike = abs(L[0, 0, y, x] - L[0, 0, v, u]) / 9.0
                w = torch.exp(-distance - unlike)
                weights, total = weights + w, total + w * planes[0, :2, v, u] * AB_SCALE
            torch.testing.assert_close(got[0, :, y, x], total / weights)


def test_spread_over_some_pixels_at_a_time_is_the_same(monkeypatch):
    """Hints everywhere would else need memory for every pair of pixels."""
    truth = torch.rand(2, 3, 13, 11, generator=torch.Generator().manual_seed(0)) * 100
    planes = simulate(truth[:, 1:], torch.Generator().manual_seed(1), 9)
    at_once = spread(planes, truth[:, :1], pull=0.3)
    monkeypatch.setattr(hints_module, "AT_ONCE", 200)
    assert torch.allclose(spread(planes, truth[:, :1], pull=0.3), at_once, atol=1e-4)


def test_without_hints_spreading_leaves_grey():
    assert (spread(torch.zeros(2, 3, 5, 5), torch.zeros(2, 1, 5, 5)) == 0).all()


def test_a_pull_fades_colours_with_the_distance():
    planes, L = encode([(2, 8, (220, 40, 40))], (17, 64), (17, 64)), torch.full((1, 1, 17, 64), 50.0)
    plain, faded = (spread(planes, L, reach=0.3, pull=p)[0].norm(dim=0) for p in (0.0, 1.0))
    assert plain[8, 60] == pytest.approx(
        plain[8, 2].item(), rel=1e-4
    )  # without it the only hint rules everywhere
    assert faded[8, 60] < 0.01 * faded[8, 2]


# ---- what a network lacks at the hints -----------------------------------------------------------


def test_a_network_that_follows_its_hints_is_left_alone():
    ab, L = noise(2), torch.full((2, 1, 64, 64), 50.0)
    planes = simulate(ab, generator(), count=5, side=1)
    torch.testing.assert_close(heed(ab, planes, L), ab)
    assert torch.equal(heed(ab, torch.zeros(2, 3, 64, 64), L), ab)


def test_a_network_that_ignores_them_is_corrected_near_them_and_not_far_away():
    ab, L = torch.zeros(1, 2, 64, 64), torch.full((1, 1, 64, 64), 50.0)
    planes = encode([(8, 8, (220, 40, 40))], (64, 64), (64, 64))
    heeded, wanted = heed(ab, planes, L)[0], planes[0, :2, 8, 8] * AB_SCALE
    assert (heeded[:, 8, 8] - wanted).norm() < 0.15 * wanted.norm()
    assert heeded[:, 60, 60].norm() < 0.05 * wanted.norm()


# ---- files ---------------------------------------------------------------------------------------


def test_hints_survive_a_file(tmp_path):
    hints = [(3.0, 4.0, (200, 30, 30)), (20.5, 10.0, (0, 0, 255))]
    assert read_hints(write_hints(tmp_path / "hints.json", hints)) == hints
    assert [p.name for p in tmp_path.iterdir()] == ["hints.json"]
    numpys = [(np.int64(3), np.float32(4), np.array([200, 30, 30], np.uint8)), hints[1]]
    assert read_hints(write_hints(tmp_path / "hints.json", numpys)) == hints
    with pytest.raises(ValueError, match="hint 1: expected"):
        write_hints(tmp_path / "hints.json", [(3, 4, (300, 0, 0))])
    assert read_hints(tmp_path / "hints.json") == hints, "what was there is kept"


@pytest.mark.parametrize(
    "text, fault",
    [
        ("", "expected {"),
        ("[1, 2]", "expected {"),
        ('{"hint": []}', "expected {"),
        ('{"hints": 3}', "expected {"),
        ("[" * 100_000, "expected {"),
        ('{"hints": [{"x": 1, "y": 2}]}', "hint 1: expected x, y and rgb"),
        ('{"hints": [{"x": 1, "y": 2, "rgb": [0, 0]}]}', "hint 1: expected"),
        ('{"hints": [{"x": 1, "y": 2, "rgb": [0, 0, 256]}]}', "hint 1: expected"),
        ('{"hints": [{"x": -1, "y": 2, "rgb": [0, 0, 25]}]}', "hint 1: (-1, 2) lies outside the picture"),
        ('{"hints": [{"x": NaN, "y": 2, "rgb": [0, 0, 25]}]}', "hint 1: (nan, 2) lies outside the picture"),
        ('{"hints": [{"x": "left", "y": 2, "rgb": [0, 0, 25]}]}', "hint 1: expected"),
    ],
)
def test_a_file_that_holds_no_hints_is_refused_with_the_fault(tmp_path, text, fault):
    file = tmp_path / "hints.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=re.escape(fault)) as error:
        read_hints(file)
    assert str(file) in str(error.value)
