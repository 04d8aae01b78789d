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

from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
from tqdm.auto import tqdm

from colorlab.colorizer import Colorizer
from colorlab.files import in_one_piece
from colorlab.flicker import SMOOTHING, FrameColorizer
from colorlab.media import ImageError

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
    colorizer: Colorizer,
    smoothing: float = SMOOTHING,
    temperature: float | Literal["mode"] | None = None,
) -> None:
    """Colour a video, with progress and the time left; only its lightness is looked at.

    Args:
        source: any file with a video that FFmpeg reads.
        target: its ending says the format (see above). Written under a temporary name: whatever stops the
            work, Ctrl-C too, leaves no half of a file.
        colorizer, smoothing, temperature: see `flicker.FrameColorizer`.

    Raises:
        ModuleNotFoundError: without the extra "video".
        ImageError: no such file, no video in it, damaged; or sound that the target's format cannot hold.
    """
    av = pyav()
    suffix = Path(target).suffix.lower()
    if suffix not in FORMATS:
        raise ImageError(f"{target}: videos are written as {', '.join(FORMATS)}; choose one of these endings")
    container, encoder, options = FORMATS[suffix]
    paint = FrameColorizer(colorizer, smoothing, temperature)
    try:
        with (
            in_one_piece(target) as partial,
            av.open(str(source)) as given,
            av.open(str(partial), "w", format=container) as made,
        ):
            stream = _pictures(given, source)
            copies = {s.index: _copy(made, s, target) for s in given.streams.audio}
            # A stream is declared before the first packet, but how it lies is known with the first frame.
            out, waiting = None, []
            with tqdm(
                total=_frames(given, stream), desc=Path(source).name, unit="frame", disable=None
            ) as progress:
                for packet in given.demux(stream, *given.streams.audio):
                    if packet.stream_index != stream.index:
                        if packet.dts is not None:  # the last one is empty: a signal to decoders
                            waiting.append(packet)
                    else:
                        for frame in packet.decode():
                            rgb = _upright(frame)
                            if out is None:
                                out = _declare(made, stream, rgb, frame.rotation, encoder, options)
                            number = progress.n
                            made.mux(out.encode(_encodable(av, paint(rgb), frame, number, stream, out)))
                            progress.update()
                    if out is not None:
                        for sound in waiting:
                            sound.stream = copies[sound.stream_index]
                            made.mux(sound)
                        waiting.clear()
            if out is None:
                raise ImageError(f"{source}: not one frame in it can be read; fetch it anew")
            made.mux(out.encode(None))
    except av.FFmpegError as error:
        raise ImageError(f"{source}: {error}") from error
