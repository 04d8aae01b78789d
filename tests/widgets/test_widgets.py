"""Explorables: the picture answers every control; describe, presets and reset agree with the state."""

import io

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from skimage.color import rgb2lab
from traitlets import TraitError

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer, to_picture
from colorlab.config import History
from colorlab.data import photo, photos, to_lab
from colorlab.datasets import middle_square
from colorlab.experiment import Run
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification, Regression
from colorlab.plots import to_bytes
from colorlab.toy import CoinToss
from colorlab.widgets.brown_well import answers, brown_well_explorer
from colorlab.widgets.canvas import Canvas, to_png
from colorlab.widgets.color_bins import color_bins_explorer
from colorlab.widgets.experiment_replay import ExperimentReplay
from colorlab.widgets.explorable import Explorable, Place
from colorlab.widgets.kernel_playground import (
    KernelGrid,
    describe_kernel,
    flat,
    kernel_playground,
    render_kernel,
)
from colorlab.widgets.lightness_slice import lightness_slice_explorer
from colorlab.widgets.own_photo import OwnPhoto, color_all, titles
from colorlab.widgets.pixel_inspector import PixelInspector
from colorlab.widgets.rebalancing import RebalancingView
from colorlab.widgets.soft_labels import SoftLabels
from colorlab.widgets.temperature import TemperatureView
from colorlab.widgets.training_replay import TrainingReplay
from colorlab.widgets.unet_explorer import UNetView, active, bridges, mosaic, places, shape_diagram


def answered():
    """Bins, answers of a network, and the pictures they belong to."""
    fixed = CoinToss(photos("train", side=48), size=16).evaluation()
    bins = ColorBins(20)
    return bins, torch.randn(16, bins.n_bins, 16, 16, generator=torch.Generator().manual_seed(0)), fixed


def soft_labels() -> SoftLabels:
    bins = ColorBins(20)
    return SoftLabels(bins, torch.linspace(0.01, 1, bins.n_bins) / torch.linspace(0.01, 1, bins.n_bins).sum())


def replay_explorer() -> Explorable:
    history = History([0, 5, 10], [9.0, 4.0, 3.0], [9.0, 4.0, 3.0], [1.0, 0.5, 0.2], [0.0, 1.0, 2.0])
    frames = {step: [to_picture(torch.full((3, 8, 8), float(step)))] for step in history.step}
    return TrainingReplay(history, frames, ["picture"], "nats").explorer()


def experiment_explorer() -> Explorable:
    history = History([0, 5, 10], [9.0, 4.0, 3.0], [9.0, 4.0, 3.0], [1.0, 0.5, 0.2], [0.0, 1.0, 2.0])
    ramps = [to_picture(torch.full((3, 8, 8), float(20 + 5 * i))) for i in range(6)]
    run = Run(history, {0: ramps[:2], 10: ramps[2:4]}, {})
    runs, units = {"Regressive": run, "Classifying": run}, {"Regressive": "Lab²", "Classifying": "nats"}
    return ExperimentReplay(runs, ramps[4:], ["one", "two"], units).explorer()


def rebalancing_explorer() -> Explorable:
    bins = ColorBins(40)
    prior = torch.full((bins.n_bins,), 0.2 / bins.n_bins)
    prior[bins.encode(torch.zeros(1, 2, 1, 1))] += 0.8  # grey is common, as it is in photographs
    objective = Classification(bins, prior=prior, uniform_mix=0.5)
    lab = torch.stack([to_lab(middle_square(p.rgb, 16)) for p in photos()])
    logits = torch.randn(6, bins.n_bins, 8, 8, generator=torch.Generator().manual_seed(0))
    return RebalancingView(objective, logits, lab).explorer()


def unet_view(depth=2, half_resolution=False) -> UNetView:
    torch.manual_seed(0)
    options = {"width": 4, "depth": depth, "half_resolution": half_resolution}
    pair = [Colorizer(UNet(1, 2, skips=skips, **options), Regression()) for skips in (True, False)]
    return UNetView(*pair, to_lab(photo("coffee", side=48).rgb))


EXPLORERS = {
    "lightness slice": lightness_slice_explorer,
    "training replay": replay_explorer,
    "experiment replay": experiment_explorer,
    "brown well": brown_well_explorer,
    "color bins": color_bins_explorer,
    "temperature": lambda: TemperatureView(*answered()).explorer(),
    "pixel inspector": lambda: PixelInspector(*answered()).explorer(picture=2, x=5, y=6),
    "soft labels": lambda: soft_labels().explorer(),
    "rebalancing": rebalancing_explorer,
    "kernel playground": kernel_playground,
    "U-Net": lambda: unet_view().explorer(),
}


