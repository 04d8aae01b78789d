"""Videos: read back with PyAV, all is as it was but for the colours."""

import errno
import struct
import sys
from fractions import Fraction

import numpy as np
import pytest

from colorlab.colorizer import Colorizer
from colorlab.data import to_lab
from colorlab.files import video
from colorlab.files.faults import MORE_MEMORY, sentence
from colorlab.files.media import ImageError
from colorlab.files.video import colorize_video, sample
from colorlab.flicker import FrameColorizer

av = pytest.importorskip("av", reason="the extra `video` is not installed")

FILM = Fraction(24000, 1001)
FRAMES = 24


def same(rgb):
    return rgb


def vivid(rgb):
    return np.stack([rgb[..., 0], rgb[..., 1] // 2, rgb[..., 2] // 3], axis=2)


def bar(height, width, i):
    """A grey frame whose bright bar wanders, above a fixed dark corner at the top left."""
    rgb = np.full((height, width, 3), 90, np.uint8)
    rgb[:, i : i + 8] = 200
    rgb[: height // 4, : width // 4] = 10
    return rgb


def write_clip(path, size=(48, 64), rate=FILM, sound="aac", times=None, degrees=0, shape=None):
    height, width = size
    encoder = "libvpx-vp9" if path.suffix == ".webm" else "libx264"
    with av.open(str(path), "w") as made:
        pictures = made.add_stream(encoder, rate=rate, options={"bf": "0"} if path.suffix == ".avi" else {})
        pictures.width, pictures.height, pictures.pix_fmt = width, height, "yuv444p"
        if encoder == "libvpx-vp9":
            pictures.pix_fmt = "yuv420p"
        if degrees:
            pictures.set_display_rotation(degrees)
        if shape:
            pictures.codec_context.sample_aspect_ratio = shape
        if times:
            pictures.codec_context.time_base = Fraction(1, 1000)
        voice = made.add_stream(sound, rate=48000) if sound else None
        for i in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(bar(height, width, i))
            if times:
                frame.pts, frame.time_base = times[i], Fraction(1, 1000)
            made.mux(pictures.encode(frame))
        made.mux(pictures.encode(None))
        if voice:
            samples = np.sin(np.arange(48000) / 20).astype(np.float32) / 4
            for start in range(0, 48000 - 960, 960):
                block = av.AudioFrame.from_ndarray(
                    samples[None, start : start + 960].repeat(2, 0), "fltp", "stereo"
                )
                block.sample_rate, block.pts, block.time_base = 48000, start, Fraction(1, 48000)
                made.mux(voice.encode(block))
            made.mux(voice.encode(None))
    return path


def told_by_pyav(path):
    """rate, size, shape of a pixel, the frames' times in seconds, and the packets of sound."""
    with av.open(str(path)) as given:
        pictures = given.streams.video[0]
        times = [float(f.pts * f.time_base) for f in given.decode(pictures)]
        shape = pictures.sample_aspect_ratio or Fraction(1)
        facts = pictures.average_rate, (pictures.height, pictures.width), shape, np.array(times)
    with av.open(str(path)) as given:
        packets = [p for p in given.demux() if p.stream.type == "audio" and p.dts is not None]
        return *facts, [bytes(p) for p in packets], np.array([float(p.pts * p.time_base) for p in packets])


def frames_of(path):
    with av.open(str(path)) as given:
        return [f.to_ndarray(format="rgb24") for f in given.decode(given.streams.video[0])]


def lightness(rgb):
    return to_lab(np.ascontiguousarray(rgb))[0]


SOUND = {".webm": "libopus", ".avi": "libmp3lame"}


@pytest.mark.parametrize("ending", [".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm"])
def test_rate_size_duration_and_sound_stay_and_the_pictures_are_coloured(tmp_path, ending):
    given = write_clip(tmp_path / f"given{ending}", (49, 65), sound=SOUND.get(ending, "aac"))
    made = tmp_path / f"made{ending}"
    colorize_video(given, made, vivid)
    (rate, size, _, times, sound, heard), (rate2, size2, _, times2, sound2, heard2) = map(
        told_by_pyav, (given, made)
    )
    assert rate == rate2 == FILM and size == (49, 65)
    assert size2 == ((49, 65) if ending == ".webm" else (50, 66))  # H.264 as all players show it is even
    assert len(times) == len(times2) == FRAMES
    np.testing.assert_allclose(times2, times, atol=0.0011)  # Matroska counts milliseconds
    assert len(sound) > 20 and sound == sound2  # byte for byte
    np.testing.assert_allclose(heard2 - times2[0], heard - times[0], atol=0.0011)
    for before, after in zip(frames_of(given), frames_of(made), strict=True):
        assert np.abs(vivid(before).astype(int) - after[:49, :65]).mean() < 6  # as far as colour is stored
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([given.name, made.name])


@pytest.mark.slow
def test_a_network_adds_colours_and_keeps_the_lightness(tmp_path):
    given, made = write_clip(tmp_path / "given.mp4", sound=None), tmp_path / "made.mp4"
    colorize_video(given, made, FrameColorizer(Colorizer.pretrained()))
    for before, after in zip(frames_of(given), frames_of(made), strict=True):
        assert (lightness(before) - lightness(after)).abs().mean() < 1
    assert np.ptp(after.astype(int), axis=2).mean() > 5


@pytest.mark.slow
@pytest.mark.parametrize("to", [".mp4", ".mkv", ".mov"])
def test_another_ending_keeps_the_rate(tmp_path, to):
    for ending in (".mkv", ".mp4", ".avi"):
        given = write_clip(tmp_path / f"given{ending}", sound=None if ending == ".avi" else "aac")
        made = tmp_path / f"from_{ending[1:]}{to}"
        colorize_video(given, made, same)
        rate, _, _, times, sound, _ = told_by_pyav(made)
        assert rate == FILM and sound == told_by_pyav(given)[4]
        np.testing.assert_allclose(times - times[0], np.arange(FRAMES) / float(FILM), atol=0.0011)


def test_uneven_times_stay(tmp_path):
    times = np.cumsum(np.random.default_rng(0).integers(15, 200, FRAMES)).tolist()
    given = write_clip(tmp_path / "given.mp4", times=times, sound=None)
    colorize_video(given, tmp_path / "made.mp4", same)
    shown = told_by_pyav(given)[3]
    assert np.ptp(np.diff(shown)) > 0.1
    np.testing.assert_allclose(told_by_pyav(tmp_path / "made.mp4")[3], shown, atol=1e-4)


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_turned_pictures_are_turned_upright(tmp_path, degrees):
    given, made, seen = (
        write_clip(tmp_path / "given.mp4", degrees=degrees, sound=None),
        tmp_path / "made.mp4",
        [],
    )
    content = given.read_bytes()
    at = content.index(b"tkhd") + 4 + 40  # ISO 14496-12: the matrix a b u c d v x y w of a track
    a, b, _, c, d = (n / 65536 for n in struct.unpack(">5i", content[at : at + 20]))
    # y points down: (a, b) is where an arrow to the right shows. b = -1 is up, a quarter counterclockwise.
    assert (round(a), round(b), round(c), round(d)) == {
        90: (0, -1, 1, 0),
        180: (-1, 0, 0, -1),
        -90: (0, 1, -1, 0),
    }[degrees]
    colorize_video(given, made, lambda rgb: seen.append(rgb) or rgb)
    for turned, stored in zip(frames_of(made), frames_of(given), strict=True):
        assert np.abs(turned.astype(int) - np.rot90(stored, degrees // 90)).mean() < 2
    assert seen[0].shape == np.rot90(stored, degrees // 90).shape
    with av.open(str(made)) as file:
        assert next(file.decode(video=0)).rotation == 0


@pytest.mark.parametrize("degrees, kept", [(0, Fraction(16, 15)), (90, Fraction(15, 16))])
def test_the_shape_of_a_pixel_stays(tmp_path, degrees, kept):
    given = write_clip(tmp_path / "given.mkv", shape=Fraction(16, 15), degrees=degrees, sound=None)
    colorize_video(given, tmp_path / "made.mkv", same)
    assert told_by_pyav(tmp_path / "made.mkv")[2] == kept


def test_progress_knows_how_many_frames_there_are(tmp_path, monkeypatch):
    bars = []

    class Recorded(video.tqdm):
        def __init__(self, **options):
            super().__init__(**options | {"disable": False})
            bars.append(self)

    monkeypatch.setattr(video, "tqdm", Recorded)
    for ending in (".mp4", ".mkv"):  # Matroska does not say how many frames it has
        colorize_video(write_clip(tmp_path / f"given{ending}", sound=None), tmp_path / f"made{ending}", same)
    assert [(b.total, b.n) for b in bars] == [(FRAMES, FRAMES)] * 2


@pytest.mark.parametrize("older", [None, b"older"])
def test_what_stops_it_leaves_nothing_and_keeps_what_was_there(tmp_path, older):
    given, made, calls = write_clip(tmp_path / "given.mp4"), tmp_path / "out" / "made.mp4", []
    made.parent.mkdir()
    if older:
        made.write_bytes(older)

    def interrupted(rgb):
        calls.append(rgb)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return rgb

    with pytest.raises(KeyboardInterrupt):
        colorize_video(given, made, interrupted)
    assert [p.read_bytes() for p in made.parent.iterdir()] == ([older] if older else [])


def test_an_ending_that_cannot_be_written_is_refused_at_once(tmp_path):
    given = write_clip(tmp_path / "given.mp4")
    with pytest.raises(ImageError, match=r"videos are written as \.mp4, .* choose one of these endings"):
        colorize_video(given, tmp_path / "made.wmv", pytest.fail)
    assert [p.name for p in tmp_path.iterdir()] == ["given.mp4"]


@pytest.mark.parametrize("spoil", ["missing", "no video", "cut short", "sound alone"])
def test_what_cannot_be_read_is_named_and_leaves_nothing(tmp_path, spoil):
    source = tmp_path / "bad.mp4"
    if spoil == "no video":
        source.write_bytes(b"no video at all" * 100)
    elif spoil == "cut short":
        source.write_bytes(write_clip(tmp_path / "whole.mp4").read_bytes()[:4000])
    elif spoil == "sound alone":
        with av.open(str(source), "w") as made:
            voice = made.add_stream("aac", rate=48000)
            block = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
            block.sample_rate = 48000
            made.mux(voice.encode(block))
            made.mux(voice.encode(None))
    with pytest.raises(ImageError, match=r"bad\.mp4: (damaged, or not a video|there is no video)"):
        colorize_video(source, tmp_path / "made.mp4", same)
    assert not list(tmp_path.glob("made*"))


def test_without_the_extra_a_message_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'colorlab-course\[video\]'"):
        colorize_video(tmp_path / "a.mp4", tmp_path / "b.mp4", same)


def test_a_sample_is_spread_over_the_video(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as made:
        stream = made.add_stream("libx264", rate=10, options={"g": "5"})
        stream.width, stream.height = 64, 48
        for i in range(50):
            made.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 5 * i, np.uint8))))
        made.mux(stream.encode(None))
    found = [int(f.mean()) for f in sample(tmp_path / "a.mp4", 5)]
    np.testing.assert_allclose(found, [0, 50, 100, 150, 200], atol=3)


def write_ticks(path, ticks, a_second):
    """A clip whose frames are shown at these ticks."""
    with av.open(str(path), "w") as made:
        stream = made.add_stream("libx264", rate=a_second, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, a_second)
        for i, tick in enumerate(ticks):
            frame = av.VideoFrame.from_ndarray(bar(48, 64, i))
            frame.pts, frame.time_base = tick, Fraction(1, a_second)
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))


@pytest.mark.parametrize("ticks", [(0, 1, 2, 3, 4, 6, 8, 9), (0, 1, 3, 4, 6, 7), (0, 2, 4, 6, 7, 8)])
def test_uneven_times_of_a_coarse_clock_stay(tmp_path, ticks):
    """A tick is as long as a frame: what is nearly on the beat of the mean rate must not be put there."""
    write_ticks(tmp_path / "given.mp4", ticks, 30)
    colorize_video(tmp_path / "given.mp4", tmp_path / "made.mp4", same)
    times = [told_by_pyav(tmp_path / name)[3] for name in ("given.mp4", "made.mp4")]
    assert len(times[0]) == len(ticks)
    assert np.abs(times[0] - times[1]).max() < 1e-3


def test_avi_cannot_hold_uneven_times_and_says_so(tmp_path):
    write_ticks(tmp_path / "given.mp4", (0, 1, 2, 3, 20, 21), 30)
    with pytest.raises(ImageError, match=r"made\.avi: AVI has one rate, this video has not; choose \.mkv"):
        colorize_video(tmp_path / "given.mp4", tmp_path / "made.avi", same)
    assert not (tmp_path / "made.avi").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no limits for files")
@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".avi"])
def test_a_disk_that_is_full_is_not_called_a_format_that_does_not_fit(tmp_path, ending):
    import resource

    source, target = write_clip(tmp_path / "a.mp4"), tmp_path / f"b{ending}"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError) as caught:
            colorize_video(source, target, same)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sentence(caught.value) == f"{target}: File too large; make room there, or name another place"
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("left", [True, False])
def test_short_memory_is_not_blamed_on_a_film_unless_it_asks_for_too_much(tmp_path, monkeypatch, left):
    def short(*words, **options):
        raise av.error.MemoryError(errno.ENOMEM, "Cannot allocate memory", "a.mp4")

    source = write_clip(tmp_path / "1950: sea.mp4")
    monkeypatch.setattr(av, "open", short)
    monkeypatch.setattr(video, "memory_left", lambda: left)
    with pytest.raises(ImageError if left else MemoryError) as caught:
        sample(source)
    asks = f"{source}: asks for more memory than there is; it is damaged, or too large for this machine"
    assert sentence(caught.value) == (asks if left else MORE_MEMORY)
