"""PNG: long texts that are left out, and animations written frame by frame.

Pillow encodes pixels and chunks; here chunks are only put together anew.
"""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
FAST = 1  # of zlib's nine levels, for pixels; the others take several times as long for a tenth less
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
# What is not needed to see the pixels.
ASIDE = (*TEXTS, b"pHYs", b"eXIf", b"tIME", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"bKGD", b"hIST", b"sPLT")
BESIDE = (b"pHYs", b"eXIf", b"tEXt", b"zTXt", b"iTXt")  # what is taken along


class Shown(NamedTuple):
    """A frame of an animation as it is seen: uint8 `(H, W, 3)`, `(H, W)` or None, milliseconds."""

    rgb: np.ndarray
    alpha: np.ndarray | None
    duration: float


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name, content) of every chunk, as far as they are whole."""
    at = len(SIGNATURE)
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        yield content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        at += 12 + length


def pieces(content: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """(name, the chunk as it stands, whether its checksum fits) of every chunk, the last one maybe cut short."""
    at = len(SIGNATURE)
    for name, inner in chunks(content):
        piece = content[at : at + 12 + len(inner)]
        yield name, piece, piece == chunk(name, inner)
        at += len(piece)


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk as it stands in a file."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def write_animation(file: BinaryIO, frames: Iterable[Shown], count: int, loop: int, options: dict) -> None:
    """An animated PNG, one frame at a time; each is stored whole, so that no neighbour can be mistaken for it.

    Args:
        file: open for writing.
        frames: of one size; all with alpha, or none.
        count: how many there are.
        loop: how often it is repeated; 0 is for ever.
        options: what Pillow would be told about a picture that stands still.
    """
    number = 0
    for frame in frames:
        picture = Image.fromarray(frame.rgb if frame.alpha is None else np.dstack([frame.rgb, frame.alpha]))
        made = io.BytesIO()
        picture.save(made, "PNG")
        first = number == 0
        for name, content in chunks(made.getvalue()):
            if name == b"IHDR" and first:
                file.write(SIGNATURE + chunk(name, content) + chunk(b"acTL", struct.pack(">II", count, loop)))
                file.writelines(about(options))
            if name == b"IHDR":
                size, (time, parts) = struct.pack(">IIII", *picture.size, 0, 0), _fraction(frame.duration)
                file.write(
                    chunk(b"fcTL", struct.pack(">I", number) + size + struct.pack(">HHBB", time, parts, 0, 0))
                )
                number += 1
            elif name == b"IDAT" and first:
                file.write(chunk(name, content))
            elif name == b"IDAT":
                file.write(chunk(b"fdAT", struct.pack(">I", number) + content))
                number += 1
    file.write(chunk(b"IEND", b""))


def _fraction(milliseconds: float) -> tuple[int, int]:
    """A time as a fraction of a second, of numbers of 16 bits."""
    for parts in (1000, 100, 10, 1):
        if (time := round(milliseconds * parts / 1000)) < 2**16:
            return time, parts
    return 2**16 - 1, 1


def about(options: dict) -> Iterator[bytes]:
    """The chunks that Pillow writes for what lies beside the pixels."""
    made = io.BytesIO()
    Image.new("L", (1, 1)).save(made, "PNG", **options)
    for name, content in chunks(made.getvalue()):
        if name in BESIDE:
            yield chunk(name, content)
