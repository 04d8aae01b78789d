"""What a click on an explorable does, the label of a pixel, and the line between two pictures."""

import numpy as np
import pytest
import torch
from test_widgets import answered, soft_labels

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.data import photo
from colorlab.lab import in_gamut
from colorlab.objectives import Classification, Regression
from colorlab.toy import PALETTE, PROBABILITIES, Marbles
from colorlab.widgets.before_after import BeforeAfter, split
from colorlab.widgets.brown_well import (
    LIGHTNESS,
    MARBLES,
    MARBLES_SECOND,
    NEIGHBOURS,
    answers,
    brown_well_explorer,
    floors,
    move_nearest,
)
from colorlab.widgets.pixel_inspector import RULES, PixelInspector, entropy
from colorlab.widgets.steadiness import SteadinessView

# ---- the brown well ------------------------------------------------------------------------------


def test_a_click_moves_the_nearest_color_and_no_other():
    moved = move_nearest("plane", 50.2, 29.8, colors=MARBLES, first=0.4)
    assert moved == {"colors": ((50.0, 30.0), *MARBLES[1:])}


def test_a_click_beside_the_plane_changes_nothing():
    assert move_nearest("", 50, 30, colors=MARBLES) == {}


@pytest.mark.slow
def test_a_click_on_a_color_no_screen_shows_moves_nothing_and_says_so_until_the_next_move():
    explorer = brown_well_explorer()
    explorer._click = lambda *place, **state: move_nearest("plane", -100, -100, colors=state["colors"])
    explorer.click(0.3, 0.5)
    assert explorer.state["colors"] == MARBLES
    assert "No screen shows (-100, -100) at L* = 55" in explorer.refusal.value
    explorer.click(0.001, 0.001)  # beside all axes: that reason does not explain this
    assert explorer.refusal.value == ""
    explorer.click(0.3, 0.5)
    assert explorer.refusal.value != ""
    explorer.controls["first"].value = 0.5
    assert explorer.refusal.value == ""


@pytest.mark.slow
def test_the_explorer_begins_at_the_floor_of_the_marbles_and_every_preset_brings_its_colors():
    explorer = brown_well_explorer()
    assert "L2 3,538" in explorer.caption.value  # as by hand: 45, 35 and 20 % are exact
    explorer.buttons["Neighbours"].click()
    explorer.buttons["All alike"].click()
    assert explorer.state["colors"] == MARBLES


def test_the_second_has_a_share_of_what_the_first_leaves_so_every_position_is_possible():
    p = answers(first=0.7, second=0.9)["probabilities"]
    assert torch.allclose(p, torch.tensor([0.7, 0.27, 0.03]))
    assert torch.allclose(answers(0.45, MARBLES_SECOND)["probabilities"], torch.tensor([0.45, 0.35, 0.2]))


@pytest.mark.slow
def test_a_click_on_the_picture_arrives_in_the_units_of_the_axes():
    explorer = brown_well_explorer()
    plane = next(ax for ax in explorer._figure.axes if ax.get_label() == "plane")
    width, height = explorer._figure.bbox.size
    across, up = plane.transData.transform((-30.0, 30.0))
    explorer.click(across / width, 1 - up / height)
    assert explorer.state["colors"] == (MARBLES[0], (-30.0, 30.0), MARBLES[2])
    explorer.buttons["Reset"].click()
    assert explorer.state["colors"] == MARBLES


def test_the_floors_are_those_of_the_marbles_world():
    world, least = Marbles(PALETTE, PROBABILITIES), floors(PROBABILITIES[0], MARBLES_SECOND)
    for objective, name in (
        (Regression(), "L2"),
        (Regression("l1"), "L1"),
        (Classification(ColorBins(10)), "entropy"),
    ):
        assert least[name] == pytest.approx(world.floor(objective), rel=1e-4)


def test_every_palette_of_the_explorer_can_be_shown():
    for colors in (MARBLES, NEIGHBOURS):
        for a, b in colors:
            assert in_gamut(torch.tensor([LIGHTNESS, a, b])[:, None, None]).item()


# ---- the pixel inspector -------------------------------------------------------------------------


@pytest.mark.slow
def test_the_inspector_says_what_the_library_decodes():
    bins, logits, fixed = answered()
    inspector = PixelInspector(bins, logits, fixed)
    picture, x, y = 3, 11, 4
    colors = inspector.colors(picture, x, y)
    for rule, temperature in RULES.items():
        wanted = bins.decode(logits, temperature)[picture, :, y, x]
        assert torch.equal(colors[rule][1:], wanted)
        assert colors[rule][0] == fixed.L[picture, 0, y, x]
    truths = [color for name, color in colors.items() if name not in RULES]
    assert torch.equal(torch.stack(truths)[:, 1:], fixed.outcomes[:, picture, :, y, x])


@pytest.mark.slow
def test_a_click_on_the_photo_chooses_the_pixel_under_it():
    explorer = PixelInspector(*answered()).explorer(picture=2, x=5, y=6)
    photo_axes = next(ax for ax in explorer._figure.axes if ax.get_label() == "photo")
    width, height = explorer._figure.bbox.size
    across, up = photo_axes.transData.transform((12.3, 2.7))  # pixel (12, 3): centres lie at whole numbers
    explorer.click(across / width, 1 - up / height)
    assert explorer.state == {"picture": 2, "x": 12, "y": 3}


