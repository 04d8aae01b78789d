"""Figures: each function returns a Figure, with the numbers in it that it was given."""

import base64
import io

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from colorlab import ab_plane, figures, plots
from colorlab.bins import ColorBins, gamut_ab
from colorlab.config import History
from colorlab.lab import in_gamut, rgb_to_lab
from colorlab.toy import PALETTE, PROBABILITIES

HISTORY = History([0, 10, 20], [9.0, 4.0, 3.0], [9.0, 4.0, 3.0], [1.0, 0.5, 0.2], [0.0, 1.0, 2.0])


def words(figure: Figure) -> str:
    """Everything written in a figure."""
    return " ".join(t.get_text() for t in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def test_pictures_hold_the_pixels_and_titles_given():
    red, grey = np.full((4, 6, 3), (255, 0, 0), np.uint8), np.full((4, 6), 50.0)
    figure = plots.pictures([red, grey], ["red", "grey"], "Two pictures")
    shown = [ax.images[0].get_array() for ax in figure.axes]
    assert np.array_equal(shown[0], red)
    assert np.array_equal(shown[1], grey)
    assert figure.axes[1].images[0].get_clim() == (0, 100)
    assert {"red", "grey", "Two pictures"} <= {
        t for t in ("red", "grey", "Two pictures") if t in words(figure)
    }


def test_what_lies_behind_a_plane_stays_until_another_lightness_is_asked_for():
    ax = Figure().subplots()
    ab_plane.ab_axes(ax, 50)
    (first,) = ax.images
    ab_plane.ab_axes(ax, 50)
    assert ax.images[:] == [first] and len(ax.collections) == 1
    ab_plane.ab_axes(ax)
    (second,) = ax.images
    assert second is not first and not ax.collections
    np.testing.assert_array_equal(second.get_array(), ab_plane.plane_image(None))


def test_where_marks_meet_the_slender_one_lies_above():
    ax = Figure().add_subplot()
    ab_plane.draw_marks(ax, {"mean": torch.zeros(2), "median": torch.zeros(2), "likeliest": torch.zeros(2)})
    heights = [marks.get_zorder() for marks in ax.collections]
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) == 3


def test_lines_can_be_seen_on_the_ground_of_photographs():
    def luminance(color):
        L = rgb_to_lab(torch.tensor(matplotlib.colors.to_rgb(color)).reshape(3, 1, 1))[0].item()
        return ((L + 16) / 116) ** 3

    ground = luminance(plots.MATTE) + 0.05
    assert min((luminance(line) + 0.05) / ground for line in plots.LINES_ON_MATTE) > 3  # as WCAG counts it


def test_loss_curves_show_the_losses_and_their_floor():
    figure = plots.loss_curves({"L_C": HISTORY}, {"L_C": 2.5}, {"L_C": "nats"}, "It falls")
    line = figure.axes[0].lines[0]
    assert line.get_ydata().tolist() == HISTORY.loss
    assert figure.axes[0].lines[1].get_ydata()[0] == 2.5
    assert "floor 2.5" in words(figure)
    assert "loss (nats)" in words(figure)
    low, high = figure.axes[0].get_ylim()
    assert low < 2.5
    assert 4.0 < high < 9.0  # the loss before any learning does not set the scale


def test_loss_curves_from_zero_start_at_zero():
    figure = plots.loss_curves({"L_C": HISTORY}, from_zero=True)
    assert figure.axes[0].get_ylim()[0] == 0


def test_a_posterior_draws_a_bar_as_high_as_each_probability():
    figure = plots.posterior(PALETTE, PROBABILITIES, {"learnt": [0.4, 0.4, 0.2]})
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == [*PROBABILITIES, 0.4, 0.4, 0.2]


def test_bins_are_drawn_as_large_as_their_values():
    bins = ColorBins(40)
    values = torch.zeros(bins.n_bins)
    values[3], values[5] = 1.0, 0.25
    figure = plots.bin_plane(bins, values, marks={"truth": torch.tensor([3.0, 4.0])})
    squares = [path.get_extents() for path in figure.axes[0].collections[0].get_paths()]
    assert len(squares) == bins.n_bins
    assert squares[3].width == pytest.approx(2 * squares[5].width)
    assert squares[3].x0 < bins.centers[3, 0] < squares[3].x1


def test_a_color_is_drawn_at_a_lightness_that_shows_it():
    ab = 0.9 * gamut_ab()[::5000].T[:, :, None]  # well inside the gamut, so some lightness shows each
    lab = torch.cat([ab_plane.lightness_for(ab)[None], ab])
    assert in_gamut(lab).all()


def test_the_readers_own_style_is_left_alone():
    before = matplotlib.rcParams["font.size"], matplotlib.rcParams["lines.linewidth"]
    plots.swatches(PALETTE, ["a", "b", "c"])
    assert (matplotlib.rcParams["font.size"], matplotlib.rcParams["lines.linewidth"]) == before


