"""How the pictures of a film are to be shown: HDR, colour tags, halves, odd sizes, transparency."""

import numpy as np
import pytest
from clips import FRAMES, HEIGHT, WIDTH, frames_of, grey, picture_track, same, write_pictures

from colorlab.files.hdr import HLG, PQ, to_usual
from colorlab.files.video import colorize_video

av = pytest.importorskip("av", reason="the extra `video` is not installed")


# ---- how pictures are to be shown ----------------------------------------------------------------


def with_tags(level, curve, primaries, matrix, height=HEIGHT):
    """A frame of 10 bits, evenly grey; 1 is a full signal."""
    frame = av.VideoFrame(WIDTH, height, "yuv420p10le")
    for plane, value in zip(frame.planes, (64 + round(876 * level), 512, 512), strict=True):
        plane.update(np.full(plane.buffer_size // 2, value, "<u2").tobytes())
    frame.color_trc, frame.color_primaries, frame.colorspace, frame.color_range = curve, primaries, matrix, 1
    return frame


def write_tagged(path, level, curve, primaries, matrix):
    with av.open(str(path), "w") as made:
        stream = picture_track(made, pix_fmt="yuv420p10le")
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace = curve, primaries, matrix
        context.color_range = 1
        write_pictures(made, stream, [with_tags(level, curve, primaries, matrix) for _ in range(4)])
    return path


@pytest.mark.parametrize(
    "curve, level, shown",
    [
        (PQ, 0.58, (0.88, 0.94)),  # white paper, 203 cd/m² after ITU-R BT.2408
        (HLG, 0.75, (0.88, 0.94)),
        (PQ, 0.38, (0.38, 0.5)),  # a grey card
        (HLG, 0.38, (0.38, 0.5)),
        (PQ, 0.75, (0.96, 1.0)),  # a lamp
        (PQ, 0.0, (0.0, 0.01)),
    ],
)
def test_a_high_dynamic_range_becomes_what_a_usual_screen_shows(tmp_path, curve, level, shown):
    given = write_tagged(tmp_path / "given.mov", level, curve, 9, 9)
    seen = []
    said = colorize_video(given, tmp_path / "made.mov", lambda rgb: seen.append(rgb) or rgb)
    assert any("high dynamic range" in words for words in said)
    assert shown[0] <= seen[0].mean() / 255 <= shown[1] and np.ptp(seen[0]) <= 2
    assert shown[0] - 0.02 <= frames_of(tmp_path / "made.mov")[0].mean() / 255 <= shown[1] + 0.02
    with av.open(str(tmp_path / "made.mov")) as film:
        context = film.streams.video[0].codec_context
        assert (context.color_trc, context.color_primaries, context.colorspace) == (1, 1, 1)


@pytest.mark.parametrize("curve", [PQ, HLG])
def test_brighter_light_is_never_shown_darker(curve):
    ramp = np.linspace(0, 65535, 4096).round().astype(np.uint16)
    shown = to_usual(np.repeat(ramp[None, :, None], 3, 2), curve)[0]
    assert (np.diff(shown.astype(int), axis=0) >= 0).all() and np.ptp(shown, axis=1).max() <= 1
    assert shown[0].max() == 0 and shown[-1].min() >= 250
    assert len(np.unique(shown[ramp > 0.6 * 65535])) > 8  # what is brighter than paper is not all white


@pytest.mark.parametrize("tags", [(1, 1, 1), (6, 6, 6), (6, 5, 5)])
def test_tags_of_usual_colors_stay_and_colors_are_stored_by_them(tmp_path, tags):
    given = write_tagged(tmp_path / "given.mkv", 0.5, *tags)
    colorize_video(given, tmp_path / "made.mkv", lambda rgb: np.full_like(rgb, (200, 60, 40)))
    with av.open(str(tmp_path / "made.mkv")) as film:
        context = film.streams.video[0].codec_context
        found = context.color_trc, context.color_primaries, context.colorspace
    assert found == tags
    assert np.abs(frames_of(tmp_path / "made.mkv")[0].mean((0, 1)) - (200, 60, 40)).max() < 5


def test_halves_of_frames_are_woven_into_whole_ones(tmp_path):
    """A bar moves between the two half-pictures of each frame, so that its edges look like combs."""
    frames = []
    for i in range(FRAMES):
        frame, later = grey(i)[:, :, :], np.roll(grey(i), 1, axis=1)
        frame[1::2] = np.roll(later, 4, axis=1)[1::2]
        frames.append(frame)
    given = tmp_path / "tape.mkv"
    with av.open(str(given), "w") as made:
        write_pictures(made, picture_track(made, options={"x264-params": "tff=1"}), frames)

    def combs(path):
        luma = np.stack(frames_of(path, format="gray")).astype(int)
        return np.abs(luma[:, 1:-1] - (luma[:, :-2] + luma[:, 2:]) // 2).mean()

    said = colorize_video(given, tmp_path / "made.mkv", same)
    assert said == ["its interlacing, now whole frames"]
    assert combs(tmp_path / "made.mkv") < 0.5 * combs(given)
    shown = frames_of(tmp_path / "made.mkv")
    assert len(shown) == FRAMES
    with av.open(str(tmp_path / "made.mkv")) as film:
        assert not any(frame.interlaced_frame for frame in film.decode(film.streams.video[0]))


@pytest.mark.parametrize("size", [(48, 65), (49, 64), (359, 21), (1, 1)])
def test_odd_sizes_are_padded_so_that_all_players_show_them(tmp_path, size):
    frames = [grey(0, *size) for _ in range(FRAMES)]
    with av.open(str(tmp_path / "given.mkv"), "w") as made:
        write_pictures(made, picture_track(made, "ffv1", size, "bgr0"), frames)
    (said,) = colorize_video(tmp_path / "given.mkv", tmp_path / "made.mp4", same)
    height, width = (side + side % 2 for side in size)
    assert f"now {width}×{height}" in said
    with av.open(str(tmp_path / "made.mp4")) as film:
        assert film.streams.video[0].pix_fmt == "yuv420p"
    shown = frames_of(tmp_path / "made.mp4")[0].astype(int)
    assert shown.shape == (height, width, 3)
    assert np.abs(shown[: size[0], : size[1]] - frames[0]).mean() < 6
    assert (
        np.abs(shown[-1] - shown[size[0] - 1]).max() < 12
        and np.abs(shown[:, -1] - shown[:, size[1] - 1]).max() < 12
    )


def half_seen():
    rgba = np.dstack([grey(3), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    rgba[:, : WIDTH // 2, 3] = 0
    return rgba


@pytest.mark.parametrize("ending", [".mov", ".webm", ".mkv", ".mp4"])
def test_transparency_stays_or_becomes_white_by_name(tmp_path, ending):
    with av.open(str(tmp_path / "given.mov"), "w") as made:
        stream = picture_track(made, "prores_ks", pix_fmt="yuva444p10le", options={"profile": "4444"})
        write_pictures(made, stream, [half_seen() for _ in range(4)])
    seen = []
    said = colorize_video(
        tmp_path / "given.mov", tmp_path / f"made{ending}", lambda rgb: seen.append(rgb) or rgb
    )
    assert (seen[0][:, :20] == 255).all()  # what nobody sees tells the network nothing
    assert any("transparency" in words for words in said) == (ending == ".mp4")
    again = []
    if ending == ".mp4":
        assert frames_of(tmp_path / "made.mp4")[0][:, :24].min() > 250
        return
    colorize_video(tmp_path / f"made{ending}", tmp_path / "again.mov", lambda rgb: again.append(rgb) or rgb)
    alpha = frames_of(tmp_path / "again.mov", format="rgba")[0][..., 3]
    assert alpha[:, :24].max() < 20 and alpha[:, -24:].min() > 235


def test_a_film_that_could_be_transparent_and_is_not_loses_nothing(tmp_path):
    opaque = np.dstack([grey(3), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    with av.open(str(tmp_path / "given.mov"), "w") as made:
        write_pictures(made, picture_track(made, "qtrle", pix_fmt="argb"), [opaque for _ in range(4)])
    assert colorize_video(tmp_path / "given.mov", tmp_path / "made.mp4", same) == []
