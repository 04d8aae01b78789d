"""colorlab.colorizer: size and lightness are kept, what is saved is loaded, what is foreign is refused."""

import errno
import os
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer, open_model, painted, to_picture
from colorlab.data import to_lab
from colorlab.files.media import ImageError
from colorlab.lab import in_gamut
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification, Regression

BINS = ColorBins(40)  # Q = 23: quick
PRIOR = torch.softmax(torch.arange(BINS.n_bins) / 10, 0)

OBJECTIVES = [
    Regression(),
    Regression("huber"),
    Classification(BINS),
    Classification(ColorBins(40, "corners"), "soft"),
    Classification(BINS, "soft", PRIOR, 0.5),
]
BOTH = [OBJECTIVES[0], OBJECTIVES[2]]


def untrained(objective=BOTH[0], half_resolution=False, **options):
    torch.manual_seed(0)
    network = UNet(1, objective.out_channels, width=8, depth=1, half_resolution=half_resolution)
    return Colorizer(network, objective, **{"working_size": 16} | options)


def noise(height, width):
    """Mid-grey with some contrast: most colours fit into the gamut around it."""
    return np.random.default_rng(0).integers(90, 170, (height, width, 3), dtype=np.uint8)


def L_of(rgb):
    return to_lab(rgb)[:1]


# ---- colouring -----------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", BOTH, ids=repr)
@pytest.mark.parametrize("half_resolution", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 50), (16, 16), (17, 23), (41, 30)])
def test_the_size_is_kept(objective, half_resolution, size):
    colored = untrained(objective, half_resolution).colorize(noise(*size))
    assert colored.shape == (*size, 3) and colored.dtype == np.uint8


@pytest.mark.parametrize("objective", BOTH, ids=repr)
def test_the_lightness_is_kept_wherever_the_colour_fits(objective):
    rgb, colorizer = (
        noise(16, 16),
        untrained(objective),
    )  # at its working size: predict_ab says what is painted
    L = L_of(rgb)
    fits = in_gamut(torch.cat([L, colorizer.predict_ab(L[None])[0]]))
    change = (L_of(colorizer.colorize(rgb)) - L).abs()[0]
    assert fits.double().mean() > 0.5
    assert change[fits].mean() < 0.3  # from rounding to uint8


def test_the_lightness_is_kept_in_full_detail_above_the_working_size():
    rgb = noise(60, 60)  # nothing of this noise is left at 16 pixels
    change = L_of(untrained().colorize(rgb)) - L_of(rgb)
    assert change.abs().mean() < 0.5
    assert L_of(rgb).std() > 2


@pytest.mark.parametrize("objective", BOTH, ids=repr)
def test_something_is_coloured(objective):
    colored = untrained(objective).colorize(np.full((16, 16), 128, dtype=np.uint8)).astype(int)
    assert (colored.max(2) - colored.min(2)).max() > 5


def test_a_picture_can_be_a_path_a_pil_image_or_an_array(tmp_path):
    rgb, colorizer = noise(9, 12), untrained()
    Image.fromarray(rgb).save(tmp_path / "a.png")
    expected = colorizer.colorize(rgb)
    for picture in (tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(rgb)):
        assert np.array_equal(colorizer.colorize(picture), expected)


def test_grey_may_have_one_channel_or_three():
    grey, colorizer = noise(9, 12)[..., 0], untrained()
    assert np.array_equal(colorizer.colorize(grey), colorizer.colorize(np.dstack([grey] * 3)))


@pytest.mark.parametrize("working_size", [16, 8])
@pytest.mark.parametrize("turned", [np.s_[::-1], np.s_[:, ::-2], np.s_[..., ::-1]], ids=str)
def test_an_array_may_be_turned(turned, working_size):
    """As OpenCV's colours are, whose order is the other way round."""
    rgb = noise(9, 12)[turned]
    colorizer = untrained(working_size=working_size)
    assert np.array_equal(colorizer.colorize(rgb), colorizer.colorize(np.ascontiguousarray(rgb)))


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)),
        Image.new("RGBA", (8, 8), (0, 0, 0, 0)),
    ],
    ids=["16 bit", "transparent"],
)
def test_a_pil_image_is_coloured_like_the_file_it_is_saved_to(image, tmp_path):
    image.save(tmp_path / "a.png")
    assert np.array_equal(untrained().colorize(image), untrained().colorize(tmp_path / "a.png"))


@pytest.mark.parametrize("half_resolution", [False, True])
def test_a_prediction_has_the_size_of_L_and_needs_no_gradient(half_resolution):
    ab = untrained(half_resolution=half_resolution).predict_ab(L_of(noise(9, 12))[None])
    assert ab.shape == (1, 2, 9, 12) and not ab.requires_grad


