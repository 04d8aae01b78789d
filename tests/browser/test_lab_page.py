"""What the lab page computes is what the library computes: its modules run in a browser beside Python.

The networks themselves need a built page, see test_lab_networks.py; here Python's answers are put in their place.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from static import HELPERS, array, served, text

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer, to_picture
from colorlab.data import photo, shrink, to_lab
from colorlab.hints import encode
from colorlab.networks.lite_unet import LiteUNet
from colorlab.objectives import Classification, Regression

pytestmark = pytest.mark.slow
SOURCES = Path(__file__).parents[2] / "docs" / "lab"
LEVELS = 2  # of 255 that a coloured pixel may differ by
SIDE = 160  # pixels of the shorter side of the photographs here; they are odd on purpose below


@pytest.fixture(scope="module")
def page(browser):
    with served(SOURCES) as url:
        page = browser.new_page()
        page.goto(f"{url}/lab.css")  # any file of the folder, so that its modules can be imported
        page.evaluate(HELPERS)
        yield page
        page.close()


@pytest.fixture(scope="module")
def picture():
    return photo("coffee", SIDE).rgb[:151, :203]


@pytest.fixture(scope="module")
def classification():
    return untrained(
        Classification(bins := ColorBins(10), prior=skewed(bins), uniform_mix=0.4), by_region=True
    )


@pytest.fixture(scope="module")
def guided():
    bins = ColorBins(10)
    return untrained(Classification(bins, prior=skewed(bins), uniform_mix=0.4), in_channels=4)


def untrained(objective, in_channels=1, by_region=False) -> Colorizer:
    """A network of the shipped kind with an opinion, if not a good one."""
    torch.manual_seed(0)
    network = LiteUNet(in_channels, objective.out_channels, width=8).eval()
    with torch.no_grad():
        network.head.weight.mul_(20 if objective.has_distribution else 2)
    return Colorizer(network, objective, working_size=96, temperature=0.5, by_region=by_region)


def skewed(bins: ColorBins) -> torch.Tensor:
    prior = torch.exp(-bins.centers.norm(dim=1) / 30)
    return prior / prior.sum()


def rgba(rgb: np.ndarray) -> np.ndarray:
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def colored_in(page, colorizer, rgb, hints=(), **settings) -> np.ndarray:
    """The page's colours of a picture, from Python's answers."""
    height, width = rgb.shape[:2]
    small = colorizer.small_copy(rgb)
    planes = encode(hints, (height, width), tuple(small.shape[-2:])) if hints else None
    with torch.no_grad():
        answers = colorizer.answer(small, planes)[0]
    stored = colorizer.objective.to_dict()
    about = {
        name: stored[name] for name in ("kind", "grid_size", "prior", "uniform_mix") if name in stored
    } | {
        "working_size": colorizer.working_size,
        "temperature": colorizer.temperature,
        "by_region": colorizer.by_region,
    }
    given = dict(about=about, width=width, height=height, rgba=text(rgba(rgb)), answers=text(answers.numpy()))
    given |= dict(
        shape=list(answers.shape), settings=settings, hints=[dict(x=x, y=y, rgb=c) for x, y, c in hints]
    )
    return array(page.evaluate(COLOR, given), np.uint8).reshape(height, width, 4)[..., :3]


COLOR = """
async ({ about, width, height, rgba, answers, shape, settings, hints }) => {
  const { Answer, lightness } = await import("./colorize.js");
  const image = { width, height, data: new Uint8ClampedArray(bytes(rgba)) };
  const name = hints.length ? "guided" : "any";
  const [channels, h, w] = shape;
  const given = { data: floats(answers), channels, width: w, height: h };
  const networks = { about: { [name]: about }, answer: () => given };
  const answer = await Answer.ask(networks, name, image, hints);
  return text(answer.paint(lightness(image), { ...answer.settings(), ...settings }));
}
"""


def most(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other).max())


def test_q_is_that_of_the_library_for_every_grid(page):
    sizes = list(range(5, 61))
    found = page.evaluate(
        "async (s) => { const { bins } = await import('./bins.js'); return s.map((g) => bins(g).centers); }",
        sizes,
    )
    for size, centers in zip(sizes, found, strict=True):
        assert centers == ColorBins(size).centers.tolist(), f"grid {size}"


def test_a_picture_is_made_smaller_to_the_same_bytes(page, picture):
    for side in (150, 96, 37):
        expected = shrink(picture, side)
        found = page.evaluate(
            """async ({ width, height, rgba, side }) => {
              const { shrunk } = await import("./resize.js");
              const image = shrunk({ width, height, data: bytes(rgba) }, side);
              return [image.width, image.height, text(new Uint8Array(image.data))];
            }""",
            dict(width=picture.shape[1], height=picture.shape[0], rgba=text(rgba(picture)), side=side),
        )
        assert found[:2] == [expected.shape[1], expected.shape[0]]
        assert (array(found[2], np.uint8).reshape(*expected.shape[:2], 4)[..., :3] == expected).all()


def test_lab_and_back_as_in_the_library_also_beyond_the_gamut(page, picture):
    lab = to_lab(picture)
    lab[1:] *= 3  # most of it cannot be shown now
    planes = [text(plane.numpy()) for plane in lab]
    script = (
        "async (p) => { const { rgbaOf } = await import('./lab.js'); return text(rgbaOf(...p.map(floats))); }"
    )
    found = page.evaluate(script, planes)
    assert most(array(found, np.uint8).reshape(*picture.shape[:2], 4)[..., :3], to_picture(lab)) <= 1


@pytest.mark.parametrize("by_region", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 0.5, 0.1])
def test_a_classification_is_coloured_as_colorize_does(page, picture, classification, temperature, by_region):
    expected = classification.colorize(picture, temperature=temperature, by_region=by_region)
    found = colored_in(page, classification, picture, temperature=temperature, byRegion=by_region)
    assert most(found, expected) <= LEVELS


def test_another_mix_is_what_reweighting_the_logits_gives(page, picture, classification):
    small = classification.small_copy(picture)
    with torch.no_grad():
        logits = classification.objective.reweight(classification.answer(small), 0.9)
    expected = classification.decode(logits, 0.5)[0].numpy()
    found = page.evaluate(
        """async ({ logits, shape: [channels, height, width], prior, grid }) => {
          const { likelihoods, reweighting, probabilities, decided } = await import("./decode.js");
          const { bins } = await import("./bins.js");
          const all = likelihoods({ data: floats(logits), channels, height, width });
          const { a, b } = decided(probabilities(all, reweighting(prior, 0.4, 0.9)), bins(grid).centers, 0.5);
          return [text(a.data), text(b.data)];
        }""",
        dict(
            logits=text(classification.answer(small).detach()[0].numpy()),
            shape=list(logits.shape[1:]),
            prior=classification.objective.prior.tolist(),
            grid=10,
        ),
    )
    assert (
        np.abs(np.stack([array(t, np.float32) for t in found]).reshape(expected.shape) - expected).max()
        < 1e-3
    )


def test_a_regression_is_coloured_as_colorize_does(page, picture):
    regression = untrained(Regression())
    assert most(colored_in(page, regression, picture), regression.colorize(picture)) <= LEVELS


def test_hints_are_heeded_as_in_colorize(page, picture, guided):
    hints = [(30, 40, (200, 30, 30)), (202, 0, (20, 60, 200))]
    expected = guided.colorize(picture, hints=hints)
    assert most(colored_in(page, guided, picture, hints), expected) <= LEVELS


def test_a_strip_is_seen_smaller_as_in_python(page, classification):
    strip = np.tile(photo("rocket", 40).rgb[:9], (1, 6, 1))
    assert most(colored_in(page, classification, strip), classification.colorize(strip)) <= LEVELS
