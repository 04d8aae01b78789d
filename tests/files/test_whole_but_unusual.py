"""Whole but unusual files are read, or refused by the name of their kind; none is called damaged or shown wrong."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from colorlab.files import png
from colorlab.files.gif import read_gif
from colorlab.files.media import ImageError, read_image, read_original

RAMP = np.linspace(0, 1, 24 * 32).reshape(24, 32)
COLORS = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], -1)
GREY = (RAMP * 255).astype(np.uint8)


def png_with(*chunks, after=()):
    """The grey ramp with chunks before and after its pixels."""
    file = io.BytesIO()
    Image.fromarray(GREY).save(file, "PNG")
    (header, *rest), made = list(png.chunks(file.getvalue())), [png.SIGNATURE]
    for name, content in [header, *chunks, *rest[:-1], *after, rest[-1]]:
        made.append(png.chunk(name, content))
    return b"".join(made)


def compressed_text(length):
    return b"zTXt", b"parameters\0\0" + zlib.compress(b"x" * length)


def compressed_xmp(length):
    return b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"x" * length)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [compressed_text, compressed_xmp])
@pytest.mark.parametrize("place", ["before", "after"])
def test_texts_of_any_length_are_no_reason_to_refuse_a_png(chunk, place):
    long = chunk(20_000_000)
    content = png_with(long) if place == "before" else png_with(after=[long])
    original = read_original(content)
    assert np.array_equal(original.rgb[..., 0], GREY)
    assert original.beside.lost == ["its texts, of which one is longer than 16 MB"]


def test_texts_of_some_megabytes_go_along():
    original = read_original(png_with(compressed_text(3_000_000), compressed_xmp(1_500_000)))
    assert len(original.beside.texts["parameters"]) == 3_000_000 and len(original.beside.xmp) == 1_500_000
    info = PngInfo()
    info.add_text("workflow", "x" * 1_500_000)
    file = io.BytesIO()
    Image.fromarray(GREY).save(file, "PNG", pnginfo=info)
    assert len(read_original(file.getvalue()).beside.texts["workflow"]) == 1_500_000


@pytest.mark.slow
@pytest.mark.parametrize("bits", [b"\1\0", b"\0\0\0"])
def test_many_texts_are_no_reason_either(bits):
    texts = [compressed_text(15_000_000) for _ in range(6)]
    assert np.array_equal(read_image(png_with(*texts))[..., 0], GREY)


DAMAGED = {
    "tEXt": b"Title\0x",
    "pHYs": struct.pack(">IIB", 3000, 3000, 1),
    "tIME": b"\7\xe8\1\1\0\0\0",
    "gAMA": b"\0\1\x86\xa0",
}


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("name", DAMAGED)
def test_a_checksum_that_does_not_fit_beside_the_pixels_is_no_reason_either(name, place):
    chunk = (name.encode(), DAMAGED[name])
    content = png_with(chunk) if place == "before" else png_with(after=[chunk])
    sound = png.chunk(*chunk)
    original = read_original(content.replace(sound, sound[:-1] + bytes([sound[-1] ^ 1])))
    assert np.array_equal(original.rgb[..., 0], GREY)
    lost = [f"what stood in its damaged chunks {name}"]
    assert original.beside.lost == (
        lost if place == "before" else []
    )  # behind the pixels Pillow looks no further


@pytest.mark.parametrize("name", [b"IHDR", b"IDAT", b"acTL"])
def test_a_checksum_that_does_not_fit_at_the_pixels_is(name):
    content = bytearray(png_with((b"acTL", bytes(8))))
    content[content.index(name) + 4] ^= 1
    with pytest.raises(ImageError):
        read_image(bytes(content))


# ---- JPEG ----------------------------------------------------------------------------------------


def jpeg(kind, **how):
    file = io.BytesIO()
    Image.fromarray((COLORS * 255).astype(np.uint8)).convert(kind).save(file, "JPEG", **how)
    return file.getvalue()


KINDS = {
    "colour": ("RGB", {}),
    "grey": ("L", {"quality": 95}),
    "CMYK": ("CMYK", {}),
    "with restarts": ("RGB", {"restart_marker_blocks": 1, "optimize": True}),
}


@pytest.mark.parametrize(("kind", "how"), KINDS.values(), ids=KINDS)
def test_a_jpeg_without_its_end_marker_is_whole_and_one_without_more_is_not(kind, how):
    content = jpeg(kind, **how)
    for missing in (1, 2):
        assert np.array_equal(read_image(content[:-missing]), read_image(content))
    for missing in (3, 4, 6, 8, 12, 20, 50, len(content) // 2, len(content) - 4):
        with pytest.raises(ImageError):
            read_image(content[:-missing])


def test_of_a_progressive_jpeg_a_scan_might_be_missing():
    with pytest.raises(ImageError, match="cut short"):
        read_image(jpeg("RGB", progressive=True)[:-2])


def frame_of(content, way=0xC0, bits=8, height=None, channels=None):
    """The same JPEG with another description of how its pixels are stored."""
    at = content.index(b"\xff\xc0")
    _marker, length, _bits, old_height, width, number = struct.unpack_from(">HHBHHB", content, at)
    about = content[at + 10 : at + 2 + length][: 3 * (channels or number)]
    head = struct.pack(">BBHB", 0xFF, way, 8 + len(about), bits)
    head += struct.pack(">HHB", old_height if height is None else height, width, channels or number)
    return content[:at] + head + about + content[at + 2 + length :]


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ({"bits": 12}, "12 bits a channel"),
        ({"bits": 12, "way": 0xC1}, "12 bits a channel"),
        ({"way": 0xC3}, "without loss"),
        ({"way": 0xF7}, "without loss"),
        ({"way": 0xC5}, "in layers"),
        ({"channels": 2}, "2 channels"),
        ({"height": 0}, "its height at its end"),
    ],
)
@pytest.mark.parametrize("before", [b"", b"\xff\xe1\xff\xff" + bytes(65_533), b"\xff\xff\xff"])
def test_a_jpeg_of_another_kind_is_called_so(how, kind, before):
    content = frame_of(jpeg("RGB"), **how)
    with pytest.raises(ImageError, match=f"of a kind that is not supported .a JPEG .*{kind}") as refused:
        read_image(content[:2] + before + content[2:])
    assert "damaged" not in str(refused.value) and "fetch it anew" not in str(refused.value)
    usual = frame_of(jpeg("RGB"))
    assert np.array_equal(read_image(usual[:2] + before + usual[2:]), read_image(jpeg("RGB")))


def test_a_png_of_apples_tools_is_called_so():
    """Its pixels are compressed without the head that every other program asks for."""
    with pytest.raises(ImageError, match="a PNG as Apple's tools make it"):
        read_image(png.SIGNATURE + png.chunk(b"CgBI", b"P\0 \6") + png_with()[8:])


# ---- GIF -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gif():
    file = io.BytesIO()
    first, *others = (Image.fromarray(np.roll(GREY, 7 * i, 1)) for i in range(4))
    first.save(file, "GIF", save_all=True, append_images=others, duration=100, loop=0)
    assert file.getvalue()[-1:] == b";"
    return file.getvalue()


@pytest.mark.parametrize("end", [b"", b"\0", b"\0\0", b"\0;", b";" + bytes(4000), b";words"])
def test_a_gif_is_whole_whatever_stands_after_its_last_frame(gif, tmp_path, end):
    (tmp_path / "a.gif").write_bytes(gif[:-1] + end)
    assert len(list(read_gif(tmp_path / "a.gif"))) == 4


def test_a_gif_without_part_of_a_frame_is_not(gif, tmp_path):
    last = gif.rindex(b"!\xf9\x04")
    for length in (last + 1, last + 4, last + 8, last + 12, len(gif) - 20, len(gif) - 2):
        (tmp_path / "a.gif").write_bytes(gif[:length])
        with pytest.raises(ImageError, match=r"damaged or cut short|cut short after frame"):
            list(read_gif(tmp_path / "a.gif"))


# ---- kinds that Pillow refuses -------------------------------------------------------------------


def bmp(bits=24, compression=0, header=40):
    about = struct.pack("<IiiHHIIiiII", header, 4, 4, 1, bits, compression, 64, 2835, 2835, 0, 0)
    about += bytes(max(header - 40, 0))
    return struct.pack("<2sIHHI", b"BM", 14 + len(about) + 256, 0, 0, 14 + len(about)) + about + bytes(256)


@pytest.mark.parametrize(
    "content",
    [
        bmp(compression=4),
        bmp(compression=5),
        bmp(bits=64),
        bmp(bits=2),
        bmp(header=200),
        bmp(32, compression=11),
    ],
    ids=["JPEG inside", "PNG inside", "64 bits", "2 bits", "unknown header", "inks"],
)
def test_a_bmp_of_another_kind_is_called_so(content):
    with pytest.raises(ImageError, match="of a kind that is not supported") as refused:
        read_image(content)
    assert "damaged" not in str(refused.value) and "fetch it anew" not in str(refused.value)


def tiff(pixels, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, metadata=None, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["uint32", "int16", "float16", "float32", "float64"])
def test_a_tiff_of_colours_that_pillow_cannot_read_is_called_so(kind):
    with pytest.raises(ImageError, match="of a kind that is not supported"):
        read_image(tiff(COLORS.astype(kind), photometric="rgb"))


def test_a_large_tiff_of_the_other_byte_order_is_called_so():
    made = io.BytesIO()
    tifffile.imwrite(made, GREY, bigtiff=True, byteorder=">")
    with pytest.raises(ImageError, match="of a kind that is not supported") as refused:
        read_image(made.getvalue())
    assert "damaged" not in str(refused.value)


def test_a_tiff_of_unknown_compression_is_called_so():
    content = bytearray(tiff(GREY))
    at = content.index(struct.pack("<HHI", 259, 3, 1)) + 8
    content[at : at + 2] = struct.pack("<H", 65_000)
    with pytest.raises(ImageError, match="of a kind that is not supported"):
        read_image(bytes(content))


def scaled(kind, pixels):
    kind = np.dtype(kind)
    if kind.kind == "f":
        return pixels.astype(kind)
    least, most = np.iinfo(kind).min * 0.9, np.iinfo(kind).max * (1 if kind.kind == "u" else 0.9)
    return np.minimum(
        least + pixels * (most - least), np.nextafter(np.float64(np.iinfo(kind).max), 0)
    ).astype(kind)


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("layout", ["grey", "colours", "planes"])
def test_every_layout_of_a_tiff_is_shown_right_or_refused_by_name(kind, layout):
    pixels = scaled(kind, RAMP if layout == "grey" else COLORS)
    wanted = 255 * (RAMP[..., None] if layout == "grey" else COLORS)
    options = {"photometric": "minisblack" if layout == "grey" else "rgb"}
    if layout == "planes":
        pixels, options["planarconfig"] = np.moveaxis(pixels, -1, 0).copy(), "separate"
    for order in "<>":
        for more in ({}, {"compression": "zlib"}, {"tile": (16, 16)}):
            try:
                found = read_image(tiff(pixels, byteorder=order, **options, **more))
            except ImageError as error:
                assert "not supported" in str(error), (order, more)
                assert kind not in ("u1", "u2") or layout == "planes", (order, more)
            else:
                assert np.abs(found - wanted).mean() < 2, (order, more)