def test_the_network_sees_L_scaled_to_one():
    seen = []
    colorizer = untrained()
    colorizer.network.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    colorizer.answer(torch.tensor([0.0, 50.0, 100.0]).reshape(1, 1, 1, 3))
    assert seen[0].flatten().tolist() == [-1, 0, 1]


def test_to_picture_rounds_to_the_nearest_level():
    rgb = noise(9, 12)
    assert np.array_equal(to_picture(to_lab(rgb)), rgb)


# ---- temperature ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ab", [(9e5, 0.0), (-9e5, 9e5), (3e4, -2e4)])
def test_absurd_answers_are_shown_in_the_gamut_as_every_color_that_does_not_fit(ab):
    """A network that has learnt nothing may give them."""
    colorizer = untrained()
    with torch.no_grad():
        colorizer.network.head.weight.zero_()
        colorizer.network.head.bias.copy_(torch.tensor(ab) / 110)
    assert colorizer.predict_ab(torch.full((1, 1, 8, 8), 50.0)).abs().max() > 1e4
    rgb = noise(20, 30)
    assert np.allclose(L_of(colorizer.colorize(rgb)), L_of(rgb), atol=1)


def test_a_call_may_ask_for_another_temperature():
    rgb = noise(16, 16)
    by_default = {t: untrained(BOTH[1], temperature=t).colorize(rgb) for t in (1.0, 0.1, "mode")}
    for t, expected in by_default.items():
        assert np.array_equal(untrained(BOTH[1], temperature=1.0).colorize(rgb, temperature=t), expected)
    assert not np.array_equal(by_default[1.0], by_default["mode"])


def test_regression_has_no_temperature():
    with pytest.raises(ValueError, match="temperature: regression answers one colour"):
        untrained(Regression()).colorize(noise(4, 4), temperature=0.5)


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "network_channels, objective, reads",
    [(2, Classification(BINS), 23), (23, Regression(), 2), (262, Classification(BINS), 23)],
)
def test_a_network_that_does_not_fit_the_objective_is_refused(network_channels, objective, reads):
    with pytest.raises(
        ValueError, match=f"the network answers {network_channels} channels, but .* reads {reads}:"
    ):
        Colorizer(UNet(1, network_channels, width=8, depth=1), objective)


