"""What lies beside the pictures of a film, taken over: sound, subtitles, fonts, chapters, tags.

What the result's format holds is copied packet by packet. Sound that it does not hold is encoded anew, text of
subtitles is put into its notation. What is left then is named, never dropped silently.
"""

import io
from collections.abc import Iterable
from fractions import Fraction

from colorlab.files.frames import damage

SOUND = {"webm": "libopus", "avi": "libmp3lame"}  # encoders where sound cannot be copied; else AAC
SUBTITLES = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
COVERS = {"mjpeg": "jpeg", "png": "png"}
APPLE = {"deu": "ger", "nld": "dut", "ell": "gre", "isl": "ice", "zho": "chi"}  # QuickTime's words for them
KINDS = {"audio": "sound", "subtitle": "subtitles", "attachment": "attached file", "video": "pictures"}
TEXTS = {"ass", "ssa", "subrip", "srt", "mov_text", "webvtt", "text"}  # subtitles that are no pictures
LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
LATE = 1  # second; a film that begins a little late may do so on purpose
JUMP = 10  # seconds; a recording whose times jump by more was put together, as FFmpeg takes it too
TECHNICAL = {  # what FFmpeg says of a file, and statistics that are not true of the result
    "encoder", "major_brand", "minor_version", "compatible_brands", "vendor_id", "bps", "duration",
    "number_of_frames", "number_of_bytes", "alpha_mode",
}  # fmt: skip
SILENT_DATA = {"dvd_nav_packet", "epg"}  # menus of the medium, which nobody misses in a film


class Clock:
    """From a source's times to the result's: it begins at 0, and a recorder's jumps are bridged."""

    def __init__(self, given):
        start = Fraction(given.start_time or 0, 1_000_000)
        self.jumps = given.format.name in ("mpegts", "mpeg")  # they count from anywhere, and in between anew
        self.late = start if start >= LATE or (start > 0 and self.jumps) else Fraction(0)
        self.expected: dict[int, Fraction] = {}

    def set(self, packet) -> None:
        """Change the times of a packet."""
        base = packet.time_base
        if packet.dts is None and packet.pts is None:
            return
        if self.jumps and packet.dts is not None and packet.stream.type in ("video", "audio"):
            time = packet.dts * base - self.late
            expected = self.expected.get(packet.stream.index)
            if expected is not None and abs(time - expected) > JUMP:
                self.late += time - expected
                time = expected
            self.expected[packet.stream.index] = time + (packet.duration or 0) * base
        ticks = round(self.late / base)
        packet.pts = None if packet.pts is None else packet.pts - ticks
        packet.dts = None if packet.dts is None else packet.dts - ticks


class Copied:
    """Packets as they are; a still picture has no time."""

    def __init__(self, stream, still: bool = False):
        self.stream, self.given, self.written, self.none = stream, None, None, 0 if still else None

    def __call__(self, packet) -> Iterable:
        time = next((time for time in (packet.dts, packet.pts) if time is not None), self.none)
        # The very last packet is empty, a signal to decoders. Times that go back no format takes.
        if not packet.size or time is None or (self.given is not None and time < self.given):
            return
        self.given, base = time, packet.time_base / self.stream.time_base
        later = 0 if packet.pts is None else round((packet.pts - time) * base)
        time = round(time * base)
        if self.written is not None and time <= self.written:  # rounded to the same tick, which AVI refuses
            time = self.written + 1
        self.written = packet.dts = time
        packet.pts = time + later
        packet.duration = round((packet.duration or 0) * base)
        packet.time_base, packet.stream = self.stream.time_base, self.stream
        yield packet

    def rest(self) -> Iterable:
        return ()


