"""What lies beside the pixels of a picture: EXIF, XMP, IPTC, comment, texts and dpi, from one format into another.

A coloured picture is a new picture of the same thing, so what says where the old one comes from goes with it.
What describes how the old pixels were stored does not: layout, orientation (they are upright now), profile
(they are sRGB now), thumbnails (they are grey).
"""

import contextlib
import re
import struct
from dataclasses import dataclass, field

from PIL import Image, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

DESCRIPTION, SOFTWARE, ORIENTATION = 270, 305, 274
X_RESOLUTION, Y_RESOLUTION, UNIT, INCH = 282, 283, 296, 2
EXIF, GPS, INTEROP, COLOR_SPACE, PIXEL_WIDTH, PIXEL_HEIGHT = 34665, 34853, 40965, 40961, 40962, 40963
XMP, IPTC, PHOTOSHOP = 700, 33723, 34377
HEAD = b"II*\0\x08\0\0\0"  # of a TIFF whose first directory follows at once
MOST_IN_A_JPEG = 65_000  # bytes a segment, a little less than its 16 bits allow: names of segments count too
# Of a TIFF, and of the thumbnail of a camera: how pixels are stored (TIFF 6.0, its supplements, and ICC).
LAYOUT = {
    *(
        *range(254, 260),
        *range(262, 267),
        273,
        *range(277, 282),
        284,
        *range(288, 294),
        301,
        *range(317, 326),
        330,
    ),
    *(
        *range(332, 335),
        *range(336, 342),
        *range(343, 348),
        *range(512, 522),
        *range(529, 533),
        34675,
        37724,
        37439,
    ),
    PHOTOSHOP,
}
ABOUT_LAYOUT = (
    '{"shape":',
    "ImageJ=",
    "<?xml version=",
    "<OME",
)  # what programs of microscopes describe with
TEXTS = {"Title": 269, "Description": DESCRIPTION, "Author": 315, "Copyright": 33432, "Software": SOFTWARE}
PROFILE = "Raw profile type "  # ImageMagick's texts of a PNG
KEPT_WITH = {  # what each format can hold
    "JPEG": {"exif", "xmp", "iptc", "comment", "dpi"},
    "PNG": {"exif", "xmp", "iptc", "texts", "dpi"},
    "TIFF": {"exif", "xmp", "iptc", "dpi"},
    "WEBP": {"exif", "xmp", "dpi"},
    "BMP": {"dpi"},
}


@dataclass
class Beside:
    """What lies beside the pixels.

    Attributes:
        tags: of EXIF and TIFF, number -> value; those of EXIF's own and of GPS in dictionaries of their own.
        xmp, iptc: as they are stored.
        comment: of a JPEG or GIF.
        texts: of a PNG.
        dpi: dots per inch, across and down; or any two numbers of this ratio where only the shape of a pixel is known.
        lost: what could not be taken along even when it was read, in words.
    """

    tags: dict = field(default_factory=dict)
    xmp: bytes = b""
    iptc: bytes = b""
    comment: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    dpi: tuple[float, float] | None = None
    lost: list[str] = field(default_factory=list)

    def marked(self, mark: str | None) -> "Beside":
        """The same, which says that it was made by `mark`, beside what made it before."""
        if not mark:
            return self
        before = self.tags.get(SOFTWARE) or self.texts.get("Software") or ""
        software = before if mark in str(before) else f"{mark}; {before}" if before else mark
        tags, texts = {**self.tags, SOFTWARE: software}, {**self.texts, "Software": software}
        return Beside(tags, self.xmp, self.iptc, self.comment, texts, self.dpi, self.lost)


def beside(image: Image.Image) -> Beside:
    """What lies beside the pixels of an image that is loaded but not yet turned. What is damaged is left out."""
    found = Beside(dpi=_dpi(image))
    with contextlib.suppress(Exception):  # damaged EXIF raises all kinds of things
        found.tags = _tags(image)
    info, found.texts = image.info, _texts(image)
    xmp = found.tags.pop(XMP, None) or info.get("xmp") or b""
    found.xmp = _upright_xmp(xmp.encode() if isinstance(xmp, str) else bytes(xmp))
    found.iptc = _iptc(image, found.tags.pop(IPTC, None))
    comment = info.get("comment", b"")
    found.comment = comment.decode("utf-8", "replace") if isinstance(comment, bytes) else str(comment)
    described = found.tags.get(DESCRIPTION)
    if isinstance(described, str) and described.startswith(ABOUT_LAYOUT):
        del found.tags[DESCRIPTION]
        found.lost.append("the description of how its pixels were stored")
    if found.tags.get(ORIENTATION, 1) in (5, 6, 7, 8) and found.dpi:
        found.dpi = found.dpi[::-1]
    if ORIENTATION in found.tags:
        found.tags[ORIENTATION] = 1
    found.tags, refused = writable(found.tags)
    if refused:
        found.lost.append(f"{refused} damaged or unusual tags of its EXIF")
    return found


