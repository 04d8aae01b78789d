"""Explorables: the picture answers every control; describe, presets and reset agree with the state."""

import io
from datetime import datetime

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer, to_picture
from colorlab.data import photo, photos, picture_tensor
from colorlab.datasets import middle_square
from colorlab.lab import rgb_to_lab
from colorlab.objectives import Classification, Regression
from colorlab.toy import CoinToss
from colorlab.training import History
from colorlab.unet import UNet
from colorlab.widgets.brown_well import answers, brown_well_explorer
from colorlab.widgets.color_bins import color_bins_explorer
from colorlab.widgets.explorable import Explorable
from colorlab.widgets.lightness_slice import lightness_slice_explorer
from colorlab.widgets.own_photo import OwnPhoto
from colorlab.widgets.rebalancing import RebalancingView
from colorlab.widgets.temperature import TemperatureView
from colorlab.widgets.training_replay import TrainingReplay


def temperature_explorer() -> Explorable:
    fixed = CoinToss(photos("train", side=48), size=16).evaluation()
    bins = ColorBins(20)
    logits = torch.randn(16, bins.n_bins, 16, 16, generator=torch.Generator().manual_seed(0))
    return TemperatureView(bins, logits, fixed).explorer()


def replay_explorer() -> Explorable:
    history = History([0, 5, 10], [9.0, 4.0, 3.0], [9.0, 4.0, 3.0], [1.0, 0.5, 0.2], [0.0, 1.0, 2.0])
    frames = [[to_picture(torch.full((3, 8, 8), float(20 * i)))] for i in range(3)]
    return TrainingReplay(history, frames, ["picture"], "nats").explorer()


def rebalancing_explorer() -> Explorable:
    bins = ColorBins(40)
    prior = torch.full((bins.n_bins,), 0.2 / bins.n_bins)
    prior[bins.encode(torch.zeros(1, 2, 1, 1))] += 0.8  # grey is common, as it is in photographs
    objective = Classification(bins, prior=prior, uniform_mix=0.5)
    lab = torch.stack([rgb_to_lab(picture_tensor(middle_square(p.rgb, 16))) for p in photos()])
    logits = torch.randn(6, bins.n_bins, 8, 8, generator=torch.Generator().manual_seed(0))
    return RebalancingView(objective, logits, lab).explorer()


EXPLORERS = {
    "lightness slice": lightness_slice_explorer,
    "training replay": replay_explorer,
    "brown well": brown_well_explorer,
    "color bins": color_bins_explorer,
    "temperature": temperature_explorer,
    "rebalancing": rebalancing_explorer,
}


@pytest.fixture(scope="module", params=EXPLORERS)
def explorer(request) -> Explorable:
    return EXPLORERS[request.param]()


def another_value(control):
    if hasattr(control, "options"):
        values = [o[1] if isinstance(o, tuple) else o for o in control.options]
        return next(v for v in values if v != control.value)
    return control.min if control.value != control.min else control.max


def test_every_control_changes_picture_and_state(explorer):
    start = dict(explorer.state)
    for name, control in explorer.controls.items():
        before = explorer.picture.value
        control.value = another_value(control)
        assert explorer.state[name] != start[name]
        assert explorer.picture.value != before, f"{name} moved but the picture did not"
        control.value = start[name]


def test_every_button_sets_a_state_and_reset_returns_to_the_start(explorer):
    start, first = dict(explorer.state), explorer.picture.value
    assert list(explorer.buttons)[-1] == "Reset"
    for button in explorer.buttons.values():
        button.click()
        assert explorer.caption.value == explorer._describe(**explorer.state)
    assert explorer.state == start
    assert explorer.picture.value == first


def test_the_static_twin_is_the_same_pure_function(explorer):
    figure = explorer._render(**explorer.state)
    assert isinstance(figure, Figure)
    assert any(character.isdigit() for character in explorer._describe(**explorer.state))


def test_there_are_at_most_three_controls_each_with_a_label(explorer):
    assert 1 <= len(explorer.state) <= 3
    assert all(control.description for control in explorer.controls.values())


def test_more_than_three_controls_are_refused(explorer):
    controls = dict.fromkeys("abcd", next(iter(explorer.controls.values())))
    with pytest.raises(ValueError, match="expected 1 to 3, got 4"):
        Explorable(lambda **state: Figure(), lambda **state: "", controls, {})


def test_an_error_in_render_reaches_the_reader():
    well = brown_well_explorer()

    def broken(**state):
        raise RuntimeError("render is broken")

    well._render = broken
    with pytest.raises(RuntimeError, match="render is broken"):
        well.set(red=0.1)


def test_the_median_jumps_to_the_majority_and_the_mean_does_not():
    below, above = answers(red=0.49, green=0.5), answers(red=0.51, green=0.5)
    assert (above["L1: median"] - below["L1: median"]).norm() > 20
    assert (above["L2: mean"] - below["L2: mean"]).norm() < 3


def test_a_replay_without_its_frames_is_refused():
    with pytest.raises(ValueError, match=r"expected one a measurement \(2\), got 1"):
        TrainingReplay(History([0, 1], [2.0, 1.0]), [[]], [], "nats")


# ---- your own photograph -------------------------------------------------------------------------


def upload(widget, name, content):
    """What the browser does when a reader has chosen a file."""
    file = {
        "name": name,
        "type": "",
        "size": len(content),
        "content": memoryview(content),
        "last_modified": datetime.now(),
    }
    widget.upload.value = (file,)


@pytest.fixture
def own_photo():
    torch.manual_seed(0)
    colorizer = Colorizer(UNet(1, 2, width=4, depth=1), Regression(), working_size=16)
    return OwnPhoto({"Regressive": colorizer}, photo("coffee", side=24).rgb)


def png_of(rgb):
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


def test_an_uploaded_photograph_is_coloured_beside_its_grey_and_itself(own_photo):
    before, rgb = own_photo.picture.value, photo("china", side=30).rgb
    upload(own_photo, "china.png", png_of(rgb))
    assert list(own_photo.answers) == ["Black & White", "Regressive", "Ground truth"]
    assert np.array_equal(own_photo.answers["Ground truth"], rgb)
    grey = own_photo.answers["Black & White"].astype(int)
    assert np.ptp(grey, axis=2).max() <= 1
    assert own_photo.picture.value != before
    assert "china.png" in own_photo.message.value


def test_a_file_that_is_no_picture_is_named_and_nothing_is_lost(own_photo):
    before = own_photo.picture.value
    upload(own_photo, "letter.txt", b"dear student")
    assert "letter.txt cannot be used" in own_photo.message.value
    assert own_photo.picture.value == before


def test_a_file_name_cannot_bring_html(own_photo):
    upload(own_photo, "<img src=x onerror=alert(1)>.png", b"no picture")
    assert "<img" not in own_photo.message.value
