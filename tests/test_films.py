"""Films as people have them: many tracks, old sound, late beginnings, HDR, halves, odd sizes, transparency."""

from fractions import Fraction

import numpy as np
import pytest

from colorlab.files.hdr import HLG, PQ, to_usual
from colorlab.files.media import ImageError
from colorlab.files.video import colorize_video, is_film, sample

av = pytest.importorskip("av", reason="the extra `video` is not installed")

RATE, FRAMES, HEIGHT, WIDTH = 10, 10, 48, 64
TONE = 440  # Hz
MARK = "colored by colorlab 9.9, model regression"


def same(rgb):
    return rgb


def grey(i, height=HEIGHT, width=WIDTH):
    rgb = np.full((height, width, 3), 90, np.uint8)
    rgb[:, 2 * i : 2 * i + 8] = 200
    return rgb


def picture_track(made, encoder="libx264", size=(HEIGHT, WIDTH), pix_fmt="yuv420p", options=None, rate=RATE):
    stream = made.add_stream(encoder, rate=rate, options=options or {})
    stream.height, stream.width, stream.pix_fmt = *size, pix_fmt
    return stream


def sound_track(made, encoder="aac", rate=48000, channels=1):
    stream = made.add_stream(encoder, rate=rate)
    stream.layout = "mono" if channels == 1 else "stereo"
    if encoder in ("amr_nb", "wmav2"):
        stream.bit_rate = 12200 if encoder == "amr_nb" else 64_000
    return stream


def write_pictures(made, stream, frames, late=0.0):
    for i, frame in enumerate(frames):
        if isinstance(frame, np.ndarray):
            frame = av.VideoFrame.from_ndarray(frame, "rgba" if frame.shape[2] == 4 else "rgb24")
        frame.pts, frame.time_base = round((late + i / stream.average_rate) * 90_000), Fraction(1, 90_000)
        made.mux(stream.encode(frame))
    made.mux(stream.encode(None))


def write_sound(made, stream, seconds=1.0, late=0.0):
    rate = stream.rate
    for start in range(0, int(seconds * rate), 160):
        wave = np.sin(2 * np.pi * TONE * np.arange(start, start + 160) / rate) * 8000
        samples = wave.astype(np.int16).repeat(stream.channels)[None]
        block = av.AudioFrame.from_ndarray(samples, "s16", stream.layout.name)
        block.sample_rate, block.time_base, block.pts = rate, Fraction(1, rate), start + round(late * rate)
        made.mux(stream.encode(block))
    made.mux(stream.encode(None))


def write_text(made, stream, texts):
    """Subtitles: (seconds from, to, text)."""
    for start, end, text in texts:
        told = av.subtitles.subtitle.SubtitleSet.create(
            f"0,0,Default,,0,0,0,,{text}".encode(), 0, round((end - start) * 1000), 0
        )
        packet = stream.codec_context.encode_subtitle(told)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = round(start * 1000)
        packet.duration = round((end - start) * 1000)
        made.mux(packet)


HEADER = b"[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, "
HEADER += b"MarginR, MarginV, Effect, Text\n"


def text_track(made, encoder):
    stream = made.add_stream(encoder)
    stream.codec_context.subtitle_header = HEADER
    stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
    return stream


def rich(path, subtitles, font=False):
    """A film with two sounds, subtitles, two chapters, and words about all of them."""
    flags = av.stream.Disposition
    with av.open(str(path), "w") as made:
        made.metadata.update(title="Holidays 1961", date="1961", comment="by father")
        pictures = picture_track(made)
        sounds = [sound_track(made), sound_track(made)]
        text = text_track(made, subtitles)
        for stream, language, title in zip(
            (*sounds, text), ("ger", "eng", "fre"), ("Original", "Spoken over", "All words"), strict=True
        ):
            stream.metadata.update(language=language, title=title)
        sounds[1].disposition = flags.default | flags.comment
        if font:
            made.add_attachment("old.ttf", "application/x-truetype-font", b"\0\1\0\0" + bytes(99))
        chapters = [("One", 0, 500), ("Two", 500, 1000)]
        made.set_chapters(
            [
                {"id": i, "start": a, "end": b, "time_base": Fraction(1, 1000), "metadata": {"title": name}}
                for i, (name, a, b) in enumerate(chapters)
            ]
        )
        made.start_encoding()
        write_text(made, text, [(0.1, 0.4, "Hello"), (0.5, 0.9, "Bye")])
        write_pictures(made, pictures, [grey(i) for i in range(FRAMES)])
        for sound in sounds:
            write_sound(made, sound)
    return path


