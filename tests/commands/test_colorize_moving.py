"""`colorlab colorize` on GIFs and videos, and on old material: what moves, what is grey, what is left alone."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from colorlab import batch
from colorlab.bins import ColorBins
from colorlab.cli import main
from colorlab.colorizer import Colorizer
from colorlab.data import photo
from colorlab.files import video
from colorlab.files.gif import read_gif
from colorlab.files.media import read_image
from colorlab.files.writing import write_image
from colorlab.flicker import FrameColorizer, static_clip
from colorlab.hints import write_hints
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification
from colorlab.toning import kind_of

av = pytest.importorskip("av", reason="the extra `video` is not installed")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    objective = Classification(ColorBins(40))
    return Colorizer(UNet(1, objective.out_channels, width=4, depth=1, half_resolution=True), objective, 16)


@pytest.fixture(scope="module")
def model(network, tmp_path_factory):
    return network.save(tmp_path_factory.mktemp("model") / "small.safetensors")


@pytest.fixture(scope="module")
def frames():
    return static_clip(frames=6, side=32)[0]


def write_video(path, frames, rate=10):
    with av.open(str(path), "w") as made:
        stream = made.add_stream("mpeg1video" if path.suffix == ".mpg" else "libx264", rate=rate or 25)
        stream.height, stream.width = (side // 2 * 2 for side in frames[0].shape[:2])
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            even = np.ascontiguousarray(frame[: stream.height, : stream.width])
            made.mux(stream.encode(av.VideoFrame.from_ndarray(even)))
        made.mux(stream.encode(None))


def write_animation(path, frames, **options):
    first, *others = (Image.fromarray(frame).quantize(64) for frame in frames)
    first.save(path, save_all=True, append_images=others, duration=70, loop=0, **options)


@pytest.fixture
def shelf(tmp_path, frames):
    """A folder with a picture, a GIF that moves, one that does not, and two videos."""
    folder = tmp_path / "shelf"
    (folder / "films").mkdir(parents=True)
    write_image(folder / "cat.png", photo("chelsea", side=24).rgb)
    write_animation(folder / "clip.gif", frames)
    Image.fromarray(frames[0]).save(folder / "still.gif")
    write_video(folder / "films" / "one.mp4", frames)
    write_video(folder / "films" / "old.mpg", frames, rate=25)
    return folder


def colorlab(*words):
    return CliRunner().invoke(main, ["colorize", *(str(w) for w in words)])


def frames_of(path):
    with av.open(str(path)) as given:
        return [f.to_ndarray(format="rgb24") for f in given.decode(given.streams.video[0])]


@pytest.mark.slow
def test_a_folder_of_all_kinds_is_mirrored(shelf, tmp_path, model, frames):
    out = tmp_path / "out"
    result = colorlab(shelf, "-o", out, "--model", model)
    assert result.exit_code == 0, result.output
    assert "5 coloured, 0 kept as they were, 0 failed" in result.output
    made = {str(p.relative_to(out)) for p in out.rglob("*.*")}
    assert made == {"cat.png", "clip.gif", "still.png", "films/one.mp4", "films/old.mkv"}
    assert len(list(read_gif(out / "clip.gif"))) == len(frames)
    for name in ("films/one.mp4", "films/old.mkv"):
        assert len(frames_of(out / name)) == len(frames)
        assert kind_of(frames_of(out / name)[-1]) == "color"
    again = colorlab(shelf, "-o", out, "--model", model)
    assert again.exit_code == 0 and "0 coloured, 5 kept as they were" in again.output


@pytest.mark.slow
def test_a_gif_is_smoothed_as_asked(shelf, tmp_path, network, model):
    made, wanted = {}, {}
    for share in (0, 0.9):
        target = tmp_path / f"{share}.gif"
        words = (shelf / "clip.gif", "-o", target, "--model", model, "--temperature", "mode")
        assert colorlab(*words, "--smoothing", share).exit_code == 0
        paint = FrameColorizer(network, share, "mode")
        made[share] = np.stack([frame.rgb for frame in read_gif(target)]).astype(int)
        wanted[share] = np.stack([paint(frame.rgb) for frame in read_gif(shelf / "clip.gif")])
    apart = {(a, b): np.abs(made[a] - wanted[b]).mean() for a in made for b in wanted}
    assert apart[0, 0] < apart[0, 0.9] and apart[0.9, 0.9] < apart[0.9, 0]
    assert max(apart[0, 0], apart[0.9, 0.9]) < 8  # what 255 colours cost


@pytest.mark.parametrize("share", ["-0.1", "1", "nan", "much"])
def test_an_impossible_share_of_the_past_is_refused(shelf, tmp_path, model, share):
    result = colorlab(shelf, "-o", tmp_path / "out", "--model", model, "--smoothing", share)
    assert result.exit_code == 2 and "--smoothing" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "source, target, endings",
    [
        ("clip.gif", "out.png", ".gif"),
        ("films/one.mp4", "out.gif", ".avi, .m4v, .mkv, .mov, .mp4, .webm"),
        ("films/one.mp4", "out.mpg", ".mkv"),
        ("cat.png", "out.mp4", ".png"),
        ("still.gif", "out.gif", ".png"),
    ],
)
def test_a_result_that_cannot_be_is_refused_with_what_can(shelf, tmp_path, model, source, target, endings):
    result = colorlab(shelf / source, "-o", tmp_path / target, "--model", model)
    said = " ".join(result.output.split())
    assert result.exit_code == 1
    assert f"cannot become {target}: name a file that ends in" in said and endings in said
    assert not (tmp_path / target).exists()


@pytest.mark.slow
def test_a_damaged_film_is_named_and_the_others_are_coloured(shelf, tmp_path, model):
    whole = (shelf / "films" / "one.mp4").read_bytes()
    (shelf / "films" / "bad.mp4").write_bytes(whole[: len(whole) // 3])
    (shelf / "bad.gif").write_bytes((shelf / "clip.gif").read_bytes()[:900])
    result = colorlab(shelf, "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 1 and "5 coloured, 0 kept as they were, 2 failed" in result.output
    for name in ("bad.mp4: damaged", "bad.gif: damaged"):
        assert name in result.output.replace("\n", "")
    assert not list((tmp_path / "out").rglob("bad*")) and not list((tmp_path / "out").rglob(".colorlab-*"))


@pytest.mark.slow
def test_without_the_extra_films_fail_with_its_name_and_pictures_do_not(shelf, tmp_path, model, monkeypatch):
    def missing():
        raise ModuleNotFoundError("videos need the package av: pip install 'colorlab-course[video]'")

    monkeypatch.setattr(video, "pyav", missing)
    result = colorlab(shelf, "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 1 and "3 coloured, 0 kept as they were, 2 failed" in result.output
    assert "colorlab-course[video]" in result.output


@pytest.mark.slow
def test_hints_do_not_move(shelf, tmp_path):
    hints = write_hints(tmp_path / "hints.json", [(3, 4, (200, 30, 30))])
    result = colorlab(shelf / "clip.gif", "-o", tmp_path / "out.gif", "--hints", hints)
    assert result.exit_code == 1 and "hints are for pictures that stand still" in " ".join(
        result.output.split()
    )
    assert not (tmp_path / "out.gif").exists()


@pytest.mark.slow
def test_like_holds_for_a_film(shelf, tmp_path):
    targets = [tmp_path / "plain.gif", tmp_path / "like.gif"]
    write_image(tmp_path / "autumn.png", photo("coffee", side=32).rgb)
    for target, more in zip(targets, ((), ("--like", tmp_path / "autumn.png")), strict=True):
        assert colorlab(shelf / "clip.gif", "-o", target, "--model", "guided", *more).exit_code == 0
    assert targets[0].read_bytes() != targets[1].read_bytes()


@pytest.mark.slow
def test_films_are_known_by_content_told_about_and_marked(tmp_path, frames, model):
    folder, out = tmp_path / "tapes", tmp_path / "out"
    folder.mkdir()
    kinds = {"a.ts": "mpegts", "b.MOD": "vob", "c.3g2": "3gp", "d.DIVX": "avi", "e.asf": "asf"}
    for name, kind in kinds.items():
        with av.open(str(folder / name), "w", format=kind) as made:
            stream = made.add_stream("mpeg2video" if kind == "vob" else "mpeg4", rate=25)
            voice = made.add_stream("wmav2", rate=44100) if kind == "asf" else None
            stream.height, stream.width, stream.pix_fmt = 32, 32, "yuv420p"
            if voice:
                voice.bit_rate = 64_000
            made.start_encoding()
            for frame in frames:
                square = np.ascontiguousarray(frame[:32, :32])
                made.mux(stream.encode(av.VideoFrame.from_ndarray(square)))
            made.mux(stream.encode(None))
            for start in range(0, 8820 if voice else 0, 882):
                block = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 882), np.int16), "s16", "stereo")
                block.sample_rate, block.pts, block.time_base = 44100, start, Fraction(1, 44100)
                made.mux(voice.encode(block))
            if voice:
                made.mux(voice.encode(None))
    (folder / "code.ts").write_text("export const a = 1;\n" * 90)
    result = colorlab(folder, "-o", out, "--model", model)
    said = " ".join(result.output.split())
    assert result.exit_code == 0 and "5 coloured" in said and "code.ts" in said, said
    assert {p.name for p in out.iterdir()} == {"a.mkv", "b.mkv", "c.mkv", "d.mkv", "e.mkv"}
    assert "sound 1 (wmav2) as it was, now aac" in said
    with av.open(str(out / "a.mkv")) as film:
        assert "colorlab" in film.metadata["COMMENT"] and "small" in film.metadata["COMMENT"]
    assert colorlab(folder / "a.ts", "-o", out, "--model", model, "--force", "--no-mark").exit_code == 0
    with av.open(str(out / "a.mkv")) as film:
        assert "COMMENT" not in film.metadata


# ---- old material --------------------------------------------------------------------------------


@pytest.fixture
def attic(tmp_path, frames):
    """One still picture, one GIF and one video of each kind."""
    folder = tmp_path / "attic"
    folder.mkdir()
    tones = {"grey": (1, 1, 1), "sepia": (1.0, 0.87, 0.68)}
    for kind in ("grey", "sepia", "color"):
        made = [
            frame
            if kind == "color"
            else (frame.mean(axis=2, keepdims=True) * tones[kind]).round().astype(np.uint8)
            for frame in frames
        ]
        write_image(folder / f"{kind}.png", made[0])
        write_animation(folder / f"{kind}.gif", made)
        write_video(folder / f"{kind}.mkv", made)
    (folder / "grey.gif").rename(folder / "grey1.gif")
    (folder / "sepia.gif").rename(folder / "sepia1.gif")
    (folder / "color.gif").rename(folder / "color1.gif")
    return folder


def kind_of_file(path):
    return batch.kind_of_file(path, batch.sort_of(path))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["grey", "sepia", "color"])
def test_kinds_are_told_of_pictures_gifs_and_videos(attic, kind):
    for name in (f"{kind}.png", f"{kind}1.gif", f"{kind}.mkv"):
        assert kind_of_file(attic / name) == kind, name


@pytest.mark.slow
def test_only_what_is_asked_for_is_coloured(attic, tmp_path, model):
    out = tmp_path / "out"
    result = colorlab(attic, "-o", out, "--model", model, "--only", "grey", "--only", "sepia")
    assert result.exit_code == 0, result.output
    assert "6 coloured, 0 kept as they were, 3 left alone because of --only, 0 failed" in result.output
    assert {p.name for p in out.iterdir()} == {
        "grey.png", "grey1.gif", "grey.mkv", "sepia.png", "sepia1.gif", "sepia.mkv",
    }  # fmt: skip


def test_the_old_spelling_is_refused_with_the_new_one(attic, tmp_path):
    result = colorlab(attic, "-o", tmp_path / "out", "--only", "colour")
    assert result.exit_code == 2 and "'color'" in result.output


@pytest.mark.slow
def test_without_it_any_colour_picture_is_taken_for_grey(attic, tmp_path, network, model):
    assert colorlab(attic, "-o", tmp_path / "out", "--model", model).exit_code == 0
    rgb = read_image(attic / "color.png")
    assert np.array_equal(read_image(tmp_path / "out" / "color.png"), network.colorize(rgb))


def test_a_film_of_which_nothing_can_be_read_has_no_kind(tmp_path):
    (tmp_path / "no.mp4").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"no\.mp4"):
        kind_of_file(tmp_path / "no.mp4")


def test_the_most_colourful_frame_tells_the_kind(frames, tmp_path):
    grey = [frame.mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8) for frame in frames]
    write_animation(tmp_path / "late.gif", [*grey[:4], frames[0]])
    assert kind_of_file(tmp_path / "late.gif") == "color"


# ---- names and places ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["Summer:2020", "http:", "file:"])
def test_a_name_is_a_name_and_no_address(shelf, tmp_path, model, monkeypatch, folder):
    """FFmpeg would take the last two for a server and for another place."""
    (shelf / folder / "127.0.0.1:9").mkdir(parents=True)
    (shelf / "films" / "one.mp4").rename(shelf / folder / "127.0.0.1:9" / "one.mp4")
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    assert colorlab("../shelf", "-o", ".", "--model", model).exit_code == 0
    assert len(frames_of(f"file:{folder}/127.0.0.1:9/one.mp4")) == 6


@pytest.mark.slow
def test_a_gif_is_one_by_its_content(shelf, tmp_path, model):
    (shelf / "clip.gif").rename(shelf / "clip.jpg")
    assert colorlab(shelf / "clip.jpg", "-o", tmp_path / "out", "--model", model).exit_code == 0
    assert len(list(read_gif(tmp_path / "out" / "clip.gif"))) == 6


@pytest.mark.slow
def test_a_file_named_twice_is_coloured_once(shelf, tmp_path, model):
    result = colorlab(shelf / "cat.png", shelf / "cat.png", shelf, "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 0 and "5 coloured" in result.output


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["avif", "heic"])
def test_an_ending_of_a_picture_is_no_folder(shelf, tmp_path, model, ending):
    result = colorlab(shelf / "cat.png", "-o", tmp_path / f"out.{ending}", "--model", model)
    assert result.exit_code == 1 and "cannot become" in " ".join(result.output.split())
    assert not (tmp_path / f"out.{ending}").exists()


@pytest.mark.slow
def test_a_pipe_in_place_of_a_file_an_empty_name_and_a_dead_link(shelf, tmp_path, model):
    os.mkfifo(tmp_path / "pipe.png")
    result = colorlab(tmp_path / "pipe.png", "-o", tmp_path / "o.png", "--model", model)
    assert result.exit_code == 1 and "a pipe or a device" in " ".join(result.output.split())
    result = colorlab("", "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 2 and "an empty name" in result.output
    (shelf / "dead.png").symlink_to(shelf / "nothing.png")
    result = colorlab(shelf, "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 1 and "5 coloured" in result.output
    assert "dead.png: no such file" in result.output.replace("\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["clip.gif", "films/one.mp4"])
def test_what_appears_while_a_film_is_in_work_is_kept(shelf, tmp_path, model, monkeypatch, name):
    target, paint = tmp_path / "out" / Path(name).name, FrameColorizer.__call__

    def slow(self, rgb):
        target.write_bytes(b"somebody else's")
        return paint(self, rgb)

    monkeypatch.setattr(FrameColorizer, "__call__", slow)
    result = colorlab(shelf / name, "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 0 and "0 coloured, 1 kept as they were" in result.output
    assert target.read_bytes() == b"somebody else's" and len(list((tmp_path / "out").iterdir())) == 1


def test_an_absurd_temperature_is_refused_before_anything_is_written(shelf, tmp_path, model):
    result = colorlab(shelf, "-o", tmp_path / "out", "--model", model, "--temperature", "1e-40")
    assert result.exit_code == 2 and "expected a number from 0.001 to 1000" in result.output
    assert not (tmp_path / "out").exists()
