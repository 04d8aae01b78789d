"""What a file is, told by its first bytes and not by its name, which may be anything."""

import os
from pathlib import Path

HEAD = 4096  # bytes that suffice to tell
PICTURE, TIFF, GIF, HEIC, FILM, SOUND = "a picture", "a TIFF", "a GIF", "HEIC", "a film", "sound"
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
AVIF_BRANDS = (b"avif", b"avis")
MOVIE_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # a QuickTime film may begin with any
STARTS = (  # in this order; what stands behind no kind of ours is the name of what is not read here
    (b"\x89PNG\r\n\x1a\n", PICTURE),
    (b"\xff\xd8\xff", PICTURE),
    (b"BM", PICTURE),
    (b"\0\0\0\x0cjP  \r\n\x87\n", PICTURE),
    (b"\xff\x4f\xff\x51", PICTURE),
    (b"GIF8", GIF),
    (b"FUJIFILMCCD-RAW", "a raw file of a camera"),
    (b"IIU\0", "a raw file of a camera"),
    (b"IIRO", "a raw file of a camera"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
    (b"\x1aE\xdf\xa3", FILM),  # Matroska, WebM
    (b"0&\xb2u\x8ef\xcf\x11", FILM),  # ASF, WMV
    (b"FLV\x01", FILM),
    (b"\0\0\x01\xba", FILM),  # MPEG program stream
    (b"\0\0\x01\xb3", FILM),  # MPEG-1 and 2
    (b"\0\0\x01\xb0", FILM),  # MPEG-4
    (b"\x1f\x07\0", FILM),  # DV
    (b"\x06\x0e+4\x02\x05\x01\x01", FILM),  # MXF
    (b".RMF", FILM),
    (b"DKIF", FILM),
    (b"YUV4MPEG2", FILM),
    (b"8BPS", "a document of Photoshop"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"AT&TFORM", "DjVu"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "a Radiance picture"),
    (b"SIMPLE  =", "FITS"),
    (b"\0\0\x01\0", "an icon"),
    (b"qoif", "QOI"),
)
SOUND_NAMES = {
    ".mp3",
    ".wma",
    ".m4a",
    ".m4b",
    ".mka",
    ".oga",
    ".opus",
    ".wav",
    ".flac",
    ".aac",
    ".ac3",
    ".mid",
}


def told_by(head: bytes) -> str | None:
    """What a file is that begins so: one of the kinds above, the name of what is not read here, or None."""
    if head[4:8] == b"ftyp":
        return _told_by_brand(head[8:12])
    if head[:4] == b"RIFF":
        return {b"WEBP": PICTURE, b"AVI ": FILM}.get(head[8:12])
    if head[:4] == b"OggS":
        return FILM if b"theora" in head or b"VP80" in head else SOUND  # not always the first track
    if head[:1] == b"P" and head[1:2] in b"123456fFy" and head[2:3].isspace():
        return PICTURE
    if head[:4] == b"FORM":
        return SOUND if head[8:12] in (b"AIFF", b"AIFC", b"8SVX") else "an IFF picture"
    if head[:2] == b"II" and head[8:10] == b"CR":
        return "a raw file of a camera"
    if head[128:132] == b"DICM":
        return "DICOM"
    for start, kind in STARTS:
        if head.startswith(start):
            return kind
    if head[4:8] in MOVIE_BOXES or _is_stream_of_units(head) or _is_transport_stream(head):
        return FILM
    return None


def kind_of_content(path: str | Path) -> str | None:
    """`told_by` for a file; None also where it cannot be read.

    Sound in a container of films is told by its name.
    """
    try:
        with open(path, "rb") as file:
            kind = told_by(file.read(HEAD))
    except (OSError, ValueError):
        return None
    return SOUND if kind == FILM and os.path.splitext(path)[1].lower() in SOUND_NAMES else kind


def _told_by_brand(brand: bytes) -> str:
    if brand in HEIC_BRANDS:
        return HEIC
    if brand in AVIF_BRANDS:
        return PICTURE
    if brand == b"crx ":
        return "a raw file of a camera"
    return SOUND if brand in (b"M4A ", b"M4B ") else FILM


def _is_stream_of_units(head: bytes) -> bool:
    """H.264 or HEVC without a container begins with what describes it; macOS's .DS_Store has the same four bytes."""
    described = head[4:5] and head[4] < 128 and head[4] % 32 in (6, 7, 9)
    return head[:4] == b"\0\0\0\x01" and (
        described or head[4:6] in (b"\x40\1", b"\x42\1", b"\x46\1", b"\x4e\1")
    )


def _is_transport_stream(head: bytes) -> bool:
    """Packets of 188 bytes, or of 192 or 204, that all begin with the letter G; perhaps not at once."""
    for length in (188, 192, 204):
        for start in range(length):
            if len(head) > start + 4 * length and all(head[start + i * length] == 0x47 for i in range(5)):
                return True
    return False