@pytest.mark.parametrize(
    "picture, error, message",
    [
        (np.zeros((4, 4, 3)), TypeError, "expected uint8 in 0..255, got float64"),
        (np.zeros((4, 4, 4), np.uint8), ValueError, r"expected \(H, W\) or \(H, W, 3\), got \(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, r"got \(0, 4, 3\)"),
        (np.zeros((0, 4), np.uint8), ValueError, r"got \(0, 4\)"),
        (torch.zeros(3, 4, 4), TypeError, "expected a path, a PIL image or an array, got Tensor"),
        ("no/such/file.png", ImageError, "no such file"),
    ],
)
def test_what_is_no_picture_is_refused(picture, error, message):
    with pytest.raises(error, match=message):
        untrained().colorize(picture)


# ---- saving and loading --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
@pytest.mark.parametrize("half_resolution", [False, True])
def test_what_is_loaded_answers_as_what_was_saved(objective, half_resolution, tmp_path):
    colorizer = untrained(objective, half_resolution)
    loaded = Colorizer.load(colorizer.save(tmp_path / "model.safetensors"))
    L = L_of(noise(9, 12))[None]
    assert torch.equal(loaded.answer(L), colorizer.answer(L))
    assert np.array_equal(loaded.colorize(noise(20, 30)), colorizer.colorize(noise(20, 30)))


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_what_is_loaded_can_be_trained_on(objective, tmp_path):
    loaded = Colorizer.load(untrained(objective).save(tmp_path / "model.safetensors"))
    output = torch.randn(1, objective.out_channels, 3, 3, generator=torch.Generator().manual_seed(0))
    ab = torch.full((1, 2, 3, 3), 20.0)
    assert repr(loaded.objective) == repr(objective)
    assert torch.equal(loaded.objective.loss(output, ab), objective.loss(output, ab))


@pytest.mark.parametrize("temperature", [0.7, "mode"])
def test_the_defaults_are_saved_with_the_weights(temperature, tmp_path):
    colorizer = untrained(BOTH[1], working_size=40, temperature=temperature)
    loaded = Colorizer.load(colorizer.save(tmp_path / "model.safetensors"))
    assert (loaded.working_size, loaded.temperature) == (40, temperature)


def test_a_network_is_opened_by_its_name_or_from_a_file(tmp_path, monkeypatch):
    path = untrained(BOTH[1]).save(tmp_path / "model.safetensors")
    for name in (path, str(path)):
        assert repr(open_model(name, "cpu").objective) == repr(BOTH[1])
    assert isinstance(open_model("regression", "cpu").objective, Regression)
    with pytest.raises(FileNotFoundError, match="no-such-name: no such file"):
        open_model("no-such-name")
    monkeypatch.chdir(tmp_path)
    path.rename("regression")
    shipped, ours = open_model("regression", "cpu"), open_model("./regression", "cpu")
    assert (type(shipped.objective), type(ours.objective)) == (Regression, Classification)
    monkeypatch.setattr(
        "colorlab.colorizer.choose_device", lambda asked: {"auto": "meta", "cpu": "cpu"}[asked]
    )
    assert (open_model("./regression").device.type, shipped.device.type) == ("meta", "cpu")


def test_saving_again_overwrites_and_leaves_no_other_file(tmp_path):
    path = tmp_path / "model.safetensors"
    untrained(BOTH[0]).save(path)
    untrained(BOTH[1]).save(str(path))
    assert isinstance(Colorizer.load(path).objective, Classification)
    assert list(tmp_path.iterdir()) == [path]


class Trap:
    """Unpickling this creates a file: what a malicious model would do, harmlessly."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_pickle_is_refused_and_not_executed(tmp_path):
    sprung, path = tmp_path / "sprung", tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(ValueError, match="not a colorizer saved by colorlab"):
        Colorizer.load(path)
    assert not sprung.exists()
    pickle.loads(path.read_bytes()).close()  # the trap does work
    assert sprung.exists()


def foreign_files():
    rng = np.random.default_rng(0)
    whole = lambda path: untrained().save(path).read_bytes()  # noqa: E731
    return {
        "random bytes": lambda path: path.write_bytes(rng.bytes(1000)),
        "an empty file": lambda path: path.touch(),
        "a torch checkpoint": lambda path: torch.save(untrained().network.state_dict(), path),
        "safetensors of someone else": lambda path: save_file({"weight": torch.zeros(3)}, path),
        "half a file": lambda path: path.write_bytes(whole(path)[:2000]),
    }


@pytest.mark.parametrize("what", foreign_files())
def test_a_foreign_file_is_refused(what, tmp_path):
    path = tmp_path / "model.safetensors"
    foreign_files()[what](path)
    with pytest.raises(ValueError, match=r"model\.safetensors: not a colorizer saved by colorlab"):
        Colorizer.load(path)


@pytest.mark.parametrize("change", [{"width": 4}, {"depth": 2}, {"out_channels": 3}, {"skips": False}])
def test_weights_that_do_not_fit_their_description_are_refused(change, tmp_path):
    colorizer = untrained()
    colorizer.network.config |= change  # what is written beside the weights is not what they are
    with pytest.raises(ValueError, match="not a colorizer saved by colorlab"):
        Colorizer.load(colorizer.save(tmp_path / "model.safetensors"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors: no such file"):
        Colorizer.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE])
def test_a_file_that_the_system_refuses_to_read_is_not_called_foreign(tmp_path, monkeypatch, number):
    path = untrained().save(tmp_path / "model.safetensors")

    def refused(path, *_):
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr("builtins.open", refused)
    with pytest.raises(OSError) as caught:
        Colorizer.load(path)
    assert (caught.value.errno, caught.value.filename) == (number, path)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("ab", [(-3.0, -8.0), (-8.0, 55.0)], ids=["a pale sky", "a yellow shirt"])
def test_white_and_black_are_neutral_whatever_is_answered_and_what_is_light_keeps_its_colour(ab, depth):
    """Columns of black, white and L = 93, where sRGB has both colours: no rule about L takes them away."""
    most = np.iinfo(depth).max
    grey = np.repeat(np.array([[0, most, round(0.916 * most)]], depth), 4, axis=0)
    rgb = grey if depth == np.uint16 else np.dstack([grey] * 3)
    answer = torch.tensor(ab).reshape(1, 2, 1, 1).expand(1, 2, 4, 3)
    made = to_lab((painted(rgb, answer, torch.zeros(1, 1, 4, 3)) / most * 255).round().astype(np.uint8))
    assert made[0, 0, 2].item() == pytest.approx(93, abs=1)
    assert made[1:, :, :2].abs().max() < 0.5
    assert (made[1:, :, 2] - torch.tensor(ab)[:, None]).abs().max() < 1.5


def test_double_precision_is_taken_and_changes_nothing():
    L = 100 * torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    colorizer = Colorizer.new(Regression(), width=2, depth=1)
    assert torch.equal(colorizer.predict_ab(L.double()).float(), colorizer.predict_ab(L))