@pytest.fixture(scope="module", params=EXPLORERS)
def explorer(request) -> Explorable:
    return EXPLORERS[request.param]()


def another_value(control):
    if hasattr(control, "options"):
        values = [o[1] if isinstance(o, tuple) else o for o in control.options]
        return next(v for v in values if v != control.value)
    if isinstance(control.value, tuple):  # a kernel
        return tuple(2 * v + 1 for v in control.value)
    return control.min if control.value != control.min else control.max


@pytest.mark.slow
def test_every_control_changes_picture_and_state(explorer):
    start = dict(explorer.state)
    for name, control in explorer.controls.items():
        if isinstance(control, Place):  # set by clicks
            continue
        before = explorer.picture.value
        control.value = another_value(control)
        assert explorer.state[name] != start[name]
        assert explorer.picture.value != before, f"{name} moved but the picture did not"
        control.value = start[name]


@pytest.mark.slow
def test_every_button_sets_a_state_and_reset_returns_to_the_start(explorer):
    start, first = dict(explorer.state), explorer.picture.value
    assert list(explorer.buttons)[-1] == "Reset"
    for button in explorer.buttons.values():
        button.click()
        assert explorer.caption.value == explorer._describe(**explorer.state)
    assert explorer.state == start
    assert explorer.picture.value == first


@pytest.mark.slow
def test_whatever_it_is_moved_to_nothing_is_cut_off(explorer):
    for label, button in explorer.buttons.items():
        button.click()
        figure = explorer._figure
        (left, bottom), (right, top) = figure.bbox.padded(2).get_points()
        for ax in figure.axes:
            box = ax.get_tightbbox()
            inside = left <= box.x0 and bottom <= box.y0 and box.x1 <= right and box.y1 <= top
            assert inside, f"{label}: {ax.get_title()!r} reaches {box.extents} of {figure.bbox.extents}"


@pytest.mark.slow
def test_axes_are_measured_once_and_stay_while_what_is_in_them_moves():
    well = brown_well_explorer()
    first = [ax.get_position(original=True).extents for ax in well._figure.axes]
    well.set(first=0.9)
    np.testing.assert_array_equal([ax.get_position(original=True).extents for ax in well._figure.axes], first)


def pixels_of(png):
    return np.asarray(Image.open(io.BytesIO(png)), dtype=int)


def test_what_is_drawn_on_kept_axes_looks_as_if_all_were_drawn():
    slice_ = lightness_slice_explorer()
    slice_.set(L=30)
    kept, whole = pixels_of(slice_.picture.value), pixels_of(to_bytes(slice_._figure))
    assert kept.shape == whole.shape
    assert (np.abs(kept - whole).max(-1) > 1).mean() < 0.01  # ticks lie below a curve that touches them


@pytest.mark.slow
def test_axes_that_are_used_again_keep_nothing_of_what_was_in_them(explorer):
    for label, button in explorer.buttons.items():
        button.click()
        anew = Canvas()
        anew._places = explorer._canvas._places
        assert anew.png(explorer._render(**explorer.state)) == explorer.picture.value, label


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 7, 4), (40, 30, 3), (30, 40, 4)])
def test_a_png_holds_every_pixel(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with Image.open(io.BytesIO(to_png(pixels))) as opened:
        opened.load()  # checks the sums of all chunks
        assert (opened.format, opened.mode) == ("PNG", {3: "RGB", 4: "RGBA"}[shape[2]])
        assert np.array_equal(np.asarray(opened), pixels)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", [{"xlabel": "y"}, {"xlim": (0, 2)}, {"xticks": [0.5]}, {"xscale": "symlog"}]
)
def test_axes_that_change_are_drawn_anew(change):
    def figure(**settings):
        made = Figure(figsize=(2, 2))
        made.add_axes((0.3, 0.3, 0.6, 0.6)).set(**{"xlabel": "x", "xlim": (0, 1)} | settings)
        return made

    canvas = Canvas()
    first = canvas.png(figure())
    assert canvas.png(figure(**change)) == Canvas().png(figure(**change)) != first
    assert canvas.png(figure()) == first


