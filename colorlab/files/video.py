"""Colouring films with PyAV, which carries FFmpeg: decoded, coloured and encoded frame by frame.

Nothing is kept but the frame in work, so memory does not grow with length. What stays as it was: the number
of frames and the time of each (from 0 on), the shape of a pixel, every track of sound, subtitles, chapters,
tags; further tracks of pictures are coloured as well. Sound that the result's format holds is copied, else
encoded anew. What cannot be kept is told. A rotation stored beside the pictures is carried out on them, so the
network sees them upright; the two halves of interlaced pictures are woven into whole ones; what has a high
dynamic range is brought to what a usual screen shows.

    .mp4 .m4v .mov .mkv    H.264
    .avi                   H.264 without B-frames, for which AVI has no timestamps
    .webm                  VP9

H.264 is stored as all players show it, with colour at half the resolution and even sizes: where one is odd,
the last row or column is there twice. Films with transparency keep it as VP9 in .webm and .mkv, and as ProRes
4444 in .mov; elsewhere they are laid over white.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

import numpy as np
from tqdm.auto import tqdm

from colorlab.files import tracks
from colorlab.files.faults import printable
from colorlab.files.frames import H264, MOST_PIXELS, VP9, Pictures, Shown, Track, changes, decoder, pixels
from colorlab.files.media import ImageError
from colorlab.files.whole import in_one_piece

Paint = Callable[[np.ndarray], np.ndarray]

FORMATS = {  # ending -> container, encoder, its options
    ".mp4": ("mp4", *H264),
    ".m4v": ("mp4", *H264),
    ".mov": ("mov", *H264),
    ".mkv": ("matroska", *H264),
    ".avi": ("avi", "libx264", H264[1] | {"bf": "0"}),
    ".webm": ("webm", *VP9),
}
# Not all that FFmpeg knows: a playlist, whatever its ending, would make it open other files.
READ = "mov,matroska,avi,asf,flv,mpeg,mpegts,mpegvideo,ogg,ivf,h264,hevc,m4v,dv,mxf,rm,yuv4mpegpipe"
# How films begin: Matroska, ASF, FLV, Ogg, MPEG (program, video), MXF, RealMedia, IVF, Y4M, H.264, DV.
BEGINNINGS = (
    b"\x1aE\xdf\xa3", b"0&\xb2u\x8ef\xcf\x11", b"FLV\x01", b"OggS", b"\0\0\1\xba", b"\0\0\1\xb3",
    b"\x06\x0e+4\x02\x05\x01\x01", b".RMF", b"DKIF", b"YUV4MPEG2", b"\0\0\0\1", b"\x1f\x07\0",
)  # fmt: skip
ATOMS = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # of QuickTime files without a word about it
PICTURES = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1")


def pyav() -> ModuleType:
    """The package av.

    Raises:
        ModuleNotFoundError: it is not installed; the message names the extra that brings it.
    """
    try:
        import av
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "videos need the package av, which is not installed: pip install 'colorlab-course[video]'"
        ) from None
    return av


def colorize_video(
    source: str | Path,
    target: str | Path,
    paint: Paint,
    replace: bool = True,
    again: Callable[[], Paint] | None = None,
    mark: str | None = None,
) -> list[str]:
    """Colour a film, with progress and the time left; only its lightness is looked at.

    Args:
        source: any file with a video that FFmpeg reads.
        target: its ending says the format (see above). Written under a temporary name: whatever stops the
            work, Ctrl-C too, leaves no half of a file.
        paint: what makes a coloured frame of a frame, both uint8 `(H, W, 3)`; a new `FrameColorizer`.
        replace: whether an older target is replaced; else a FileExistsError.
        again: makes one more `paint` for each further track of pictures; without it `paint` takes these too.
        mark: what made it, added to the comment that the result carries.

    Returns:
        what is not as it was, a few words each, such as "sound 1 (amr_nb) becomes aac"; mostly none.

    Raises:
        ModuleNotFoundError: without the extra "video".
        ImageError: no such file, no video in it, damaged; or times that the target's format cannot hold.
    """
    av = pyav()
    suffix = Path(target).suffix.lower()
    if suffix not in FORMATS:
        raise ImageError(f"{target}: videos are written as {', '.join(FORMATS)}; choose one of these endings")
    with (
        _said_by_name(av, f"{source}: damaged, or not a video that FFmpeg reads"),
        in_one_piece(target, replace) as partial,
        _opened(av, source) as given,
    ):
        films = _films(av, given, source)
        with (
            av.open(f"file:{partial}", "w", format=FORMATS[suffix][0]) as made,
            tqdm(
                total=_count(given, films[0]),
                desc=printable(Path(source).name),
                unit="frame",
                disable=None,
                leave=None,
            ) as progress,
        ):
            result = _Result(av, given, made, films, target, mark)
            paints = [paint, *(again() if again else paint for _ in films[1:])]
            for number, shown in result.frames(given):
                result.put(number, shown._replace(rgb=paints[number](shown.rgb)))
                progress.update(number == 0)
            result.end()
        with _opened(av, partial) as finished:
            return result.notes + tracks.lost_tags(given, finished)


class _Result:
    """A file that is written, with all tracks that it can hold.

    Attributes:
        notes: what is not as it was in the source.
    """

    def __init__(self, av, given, made, films: list[Pictures], target: str | Path, mark: str | None):
        self.av, self.made, self.films, self.target = av, made, films, target
        suffix = Path(target).suffix.lower()
        _, encoder, options = FORMATS[suffix]
        self.clock = tracks.Clock(given)
        self.fault = (
            f"{target}: cannot be written in this format; try {'.mov' if suffix == '.mkv' else '.mkv'}"
        )
        with _said_by_name(av, self.fault):
            self.written = [Track(made, film, encoder, options) for film in films]
            for film, track in zip(films, self.written, strict=True):
                tracks.about(film.stream, track.stream)
            self.beside, self.notes = tracks.taken_over(av, given, made)
            made.metadata.update(tracks.tags(given.metadata) | tracks.marked(given.metadata, mark))
            made.set_chapters(tracks.chapters(given, self.clock.late))
            made.start_encoding()

    def frames(self, given) -> Iterator[tuple[int, Shown]]:
        """(number of the film, frame) of all pictures; what lies beside them is written on the way."""
        numbers = {film.stream.index: number for number, film in enumerate(self.films)}
        wanted = [given.streams[index] for index in (*numbers, *self.beside)]
        for packet in given.demux(wanted):
            self.clock.set(packet)
            index = packet.stream.index  # `stream_index` of the last, empty ones is always 0
            if way := self.beside.get(index):
                self._mux(way(packet))
                continue
            number = numbers[index]
            for shown in self.films[number](packet):
                yield number, shown

    def put(self, number: int, shown: Shown) -> None:
        try:
            self._mux(self.written[number].encoded(shown))
        except ValueError as error:
            if isinstance(error, ImageError | self.av.FFmpegError):
                raise
            raise ImageError(f"{self.target}: {error}; choose .mkv") from None

    def end(self) -> None:
        """What encoders held back, and the last notes."""
        for way in (*self.beside.values(), *self.written):
            self._mux(way.rest())
        for number, (film, track) in enumerate(zip(self.films, self.written, strict=True), 1):
            self.notes += [f"pictures {number}: {change}" for change in changes(film, track)]
        with _said_by_name(self.av, self.fault):
            self.made.close()

    def _mux(self, packets: Iterable) -> None:
        with _said_by_name(self.av, self.fault):
            for packet in packets:
                self.made.mux(packet)


def sample(path: str | Path, frames: int = 5) -> list[np.ndarray]:
    """A few frames, evenly spread over a film: uint8 `(H, W, 3)` each, as they are stored.

    Raises:
        ModuleNotFoundError, ImageError: as `colorize_video`.
    """
    av = pyav()
    with (
        _said_by_name(av, f"{path}: damaged, or not a video that FFmpeg reads"),
        _opened(av, path) as given,
    ):
        pictures = _videos(given, path)[0]
        found = []
        for i in range(frames if given.duration else 0):
            place = (given.start_time or 0) + int(given.duration * i / frames)
            found += [pixels(frame)[0] for frame in _from(av, given, pictures, place)]
        if not found:  # nothing says how long it is
            given.seek(0)
            found = _thinned(_decoded(av, given, pictures), frames)
    if not found:
        raise ImageError(f"{path}: not one frame of it can be read; fetch it anew")
    return found


def is_film(path: str | Path) -> bool:
    """Whether a file is a film by its first bytes, whatever it is called; false for sound alone and pictures.

    Without the package av, sound in a film's clothes is taken for a film.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(1024)
    except (OSError, ValueError):
        return False
    if not _begins_like_a_film(head):
        return False
    try:
        av = pyav()
        with _opened(av, path) as given:
            return any(not tracks.is_cover(stream) for stream in given.streams.video)
    except (ModuleNotFoundError, ValueError, OSError):  # a damaged film is one, and will be refused by name
        return True


