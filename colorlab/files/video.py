"""Colouring videos with PyAV, which carries FFmpeg: decoded, coloured and encoded frame by frame.

Nothing is kept but the frame in work, so memory does not grow with length. What stays as it was: the number
of frames and the time of each, size (odd ones too), the shape of a pixel, and every packet of sound, which
is copied, not encoded again. A rotation stored beside the pictures is carried out on them, so the network
sees them upright; the result looks the same in a player. Subtitles, chapters and other tracks are left out.

    .mp4 .m4v .mov .mkv    H.264
    .avi                   H.264 without B-frames, for which AVI has no timestamps
    .webm                  VP9

H.264 stores colour at half the resolution, and only for even sizes; a video of odd size is stored with
colour at full resolution (yuv444p), which some players in hardware cannot show.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
from tqdm.auto import tqdm

from colorlab.files.media import ImageError
from colorlab.files.whole import in_one_piece

H264 = ("libx264", {"crf": "18"})  # 18: hardly a difference to be seen
VP9 = ("libvpx-vp9", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"})
FORMATS = {  # ending -> container, encoder, its options
    ".mp4": ("mp4", *H264),
    ".m4v": ("mp4", *H264),
    ".mov": ("mov", *H264),
    ".mkv": ("matroska", *H264),
    ".avi": ("avi", "libx264", H264[1] | {"bf": "0"}),
    ".webm": ("webm", *VP9),
}
BT709 = 1  # the number of that standard in FFmpeg: matrix, primaries and transfer curve alike
LIMITED_RANGE = 1
# Not all that FFmpeg knows: a playlist, whatever its ending, would make it open other files.
READ = "mov,matroska,avi,asf,flv,mpeg,mpegts,mpegvideo,ogg,ivf,h264,hevc,m4v,dv,mxf,rm,yuv4mpegpipe"
MOST_PIXELS = 40_000_000  # a frame; 8K has 33 million
FINE = 90_000  # ticks a second, at least, to tell when a frame is shown


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
    source: str | Path, target: str | Path, paint: Callable[[np.ndarray], np.ndarray], replace: bool = True
) -> None:
    """Colour a video, with progress and the time left; only its lightness is looked at.

    Args:
        source: any file with a video that FFmpeg reads.
        target: its ending says the format (see above). Written under a temporary name: whatever stops the
            work, Ctrl-C too, leaves no half of a file.
        paint: what makes a coloured frame of a frame, both uint8 `(H, W, 3)`; a new `FrameColorizer`.
        replace: whether an older target is replaced; else a FileExistsError.

    Raises:
        ModuleNotFoundError: without the extra "video".
        ImageError: no such file, no video in it, damaged; or sound that the target's format cannot hold.
    """
    av = pyav()
    suffix = Path(target).suffix.lower()
    if suffix not in FORMATS:
        raise ImageError(f"{target}: videos are written as {', '.join(FORMATS)}; choose one of these endings")
    container, encoder, options = FORMATS[suffix]
    written = f"{target}: cannot be written in this format; try .mkv"
    with _said_by_name(av, f"{source}: damaged, or not a video that FFmpeg reads"):
        turns = _rotation(av, source) // 90
        with (
            in_one_piece(target, replace) as partial,
            _opened(av, source) as given,
            av.open(f"file:{partial}", "w", format=container) as made,
            tqdm(
                total=_count(given, source), desc=Path(source).name, unit="frame", disable=None, leave=None
            ) as progress,
        ):
            pictures = _pictures(given, source)
            sounds = {sound.index: _copied(made, sound, source, target) for sound in given.streams.audio}
            encoded = _encoded(made, pictures, turns, encoder, options)
            untimed, last = given.format.name == "avi", None
            places: deque[Fraction] = deque()  # AVI has no times; what is shown as k-th has the k-th place
            for packet in given.demux(pictures, *given.streams.audio):
                if packet.stream_index in sounds:
                    if packet.dts is not None:  # the very last one is empty, a signal to decoders
                        packet.stream = sounds[packet.stream_index]
                        with _said_by_name(av, written):
                            made.mux(packet)
                    continue
                if packet.size and packet.dts is not None:
                    places.append(packet.dts * packet.time_base)
                for frame in packet.decode():
                    place = places.popleft() if places else None
                    time = place if frame.pts is None or untimed else frame.pts * frame.time_base
                    if time is None:
                        raise ImageError(f"{source}: its frames have no times; put it into an .mkv first")
                    rgb = np.rot90(frame.to_ndarray(format="rgb24"), turns)
                    colored = av.VideoFrame.from_ndarray(paint(np.ascontiguousarray(rgb)))
                    with _said_by_name(av, written):
                        colored = _timed(colored, encoded, time, pictures.time_base)
                        if last is not None and colored.pts <= last:
                            raise ImageError(f"{target}: AVI has one rate, this video has not; choose .mkv")
                        last = colored.pts
                        made.mux(encoded.encode(colored))
                    progress.update()
            with _said_by_name(av, written):
                made.mux(encoded.encode(None))


def sample(path: str | Path, frames: int = 5) -> list[np.ndarray]:
    """A few frames, evenly spread over a video: uint8 `(H, W, 3)` each, as they are stored.

    Raises:
        ModuleNotFoundError, ImageError: as `colorize_video`.
    """
    av = pyav()
    with (
        _said_by_name(av, f"{path}: damaged, or not a video that FFmpeg reads"),
        _opened(av, path) as given,
    ):
        pictures, found = _pictures(given, path), []
        for i in range(frames):
            given.seek(int((given.duration or 0) * i / frames))
            found += [f.to_ndarray(format="rgb24") for f in itertools.islice(given.decode(pictures), 1)]
    if not found:
        raise ImageError(f"{path}: not one frame of it can be read; fetch it anew")
    return found


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


def _pictures(given, source):
    """The video among the streams of a file; a cover picture is none."""
    for stream in given.streams.video:
        if stream.disposition & type(stream.disposition).attached_pic or not stream.codec_context:
            continue
        stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
        return stream
    raise ImageError(f"{source}: there is no video in it")


def _rotation(av, source) -> int:
    """By how many degrees a player turns the pictures, counterclockwise."""
    with _opened(av, source) as given:
        for frame in given.decode(_pictures(given, source)):
            return frame.rotation
    raise ImageError(f"{source}: not one frame of it can be read; fetch it anew")


def _count(given, source) -> int | None:
    """How many frames there are; an estimate where the file does not say, None if that is not possible."""
    pictures = _pictures(given, source)
    if pictures.frames or not given.duration or not pictures.average_rate:
        return pictures.frames or None
    return round(given.duration / 1_000_000 * pictures.average_rate)  # FFmpeg counts microseconds


def _copied(made, sound, source, target):
    """A stream for packets of sound as they are."""
    if not sound.codec_context:
        raise ImageError(f"{source}: its sound is of a kind that FFmpeg does not know; leave the sound out")
    name = sound.codec.canonical_name
    try:
        if not {name, sound.codec.name} & made.supported_codecs:
            raise ValueError
        return made.add_stream_from_template(sound)
    except ValueError:  # there are kinds that PyAV cannot copy
        remedy = "leave it out" if Path(target).suffix.lower() == ".mkv" else "choose .mkv, or leave it out"
        raise ImageError(f"{target}: this format cannot hold the sound, which is {name}; {remedy}") from None


def _encoded(made, pictures, turns: int, encoder: str, options: dict[str, str]):
    """A stream to encode frames for, of the same size, rate and shape of a pixel."""
    width, height = pictures.codec_context.width, pictures.codec_context.height
    shape = pictures.sample_aspect_ratio
    if turns % 2:
        width, height, shape = height, width, 1 / shape if shape else None
    rate = pictures.average_rate or Fraction(25)
    stream = made.add_stream(encoder, rate=rate, options=options)
    stream.width, stream.height = width, height
    odd = encoder == "libx264" and (width % 2 or height % 2)
    stream.pix_fmt = "yuv444p" if odd else "yuv420p"
    context = stream.codec_context
    # Fine enough for any frame's time, and each frame of a constant rate has a whole number.
    ticks = rate.numerator * -(-FINE // rate.numerator)
    context.time_base = 1 / rate if made.format.name == "avi" else Fraction(1, ticks)
    if shape:
        context.sample_aspect_ratio = shape
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = LIMITED_RANGE
    return stream


def _timed(colored, encoded, time: Fraction, exactness: Fraction):
    """A coloured frame as the encoder wants it, to be shown at a time in seconds.

    Matroska rounds times to milliseconds. What is, as exactly as the source can tell, on the beat of the
    constant rate, is put there.
    """
    made = colored.reformat(format=encoded.pix_fmt, dst_colorspace=BT709, dst_color_range=LIMITED_RANGE)
    rate = encoded.codec_context.framerate
    on_beat = round(time * rate) / rate
    made.time_base = encoded.codec_context.time_base
    near = min(exactness, Fraction(1, 1000)) / 2  # else two frames of a coarse source could share a beat
    made.pts = round((on_beat if abs(time - on_beat) <= near else time) / made.time_base)
    return made