class Recoded:
    """Sound, decoded and encoded anew; where nothing was said for a moment there is silence."""

    def __init__(self, av, made, sound):
        encoder = SOUND.get(made.format.name, "aac")
        rates = av.Codec(encoder, "w").audio_rates or [sound.rate]
        self.rate = min(rates, key=lambda rate: (rate < sound.rate, abs(rate - sound.rate)))
        most = 2 if encoder == "libmp3lame" else 8
        self.channels = sound.channels if 0 < sound.channels <= most else 2
        self.av, self.sound, self.graph, self.kind = av, sound, None, None
        self.stream = made.add_stream(encoder, rate=self.rate)
        self.stream.layout = self.layout = LAYOUTS[self.channels]
        self.stream.bit_rate = 96_000 * self.channels
        self.name = self.stream.codec.canonical_name

    def __call__(self, packet) -> Iterable:
        try:
            frames = self.sound.codec_context.decode(packet)
        except damage(self.av):
            return
        for frame in frames:
            yield from self._encoded(frame)

    def rest(self) -> Iterable:
        if self.graph is not None:
            yield from self._encoded(None)
        yield from self.stream.encode(None)

    def _encoded(self, frame) -> Iterable:
        kind = frame and (frame.sample_rate, frame.format.name, frame.layout.name, frame.time_base)
        if self.graph is not None and kind not in (
            None,
            self.kind,
        ):  # as where a broadcast goes over to a film
            yield from self._filtered(None)
            self.graph = None
        if self.graph is None:
            self._build(*kind)
        yield from self._filtered(frame)

    def _filtered(self, frame) -> Iterable:
        self.graph.push(frame)
        while True:
            try:
                yield from self.stream.encode(self.graph.pull())
            except (BlockingIOError, EOFError):  # it wants the next one first; that was the last one
                return

    def _build(self, rate: int, format: str, layout: str, base: Fraction) -> None:
        self.kind, self.graph = (rate, format, layout, base), self.av.filter.Graph()
        source = self.graph.add_abuffer(sample_rate=rate, format=format, layout=layout, time_base=base)
        kind = f"sample_fmts={self.stream.format.name}:sample_rates={self.rate}:channel_layouts={self.layout}"
        filled, fitting = self.graph.add("aresample", "async=1"), self.graph.add("aformat", kind)
        self.graph.link_nodes(source, filled, fitting, self.graph.add("abuffersink")).configure()


class Retold:
    """The text of subtitles in another notation."""

    def __init__(self, av, made, given):
        self.av, self.given = av, given
        self.stream = made.add_stream(SUBTITLES[made.format.name])
        given.codec_context.open(strict=False)
        self.stream.codec_context.subtitle_header = given.codec_context.subtitle_header
        self.stream.codec_context.time_base = self.stream.time_base = Fraction(1, 1000)
        self.name = self.stream.codec.canonical_name

    def __call__(self, packet) -> Iterable:
        if not packet.size or packet.pts is None:
            return
        try:
            text = self.given.codec_context.decode2(packet)
            told = text and self.stream.codec_context.encode_subtitle(text)
        except self.av.FFmpegError:
            return
        if told:
            base, told.stream, told.time_base = packet.time_base, self.stream, Fraction(1, 1000)
            told.pts = told.dts = round(packet.pts * base * 1000)
            told.duration = round((packet.duration or 0) * base * 1000)
            yield told

    def rest(self) -> Iterable:
        return ()


Beside = Copied | Recoded | Retold


def taken_over(
    av, given, made, covers: dict[int, bytes], colored: set[int]
) -> tuple[dict[int, Beside], list[str]]:
    """Streams in the result for all that lies beside the pictures.

    Args:
        av: the package.
        given, made: the source and the result.
        covers: still pictures by the indices of their tracks.
        colored: indices of the tracks of pictures that are coloured.

    Returns:
        by the index of a track of the source what becomes of its packets; and what is left out or changed.
    """
    ways, notes, counts = {}, [], {}
    for stream in given.streams:
        kind = "cover picture" if is_cover(stream) else stream.type
        counts[kind] = counts.get(kind, 0) + 1
        if stream.index in colored:
            continue
        if made.format.name == "matroska" and stream.index in covers and _name(stream) in COVERS:
            ending = COVERS[_name(stream)]
            made.add_attachment(f"cover.{ending}", f"image/{ending}", covers[stream.index])
            continue
        way, note = _way(av, given, made, stream, kind)
        if note is not None:
            notes.append(named(stream, kind, counts[kind]) + note)
        if way:
            ways[stream.index] = way
            way.source, way.named = stream, named(stream, kind, counts[kind])
            about(stream, way.stream)
    return ways, notes


def about(stream, made) -> None:
    """Languages, titles and flags of a track."""
    said = tags(stream.metadata)
    if made.container.format.name == "mov" and "language" in said:
        said["language"] = APPLE.get(said["language"], said["language"])
    made.metadata.update(said)
    made.disposition = stream.disposition