@pytest.mark.slow
def test_a_twin_shows_another_state_than_the_widget_begins_with(explorer, monkeypatch):
    shown = []
    monkeypatch.setattr("colorlab.widgets.explorable.show", lambda figure, alt: shown.append(alt))
    start = dict(explorer.state)
    with pytest.raises(ValueError, match="show another state"):
        explorer.twin()
    name, control = next((n, c) for n, c in explorer.controls.items() if not isinstance(c, Place))
    other = another_value(control)
    explorer.twin(**{name: other})
    assert shown == [explorer._describe(**start | {name: other})]
    assert explorer.state == start


def test_the_static_twin_is_the_same_pure_function(explorer):
    figure = explorer._render(**explorer.state)
    assert isinstance(figure, Figure)
    assert any(character.isdigit() for character in explorer._describe(**explorer.state))


def test_there_are_at_most_three_controls_each_with_a_label(explorer):
    seen = [control for control in explorer.controls.values() if not isinstance(control, Place)]
    assert 1 <= len(seen) <= 3
    assert all(control.description for control in seen)


def test_more_than_three_controls_are_refused(explorer):
    controls = dict.fromkeys("abcd", next(iter(explorer.controls.values())))
    with pytest.raises(ValueError, match="expected 1 to 3, got 4"):
        Explorable(lambda **state: Figure(), lambda **state: "", controls, {})


@pytest.mark.slow
def test_an_error_in_render_reaches_the_reader():
    well = brown_well_explorer()

    def broken(**state):
        raise RuntimeError("render is broken")

    well._render = broken
    with pytest.raises(RuntimeError, match="render is broken"):
        well.set(first=0.1)


def test_the_median_jumps_to_the_majority_and_the_mean_does_not():
    below, above = answers(first=0.49, second=0.5), answers(first=0.51, second=0.5)
    assert (above["L1: median"] - below["L1: median"]).norm() > 20
    assert (above["L2: mean"] - below["L2: mean"]).norm() < 3


def test_a_replay_without_its_frames_is_refused():
    for frames, got in (({}, "none"), ({0: [], 5: []}, r"\[5\]")):
        with pytest.raises(ValueError, match=f"expected some, each of a measured step, got {got}"):
            TrainingReplay(History([0, 1], [2.0, 1.0]), frames, [], "nats")


@pytest.mark.parametrize("steps", [(50,), (50, 60), (30, 100)])
def test_a_replay_may_begin_late(steps):
    measured = [0, *steps]
    history = History(measured, *([float(n + 1) for n in range(len(measured))] for _ in range(4)))
    frames = {step: [np.full((4, 6, 3), step, np.uint8)] for step in steps}
    explorer = TrainingReplay(history, frames, ["picture"], "nats").explorer()
    assert explorer.state == {"step": steps[-1]} and f"Step {steps[0]}" in explorer.buttons


# ---- the kernel playground -----------------------------------------------------------------------


def test_a_kernel_grid_is_one_value_over_nine_fields():
    grid, seen = KernelGrid(range(9), description="kernel"), []
    assert grid.value == tuple(range(9))
    assert [field.value for field in grid.fields] == [str(n) for n in range(9)]
    grid.observe(lambda change: seen.append(change["new"]), names="value")
    grid.fields[4].value = "-2.5"  # what a reader types
    assert grid.value == (0, 1, 2, 3, -2.5, 5, 6, 7, 8)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("typed", "number"),
    [("0,5", 0.5), ("1/9", 1 / 9), (" \u22122 ", -2), (".25", 0.25), ("+1.", 1), ("-,5", -0.5)],
)
def test_a_field_understands_how_people_write_numbers(typed, number):
    grid = KernelGrid([1 / 9] * 8 + [3])
    grid.fields[8].value = typed
    assert grid.value == (*[1 / 9] * 8, pytest.approx(number))  # the others keep all their digits
    assert grid.fields[8].value == f"{number:.4g}"


@pytest.mark.parametrize("typed", ["", "0,5,1", "one", "21", "1/0", "1e9", "nan", "1 000", "1.000,5"])
def test_what_is_no_number_is_named_and_taken_back(typed):
    grid = KernelGrid([1] * 9)
    grid.fields[2].value = typed
    assert grid.value == (1,) * 9 and grid.fields[2].value == "1"
    assert repr(typed) in grid.label.value and "from −20 to 20" in grid.label.value
    grid.fields[2].value = "2"
    assert grid.label.value == "kernel"


def test_a_kernel_set_from_python_fills_the_fields_and_tells_once():
    grid, seen = KernelGrid([0] * 9), []
    grid.observe(lambda change: seen.append(change["new"]), names="value")
    grid.value = tuple(range(9))
    assert [field.value for field in grid.fields] == [str(n) for n in range(9)]
    assert seen == [tuple(range(9))]


