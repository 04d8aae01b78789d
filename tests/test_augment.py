"""colorlab.augment: what may change does, as scikit-image and Pillow would do it, and colours never do."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from skimage.color import lab2rgb, rgb2lab

from colorlab import augment
from colorlab.augment import AGED, GREY_PARTS, LEAST_WINDOW, aged, varied, window

quick = settings(max_examples=60, deadline=None, derandomize=True)
GREY = {"page": augment._page, "frame": augment._frame, "bars": augment._bars}


def rng(seed=0):
    return np.random.default_rng(seed)


def noise(height, width, seed=0):
    return rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def pictures(n=1, side=24, seed=0):
    """Lab `(n, 3, side, side)`, no ab of it 0."""
    g = torch.Generator().manual_seed(seed)
    ab = 10 + 80 * torch.rand(n, 2, side, side, generator=g)
    return torch.cat([100 * torch.rand(n, 1, side, side, generator=g), ab], dim=1)


# ---- windows -------------------------------------------------------------------------------------


@quick
@given(st.integers(1, 60), st.integers(1, 60), st.integers(8, 40), st.integers(0, 10**6))
def test_a_window_is_a_square_of_the_asked_size_and_decided_by_the_generator(height, width, size, seed):
    rgb = noise(height, width)
    found = window(rgb, size, rng(seed))
    assert found.shape == (size, size, 3) and found.dtype == np.uint8
    assert np.array_equal(found, window(rgb, size, rng(seed)))
    flat = np.full_like(rgb, (9, 99, 199))
    assert np.array_equal(window(flat, size, rng(seed)), np.full((size, size, 3), (9, 99, 199)))


@pytest.mark.parametrize(("height", "width"), [(200, 200), (150, 250), (250, 150)])
def test_it_lies_inside_the_picture_and_is_as_wide_as_high_and_flipped_by_lot(height, width):
    """In a picture that says of every pixel where it is, one can read where a window was cut."""
    ramp = np.zeros((height, width, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(width), np.arange(height)[:, None]
    shorter, size, flips, sides = min(height, width), 50, 0, []
    for seed in range(100):
        found = window(ramp, size, rng(seed)).astype(float)
        x, y = found[size // 2, 5:-5, 0], found[5:-5, size // 2, 1]  # away from the border all is linear
        flips += x[0] > x[-1]
        across, down = (abs(line[-1] - line[0]) / (len(line) - 1) * size for line in (x, y))
        assert across == pytest.approx(down, abs=3)
        assert LEAST_WINDOW * shorter - 3 < across < shorter + 3
        for line, most in ((x, width), (y, height)):
            assert across / 2 - 4 < line.mean() + 0.5 < most - across / 2 + 4
        sides.append(across / shorter)
    assert 35 < flips < 65
    assert min(sides) < LEAST_WINDOW + 0.05 and max(sides) > 0.95


# ---- old photographs -----------------------------------------------------------------------------


class Lots:
    """A generator whose lots are given: which of five things happen, and every number drawn from a range."""

    def __init__(self, happens, *numbers):
        self.lots, self.numbers = iter(happens), iter(numbers)

    def random(self):
        return 0.0 if next(self.lots) else 1.0

    def uniform(self, low, high):
        number = next(self.numbers)
        assert low <= number <= high
        return number

    def integers(self, low, high):
        return self.uniform(low, high - 1)

    def standard_normal(self, shape, dtype):
        return rng(5).standard_normal(shape, dtype)


def greys_of(L):
    """sRGB in [0, 1], by scikit-image."""
    zero = np.zeros_like(L)
    return lab2rgb(np.stack([L, zero, zero], axis=-1))[..., 0]


def lightness_of(levels):
    """uint8 -> L, by scikit-image."""
    return rgb2lab(np.repeat(levels[..., None], 3, axis=-1))[..., 0]


def rounded(grey):
    return np.rint(255 * grey.clip(0, 1)).astype(np.uint8)


GAMMA, CONTRAST, GRAIN, BLUR, JPEG = range(5)


@pytest.mark.parametrize(
    ("thing", "numbers", "change"),
    [
        (None, [], lambda grey: grey),
        (GAMMA, [1.5], lambda grey: grey**1.5),
        (GAMMA, [0.6], lambda grey: grey**0.6),
        (CONTRAST, [0.15, 0.85], lambda grey: 0.15 + 0.7 * grey),
        (GRAIN, [0.06], lambda grey: grey + 0.06 * rng(5).standard_normal(grey.shape, np.float32)),
    ],
    ids=["nothing", "gamma up", "gamma down", "contrast", "grain"],
)
def test_what_happens_to_the_greys_happens_as_said(thing, numbers, change):
    L = 100 * torch.rand(20, 31, generator=torch.Generator().manual_seed(0))
    found = aged(L, Lots([n == thing for n in range(5)], *numbers)).numpy()
    expected = rounded(change(greys_of(L.numpy().astype(float))))
    step = np.diff(lightness_of(np.arange(256, dtype=np.uint8))).max()  # a grey may be rounded the other way
    assert np.abs(found - lightness_of(expected)).max() < 1.01 * step
    assert (np.abs(found - lightness_of(expected)) < 1e-2).mean() > 0.97
    assert found.shape == (20, 31) and found.dtype == np.float32


@pytest.mark.parametrize(
    ("thing", "number", "change"),
    [
        (BLUR, 1.2, lambda image: image.filter(ImageFilter.GaussianBlur(1.2))),
        (JPEG, 30, None),
    ],
    ids=["blur", "blocks"],
)
def test_blur_and_blocks_are_pillows(thing, number, change, tmp_path):
    levels = noise(24, 24)[..., 0]
    image = Image.fromarray(levels)
    if change:
        expected = change(image)
    else:
        image.save(tmp_path / "a.jpg", quality=number)
        expected = Image.open(tmp_path / "a.jpg")
    L = torch.from_numpy(lightness_of(levels)).float()
    found = aged(L, Lots([n == thing for n in range(5)], number))
    np.testing.assert_allclose(found, lightness_of(np.asarray(expected)), atol=2e-3)


@pytest.mark.slow
@quick
@given(st.integers(0, 10**6), st.integers(8, 40), st.floats(0, 100), st.floats(0, 100))
def test_whatever_happens_l_stays_one(seed, side, low, high):
    L = low + (high - low) * torch.rand(side, side + 3, generator=torch.Generator().manual_seed(seed))
    before = L.clone()
    found = aged(L, rng(seed))
    assert found.shape == L.shape and found.dtype == torch.float32
    assert found.min() >= 0 and found.max() <= 100 + 1e-4
    assert torch.equal(L, before)
    assert torch.equal(found, aged(L, rng(seed)))


def test_an_old_photograph_keeps_what_is_to_be_seen():
    """Light stays lighter than dark."""
    ramp = torch.linspace(0, 100, 64).expand(64, -1)
    for seed in range(100):
        means = aged(ramp, rng(seed)).mean(0).reshape(8, 8).mean(1)
        assert all(later > earlier for earlier, later in pairwise(means))


# ---- parts without colour ------------------------------------------------------------------------


@pytest.mark.slow
@quick
@given(st.sampled_from(list(GREY)), st.integers(8, 70), st.integers(0, 10**6))
def test_what_becomes_paper_has_no_colour_and_the_rest_is_as_before(name, side, seed):
    before = pictures(side=side)[0]
    after = before.clone()
    GREY[name](after, rng(seed))
    paper = after[1] == 0
    assert torch.equal(paper, after[2] == 0)
    assert torch.equal(after[:, ~paper], before[:, ~paper])
    assert after[0].min() >= 0 and after[0].max() <= 100
    again = before.clone()
    GREY[name](again, rng(seed))
    assert torch.equal(again, after)


def papers(name, side=64, times=200):
    """(L, which pixels are paper) of many."""
    for seed in range(times):
        lab = pictures(side=side)[0]
        GREY[name](lab, rng(seed))
        yield lab[0], lab[1] == 0


@pytest.mark.slow
def test_a_page_goes_down_to_the_bottom_and_has_ink_on_light_paper():
    whole = 0
    for L, paper in papers("page"):
        rows = paper.all(1)
        assert torch.equal(rows, paper.any(1))  # whole rows
        top = int(rows.float().argmax())
        assert rows[top:].all() and (top == 0 or 64 // 4 <= top < 64 * 3 // 4)
        whole += top == 0
        ink, light = L[paper].min(), L[paper].max()
        assert light >= 75 and ((L[paper] == ink) | (L[paper] == light)).all()
        assert ink == light or ink <= 50
    assert 70 < whole < 130


@pytest.mark.slow
def test_a_frame_leaves_a_rectangle():
    inks = []
    for L, paper in papers("frame"):
        rows, columns = (~paper).any(1), (~paper).any(0)
        assert torch.equal(~paper, rows[:, None] & columns)
        inside = rows.nonzero().flatten(), columns.nonzero().flatten()
        for line in inside:
            assert len(line) == line[-1] - line[0] + 1 and line[0] < 13 and line[-1] > 64 - 13
        if paper.any():
            (ink,) = L[paper].unique().tolist()
            inks.append(ink)
    assert all(ink <= 20 or ink >= 80 for ink in inks)
    assert 0.35 < np.mean([ink >= 80 for ink in inks]) < 0.65  # darkness as often as paper


def test_bars_are_dark_and_alike_on_two_sides():
    above = 0
    for L, paper in papers("bars"):
        lies = bool(paper[0].all())
        lines = (paper if lies else paper.T).all(1)
        assert torch.equal(lines, (paper if lies else paper.T).any(1)) and torch.equal(lines, lines.flip(0))
        assert 64 // 16 <= lines.sum() / 2 < 64 // 4 and lines[0]
        assert L[paper].max() <= 6
        above += lies
    assert 110 < above < 170


@pytest.mark.parametrize("side", range(8, 24))
@pytest.mark.parametrize("name", GREY)
def test_small_pictures_keep_some_colour_unless_they_are_a_page(name, side):
    """A training may look at squares of 8 pixels."""
    for _, paper in papers(name, side, 50):
        assert name == "page" or not paper.all()


# ---- together ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_of_many_pictures_half_are_aged_and_a_few_have_parts_without_colour():
    before = pictures(2000, side=16)
    after = varied(before.clone(), rng())
    grey = (after[:, 1] == 0) & (after[:, 2] == 0)
    colored = ~grey[:, None].expand(-1, 2, -1, -1)
    assert torch.equal(after[:, 1:][colored], before[:, 1:][colored])
    assert not after[:, 1:][~colored].any()
    assert after[:, 0].min() >= 0 and after[:, 0].max() <= 100 + 1e-4
    share = grey.flatten(1).any(1).float().mean()
    assert share == pytest.approx(GREY_PARTS, abs=0.02)
    untouched = (after == before).flatten(1).all(1).float().mean()
    assert untouched == pytest.approx((1 - AGED) * (1 - GREY_PARTS), abs=0.04)


def test_the_generator_decides_everything():
    one, again, other = (varied(pictures(40), rng(seed)) for seed in (3, 3, 4))
    assert torch.equal(one, again) and not torch.equal(one, other)