def simple(path, late=0.0, sound=None, rate=48000, frames=None, encoder="libx264", pix_fmt="yuv420p", **how):
    with av.open(str(path), "w", **how) as made:
        fps = 25 if encoder == "mpeg2video" else RATE  # MPEG knows few rates
        pictures = picture_track(made, encoder, pix_fmt=pix_fmt, rate=fps)
        voice = (
            sound_track(made, sound, rate, 2 if sound in ("pcm_dvd", "pcm_bluray") else 1) if sound else None
        )
        made.start_encoding()
        write_pictures(made, pictures, frames or [grey(i) for i in range(FRAMES)], late)
        if voice:
            write_sound(made, voice, late=late)
    return path


def tracks(path, kind):
    with av.open(str(path)) as given:
        return [
            (s.codec.canonical_name, s.language, s.disposition)
            for s in given.streams
            if s.type == kind and s.codec_context
        ]


def frames_of(path, track=0, format="rgb24"):
    with av.open(str(path)) as given:
        return [f.to_ndarray(format=format) for f in given.decode(given.streams.video[track])]


def words_of(path):
    """(seconds, text) of all subtitles."""
    with av.open(str(path)) as given:
        stream = given.streams.subtitles[0]
        found = [
            (float(packet.pts * packet.time_base), told.dialogue.decode())
            for packet in given.demux(stream)
            if packet.size
            for told in stream.decode2(packet) or ()
        ]
    return [(time, text) for time, text in found if text]


def heard(path):
    """(kind of the sound, seconds of it, Hz)."""
    with av.open(str(path)) as given:
        stream = given.streams.audio[0]
        blocks = [block.to_ndarray() for block in given.decode(stream)]
        rate, channels = stream.rate, stream.channels
    planar = blocks[0].shape[0] == channels
    wave = np.concatenate([b[0] if planar else b[0, ::channels] for b in blocks]).astype(float)
    spectrum = np.abs(np.fft.rfft(wave - wave.mean()))
    return stream.codec.canonical_name, len(wave) / rate, spectrum.argmax() * rate / len(wave)


# ---- what lies beside the pictures ---------------------------------------------------------------


@pytest.mark.parametrize("ending, subtitles", [(".mkv", "srt"), (".mp4", "mov_text"), (".mov", "mov_text")])
def test_all_that_lies_beside_the_pictures_stays(tmp_path, ending, subtitles):
    given, made = rich(tmp_path / f"given{ending}", subtitles), tmp_path / f"made{ending}"
    assert colorize_video(given, made, same) == []
    for kind, number in (("audio", 2), ("subtitle", 1)):
        assert len(tracks(made, kind)) == number and tracks(made, kind) == tracks(given, kind)
    with av.open(str(given)) as before, av.open(str(made)) as after:
        names = [[c["metadata"]["title"] for c in film.chapters()] for film in (before, after)]
        assert names == [["One", "Two"]] * 2
        for key in ("title", "date", "comment"):
            found = {k.lower(): v for k, v in after.metadata.items()}
            assert found[key] == {k.lower(): v for k, v in before.metadata.items()}[key]
    texts = [[text for _, text in words_of(path)] for path in (given, made)]
    assert texts[0] == texts[1] and texts[1][0].endswith("Hello") and texts[1][1] == "Bye"