def writing(kind: str, about: Beside, size: tuple[int, int]) -> tuple[dict, list[str]]:
    """(what Pillow's writer of a format is told, what is lost in words) for what lies beside a picture.

    Args:
        kind: "JPEG", "PNG", "TIFF", "WEBP", "BMP", as Pillow calls them.
        about: from `beside`.
        size: width and height of the new picture.
    """
    can = KEPT_WITH.get(kind, set())
    lost, tags = list(about.lost), _sized(about.tags, size)
    tags, comment = _described(tags, about, kind, lost)
    if kind == "PNG" and set(tags) == {SOFTWARE}:  # a text says it
        tags = {}
    if about.dpi and "exif" in can and (tags or kind in ("TIFF", "WEBP")):
        tags |= {X_RESOLUTION: about.dpi[0], Y_RESOLUTION: about.dpi[1], UNIT: INCH}
    given = {
        "exif": b"Exif\0\0" + as_tiff(tags) if tags else b"",
        "xmp": about.xmp,
        "iptc": about.iptc,
        "comment": comment.encode(),
        "dpi": about.dpi or (),
    }
    most = MOST_IN_A_JPEG if kind == "JPEG" else 2**31
    for name, content in list(given.items()):
        if (
            content
            and (name not in can or len(content) > most)
            and not (name == "comment" and kind != "JPEG")
        ):
            said = {"comment": "its comment", "dpi": "its dpi"}.get(name, f"its {name.upper()}")
            lost.append("the note of who made it" if name == "exif" and set(tags) == {SOFTWARE} else said)
            given[name] = b""
    if kind == "TIFF":
        given["tags"] = tags | _present({XMP: given["xmp"], IPTC: given["iptc"]})
    elif kind == "PNG":
        given["pnginfo"] = _png_texts(about, given.pop("xmp"), given["iptc"])
    elif kind == "JPEG" and given["iptc"]:
        block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(given["iptc"])) + given["iptc"]
        content = b"Photoshop 3.0\0" + block + b"\0" * (len(block) % 2)
        given["extra"] = b"\xff\xed" + struct.pack(">H", len(content) + 2) + content
    if kind != "JPEG":
        given["comment"] = b""
    given["iptc"] = b""
    return _present(given), lost


def as_tiff(tags: dict) -> bytes:
    """A TIFF of tags without pixels, which is what EXIF is."""
    return HEAD + directory_at(len(HEAD), tags)


def directory_at(place: int, tags: dict) -> bytes:
    """A directory of tags to lie at this place of a TIFF, with what belongs to it."""
    directory = TiffImagePlugin.ImageFileDirectory_v2(HEAD)
    for tag, value in tags.items():
        if isinstance(value, str):  # Pillow reads them as Latin-1, and would write a question mark for any ü
            directory.tagtype[tag] = 2
            value = value.encode("latin-1" if _is_latin(value) else "utf-8")
        directory[tag] = value
    return directory.tobytes(place)


def writable(tags: dict) -> tuple[dict, int]:
    """(the tags that can be written again, how many cannot)."""
    good, refused = {}, 0
    for tag, value in tags.items():
        if tag in (EXIF, GPS) and isinstance(value, dict):
            inner = {t: v for t, v in value.items() if _can_be_written({tag: {t: v}})}
            refused += len(value) - len(inner)
            good |= {tag: inner} if inner else {}
        elif _can_be_written({tag: value}):
            good[tag] = value
        else:
            refused += 1
    return good, refused


def _can_be_written(tags: dict) -> bool:
    try:
        return bool(as_tiff(tags))
    except Exception:  # Pillow's writer raises all kinds of things on values of strangers
        return False


def _is_latin(text: str) -> bool:
    return all(ord(c) < 256 for c in text)


def _present(values: dict) -> dict:
    return {name: value for name, value in values.items() if value}


def _tags(image: Image.Image) -> dict:
    exif = image.getexif()
    tags = {tag: value for tag, value in exif.items() if tag not in LAYOUT and tag not in (EXIF, GPS)}
    for number in (EXIF, GPS):
        if inner := {t: v for t, v in exif.get_ifd(number).items() if t != INTEROP}:
            tags[number] = inner
    return {t: v for t, v in tags.items() if t not in (X_RESOLUTION, Y_RESOLUTION, UNIT)}


