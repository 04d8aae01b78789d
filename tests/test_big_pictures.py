"""Pictures of any size: computed in bands without a seam, in bounded memory, with nearly the same colours."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.nn import functional as F

from colorlab.bins import ColorBins
from colorlab.colorizer import LONGEST, Colorizer
from colorlab.data import photo
from colorlab.edges import EDGE_NOISE, along_edges
from colorlab.files import media
from colorlab.metrics import to_labs
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification, Regression


def untrained(objective, working_size=16):
    torch.manual_seed(0)
    network = UNet(1, objective.out_channels, width=4, depth=1, half_resolution=True)
    return Colorizer(network, objective, working_size)


def noise(height, width):
    return np.random.default_rng(0).integers(60, 200, (height, width, 3), dtype=np.uint8)


def in_bands(pixels, function, *words):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(media, "BAND", pixels)
        return function(*words)


def at_once(ab, small, L):
    """`along_edges` as its docstring says it, with torch's own enlarging of the whole picture."""
    mean = lambda x: F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)  # noqa: E731
    covariance = mean(small * ab) - mean(small) * mean(ab)
    slope = covariance / (mean(small**2) - mean(small) ** 2 + EDGE_NOISE)
    ab, slope, blurred = (F.interpolate(x, size=L.shape[-2:], mode="bilinear") for x in (ab, slope, small))
    return ab + slope * (L - blurred)


SIDE = st.integers(1, 90)


@settings(deadline=None, max_examples=80)
@given(h=st.integers(1, 12), w=st.integers(1, 12), height=SIDE, width=SIDE, rows=st.integers(1, 40))
def test_enlarged_rows_are_those_of_the_whole_picture(h, w, height, width, rows):
    generator = torch.Generator().manual_seed(0)
    ab, small, L = (
        torch.rand(1, channels, *size, generator=generator) * 100
        for channels, size in ((2, (h, w)), (1, (h, w)), (1, (height, width)))
    )
    bands = [along_edges(ab, small, L[:, :, top : top + rows], top, height) for top in range(0, height, rows)]
    wanted = ab if (h, w) == (height, width) else at_once(ab, small, L)
    torch.testing.assert_close(torch.cat(bands, dim=2), wanted, atol=1e-3, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("objective", [Regression(), Classification(ColorBins(40))], ids=repr)
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (16, 16), (37, 90), (200, 150)])
def test_a_picture_coloured_in_bands_has_no_seam(objective, size):
    colorizer, rgb = untrained(objective), noise(*size)
    whole = in_bands(10**9, colorizer.colorize, rgb).astype(int)
    for pixels in (1, 500, 7000):
        assert np.abs(in_bands(pixels, colorizer.colorize, rgb) - whole).max() <= 1


@pytest.mark.slow
def test_a_photograph_coloured_in_bands_has_no_seam():
    coffee, colorizer = photo("coffee").rgb, Colorizer.pretrained()
    whole = in_bands(10**9, colorizer.colorize, coffee).astype(int)
    banded = in_bands(40 * coffee.shape[1], colorizer.colorize, coffee)
    assert np.abs(banded - whole).max() <= 1
    assert (banded != whole).mean() < 1e-4


@pytest.mark.slow
def test_what_the_caller_gave_is_not_changed():
    rgb = noise(60, 50)
    before = rgb.copy()
    in_bands(300, untrained(Regression()).colorize, rgb)
    assert np.array_equal(rgb, before)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 5000), (20_000, 3), (20, 9000), (60, 961), (50, 400)])
def test_the_network_never_sees_a_large_picture(size):
    seen, colorizer = [], untrained(Regression())
    colorizer.network.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].shape[-2:]))
    assert colorizer.colorize(noise(*size)).shape == (*size, 3)
    (height, width), side = seen[0], colorizer.working_size
    assert height * width <= max(LONGEST * side**2 * 1.1, max(size))
    if max(size) <= LONGEST * min(size):
        assert min(height, width) == side


# The result takes 3 bytes a pixel; shrinking takes 4, but before that; bands take the rest.
MEASURE = """
import json, resource, numpy as np, torch
torch.set_num_threads(1)
from colorlab.colorizer import Colorizer
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
rgb = np.full((4000, 4000, 3), 90, np.uint8)
rgb[::3] = 140
colorizer = Colorizer.pretrained()
before = peak()
colored = colorizer.colorize(rgb)
print(json.dumps([before, peak(), colored.shape]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is counted otherwise elsewhere")
def test_16_megapixels_take_bounded_memory():
    """Done at once, 16 MP were measured to take 1,700 MB."""
    result = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    before, after, shape = json.loads(result.stdout)
    assert shape == [4000, 4000, 3]
    assert after - before < 16 * 10 + 100


@pytest.mark.slow
def test_the_same_picture_in_other_sizes_gets_nearly_the_same_colours():
    """From the working size on. benchmarks/big_pictures.py measures all six and smaller ones."""
    rgb, colorizer = photo("coffee").rgb, Colorizer.pretrained()
    side = colorizer.working_size
    ab = []
    for factor in (1, 1.5, 2, 4, 8):
        size = (round(side * factor * 1.5), round(side * factor))
        resized = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))
        (lab,) = to_labs([colorizer.colorize(resized)])
        ab.append(F.interpolate(lab[None, 1:], size=(side, round(side * 1.5)), mode="area"))
    apart = [(one - ab[2]).norm(dim=1).mean().item() for one in ab]
    assert max(apart) < 1.0, apart
    assert ab[2].norm(dim=1).mean() > 10  # not because there are no colours