@pytest.mark.parametrize(
    "ending, lost",
    [
        (".avi", {"subtitles 1", "attached file 1", "chapters"}),
        (".mp4", {"attached file 1", "subtitles 1"}),
        (".webm", {"sound 1", "sound 2", "subtitles 1", "attached file 1"}),
        (".mkv", set()),
    ],
)
def test_what_a_format_cannot_hold_is_named(tmp_path, ending, lost):
    given = rich(tmp_path / "given.mkv", "srt", font=True)
    said = colorize_video(given, tmp_path / f"made{ending}", same)
    assert {words.partition(" (")[0] for words in said} - {
        f"the language of sound {n}" for n in (1, 2)
    } >= lost
    assert bool(said) == bool(lost)


@pytest.mark.parametrize("ending, kind", [(".mp4", "mov_text"), (".mov", "mov_text"), (".webm", "webvtt")])
def test_words_are_told_in_the_notation_of_the_result(tmp_path, ending, kind):
    given, made = rich(tmp_path / "given.mkv", "srt"), tmp_path / f"made{ending}"
    assert f"subtitles 1 (subrip, fre) as it was, now {kind}" in colorize_video(given, made, same)
    assert tracks(made, "subtitle")[0][0] == kind
    (hello, first), (bye, second) = words_of(made)
    assert (first, second) == ("Hello", "Bye")
    with av.open(str(made)) as film:  # WebM and Matroska may move all by the sound's run-up
        begin = float(film.streams.video[0].start_time * film.streams.video[0].time_base)
    assert hello - begin == pytest.approx(0.1, abs=0.01) and bye - begin == pytest.approx(0.5, abs=0.01)


def test_a_second_track_of_pictures_is_coloured_by_a_painter_of_its_own(tmp_path):
    with av.open(str(tmp_path / "dash.mp4"), "w") as made:
        ways = [picture_track(made), picture_track(made, size=(32, 32))]
        made.start_encoding()
        for stream in ways:
            write_pictures(made, stream, [grey(i, stream.height, stream.width) for i in range(FRAMES)])
    seen = {"front": [], "back": []}

    def painter(name):
        return lambda rgb: seen[name].append(rgb.shape) or rgb // 2

    made = tmp_path / "made.mp4"
    assert colorize_video(tmp_path / "dash.mp4", made, painter("front"), again=lambda: painter("back")) == []
    assert seen == {"front": [(48, 64, 3)] * FRAMES, "back": [(32, 32, 3)] * FRAMES}
    for track, size in enumerate([(48, 64), (32, 32)]):
        shown = frames_of(made, track)
        assert len(shown) == FRAMES and shown[0].shape[:2] == size and abs(int(np.median(shown[-1])) - 45) < 4


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".avi", ".webm"])
def test_a_result_says_who_made_it_beside_what_was_said(tmp_path, ending):
    given = rich(tmp_path / "given.mkv", "srt")

    def comment(mark):
        colorize_video(given, tmp_path / f"made{ending}", same, mark=mark)
        with av.open(str(tmp_path / f"made{ending}")) as film:
            return {key.lower(): words for key, words in film.metadata.items()}["comment"]

    assert comment(MARK) == f"by father; {MARK}" and comment(None) == "by father"


@pytest.mark.parametrize("ending, kept", [(".mp4", True), (".mkv", True), (".avi", False)])
def test_a_cover_stays_or_is_named(tmp_path, ending, kept):
    with av.open(str(tmp_path / "given.mkv"), "w") as made:
        pictures = picture_track(made)
        with av.open(str(tmp_path / "cover.png"), "w", format="image2") as drawn:
            still = picture_track(drawn, "png", pix_fmt="rgb24")
            write_pictures(drawn, still, [grey(0)])
        made.add_attachment("cover.png", "image/png", (tmp_path / "cover.png").read_bytes())
        made.start_encoding()
        write_pictures(made, pictures, [grey(i) for i in range(FRAMES)])
    said = colorize_video(tmp_path / "given.mkv", tmp_path / f"made{ending}", same)
    assert said == ([] if kept else ["cover picture 1 (png)"])
    with av.open(str(tmp_path / f"made{ending}")) as film:
        assert len(film.streams.video) == 1 + kept