def tags(metadata: dict[str, str]) -> dict[str, str]:
    """Without what is true of the source alone."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower().partition("-")[0] not in TECHNICAL and not key.startswith("_STATISTICS")
        if not value.startswith("Lavf")  # FFmpeg's own signature, whatever the format calls it
    }


def writing_options(container: str, metadata: dict[str, str]) -> dict[str, str]:
    """For FFmpeg's writer: QuickTime holds tags of any name, as phones write them, but then not those of iTunes."""
    phone = any(key.startswith("com.") for key in metadata)
    return {"movflags": "use_metadata_tags"} if container in ("mp4", "mov") and phone else {}


def is_cover(stream) -> bool:
    """Whether a track of pictures is one still picture, as music and shops have it."""
    return bool(stream.type == "video" and stream.disposition & type(stream.disposition).attached_pic)


def chapters(given, late: Fraction) -> list[dict]:
    """Those of the source, at the result's times."""
    found = []
    for chapter in given.chapters():
        ticks = round(late / chapter["time_base"])
        found.append(
            chapter | {"start": max(chapter["start"] - ticks, 0), "end": max(chapter["end"] - ticks, 0)}
        )
    return found


def marked(metadata: dict[str, str], mark: str | None) -> dict[str, str]:
    """A comment that says what made the film, after what it said before."""
    if not mark:
        return {}
    key = next((key for key in metadata if key.lower() == "comment"), "comment")
    before = metadata.get(key, "")
    return {key: before if mark in before else f"{before}; {mark}" if before else mark}


def lost_tags(given, made, beside: dict[int, Beside]) -> list[str]:
    """What a finished file, opened again, does not say of the film that its source said."""
    kept, lost = {key.lower() for key in made.metadata}, []
    if tags_lost := [key for key in tags(given.metadata) if key.lower() not in kept]:
        lost.append(f"tags: {' '.join(tags_lost)}")
    if given.chapters() and not made.chapters():
        lost.append("chapters")
    for way in beside.values():
        lost += [f"{what} of {way.named}" for what in _unsaid(way.source, made.streams[way.stream.index])]
    return lost


def _unsaid(source, made) -> Iterable[str]:
    """What a track does not say that it said before."""
    said = tags(source.metadata)
    language = said.get("language", "und")
    if language != "und" and made.language not in (language, APPLE.get(language, language)):
        yield "the language"
    if said.get("title") not in (None, made.metadata.get("title"), made.metadata.get("handler_name")):
        yield "the title"
    if source.disposition & ~made.disposition & ~type(made.disposition).default:
        yield "the flags"


def _way(av, given, made, stream, kind: str) -> tuple[Beside | None, str | None]:
    """What becomes of a track, and what is to be said about that."""

    def copied(target) -> Copied:
        return Copied(target.add_stream_from_template(stream, opaque=True), still=kind == "cover picture")

    known = made.supported_codecs
    if kind == "attachment":
        may_copy = made.format.name == "matroska"
    elif kind == "cover picture":
        may_copy = made.format.name == "mp4"
    else:
        may_copy = kind != "video" and bool(
            stream.codec_context and {stream.codec.canonical_name, stream.codec.name} & known
        )
    if may_copy and _works(av, made, copied):
        return copied(made), None
    anew = None
    if kind == "audio" and stream.codec_context and stream.rate:
        anew = Recoded
    elif kind == "subtitle" and _name(stream) in TEXTS and made.format.name in SUBTITLES:
        anew = Retold
    if anew and _works(av, made, lambda target: anew(av, target, stream)):
        way = anew(av, made, stream)
        return way, f" as it was, now {way.name}"
    if kind == "data" and (stream.name in SILENT_DATA or given.chapters() or "timecode" in stream.metadata):
        return (
            None,
            None,
        )  # QuickTime has tracks for the names of chapters, and for the time code that is a tag too
    return None, ""


def _works(av, made, add) -> bool:
    """Whether a format takes a track, which FFmpeg may say only when it begins to write."""
    try:
        with av.open(io.BytesIO(), "w", format=made.format.name) as trial:
            add(trial)
            trial.start_encoding()
        return True
    except (ValueError, av.FFmpegError):
        return False


def _name(stream) -> str:
    return stream.codec.canonical_name if stream.codec_context else getattr(stream, "name", None) or "unknown"


def named(stream, kind: str, number: int) -> str:
    """Such as "sound 2 (amr_nb, deu)"."""
    said = ", ".join([_name(stream), *({stream.language} - {None, "und"})])
    return f"{KINDS.get(kind, kind)} {number} ({said})"
