"""Films as people have them: many tracks, old sound, late beginnings, strange names, damage."""

import numpy as np
import pytest
from clips import (
    FRAMES,
    HEIGHT,
    TONE,
    WIDTH,
    frames_of,
    grey,
    heard,
    picture_track,
    rich,
    same,
    simple,
    sound_track,
    tracks,
    words_of,
    write_pictures,
    write_sound,
)

from colorlab.batch import plan
from colorlab.files.media import ImageError
from colorlab.files.video import colorize_video, is_film, sample

av = pytest.importorskip("av", reason="the extra `video` is not installed")

MARK = "coloured by colorlab 9.9, model regression"


# ---- what lies beside the pictures ---------------------------------------------------------------


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.parametrize("ending", [".mov", ".mp4"])
def test_tags_of_phones_stay(tmp_path, ending):
    said = {"com.apple.quicktime.make": "Fruit", "com.android.version": "9", "title": "Beach"}
    with av.open(str(tmp_path / "given.mov"), "w", options={"movflags": "use_metadata_tags"}) as made:
        made.metadata.update(said)
        write_pictures(made, picture_track(made), [grey(i) for i in range(FRAMES)])
    assert colorize_video(tmp_path / "given.mov", tmp_path / f"made{ending}", same, mark=MARK) == []
    with av.open(str(tmp_path / f"made{ending}")) as film:
        assert said.items() <= film.metadata.items() and film.metadata["comment"] == MARK


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


@pytest.mark.slow
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


@pytest.mark.slow
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
    film, skipped = simple(tmp_path / "film.mp4"), {}
    assert [job.source for job in plan([tmp_path], tmp_path.parent / "out", skipped)] == [film]
    assert skipped[tmp_path / "song.mp4"] == "sound without pictures"


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
