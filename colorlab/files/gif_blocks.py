"""The blocks of which a GIF is made, as its description (GIF89a) has them: what lies beside its frames, and its end."""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

XMP = b"\x0bXMP DataXMP"  # as Adobe calls the block that holds it
# XMP is stored as it is, not cut into blocks. Whichever of its bytes a reader takes for a length, from there
# it comes to one of these, each of which leads to the end.
TRAILER = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
MOST_XMP = 2**24  # bytes


def is_whole(file: BinaryIO) -> bool:
    """Whether a file ends where a frame has ended. That its last byte is missing, or zeros follow, is common."""
    announced = False  # a frame's time has been told, so the frame has to follow
    for kind, _, end in _blocks(file):
        announced = kind != b"," and (announced or kind == b"\xf9")
        if end is None:
            return False
    return not announced


def xmp(file: BinaryIO) -> bytes:
    """The XMP of a GIF, wherever it lies; empty if there is none."""
    for kind, start, end in _blocks(file):
        if kind == b"\xff" and end is not None and end - start <= MOST_XMP:
            file.seek(start)
            content = file.read(end - start)
            if content.startswith(XMP) and content.endswith(TRAILER):
                return content[len(XMP) : -len(TRAILER)]
            file.seek(end)
    return b""


def beside(loop: int | None, comment: str, xmp: bytes) -> Iterator[bytes]:
    """Blocks that say how often a GIF is repeated (0 is for ever, None not at all), a comment and XMP."""
    if loop is not None:
        yield b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", loop, 0)
    if content := comment.encode():
        blocks = (content[at : at + 255] for at in range(0, len(content), 255))
        yield b"".join([b"!\xfe", *(bytes([len(block)]) + block for block in blocks), b"\0"])
    if xmp:
        yield b"!\xff" + XMP + xmp + TRAILER


def _blocks(file: BinaryIO) -> Iterator[tuple[bytes, int, int | None]]:
    """(what it is, where its data begin, where they end or None if the file does before) of every block.

    What it is: `,` for a frame, else the byte that tells the kind of an extension.
    """
    file.seek(10)
    flags = (file.read(3) or b"\0")[0]
    file.seek(_length_of_palette(flags), os.SEEK_CUR)
    while (kind := file.read(1)) not in (b"", b";"):
        if kind == b"!":
            kind = file.read(1)
        elif kind == b",":
            flags = (file.read(9) or b"\0")[-1]
            file.seek(_length_of_palette(flags) + 1, os.SEEK_CUR)
        else:
            continue
        start = file.tell()
        yield kind, start, file.tell() if _skipped(file) else None


def _length_of_palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 128 else 0


def _skipped(file: BinaryIO) -> bool:
    """Goes past blocks of data, up to an empty one; False if the file ends before."""
    while length := file.read(1):
        if length == b"\0":
            return True
        file.seek(length[0], os.SEEK_CUR)
    return False