# ---- sound ---------------------------------------------------------------------------------------

OLD_SOUNDS = [  # encoder, ending, format, rate
    ("amr_nb", ".3gp", "3gp", 8000),
    ("wmav2", ".wmv", "asf", 44100),
    ("adpcm_ms", ".avi", "avi", 22050),
    ("adpcm_ima_wav", ".avi", "avi", 44100),
    ("nellymoser", ".flv", "flv", 22050),
    ("adpcm_swf", ".flv", "flv", 22050),
    ("pcm_dvd", ".vob", "vob", 48000),
    ("pcm_bluray", ".m2ts", "mpegts", 48000),
]


@pytest.mark.parametrize("encoder, ending, format, rate", OLD_SOUNDS)
@pytest.mark.parametrize("target, kind", [(".mkv", "aac"), (".webm", "opus")])
def test_sound_that_cannot_be_copied_is_encoded_anew(tmp_path, encoder, ending, format, rate, target, kind):
    pictures = {"vob": "mpeg2video", "flv": "flv"}.get(format, "libx264" if format == "mpegts" else "mpeg4")
    given = simple(tmp_path / f"given{ending}", sound=encoder, rate=rate, encoder=pictures, format=format)
    said = colorize_video(given, tmp_path / f"made{target}", same)
    assert len(said) == 1 and said[0].startswith(f"sound 1 ({encoder}") and said[0].endswith(f"now {kind}")
    found, seconds, tone = heard(tmp_path / f"made{target}")
    assert found == kind and seconds == pytest.approx(1, abs=0.15) and tone == pytest.approx(TONE, abs=5)


@pytest.mark.parametrize(
    "encoder, ending", [("adpcm_ms", ".avi"), ("adpcm_ima_wav", ".avi"), ("mp2", ".avi"), ("alac", ".mov")]
)
def test_sound_that_can_be_copied_is(tmp_path, encoder, ending):
    rate = 44100 if encoder in ("mp2", "alac") else 22050
    given = simple(tmp_path / f"given{ending}", sound=encoder, rate=rate, encoder="mpeg4")
    assert colorize_video(given, tmp_path / f"made{ending}", same) == []

    def packets(path):
        with av.open(str(path)) as film:
            return [bytes(p) for p in film.demux(film.streams.audio[0]) if p.size]

    assert packets(given) == packets(tmp_path / f"made{ending}") != []