@pytest.mark.parametrize("value", [(1.0,) * 8, (21.0, *[0.0] * 8), ("a",) * 9])
def test_what_is_no_kernel_is_refused_and_nothing_changes(value):
    grid = KernelGrid([1] * 9)
    with pytest.raises(TraitError):
        grid.value = value
    assert [field.value for field in grid.fields] == ["1"] * 9


def test_a_field_of_the_grid_says_where_it_is():
    assert KernelGrid([0] * 9).fields[5].tooltip == "kernel: row 2, column 3"


def test_a_sum_of_dust_is_zero_and_has_no_sign():
    explorer = kernel_playground("vertical edges")
    kernel = list(flat("vertical edges"))
    kernel[5] = 0.2
    explorer.set(kernel=kernel)
    explorer.buttons["Sum to 0"].click()
    assert "sum to 0:" in explorer.caption.value
    assert "-0" not in explorer.caption.value


@pytest.mark.parametrize(("kernel", "cmap"), [("blur", "gray"), ("sharpen", "gray"), ("spots", "signed")])
def test_answers_are_greys_only_where_the_kernel_sums_to_one(kernel, cmap):
    image = render_kernel(flat(kernel), "coffee").axes[2].images[0]
    assert image.get_cmap().name == cmap
    low, high = image.get_clim()
    assert (low, high) == (0, 100) if cmap == "gray" else low == -high


def test_the_playground_tells_the_answer_of_a_flat_area():
    assert "L = 50 answers 50" in describe_kernel(flat("identity"), "china")
    assert "L = 50 answers 0" in describe_kernel(flat("diagonal edges"), "china")


# ---- the U-Net explorer --------------------------------------------------------------------------


@pytest.mark.parametrize(("depth", "half_resolution"), [(1, False), (2, False), (3, True)])
def test_a_click_on_the_middle_of_a_box_selects_its_stage_and_beside_it_nothing(depth, half_resolution):
    view = unet_view(depth, half_resolution)
    state = {"stage": "stem", "skips": "with skips", "side": 32}
    for stage, (x, y) in view.places.items():
        assert view.click("network", x, y, **state) == {"stage": stage}
        assert view.click("network", x, y + 0.5, **state) == {}
        assert view.click("maps", x, y, **state) == {}


@pytest.mark.slow
def test_a_click_on_the_picture_reaches_the_box_below_it():
    explorer = unet_view().explorer(stage="stem")
    network = next(ax for ax in explorer._figure.axes if ax.get_label() == "network")
    x, y = network.transData.transform(explorer._render.__self__.places["up 2"])
    width, height = explorer._figure.bbox.size
    explorer.click(x / width, 1 - y / height)
    assert explorer.state["stage"] == "up 2"


@pytest.mark.slow
def test_stages_of_one_size_stand_at_one_height_and_skips_join_them():
    for half_resolution in (False, True):
        view = unet_view(3, half_resolution)
        shapes = dict(view.colorizers["with skips"].network.shapes(16, 16))
        sizes = {}
        for stage in view.stages:
            if stage not in ("head", "output"):  # at half resolution these stay one level down
                sizes.setdefault(places(view.stages)[stage][1], set()).add(shapes[stage][1:])
        assert all(len(found) == 1 for found in sizes.values())
        assert all(shapes[left] == shapes[right] for left, right in bridges(view.stages))
        assert len(bridges(view.stages)) == (2 if half_resolution else 3)


@pytest.mark.parametrize("skips", [True, False])
def test_the_diagram_names_the_shape_of_every_stage_and_its_skips(skips):
    network = UNet(1, 2, width=4, depth=3, skips=skips)
    words = [text.get_text() for text in shape_diagram(network, 33, 50).axes[0].texts]
    for stage, shape in network.shapes(33, 50):
        assert stage in words and " × ".join(map(str, shape)) in words
    assert sum(word.startswith("skip: ") for word in words) == (3 if skips else 0)


@pytest.mark.slow
@pytest.mark.parametrize("side", [1, 7, 32, 37])
@pytest.mark.parametrize("skips", ["with skips", "without"])
def test_the_view_shows_what_the_network_itself_answers(side, skips):
    view = unet_view()
    ab, L = view.look(skips, side)[1], view.lab[None, :1, :side, :side]
    assert torch.equal(ab, view.colorizers[skips].predict_ab(L)[0])
    assert view.loss(skips, side) == pytest.approx(
        Regression().loss(view.colorizers[skips].answer(L), view.lab[None, 1:, :side, :side]).item(), rel=1e-4
    )
    assert isinstance(view.render("stem", skips, side), Figure)