def _sized(tags: dict, size: tuple[int, int]) -> dict:
    """Tags with the size and the colour space of the new picture, where they tell them at all."""
    now = {PIXEL_WIDTH: size[0], PIXEL_HEIGHT: size[1], COLOR_SPACE: 1}
    inner = tags.get(EXIF, {})
    return dict(tags) | ({EXIF: inner | {t: v for t, v in now.items() if t in inner}} if inner else {})


def _described(tags: dict, about: Beside, kind: str, lost: list[str]) -> tuple[dict, str]:
    """(tags, comment) that say what comment and texts said, as far as there is a place for it."""
    comment = about.comment
    if kind == "PNG" or not (comment or about.texts):
        return tags, comment
    if "exif" not in KEPT_WITH.get(kind, ()):
        lost += ["its comment"] * bool(comment) + [
            f"its text {name!r}" for name in about.texts if name != "Software"
        ]
        return tags, ""
    tags = dict(tags)
    for name, text in about.texts.items():
        tag = TEXTS.get(name)
        if tag and tags.setdefault(tag, text) == text:
            continue
        if name == "Comment" and not comment:
            comment = text
        elif not name.startswith(PROFILE) and name != "Software":
            lost.append(f"its text {name!r}")
    if comment and kind != "JPEG" and tags.setdefault(DESCRIPTION, comment) != comment:
        lost.append("its comment")
    return tags, comment


def _png_texts(about: Beside, xmp: bytes, iptc: bytes) -> PngInfo:
    info = PngInfo()
    texts = dict(about.texts)
    if about.comment and texts.setdefault("Comment", about.comment) != about.comment:
        texts["Comment"] += f"\n{about.comment}"
    for name, text in texts.items():
        with contextlib.suppress(UnicodeError):  # a name that is no Latin-1
            info.add_text(name, text) if _is_latin(text) else info.add_itxt(name, text)
    if iptc:
        info.add_text(f"{PROFILE}iptc", f"\niptc\n{len(iptc):8}\n{iptc.hex()}\n")
    if xmp:
        info.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
    return info


def _texts(image: Image.Image) -> dict[str, str]:
    """The texts of a PNG, but for those that hold what has a place of its own here."""
    texts = getattr(image, "text", None) or {}
    own = ("XML:com.adobe.xmp", *(PROFILE + name for name in ("exif", "APP1", "icc", "icm", "iptc")))
    return {str(name): str(text) for name, text in texts.items() if name not in own}


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    info = image.info
    shape = info.get("aspect") or (info.get("jfif_density") if info.get("jfif_unit") == 0 else None)
    dpi = info.get("dpi")
    if not dpi and (
        shape or (shape := info.get("resolution"))
    ):  # no unit: it still tells the shape of a pixel
        dpi = shape if shape[0] != shape[1] else None
        dpi = dpi and tuple(72 * n / min(shape) for n in shape if min(shape) > 0)
    try:
        x, y = (float(n) for n in dpi or ())
    except (ValueError, TypeError, ZeroDivisionError):
        return None
    return (x, y) if min(x, y) >= 1 and max(x, y) <= 65_535 and (x, y) != (1, 1) else None


def _iptc(image: Image.Image, tag: object) -> bytes:
    """As a JPEG, a TIFF or a PNG of ImageMagick stores it."""
    if isinstance(tag, bytes) and tag:
        return tag
    blocks = image.info.get("photoshop")
    if isinstance(blocks, dict) and isinstance(blocks.get(0x0404), bytes):
        return blocks[0x0404]
    with contextlib.suppress(Exception):
        raw = getattr(image, "tag_v2", {}).get(PHOTOSHOP) or b""
        if (at := raw.find(b"8BIM\x04\x04\0\0")) >= 0:
            (length,) = struct.unpack_from(">I", raw, at + 8)
            return raw[at + 12 : at + 12 + length]
        raw = (getattr(image, "text", None) or {}).get(f"{PROFILE}iptc", "")
        content = bytes.fromhex("".join(raw.split("\n")[3:]))
        return content[12:] if content.startswith(b"8BIM\x04\x04\0\0") else content
    return b""


def _upright_xmp(xmp: bytes) -> bytes:
    """XMP can tell an orientation too, and hold a thumbnail."""
    xmp = re.sub(rb'(tiff:Orientation\s*=\s*["\'])\d(["\'])', rb"\g<1>1\2", xmp)
    xmp = re.sub(rb"(<tiff:Orientation>)\s*\d\s*(</)", rb"\g<1>1\2", xmp)
    return re.sub(rb"<(xmp|xap):Thumbnails>.*?</\1:Thumbnails>", b"", xmp, flags=re.DOTALL)
