"""Grey, sepia and colour are told apart, also through noise, JPEG and uneven fading."""

import io

import numpy as np
import pytest
from PIL import Image

from colorlab.data import manifest, photo
from colorlab.toning import kind_of

SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])  # a common matrix


@pytest.fixture(scope="module", params=[entry["name"] for entry in manifest()])
def rgb(request):
    return photo(request.param, side=160).rgb


def grey_of(rgb):
    return np.asarray(Image.fromarray(rgb).convert("L").convert("RGB"))


def noisy(rgb, sigma=3):
    noise = np.random.default_rng(0).normal(0, sigma, rgb.shape)
    return (rgb + noise).round().clip(0, 255).astype(np.uint8)


def jpeg(rgb):
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file))


def test_a_photograph_in_colour(rgb):
    assert kind_of(rgb) == kind_of(jpeg(rgb)) == "color"


def test_the_same_in_grey(rgb):
    grey = grey_of(rgb)
    assert {kind_of(grey), kind_of(noisy(grey)), kind_of(jpeg(grey))} == {"grey"}


def test_the_same_toned(rgb):
    grey = grey_of(rgb)
    sepia = np.clip(grey @ SEPIA.T, 0, 255).astype(np.uint8)
    faded = np.linspace(0.3, 1, grey.shape[1])[None, :, None]
    uneven = (faded * sepia + (1 - faded) * grey).astype(np.uint8)
    blue = (grey * [0.7, 0.85, 1.0]).astype(np.uint8)  # a cyanotype, more or less
    found = [kind_of(p) for p in (sepia, noisy(sepia), jpeg(sepia), uneven, blue)]
    assert found == ["sepia"] * 5


def test_flat_pictures():
    assert kind_of(np.full((5, 7, 3), 90, np.uint8)) == "grey"
    assert kind_of(np.zeros((1, 1, 3), np.uint8)) == "grey"
    two = np.zeros((8, 8, 3), np.uint8)
    two[:4], two[4:] = (200, 60, 60), (60, 60, 240)
    assert kind_of(two) == "sepia"  # one colour for each lightness: that is what toning is
    two[:, ::2] = (90, 120, 60)
    assert kind_of(two) == "color"


def with_area(rgb, color, share, at=(40, 40)):
    """A square of this colour takes this share of a picture."""
    rgb, side = rgb.copy(), max(1, round((share * rgb.shape[0] * rgb.shape[1]) ** 0.5))
    rgb[at[0] : at[0] + side, at[1] : at[1] + side] = color
    return rgb


RED, BLUE, COAT, YELLOW = (200, 30, 40), (40, 60, 190), (150, 60, 70), (220, 200, 60)


@pytest.mark.parametrize("color", [RED, BLUE, COAT, YELLOW])
@pytest.mark.parametrize("share", [0.001, 0.002, 0.02])
def test_a_small_area_that_is_clearly_coloured_makes_a_picture_in_colour(rgb, color, share):
    grey = grey_of(rgb)
    stamped = with_area(grey, color, share)
    assert kind_of(stamped) == "color"
    assert kind_of(jpeg(stamped)) == "color" or share < 0.002  # of three pixels aside JPEG leaves little


def test_a_stamp_on_a_toned_print_and_on_a_page_of_text(rgb):
    sepia = np.clip(grey_of(rgb) @ SEPIA.T, 0, 255).astype(np.uint8)
    assert kind_of(with_area(sepia, BLUE, 0.005)) == "color"
    page = np.full((300, 200, 3), 245, np.uint8)
    page[20:280:8, 20:180:2] = 30
    assert kind_of(page) == "grey" and kind_of(with_area(page, RED, 0.002)) == "color"


def test_single_pixels_of_noise_and_yellowed_paper_are_no_coloured_area(rgb):
    grey = grey_of(rgb)
    salt = grey.copy()
    salt[::16, ::16] = (200, 120, 120)
    assert kind_of(salt) == "grey"
    assert kind_of(with_area(grey, (196, 184, 160), 0.02)) == "grey"