@pytest.mark.slow
def test_the_presets_find_the_most_and_the_least_certain_pixel():
    bins, logits, fixed = answered()
    inspector = PixelInspector(bins, logits, fixed)
    explorer = inspector.explorer(picture=2, x=5, y=6)
    explorer.set(picture=3)  # of the picture that is looked at, not of the first
    every = [entropy(inspector.distribution(3, x, y)) for y in range(16) for x in range(16)]
    for label, extreme in {
        "The most certain pixel": min(every),
        "The least certain pixel": max(every),
    }.items():
        explorer.buttons[label].click()
        assert explorer.state["picture"] == 3
        assert entropy(inspector.distribution(**explorer.state)) == pytest.approx(extreme, abs=1e-5)


def test_the_entropy_of_an_even_choice_is_the_logarithm_of_its_size():
    assert entropy(torch.full((8,), 1 / 8)) == pytest.approx(np.log(8))
    assert entropy(torch.tensor([1.0, 0.0])) == 0


# ---- what a pixel teaches ------------------------------------------------------------------------


def test_a_label_is_the_softmax_over_the_nearest_bins_by_brute_force():
    view, color = soft_labels(), (23, -7)
    squared = (view.bins.centers - torch.tensor(color, dtype=torch.float32)).square().sum(1)
    nearest = squared.topk(6, largest=False).indices
    wanted = torch.zeros(view.bins.n_bins)
    wanted[nearest] = torch.softmax(-squared[nearest] / (2 * 8.0**2), 0)
    assert torch.allclose(view.label(sigma=8.0, k=6, color=color), wanted, atol=1e-5)


def test_without_rebalancing_every_pixel_counts_the_same():
    view = soft_labels()
    assert {round(view.weight(1.0, color), 5) for color in ((0, 0), (60, 40), (-40, 40))} == {1.0}
    assert view.weight(0.0, (0, 0)) != pytest.approx(view.weight(0.0, (60, 40)))


@pytest.mark.slow
def test_a_click_on_the_plane_chooses_the_color_of_the_pixel():
    explorer = soft_labels().explorer()
    assert explorer._click("plane", 12.4, -30.6, **explorer.state) == {"color": (12, -31)}
    assert explorer._click("", 12.4, -30.6, **explorer.state) == {}


# ---- before and after ----------------------------------------------------------------------------


PAIR = {
    "grey": np.full((4, 10, 3), 128, np.uint8),
    "coffee": photo("coffee", side=4).rgb[:, :1].repeat(10, 1),
}


@pytest.mark.parametrize("position, columns", [(0, 0), (30, 3), (100, 10)])
def test_left_of_the_line_is_the_one_right_of_it_the_other(position, columns):
    shown = split(PAIR, "grey", "coffee", position)
    assert np.array_equal(shown[:, :columns], PAIR["grey"][:, :columns])
    assert np.array_equal(shown[:, columns:], PAIR["coffee"][:, columns:])


def test_the_widget_sends_every_picture_once_as_png():
    widget = BeforeAfter(PAIR, "grey", "coffee", 30)
    assert widget.state == {"left": "grey", "right": "coffee", "position": 30}
    assert {name: data[:4] for name, data in widget.pictures.items()} == dict.fromkeys(PAIR, b"\x89PNG")


@pytest.mark.parametrize(
    "pictures, left, message",
    [
        ({"grey": PAIR["grey"]}, "grey", "at least two of one size"),
        ({"grey": PAIR["grey"], "other": np.zeros((3, 3, 3), np.uint8)}, "grey", "at least two of one size"),
        (PAIR, "tea", "left: expected one of grey, coffee, got 'tea'"),
    ],
)
def test_what_cannot_be_laid_on_top_is_refused(pictures, left, message):
    for function in (split, BeforeAfter):
        with pytest.raises(ValueError, match=message):
            function(pictures, left, "grey")


def test_a_line_outside_the_picture_is_refused():
    with pytest.raises(ValueError, match="position: expected percent"):
        split(PAIR, "grey", "coffee", 101)


# ---- the steadiness of a pixel -------------------------------------------------------------------


def test_a_click_chooses_a_pixel_of_the_clip_also_on_its_very_border():
    frames = list(np.random.default_rng(0).integers(60, 200, (3, 8, 10, 3), dtype=np.uint8))
    view = SteadinessView(Colorizer.new(Classification(ColorBins(40)), width=4, depth=1), frames)
    explorer = view.explorer((2, 3), (4, 5))
    for place, pixel in (((6.4, 1.6), (6, 2)), ((-0.5, -0.5), (0, 0)), ((9.5, 7.5), (9, 7))):
        explorer.set(**explorer._click("picture", *place, **explorer.state))
        assert (explorer.state["x"], explorer.state["y"]) == pixel
        assert f"Pixel ({pixel[0]}, {pixel[1]}): " in explorer.caption.value
    assert explorer._click("", 3, 3, **explorer.state) == {}
    explorer.set(smoothing=0.0)
    still, smoothed = explorer.caption.value.split("The whole clip: ")[1].rstrip(".").split(" and ")
    assert still == smoothed != "0.00"