def test_sound_that_changes_its_kind_on_the_way_is_heard_to_the_end(tmp_path):
    """As where a broadcast in mono goes over to a film in stereo."""
    parts = []
    for i, channels in enumerate((1, 2)):
        parts.append(tmp_path / f"{i}.ts")
        with av.open(str(parts[-1]), "w") as made:
            pictures, voice = picture_track(made), sound_track(made, "mp2", 48000 if i else 32000, channels)
            made.start_encoding()
            write_pictures(made, pictures, [grey(k) for k in range(FRAMES)], late=i)
            write_sound(made, voice, late=i)
    (tmp_path / "rec.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    colorize_video(tmp_path / "rec.ts", tmp_path / "made.webm", same)
    kind, seconds, tone = heard(tmp_path / "made.webm")
    assert kind == "opus" and seconds == pytest.approx(2, abs=0.2) and tone == pytest.approx(TONE, abs=5)


# ---- times ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending, format", [(".mts", "mpegts"), (".mkv", "matroska"), (".mpg", "mpeg")])
@pytest.mark.parametrize("target", [".mkv", ".mp4"])
def test_a_recording_that_begins_at_ten_hours_begins_at_once(tmp_path, ending, format, target):
    encoder = "mpeg2video" if format == "mpeg" else "libx264"
    given = simple(tmp_path / f"rec{ending}", 36_000.0, "mp2", encoder=encoder, format=format)
    assert sample(given)[0].shape == (HEIGHT, WIDTH, 3)
    colorize_video(given, tmp_path / f"made{target}", same)
    with av.open(str(tmp_path / f"made{target}")) as film:
        assert 0 <= film.start_time / 1e6 < 0.2 and film.duration / 1e6 < 1.5
    assert len(frames_of(tmp_path / f"made{target}")) == FRAMES


def test_times_that_jump_in_a_recording_are_joined(tmp_path):
    parts = [
        simple(tmp_path / f"{i}.ts", late, "mp2", format="mpegts") for i, late in enumerate((50_000.0, 3.0))
    ]
    (tmp_path / "rec.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    colorize_video(tmp_path / "rec.ts", tmp_path / "made.mkv", same)
    with av.open(str(tmp_path / "made.mkv")) as film:
        times = [float(f.pts * f.time_base) for f in film.decode(film.streams.video[0])]
    assert len(times) == 2 * FRAMES and times[-1] == pytest.approx(1.9, abs=0.3)
    assert np.all(np.diff(times) > 0)


@pytest.mark.parametrize("late, ending", [(0.0, ".mp4"), (36_000.0, ".mts"), (0.0, ".h264"), (0.0, ".avi")])
def test_a_sample_sees_all_of_a_film_with_a_single_key_frame(tmp_path, late, ending):
    levels = [np.full((HEIGHT, WIDTH, 3), 5 * i, np.uint8) for i in range(50)]
    simple(tmp_path / f"long{ending}", late, frames=levels)
    seen = [int(frame.mean()) for frame in sample(tmp_path / f"long{ending}", 5)]
    assert len(seen) == 5 and seen[0] < 20 and seen[-1] > 180 and min(np.diff(seen)) > 25


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


# ---- content, damage -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, format, encoder",
    [
        ("tape.ts", "mpegts", "libx264"),
        ("MOV003.MOD", "vob", "mpeg2video"),
        ("old.asf", "asf", "wmv2"),
        ("phone.3g2", "3gp", "mpeg4"),
        ("b.divx", "avi", "mpeg4"),
        ("no_ending", "matroska", "libx264"),
        ("holiday.jpg", "mp4", "libx264"),
        ("raw.m2v", "mpeg2video", "mpeg2video"),
        ("disc.M2TS", "mpegts", "libx264"),
    ],
)
def test_a_film_is_one_by_its_content(tmp_path, name, format, encoder):
    given = simple(tmp_path / name, encoder=encoder, format=format)
    assert is_film(given)
    colorize_video(given, tmp_path / "made.mkv", same)
    assert len(frames_of(tmp_path / "made.mkv")) == FRAMES


def test_sound_alone_text_and_nothing_are_no_films(tmp_path):
    with av.open(str(tmp_path / "song.mp4"), "w") as made:
        voice = sound_track(made)
        made.start_encoding()
        write_sound(made, voice)
    (tmp_path / "code.ts").write_text("export const G = 1;\n" * 200)
    (tmp_path / "empty.mod").write_bytes(b"")
    for name in ("song.mp4", "code.ts", "empty.mod", "missing.ts"):
        assert not is_film(tmp_path / name), name


def test_a_damaged_place_does_not_end_a_film(tmp_path):
    frames = [np.random.default_rng(i).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8) for i in range(20)]
    given = simple(tmp_path / "given.mov", frames=frames, encoder="png", pix_fmt="rgb24")
    content = bytearray(given.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    given.write_bytes(content)
    said = colorize_video(given, tmp_path / "made.mkv", same)
    assert any("damaged" in words for words in said) and 15 <= len(frames_of(tmp_path / "made.mkv")) < 20


def test_no_advice_names_the_ending_just_refused(tmp_path, monkeypatch):
    given = simple(tmp_path / "given.mkv")

    def broken(self):
        raise av.error.ArgumentError(22, "no")

    monkeypatch.setattr(av.container.OutputContainer, "start_encoding", broken, raising=False)
    for ending, other in ((".mkv", r"\.mov"), (".mp4", r"\.mkv")):
        with pytest.raises(ImageError, match=rf"made{ending}: cannot be written in this format; try {other}"):
            colorize_video(given, tmp_path / f"made{ending}", same)