def test_the_most_varied_channels_are_shown_on_one_scale():
    x = torch.zeros(12, 2, 2)
    x[3:11, 0, 0] = torch.arange(1.0, 9.0)
    shown, scale = active(x)
    assert list(shown) == list(range(3, 11)) and scale == (0.0, 8.0)
    sheet = mosaic(shown.values())
    assert sheet[~sheet.isnan()].max() == 8 and sheet[0, 0] == 1


def test_networks_that_cannot_be_compared_are_refused():
    view = unet_view()
    deep = unet_view(depth=3).colorizers["without"]
    with pytest.raises(ValueError, match="expected networks of the same stages"):
        UNetView(view.colorizers["with skips"], deep, view.lab)
    with pytest.raises(ValueError, match=r"got skips \[False, True\]"):
        UNetView(view.colorizers["without"], view.colorizers["with skips"], view.lab)


# ---- your own photograph -------------------------------------------------------------------------


def upload(widget, name, content):
    """What the browser does when a reader has chosen a file."""
    widget.upload._handle_custom_msg({"name": name}, [memoryview(content)])


@pytest.fixture
def own_photo():
    torch.manual_seed(0)
    colorizer = Colorizer(UNet(1, 2, width=4, depth=1), Regression(), working_size=16)
    return OwnPhoto({"Regressive": colorizer}, photo("coffee", side=24).rgb)


def png_of(rgb):
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


@pytest.mark.slow
def test_an_uploaded_photograph_is_coloured_beside_its_grey_and_itself(own_photo):
    before, rgb = own_photo.picture.value, photo("china", side=30).rgb
    upload(own_photo, "china.png", png_of(rgb))
    assert list(own_photo.answers) == ["Black & White", "Regressive", "Ground truth"]
    assert np.array_equal(own_photo.answers["Ground truth"], rgb)
    grey = own_photo.answers["Black & White"].astype(int)
    assert np.ptp(grey, axis=2).max() <= 1
    assert own_photo.picture.value != before
    assert "china.png" in own_photo.message.value


def test_each_picture_says_how_far_it_lies_from_the_truth_unless_that_is_grey(own_photo):
    china = photo("china", side=30).rgb
    answers = color_all({}, china) | {"shifted": china}
    chroma = rgb2lab(china)[..., 1:]
    off = np.linalg.norm(chroma, axis=-1).mean()  # of grey: the truth's chroma
    assert titles(answers) == [f"Black & White: {off:.1f}", "Ground truth", "shifted: 0.0"]
    assert titles(color_all({}, answers["Black & White"])) == ["Black & White", "Ground truth"]
    upload(own_photo, "china.png", png_of(china))
    assert f"Black & White: {off:.1f}" in own_photo.picture.description


def test_a_file_that_is_no_picture_is_named_and_nothing_is_lost(own_photo):
    before = own_photo.picture.value
    upload(own_photo, "letter.txt", b"dear student")
    assert "letter.txt cannot be used" in own_photo.message.value
    assert own_photo.picture.value == before


def test_a_file_name_cannot_bring_html(own_photo):
    upload(own_photo, "<img src=x onerror=alert(1)>.png", b"no picture")
    assert "<img" not in own_photo.message.value


@pytest.mark.slow
def test_the_bin_explorer_takes_a_photograph_of_ones_own():
    explorer = color_bins_explorer(20)
    assert explorer.state == {"grid_size": 20, "name": "chelsea"}
    assert "'chelsea'" in explorer.picture.description  # an alt text is no HTML
    before, rgb = explorer.picture.value, np.full((30, 40, 3), (200, 30, 40), np.uint8)
    upload(explorer.upload, "red.png", png_of(rgb))
    assert explorer.state["name"] == "your own"
    assert explorer.picture.value != before
    assert "uses 1 of them" in explorer.caption.value  # one colour, one bin
    assert "red.png" in explorer.upload.message.value
    upload(explorer.upload, "letter.txt", b"dear student")
    assert "letter.txt cannot be used" in explorer.upload.message.value
    assert explorer.state["name"] == "your own"
    explorer.buttons["Reset"].click()
    assert explorer.state == {"grid_size": 20, "name": "chelsea"}