def _begins_like_a_film(head: bytes) -> bool:
    if head[4:8] == b"ftyp":  # ISO 14496-12: films, sound, and some pictures
        return head[8:12] not in PICTURES
    every = next((step for step in (188, 192, 204) if _synchronous(head, step)), None)
    return (
        every is not None
        or head[4:8] in ATOMS
        or any(head.startswith(begin) for begin in BEGINNINGS)
        or (head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"AVIX"))
    )


def _synchronous(head: bytes, step: int) -> bool:
    """MPEG transport: every packet begins with G."""
    start = 4 if step == 192 else 0
    return len(head) > start + 3 * step and all(head[start + k * step] == 0x47 for k in range(4))


@contextmanager
def _said_by_name(av, fault: str) -> Iterator[None]:
    """What FFmpeg raises becomes an ImageError that names the file which the reader knows."""
    try:
        yield
    except av.error.PermissionError as error:
        raise ImageError(f"{fault.partition(':')[0]}: {error.strerror}; check the permissions") from error
    except av.FFmpegError as error:
        raise ImageError(f"{fault} ({error.strerror or error})") from error


def _opened(av, source):
    """A file, and only that: FFmpeg takes names such as `http:a.mp4` for addresses, and playlists for videos."""
    return av.open(
        f"file:{source}",
        options={"max_pixels": str(MOST_PIXELS)},  # also where the size changes on the way
        container_options={"protocol_whitelist": "file", "format_whitelist": READ},
        metadata_errors="replace",
    )


