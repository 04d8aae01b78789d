"""Makes small films of all kinds, and says what is in one."""

from fractions import Fraction

import numpy as np
import pytest

av = pytest.importorskip("av", reason="the extra `video` is not installed")

RATE, FRAMES, HEIGHT, WIDTH = 10, 10, 48, 64
TONE = 440  # Hz


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
