"""Pictures that are whole, and that Pillow takes for damaged: mended as browsers do, or left as they are."""

import hashlib
import io
import random
from typing import BinaryIO

from PIL import Image

from colorlab.files import png
from colorlab.files.guards import MOST_TEXT

JPEG, END = b"\xff\xd8\xff", b"\xff\xd9"
JPEG_READ = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)  # numbers of the ways to store a JPEG that Pillow's decoder knows
JPEG_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # all ways; the last one is JPEG-LS
MOST_SEGMENTS = 4000  # before the frame of a JPEG, each of up to 64 kB
TOO_LONG = ("MAX_TEXT", "text chunks")  # as Pillow complains of texts


def _noise(seed: int) -> bytes:
    """What a decoder makes pixels of where some are missing; 255 would be read as a marker.

    It may wait for one of eight markers to begin anew, and gives up at the two behind that one, so they stand in
    two orders.
    """
    rng = random.Random(seed)
    markers = [b"", *(bytes([0xFF, 0xD0 + (n + 4 * seed) % 8]) for n in range(8))]
    return b"".join(marker + bytes(rng.randrange(255) for _ in range(64)) for marker in markers)


FILLS = [_noise(seed) for seed in range(8)]


def unread_kind(file: BinaryIO) -> str | None:
    """Of what kind a whole JPEG or PNG is that Pillow takes for damaged; None for the usual ones, and for others.

    Cameras, scanners of hospitals and programs of phones write such. The file is read from its beginning.
    """
    file.seek(0)
    head = file.read(16)
    if head.startswith(png.SIGNATURE):
        return "a PNG as Apple's tools make it for programs of phones" if head[12:] == b"CgBI" else None
    if not head.startswith(JPEG):
        return None
    file.seek(2)
    for _ in range(MOST_SEGMENTS):
        start = file.read(4)
        if len(start) < 4 or start[0] != 0xFF:
            return None
        if start[1] in JPEG_FRAMES:
            return _unread_frame(start[1], file.read(6))
        file.seek(-3 if start[1] == 0xFF else int.from_bytes(start[2:]) - 2, 1)  # 0xFF may be repeated
    return None


def _unread_frame(way: int, about: bytes) -> str | None:
    if len(about) < 6:
        return None
    bits, height, channels = about[0], about[1:3], about[5]
    if way not in JPEG_READ:
        return "a JPEG stored without loss or in layers"
    if bits != 8:
        return f"a JPEG of {bits} bits a channel"
    if channels not in (1, 3, 4):
        return f"a JPEG of {channels} channels"
    return "a JPEG that tells its height at its end" if height == b"\0\0" else None


def may_be_mended(head: bytes) -> bool:
    """Whether a file that begins so is of a kind that is mended here."""
    return head.startswith((png.SIGNATURE, JPEG))


def mended(content: bytes, error: Exception) -> tuple[bytes | None, list[str]]:
    """(the same picture as Pillow reads it, what it lacks then); (None, []) if it is damaged indeed.

    Args:
        content: of the file.
        error: what Pillow said of it.
    """
    if content.startswith(JPEG):
        return (_with_end(content) if "truncated" in str(error) else None), []
    pieces = list(png.pieces(content))
    if any(name == b"acTL" for name, _, _ in pieces):  # it moves, and here only one picture would be read
        return None, []
    if any(word in str(error) for word in TOO_LONG):
        kept = [piece for name, piece, _ in pieces if name not in png.TEXTS]
        return _joined(kept), [f"its texts, of which one is longer than {MOST_TEXT >> 20} MB"]
    damaged = [name.decode() for name, _, sound in pieces if not sound and name in png.ASIDE]
    if not damaged:
        return None, []
    kept = [piece for name, piece, sound in pieces if sound or name not in png.ASIDE]
    return _joined(kept), [f"what stood in its damaged chunks {' '.join(damaged)}"]


def _joined(pieces: list[bytes]) -> bytes:
    return b"".join([png.SIGNATURE, *pieces])


def _with_end(content: bytes) -> bytes | None:
    """A JPEG with the marker at its end; None where more is missing than that.

    Where pixels are missing a decoder makes some of what follows: so it is shown different things there.
    """
    begun = content.removesuffix(END[:1])
    try:
        seen = {_pixels(begun + fill + END) for fill in FILLS}
    except (OSError, ValueError):
        return None
    return begun + END if len(seen) == 1 else None


def _pixels(content: bytes) -> bytes:
    """A digest of what is seen."""
    with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
        if image.info.get("progressive"):  # of which a scan might be missing, and nobody would see it
            return content
        return hashlib.sha256(image.tobytes()).digest()
