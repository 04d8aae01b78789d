"""The pictures of a film: out of a track as they are to be shown, and into one so that players show them.

Out: turned upright, progressive, with usual colours, times in seconds. In: sizes that H.264 can store, BT.709's
or the source's own colour tags, and transparency where the format can.
"""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from colorlab.files.hdr import BT2020, HLG, PQ, to_usual
from colorlab.files.media import over_white

MOST_PIXELS = 40_000_000  # a frame; 8K has 33 million
FINE = 90_000  # ticks a second, at least, to tell when a frame is shown
OPAQUE = 250  # of 255; encoders blur
FASTEST = 1000  # frames a second
BT709, BT601 = 1, 6  # numbers in FFmpeg, after ITU-T H.273
RGB_MATRIX = 0
LIMITED_RANGE = 1
USUAL_MATRICES = (BT709, 4, 5, BT601, 7)
USUAL_PRIMARIES = (BT709, 4, 5, BT601, 7)
USUAL_CURVES = (BT709, 4, 5, BT601, 7, 13)
HIGH_DEFINITION = 720  # lines; players take a film without tags for BT.709 from here on, else for BT.601
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own leave transparency out

H264 = ("libx264", {"crf": "18"})  # 18: hardly a difference to be seen
VP9 = ("libvpx-vp9", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"})
PRORES = ("prores_ks", {"profile": "4444"})
WITH_ALPHA = {"webm": (*VP9, "yuva420p"), "matroska": (*VP9, "yuva420p"), "mov": (*PRORES, "yuva444p10le")}


class Shown(NamedTuple):
    """A frame as it is to be seen: seconds, uint8 `(H, W, 3)`, and `(H, W)` or None where all is opaque."""

    time: Fraction
    rgb: np.ndarray
    alpha: np.ndarray | None


class Pictures:
    """A video track that is read.

    Attributes:
        first: its first frame that can be decoded, which tells the kind of all.
        damaged: how many packets could not be decoded.
        transparent: whether a frame was, so far.
    """

    def __init__(self, av, stream, first, untimed: bool):
        self.av, self.stream, self.first, self.damaged = av, stream, first, 0
        self.transparent = False
        self.turns = first.rotation // 90
        self.decoder = decoder(av, stream)
        self.untimed = untimed
        self.places: deque[Fraction] = deque(
            maxlen=64
        )  # AVI has no times; what is shown as k-th has the k-th place
        self.rate = rate(stream)
        self.last: Fraction | None = None
        self.weaver: _Deinterlaced | None = None

    def __call__(self, packet) -> Iterator[Shown]:
        """The frames that come out when a packet is put in; an empty packet brings the last ones."""
        if packet.size and packet.dts is not None:
            self.places.append(packet.dts * packet.time_base)
        try:
            for frame in self.decoder.decode(packet):
                yield from self._in_time(frame, packet.time_base)
        except damage(self.av):
            self.damaged += 1
        if not packet.size and self.weaver:
            yield from map(self._seen, self.weaver(None))

    @property
    def alpha(self) -> bool:
        return (
            any(part.is_alpha for part in self.first.format.components) and not self.first.format.has_palette
        )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, upright."""
        size = self.first.height, self.first.width
        return size[::-1] if self.turns % 2 else size

    @property
    def shape(self) -> Fraction | None:
        """Of a pixel, upright: its width in heights."""
        shape = self.stream.sample_aspect_ratio
        return 1 / shape if shape and self.turns % 2 else shape or None

    def _in_time(self, frame, base: Fraction) -> Iterator[Shown]:
        place = self.places.popleft() if self.places else None
        time = None if frame.pts is None else frame.pts * (frame.time_base or base)
        if self.untimed or (time is None and self.last is None):
            time = place
        if time is None:
            time = Fraction(0) if self.last is None else self.last + 1 / self.rate
        self.last = time
        frame.pts, frame.time_base = round(time * FINE), Fraction(1, FINE)
        if frame.interlaced_frame and not self.weaver:
            self.weaver = _Deinterlaced(self.av)
        if not self.weaver:
            yield self._seen(frame, time)
            return
        yield from map(self._seen, self.weaver(frame))

    def _seen(self, frame, time: Fraction | None = None) -> Shown:
        rgb, alpha = pixels(frame, self.alpha)
        self.transparent |= alpha is not None and int(alpha.min()) < OPAQUE
        rgb = np.ascontiguousarray(np.rot90(rgb, self.turns))
        alpha = None if alpha is None else np.rot90(alpha, self.turns)
        return Shown(frame.pts * frame.time_base if time is None else time, rgb, alpha)


def damage(av) -> tuple[type[Exception], ...]:
    """What decoders raise for a packet that they cannot read; the next may be whole."""
    kinds = av.error
    return kinds.InvalidDataError, kinds.ExternalError, kinds.ArgumentError, kinds.PatchWelcomeError


def rate(stream) -> Fraction:
    """Frames a second; what a file says of them may be absurd."""
    said = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    return next((rate for rate in said if rate and 0 < rate <= FASTEST), Fraction(25))


def decoder(av, stream):
    """What decodes a track: its own decoder, or one that heeds transparency."""
    name = ALPHA_DECODERS.get(stream.codec_context.name)
    if name is None or stream.metadata.get("alpha_mode") != "1":
        return stream.codec_context
    chosen = av.CodecContext.create(name, "r")
    chosen.options = {"max_pixels": str(MOST_PIXELS)}
    return chosen


def pixels(frame, alpha: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
    """Of a decoded frame `(H, W, 3)` uint8 in a usual gamut, and `(H, W)` if asked for."""
    if frame.color_trc in (PQ, HLG) or frame.color_primaries == BT2020:
        deep = frame.reformat(format="rgb48le", src_colorspace=BT2020).to_ndarray()
        return to_usual(deep, frame.color_trc), None
    if frame.colorspace not in (*USUAL_MATRICES, RGB_MATRIX):
        frame.colorspace = BT709 if frame.height >= HIGH_DEFINITION else BT601
    if not alpha:
        return frame.to_ndarray(format="rgb24"), None
    both = frame.to_ndarray(format="rgba")
    rgb, opacity = both[..., :3].copy(), both[..., 3]
    rgb[opacity == 0] = 255  # what nobody sees tells the network nothing
    return rgb, opacity


class _Deinterlaced:
    """Frames of two half-pictures, each made whole (FFmpeg's bwdif), as many as before; others stay as they are."""

    def __init__(self, av):
        self.av, self.graph, self.kind = av, None, None

    def __call__(self, frame) -> Iterator:
        kind = None if frame is None else (frame.width, frame.height, frame.format.name)
        if self.kind not in (None, kind):
            yield from self._given(None)
            self.graph = None
        if self.graph is None and frame is not None:
            self._build(*kind)
        self.kind = kind
        if self.graph is not None:
            yield from self._given(frame)

    def _build(self, width: int, height: int, name: str) -> None:
        self.graph = self.av.filter.Graph()
        source = self.graph.add_buffer(
            width=width, height=height, format=self.av.VideoFormat(name), time_base=Fraction(1, FINE)
        )
        weave = self.graph.add("bwdif", "mode=send_frame:deint=interlaced")
        self.graph.link_nodes(source, weave, self.graph.add("buffersink")).configure()

    def _given(self, frame) -> Iterator:
        self.graph.vpush(frame)
        while True:
            try:
                yield self.graph.vpull()
            except (BlockingIOError, EOFError):  # it wants the next one first; that was the last one
                return


class Track:
    """A video track that is written.

    Attributes:
        stream: of the file.
        size: height and width as they are stored; even for H.264.
        alpha: whether it keeps transparency; else what is transparent is laid over white.
    """

    def __init__(self, made, pictures: Pictures, encoder: str, options: dict[str, str]):
        container = made.format.name
        self.alpha, format = pictures.alpha and container in WITH_ALPHA, "yuv420p"
        if self.alpha:
            encoder, options, format = WITH_ALPHA[container]
        height, width = pictures.size
        self.size = (height, width) if encoder == VP9[0] else (height + height % 2, width + width % 2)
        rate = pictures.rate
        self.stream = made.add_stream(encoder, rate=rate, options=options)
        self.stream.height, self.stream.width, self.stream.pix_fmt = *self.size, format
        context = self.stream.codec_context
        # Fine enough for any frame's time, and each frame of a constant rate has a whole number.
        ticks = rate.numerator * -(-FINE // rate.numerator)
        context.time_base = 1 / rate if container == "avi" else Fraction(1, ticks)
        if pictures.shape:
            context.sample_aspect_ratio = pictures.shape
        first = pictures.first
        usual = first.color_trc not in (PQ, HLG) and first.color_primaries != BT2020
        context.colorspace = self.matrix = _kept(first.colorspace, USUAL_MATRICES, usual)
        context.color_primaries = _kept(first.color_primaries, USUAL_PRIMARIES, usual)
        context.color_trc = _kept(first.color_trc, USUAL_CURVES, usual)
        context.color_range = LIMITED_RANGE
        # How exactly the source tells times; else two frames of a coarse one could share a beat.
        self.near = min(pictures.stream.time_base, Fraction(1, 1000)) / 2
        self.av, self.rate, self.last = pictures.av, rate, None

    def encoded(self, shown: Shown) -> list:
        """Packets."""
        rgb, alpha = shown.rgb, shown.alpha
        if alpha is not None and not self.alpha:
            rgb, alpha = over_white(rgb, alpha), None
        both = rgb if alpha is None else np.dstack([rgb, alpha])
        frame = self.av.VideoFrame.from_ndarray(
            _padded(both, self.size), "rgb24" if alpha is None else "rgba"
        )
        height, width = self.size  # a film may change its size on the way
        frame = frame.reformat(
            width, height, self.stream.pix_fmt, dst_colorspace=self.matrix, dst_color_range=LIMITED_RANGE
        )
        frame.time_base = self.stream.codec_context.time_base
        frame.pts = round(self._beaten(shown.time) / frame.time_base)
        if self.last is not None and frame.pts <= self.last:
            if self.stream.container.format.name == "avi":
                raise ValueError("AVI has one rate, this video has not")
            frame.pts = self.last + 1  # the source's times go back
        self.last = frame.pts
        return self.stream.encode(frame)

    def rest(self) -> list:
        """Packets that the encoder held back."""
        return self.stream.encode(None)

    def _beaten(self, time: Fraction) -> Fraction:
        """Matroska rounds times to milliseconds; what is on the beat of the constant rate is put there."""
        on_beat = round(time * self.rate) / self.rate
        return on_beat if abs(time - on_beat) <= self.near else time


def changes(film: Pictures, track: Track) -> list[str]:
    """What of the pictures the result could not hold as it was, beside their colours."""
    lost, first = [], film.first
    height, width = film.size
    if track.size != film.size:
        lost.append(f"its size {width}×{height}, now {track.size[1]}×{track.size[0]}: sides must be even")
    if film.transparent and not track.alpha:
        lost.append("its transparency, now white")
    if first.color_trc in (PQ, HLG):
        lost.append(
            f"its high dynamic range ({'PQ' if first.color_trc == PQ else 'HLG'}), now the usual one (SDR)"
        )
    if film.weaver:
        lost.append("its interlacing, now whole frames")
    if max(part.bits for part in first.format.components) > 8:
        lost.append("the lower bits of its colours, now 8 a channel")
    if film.damaged:
        lost.append(f"{film.damaged} damaged packets of its pictures")
    return lost


def _kept(tag: int, usual: tuple[int, ...], keep: bool) -> int:
    return tag if keep and tag in usual else BT709


def _padded(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """With an even height and width, where a size is larger by one: the last row and column are repeated."""
    more = [wanted - given for wanted, given in zip(size, pixels.shape[:2], strict=True)]
    if not any(more) or not all(n in (0, 1) for n in more):
        return pixels
    return np.pad(pixels, ((0, more[0]), (0, more[1]), (0, 0)), mode="edge")