def test_show_needs_words_for_those_who_cannot_see():
    with pytest.raises(ValueError, match="say in a sentence"):
        plots.show(Figure(), alt=" ")


def shown_by(monkeypatch, figure: Figure, alt: str) -> list[tuple[dict, dict]]:
    shown = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, metadata=None, raw=True: shown.append((data, metadata))
    )
    plots.show(figure, alt)
    return shown


def test_show_displays_an_image_that_every_viewer_knows_with_its_alt_text(monkeypatch):
    alt = "three <marbles>"
    (picture, metadata), (beside, _) = shown_by(monkeypatch, plots.swatches(PALETTE, ["a", "b", "c"]), alt)
    assert metadata == {"image/png": {"alt": alt}}
    assert picture["text/plain"] == alt
    assert ">three &lt;marbles&gt;</span>" in beside["text/html"]  # for JupyterLab, which shows no alt text


def decoded(picture: dict) -> Image.Image:
    (kind,) = (kind for kind in picture if kind.startswith("image/"))
    return Image.open(io.BytesIO(base64.b64decode(picture[kind])))


def test_a_drawing_lets_the_page_shine_through_and_photographs_lie_on_a_middle_grey(monkeypatch):
    drawing = decoded(shown_by(monkeypatch, plots.swatches(PALETTE, ["a", "b", "c"]), "a")[0][0])
    assert drawing.format == "PNG" and drawing.getpixel((0, 0))[3] == 0
    photographs = decoded(shown_by(monkeypatch, plots.pictures([np.zeros((9, 9, 3), np.uint8)]), "b")[0][0])
    assert photographs.format == "JPEG"
    L, a, b = rgb_to_lab(
        torch.tensor(photographs.getpixel((0, 0)), dtype=torch.uint8)[:, None, None]
    ).flatten()
    assert abs(L - 50) < 2 and abs(a) < 1 and abs(b) < 1


def test_ink_can_be_read_on_a_white_page_and_on_a_black_one():
    style = matplotlib.rc_params_from_file(plots.STYLE, use_default_template=False)
    inks = {style[key] for key in ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color")}
    (ink,) = inks
    stored = torch.tensor(matplotlib.colors.to_rgb(ink)).reshape(3, 1, 1)
    L = float(rgb_to_lab(stored)[0])
    luminance = ((L + 16) / 116) ** 3
    for ground in (1.0, 0.0056):  # JupyterLab's dark ground is #111111
        low, high = sorted((luminance, ground))
        assert (high + 0.05) / (low + 0.05) > 4


def test_a_moving_picture_is_a_png_that_stops_by_itself(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, metadata=None, raw=True: shown.append(data))
    black, white = np.zeros((9, 9, 3), np.uint8), np.full((9, 9, 3), 255, np.uint8)
    plots.show_moving({"one": [black, white], "two": [white, black]}, "Two clips", "black and white, in turn")
    moving = decoded(shown[0])
    assert (moving.format, moving.n_frames, moving.info["loop"]) == ("PNG", 2, 4)


def test_hint_curves_hold_every_point_and_a_band_where_bounds_are_given():
    curves = {"one": ([0, 1, 5], [19.0, 20.0, 23.0]), "two": ([0, 10], [18.0, 21.0])}
    (ax,) = figures.hint_curves(curves, {"one": [(18.5, 19.5), (19.0, 21.0), (22.0, 24.0)]}).axes
    drawn = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines}
    assert drawn == curves
    (band,) = ax.collections
    assert band.get_paths()[0].get_extents().bounds == pytest.approx((0, 18.5, 5, 5.5))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "5", "10"]


def test_differences_are_drawn_from_low_to_high_around_the_line_of_none():
    groups = {
        "left": {"a": [(-2.0, -1.0, 0.5), (-3.0, -1.5, 0.0)], "b": [(1.0, 2.0, 3.0)]},
        "right": {"c": [(-1.0, 0.0, 1.0)]},
    }
    figure = figures.differences(groups, "dB", "A finding")
    assert "A finding" in words(figure) and figure.get_supxlabel() == "dB"
    for ax, (name, group) in zip(figure.axes, groups.items(), strict=True):
        assert ax.get_title(loc="right") == name
        assert [label.get_text() for label in ax.get_yticklabels()] == list(group)
        bars = [tuple(c.get_segments()[0][:, 0]) for c in ax.collections]
        every = [each for found in group.values() for each in found]
        assert bars == [(low, high) for low, _, high in every]
        none, *points = ax.lines
        assert list(none.get_xdata()) == [0, 0]
        assert [p.get_xdata()[0] for p in points] == [middle for _, middle, _ in every]
        assert [round(p.get_ydata()[0]) for p in points] == [
            i for i, f in enumerate(group.values()) for _ in f
        ]