def _videos(given, source) -> list:
    """The tracks of pictures in a file; a cover is none."""
    found = [s for s in given.streams.video if s.codec_context and not tracks.is_cover(s)]
    for stream in found:
        stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    if not found:
        raise ImageError(f"{source}: there is no video in it")
    return found


def _films(av, given, source) -> list[Pictures]:
    """The tracks of pictures of which a frame can be read."""
    first = _first_frames(av, source)
    found = [s for s in _videos(given, source) if s.index in first]
    if not found:
        raise ImageError(f"{source}: not one frame of it can be read; fetch it anew")
    return [Pictures(av, stream, first[stream.index], given.format.name == "avi") for stream in found]


def _first_frames(av, source) -> dict:
    """By the index of a track of pictures its first frame, which tells of what kind all are."""
    found = {}
    with _opened(av, source) as given:
        decoders = {stream.index: decoder(av, stream) for stream in _videos(given, source)}
        for packet in given.demux([given.streams[index] for index in decoders]):
            if packet.stream.index not in found:
                with suppress(av.error.InvalidDataError):
                    for frame in decoders[packet.stream.index].decode(packet):
                        found.setdefault(packet.stream.index, frame)
            if len(found) == len(decoders):
                break
    return found


def _count(given, film: Pictures) -> int | None:
    """How many frames there are; an estimate where the file does not say, None if that is not possible."""
    if film.stream.frames or not given.duration:
        return film.stream.frames or None
    return round(given.duration / 1_000_000 * film.rate)  # FFmpeg counts microseconds


def _decoded(av, given, stream) -> Iterator:
    """Frames from here on; what is damaged is left out."""
    for packet in given.demux(stream):
        with suppress(av.error.InvalidDataError):
            yield from stream.codec_context.decode(packet)


def _from(av, given, stream, place: int) -> list:
    """The frame at a place in microseconds, or the last before the end: none or one."""
    with suppress(av.FFmpegError):
        given.seek(place)
    last = None
    for last in _decoded(av, given, stream):
        if last.pts is None or last.pts * last.time_base * 1_000_000 >= place:
            break
    return [] if last is None else [last]


def _thinned(frames: Iterable, number: int) -> list[np.ndarray]:
    """Some frames of a film whose length is not known, evenly spread: of twice as many, every second is kept."""
    found, step = [], 1
    for i, frame in enumerate(frames):
        if i % step == 0:
            found.append(pixels(frame)[0])
        if len(found) == 2 * number:
            found, step = found[::2], 2 * step
    return found[:: -(-len(found) // number) or 1]
