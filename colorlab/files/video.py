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

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

import numpy as np
from tqdm.auto import tqdm

from colorlab.files import tracks
from colorlab.files.faults import memory_left, printable, refused_by_the_machine, short_of_memory
from colorlab.files.frames import (
    H264,
    MOST_PIXELS,
    VP9,
    Pictures,
    Shown,
    Track,
    changes,
    damage,
    decoder,
    pixels,
)
from colorlab.files.kinds import FILM, kind_of_content
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
        what the result could not hold as it was, such as "sound 1 (amr_nb) as it was, now aac"; mostly nothing.

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
        films, covers = _films(av, given, source)
        with (
            av.open(
                f"file:{partial}",
                "w",
                format=FORMATS[suffix][0],
                options=tracks.writing_options(FORMATS[suffix][0], given.metadata),
            ) as made,
            tqdm(
                total=_count(given, films[0]),
                desc=printable(Path(source).name),
                unit="frame",
                disable=None,
                leave=None,
            ) as progress,
        ):
            result = _Result(av, given, made, films, covers, target, mark)
            paints = [paint, *(again() if again else paint for _ in films[1:])]
            for number, shown in result.frames(given):
                result.put(number, shown._replace(rgb=paints[number](shown.rgb)))
                progress.update(number == 0)
            result.end()
        with _opened(av, partial) as finished:
            return result.notes + tracks.lost_tags(given, finished, result.beside)


class _Result:
    """A file that is written, with all tracks that it can hold.

    Attributes:
        notes: what of the source it does not hold as it was.
    """

    def __init__(
        self,
        av,
        given,
        made,
        films: list[Pictures],
        covers: dict[int, bytes],
        target: str | Path,
        mark: str | None,
    ):
        self.av, self.made, self.films, self.target = av, made, films, target
        suffix = Path(target).suffix.lower()
        _, encoder, options = FORMATS[suffix]
        self.clock, self.refused = tracks.Clock(given), Counter()
        self.fault = (
            f"{target}: cannot be written in this format; try {'.mov' if suffix == '.mkv' else '.mkv'}"
        )
        with _said_by_name(av, self.fault):
            self.written = [Track(made, film, encoder, options) for film in films]
            for film, track in zip(films, self.written, strict=True):
                tracks.about(film.stream, track.stream)
            self.beside, self.notes = tracks.taken_over(
                av, given, made, covers, {film.stream.index for film in films}
            )
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
                self._mux_beside(way, packet)
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
            which = f" (track {number} of its pictures)" if number > 1 else ""
            self.notes += [change + which for change in changes(film, track)]
        self.notes += [f"{number} packets of {named}" for named, number in self.refused.items()]
        with _said_by_name(self.av, self.fault):
            self.made.close()

    def _mux_beside(self, way: tracks.Beside, packet) -> None:
        """One packet of a sound that no format takes must not end a film."""
        try:
            for told in way(packet):
                self.made.mux(told)
        except damage(self.av):
            self.refused[way.named] += 1

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
    with _said_by_name(av, f"{path}: damaged, or not a video that FFmpeg reads"):
        with _opened(av, path) as given:
            stream, begin, found = _videos(given, path)[0], given.start_time or 0, []
            for i in range(frames if given.duration else 0):
                found += _at(av, given, stream, begin + given.duration * i // frames)
        if len(found) < frames:  # nothing says how long it is, or places in it cannot be found
            with _opened(av, path) as given:
                found = _thinned(_decoded(av, given, _videos(given, path)[0]), frames)
    if not found:
        raise ImageError(f"{path}: not one frame of it can be read; fetch it anew")
    return found


def is_film(path: str | Path) -> bool:
    """Whether a file is a film by its content, whatever it is called; false for sound alone and for pictures.

    A damaged film is one: reading it says so. Without the package av, sound as films are stored is taken for one.
    """
    if kind_of_content(path) != FILM:
        return False
    try:
        with _opened(pyav(), path) as given:
            return any(not tracks.is_cover(stream) for stream in given.streams.video)
    except (ModuleNotFoundError, ValueError, OSError):
        return True


@contextmanager
def _said_by_name(av, fault: str) -> Iterator[None]:
    """What FFmpeg raises becomes an ImageError that names the file which the reader knows."""
    try:
        yield
    except av.error.PermissionError as error:
        raise ImageError(f"{fault.rpartition(': ')[0]}: {error.strerror}; check the permissions") from error
    except av.FFmpegError as error:
        if short_of_memory(error) and memory_left():  # a damaged one may say that it is as large as a house
            asks = "asks for more memory than there is; it is damaged, or too large for this machine"
            raise ImageError(f"{fault.rpartition(': ')[0]}: {asks}") from error
        if refused_by_the_machine(error):  # in_one_piece gives a full disk the name that the reader knows
            raise
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


def _films(av, given, source) -> tuple[list[Pictures], dict[int, bytes]]:
    """The tracks of pictures of which a frame can be read; and covers, by the indices of their tracks."""
    first, covers = _beginning(av, source)
    found = [s for s in _videos(given, source) if s.index in first]
    if not found:
        raise ImageError(f"{source}: not one frame of it can be read; fetch it anew")
    untimed = given.format.name == "avi"
    return [Pictures(av, stream, first[stream.index], untimed) for stream in found], covers


def _beginning(av, source) -> tuple[dict, dict[int, bytes]]:
    """By the index of its track the first frame of each, which tells of what kind all are; and the covers."""
    found, covers = {}, {}
    with _opened(av, source) as given:
        decoders = {stream.index: decoder(av, stream) for stream in _videos(given, source)}
        for packet in given.demux(given.streams.video):
            index = packet.stream.index
            if tracks.is_cover(packet.stream) and packet.size:
                covers.setdefault(index, bytes(packet))
            elif index in decoders and index not in found:
                with suppress(*damage(av)):
                    for frame in decoders[index].decode(packet):
                        found.setdefault(index, frame)
            if len(found) == len(decoders):
                break
    return found, covers


def _count(given, film: Pictures) -> int | None:
    """How many frames there are; an estimate where the file does not say, None if that is not possible."""
    if film.stream.frames or not given.duration:
        return film.stream.frames or None
    return round(given.duration / 1_000_000 * film.rate)  # FFmpeg counts microseconds


def _decoded(av, given, stream) -> Iterator:
    """Frames from here on; what is damaged is left out."""
    for packet in given.demux(stream):
        with suppress(*damage(av)):
            yield from stream.codec_context.decode(packet)


def _at(av, given, stream, place: int) -> list[np.ndarray]:
    """The frame at a place in microseconds, or the last before the end; none if it cannot be found."""
    last = None
    with suppress(av.FFmpegError):
        given.seek(place)
        for last in _decoded(av, given, stream):
            if last.pts is None or last.pts * last.time_base * 1_000_000 >= place:
                break
    return [] if last is None else [pixels(last)[0]]


def _thinned(frames: Iterable, number: int) -> list[np.ndarray]:
    """Some frames of a film whose length is not known, evenly spread: of too many, every second is kept."""
    found, step = [], 1
    for i, frame in enumerate(frames):
        if i % step == 0:
            found.append(pixels(frame)[0])
        if len(found) == 4 * number:
            found, step = found[::2], 2 * step
    chosen = min(number, len(found))
    return [found[i * len(found) // chosen] for i in range(chosen)]
