"""`colorlab colorize`: every file ends as a picture or as a sentence, and nothing is lost."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from colorlab.bins import ColorBins
from colorlab.cli import main
from colorlab.colorizer import Colorizer
from colorlab.files.media import ImageError, read_image, read_picture
from colorlab.files.writing import write_image
from colorlab.hints import GLOBAL_LENGTH, HINT_CHANNELS, write_hints
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification, Regression


def save_model(path, objective, channels=1):
    torch.manual_seed(0)
    network = UNet(channels, objective.out_channels, width=4, depth=1, half_resolution=True)
    Colorizer(network, objective, working_size=16).save(path)
    return str(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model") / "small.safetensors", Classification(ColorBins(40)))


@pytest.fixture
def album(tmp_path):
    folder, rng = tmp_path / "album", np.random.default_rng(0)
    (folder / "inner").mkdir(parents=True)
    for name in ("a.png", "b.jpg", "inner/c.webp", "d.gif"):
        Image.fromarray(rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)).save(folder / name)
    return folder


def colorlab(*words):
    return CliRunner().invoke(main, [str(w) for w in words])


HINTS = [(3, 4, (200, 30, 30)), (20.5, 10, (0, 0, 255))]


@pytest.mark.slow
def test_hints_are_read_from_a_file_and_followed(album, tmp_path):
    file, target = write_hints(tmp_path / "hints.json", HINTS), tmp_path / "out.png"
    result = colorlab("colorize", album / "a.png", "-o", target, "--hints", file)
    assert result.exit_code == 0, result.output
    wanted = Colorizer.pretrained("guided").colorize(album / "a.png", hints=HINTS)
    assert np.array_equal(read_image(target), wanted)
    assert not np.array_equal(wanted, Colorizer.pretrained("guided").colorize(album / "a.png"))


@pytest.mark.slow
def test_hints_are_followed_on_greys_of_16_bits_too(tmp_path):
    grey = np.random.default_rng(0).integers(0, 2**16, (20, 30), dtype=np.uint16)
    source, target = tmp_path / "scan.png", tmp_path / "out.png"
    Image.fromarray(grey).save(source)
    file = write_hints(tmp_path / "hints.json", HINTS)
    result = colorlab("colorize", source, "-o", target, "--hints", file)
    assert result.exit_code == 0, result.output
    wanted = Colorizer.pretrained("guided").colorize((grey // 257).astype(np.uint8), hints=HINTS)
    assert np.abs(read_image(target).astype(int) - wanted).mean() < 3


def test_a_hint_outside_the_picture_is_named_and_nothing_is_written(album, tmp_path):
    file, target = write_hints(tmp_path / "hints.json", [(99, 4, (0, 0, 0))]), tmp_path / "out.png"
    result = colorlab("colorize", album / "a.png", "-o", target, "--hints", file)
    assert result.exit_code == 1
    assert "hint 1: (99, 4) lies outside the picture of 30×20 pixels" in " ".join(result.output.split())
    assert not target.exists()


def test_hints_for_several_pictures_or_a_model_without_them_are_refused(album, tmp_path, model):
    file = write_hints(tmp_path / "hints.json", HINTS)
    several = colorlab("colorize", album, "-o", tmp_path / "out", "--hints", file)
    assert several.exit_code == 1 and "belong to one picture, but 4" in several.output
    other = colorlab("colorize", album / "a.png", "-o", tmp_path / "o.png", "--hints", file, "--model", model)
    assert other.exit_code == 1 and "use guided" in " ".join(other.output.split())


@pytest.fixture(scope="module")
def globally_guided(tmp_path_factory):
    torch.manual_seed(0)
    network = UNet(1 + HINT_CHANNELS, 2, width=4, depth=1, vector=GLOBAL_LENGTH)
    torch.nn.init.normal_(network.fuse.mix.weight)
    path = tmp_path_factory.mktemp("model") / "guided.safetensors"
    return str(Colorizer(network, Regression(), working_size=16).save(path))


@pytest.fixture
def autumn(tmp_path):
    rgb = np.random.default_rng(1).integers((120, 60, 0), (255, 140, 60), (12, 12, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "autumn.png")
    return tmp_path / "autumn.png"


def test_a_whole_album_is_coloured_like_a_picture(album, tmp_path, globally_guided, autumn):
    out, network = tmp_path / "out", Colorizer.load(globally_guided)
    result = colorlab("colorize", album, "-o", out, "--model", globally_guided, "--like", autumn)
    assert result.exit_code == 0, result.output
    assert "4 coloured" in result.output
    for name in ("a.png", "d.png"):
        source = album / name.replace("d.png", "d.gif")
        wanted = network.colorize(source, like=autumn)
        assert np.array_equal(read_image(out / name), wanted)
        assert not np.array_equal(wanted, network.colorize(source))
        assert not np.array_equal(wanted, network.colorize(source, like=album / "a.png"))


def test_a_picture_and_points_together(album, tmp_path, globally_guided, autumn):
    file, target = write_hints(tmp_path / "hints.json", HINTS), tmp_path / "out.png"
    words = ("colorize", album / "a.png", "-o", target, "--model", globally_guided)
    result = colorlab(*words, "--hints", file, "--like", autumn)
    assert result.exit_code == 0, result.output
    network = Colorizer.load(globally_guided)
    assert np.array_equal(read_image(target), network.colorize(album / "a.png", hints=HINTS, like=autumn))


def test_like_asks_for_the_guided_network(album, tmp_path, autumn, monkeypatch, globally_guided):
    asked = []

    def pretrained(name, device="cpu"):
        asked.append(name)
        return Colorizer.load(globally_guided)

    monkeypatch.setattr(Colorizer, "pretrained", pretrained)
    assert colorlab("colorize", album / "a.png", "-o", tmp_path / "o.png", "--like", autumn).exit_code == 0
    assert colorlab("colorize", album / "a.png", "-o", tmp_path / "p.png").exit_code == 0
    assert asked == ["guided", "classification"]


def test_a_model_without_global_hints_and_what_is_no_picture_are_refused(album, tmp_path, model, autumn):
    (tmp_path / "words.png").write_text("no picture")
    cases = {
        "was trained without global hints; use guided": (model, autumn),
        "no such file": (model, tmp_path / "nothing.png"),
        "words.png: not a picture": (model, tmp_path / "words.png"),
    }
    for message, (network, like) in cases.items():
        result = colorlab("colorize", album, "-o", tmp_path / "o", "--model", network, "--like", like)
        assert result.exit_code == 1
        assert message in " ".join(result.output.split()) and "Traceback" not in result.output
    assert not (tmp_path / "o").exists()


# ---- colorize ------------------------------------------------------------------------------------


def test_one_picture_becomes_one_file(album, tmp_path, model):
    target = tmp_path / "out.png"
    result = colorlab("colorize", album / "a.png", "-o", target, "--model", model)
    assert result.exit_code == 0, result.output
    assert np.array_equal(read_image(target), Colorizer.load(model).colorize(album / "a.png"))


@pytest.mark.parametrize("ending", ["png", "webp", "tif", "jpg"])
def test_what_is_transparent_stays_so_or_is_laid_over_white(tmp_path, model, ending):
    rng = np.random.default_rng(0)
    rgba = rng.integers(60, 200, (24, 30, 4), dtype=np.uint8)
    rgba[:8, :, 3], rgba[8:, :, 3] = 0, rng.integers(100, 256, (16, 30))
    source, target = tmp_path / "in.png", tmp_path / f"out.{ending}"
    Image.fromarray(rgba).save(source)
    result = colorlab("colorize", source, "-o", target, "--model", model)
    assert result.exit_code == 0, result.output
    rgb, alpha = read_picture(target)
    if ending == "jpg":
        assert alpha is None and rgb[:7].min() > 240
    else:
        assert np.array_equal(alpha, rgba[..., 3])
    if ending in ("png", "tif"):  # lossless
        visible = rgba[..., :3].copy()
        visible[:8] = 255
        assert np.array_equal(rgb, Colorizer.load(model).colorize(visible))


def test_what_nobody_sees_changes_no_colour(tmp_path, model):
    rng, results = np.random.default_rng(0), []
    rgba = rng.integers(60, 200, (24, 30, 4), dtype=np.uint8)
    for name in ("one", "other"):
        rgba[:8] = rng.integers(0, 256, (8, 30, 4))
        rgba[:8, :, 3] = 0
        Image.fromarray(rgba).save(tmp_path / f"{name}.png")
        target = tmp_path / f"{name}_colored.png"
        assert colorlab("colorize", tmp_path / f"{name}.png", "-o", target, "--model", model).exit_code == 0
        results.append(read_picture(target).rgb[8:])
    assert np.array_equal(*results)


def test_a_folder_is_mirrored(album, tmp_path, model):
    out = tmp_path / "out"
    result = colorlab("colorize", album, "-o", out, "--model", model)
    assert result.exit_code == 0, result.output
    assert "4 coloured, 0 kept" in result.output
    found = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    assert found == ["a.png", "b.jpg", "d.png", "inner/c.webp"]  # a GIF's colours are too few for colouring
    assert all(read_image(out / name).shape == (20, 30, 3) for name in found)


def test_what_is_there_is_kept_unless_forced(album, tmp_path, model):
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_bytes(b"mine")
    result = colorlab("colorize", album, "-o", out, "--model", model)
    assert result.exit_code == 0
    assert "3 coloured, 1 kept as they were, 0 failed; --force would overwrite what was kept" in result.output
    assert (out / "a.png").read_bytes() == b"mine"
    assert colorlab("colorize", album, "-o", out, "--model", model, "--force").exit_code == 0
    assert read_image(out / "a.png").shape == (20, 30, 3)


def test_a_bad_file_is_named_and_the_others_are_coloured(album, tmp_path, model):
    (album / "bad.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    result = colorlab("colorize", album, "-o", out, "--model", model)
    assert result.exit_code == 1
    assert "FAILED" in result.output
    assert "bad.png: not a picture" in result.output.replace("\n", "")
    assert "4 coloured, 0 kept as they were, 1 failed" in result.output
    assert not (out / "bad.png").exists()
    assert not list(out.rglob("*.partial"))


def test_temperature_changes_the_picture(album, tmp_path, model):
    for name, temperature in (("mean", "1"), ("mode", "mode")):
        target = tmp_path / f"{name}.png"
        words = ("colorize", album / "a.png", "-o", target, "--model", model, "--temperature", temperature)
        assert colorlab(*words).exit_code == 0
    assert not np.array_equal(read_image(tmp_path / "mean.png"), read_image(tmp_path / "mode.png"))


@pytest.mark.parametrize("temperature", ["0", "-1", "warm", "nan", "inf"])
def test_a_wrong_temperature_is_refused(album, tmp_path, model, temperature):
    result = colorlab("colorize", album, "-o", tmp_path / "x", "--model", model, "--temperature", temperature)
    assert result.exit_code == 2
    assert "expected a number from 0.001 to 1000" in result.output


def test_a_regression_has_no_temperature(album, tmp_path):
    model = save_model(tmp_path / "r.safetensors", Regression())
    result = colorlab("colorize", album, "-o", tmp_path / "x", "--model", model, "--temperature", "1")
    assert result.exit_code == 1
    assert "no distribution to anneal" in result.output


def test_what_cannot_be_planned_is_refused_before_anything_is_written(album, tmp_path, model):
    cases = {
        "no such file or folder": (album / "missing.png", tmp_path / "out"),
        "lies inside": (album, album / "out"),
        "would be overwritten by its own result": (album / "a.png", album),
        "no result can be called so; name a folder": (album, album / "a.png"),
    }
    for message, (source, out) in cases.items():
        result = colorlab("colorize", source, "-o", out, "--model", model, "--force")
        assert result.exit_code == 1
        assert message in result.output.replace("\n", " ")
    (tmp_path / "empty").mkdir()
    assert (
        "no picture or video in"
        in colorlab("colorize", tmp_path / "empty", "-o", tmp_path / "o", "--model", model).output
    )
    twin = tmp_path / "twin"
    twin.mkdir()
    for name in ("x.gif", "x.png"):
        Image.new("RGB", (5, 5)).save(twin / name)
    assert "would both become" in colorlab("colorize", twin, "-o", tmp_path / "o", "--model", model).output
    assert not (tmp_path / "o").exists()


def test_an_unknown_model_is_named(album, tmp_path):
    result = colorlab("colorize", album, "-o", tmp_path / "o", "--model", "vivid")
    assert result.exit_code == 1
    assert "vivid: no such file" in result.output


def test_writing_refuses_an_ending_it_cannot_write(tmp_path):
    with pytest.raises(ImageError, match=r"cannot be written as '\.xyz'; use \.png"):
        write_image(tmp_path / "a.xyz", np.zeros((2, 2, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []
