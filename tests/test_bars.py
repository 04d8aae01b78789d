"""colorlab.bars: what is a bar, and above all what is none."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.color import rgb2lab

from colorlab.bars import everything, picture_within, still_there, without_color
from colorlab.colorizer import Colorizer
from colorlab.data import manifest, photo, resized
from colorlab.flicker import FrameColorizer
from colorlab.objectives import Regression

ALL = [entry["name"] for entry in manifest()]


def framed(inside, above, left, level):
    """The picture between bars as thick above as below, and left as right."""
    height, width = inside.shape[:2]
    rgb = np.full((height + 2 * above, width + 2 * left, *inside.shape[2:]), level, inside.dtype)
    rgb[above : above + height, left : left + width] = inside
    return rgb


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(60, 90), st.integers(60, 90)),
    bars=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    level=st.integers(0, 255),
    seed=st.integers(0, 9),
)
def test_bars_of_any_thickness_and_grey_are_found_to_the_pixel(size, bars, level, seed):
    (height, width), (above, left) = size, bars
    rows, columns = picture_within(framed(noise(height, width, seed), above, left, level))
    assert rows == slice(above, above + height)
    assert columns == slice(left, left + width)


@pytest.mark.parametrize("name", ALL)
def test_a_photograph_has_none(name):
    for side in (64, 160, None):
        rgb = photo(name).rgb if side is None else resized(photo(name).rgb, side)
        assert picture_within(rgb) == everything(rgb)


@pytest.mark.parametrize("level", [0, 16, 128, 235])
@pytest.mark.parametrize("quality", [60, 95])
def test_compression_hides_none(level, quality):
    buffer = io.BytesIO()
    Image.fromarray(framed(resized(photo("coffee").rgb, 120), 24, 0, level)).save(
        buffer, "JPEG", quality=quality
    )
    rows, _ = picture_within(np.array(Image.open(buffer)))
    assert abs(rows.start - 24) <= 1
    assert abs(rows.stop - 144) <= 1


def test_only_lightness_is_looked_at():
    """A frame that was blue is grey in a grey picture, and what it was is not asked."""
    rgb = framed(noise(60, 60), 12, 12, 0)
    rgb[:12], rgb[-12:], rgb[:, :12], rgb[:, -12:] = [(40, 60, 200)] * 4
    assert picture_within(rgb) == (slice(12, 72), slice(12, 72))


def sky(height=90, width=120, horizon=30):
    rgb = noise(height, width)
    rgb[:horizon] = 170
    return rgb


def fading():
    """Both ends fade into the picture, as a vignette does."""
    ramp = np.concatenate([np.linspace(40, 200, 45), np.linspace(200, 40, 45)])
    return np.repeat(np.repeat(ramp[:, None, None], 120, 1), 3, 2).round().astype(np.uint8)


def before_a_wall():
    """A thing in the middle of a wall that is as bright above as below."""
    rgb = np.full((90, 120, 3), 150, np.uint8)
    rgb[20:70, 55:60] = 20
    return rgb


def two_greys():
    rgb = framed(noise(60, 90), 15, 0, 90)
    rgb[-15:] = 120
    return rgb


def too_thick():
    return framed(noise(30, 90), 45, 0, 128)


@pytest.mark.parametrize(
    "rgb",
    [sky(), fading(), before_a_wall(), two_greys(), too_thick(), np.full((90, 90, 3), 128, np.uint8)],
    ids=["a sky", "fading", "before a wall", "two greys", "too thick", "one grey"],
)
def test_what_is_no_bar(rgb):
    assert picture_within(rgb) == everything(rgb)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
@settings(max_examples=40, deadline=None)
def test_the_smallest_pictures(height, width, level):
    for rgb in (np.full((height, width, 3), level, np.uint8), noise(height, width, level)):
        rows, columns = picture_within(rgb)
        assert 0 <= rows.start < rows.stop <= height
        assert 0 <= columns.start < columns.stop <= width


def test_finer_greys_too():
    grey = (noise(60, 60)[..., 0].astype(np.uint16)) * 257
    assert picture_within(framed(grey, 12, 0, 30_000)) == (slice(12, 72), slice(0, 60))


def test_ab_is_nothing_outside_and_as_it_was_within_whatever_rows_are_asked_for():
    ab = torch.randn(1, 2, 20, 16)
    within = slice(4, 15), slice(3, 16)
    expected = torch.zeros_like(ab)
    expected[..., 4:15, 3:16] = ab[..., 4:15, 3:16]
    for step in (1, 7, 20):
        bands = [without_color(ab[..., top : top + step, :], top, within) for top in range(0, 20, step)]
        assert torch.equal(torch.cat(bands, dim=2), expected)
    assert without_color(ab, 0, everything(ab[0, 0])) is ab


class Bold(torch.nn.Module):
    """Answers red for everything."""

    answer_every, enlarges = 1, False

    def __init__(self):
        super().__init__()
        self.config = {"in_channels": 1, "out_channels": 2}
        self.red = torch.nn.Parameter(torch.tensor([40.0, 20.0]))

    def forward(self, x):
        return self.red.reshape(1, 2, 1, 1).expand(len(x), 2, *x.shape[-2:])


@pytest.mark.parametrize("level", [4, 90, 235])
def test_a_coloured_picture_has_grey_bars_and_colour_up_to_them(level):
    inside = resized(photo("chelsea").rgb, 80)
    bold, rgb = Colorizer(Bold(), Regression(), working_size=64), framed(inside, 16, 0, level)
    ab = FrameColorizer(bold, smoothing=0).lab(rgb)[1:]  # of a film's frame too
    assert not ab[:, :16].any() and not ab[:, -16:].any() and ab[:, 16:-16].any()
    colored = bold.colorize(rgb)
    chroma = np.hypot(*np.moveaxis(rgb2lab(colored)[..., 1:], -1, 0))
    assert chroma[:16].max() < 0.5
    assert chroma[-16:].max() < 0.5
    assert chroma[16:-16].mean() > 20


def test_a_film_keeps_its_bars_through_a_dark_scene_and_loses_them_when_they_end():
    bright, dark = (resized(photo("chelsea").rgb, 80) // dim for dim in (1, 64))
    film = FrameColorizer(Colorizer(Bold(), Regression(), working_size=64), smoothing=0)

    def colored(rgb):
        return film.lab(rgb)[1:].abs().sum((0, 2)) > 0

    with_bars = [framed(inside, 16, 0, 0) for inside in (bright, dark, bright)]
    assert picture_within(with_bars[1]) != picture_within(with_bars[0]), "alone, the dark frame hides them"
    bars = torch.ones(112, dtype=torch.bool)
    bars[16:-16] = False
    for rgb in with_bars:
        assert torch.equal(colored(rgb), ~bars)
    assert colored(resized(photo("chelsea").rgb, 112)[:, : bright.shape[1]]).all(), (
        "the next scene fills the frame"
    )


def test_bars_remain_only_where_all_around_is_flat():
    rgb = framed(noise(60, 60), 12, 10, 128)
    within = picture_within(rgb)
    assert still_there(rgb, within)
    for place in (np.s_[3:9, :], np.s_[-9:-3, :], np.s_[:, 2:8], np.s_[:, -8:-2]):
        changed = rgb.copy()
        changed[place] = noise(*changed[place].shape[:2])
        assert not still_there(changed, within)


def test_a_film_whose_bars_grow_or_whose_size_changes_is_looked_at_anew():
    film = FrameColorizer(Colorizer(Bold(), Regression(), working_size=64), smoothing=0)
    wide, narrow = (framed(noise(112 - 2 * bar, 100), bar, 0, 0) for bar in (4, 16))
    for rgb in (wide, narrow, framed(noise(40, 70), 12, 0, 0), noise(64, 70)):
        rows, _ = picture_within(rgb)
        assert (film.lab(rgb)[1:].abs().sum((0, 2)) > 0).nonzero().flatten().tolist() == [
            *range(rows.start, rows.stop)
        ]


def test_a_bar_of_exactly_a_third_is_found():
    assert picture_within(framed(noise(30, 90), 30, 0, 128)) == (slice(30, 60), slice(0, 90))
