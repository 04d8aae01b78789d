"""Many kinds of files, whole, cut short and damaged: each becomes a picture of the right size, or an ImageError.

The corpus is made here, in memory. `pytest -rP tests/files/test_media_formats.py` prints how many files were tried,
how many were read, and why the others were refused.
"""

import io
import struct
import sys
import warnings
import zipfile
import zlib
from collections import Counter

import numpy as np
import pytest
from hostile import outcome, report
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, UnidentifiedImageError, features
from skimage.color import lab2rgb

from colorlab.files import media
from colorlab.files.media import ImageError, Picture, over_white, read_image, read_picture
from colorlab.files.writing import write_image

H, W = 23, 31
MOST_SECONDS = 2.0  # of the processor, for one small file; the slowest was measured to need 0.1


def gradient(height: int, width: int) -> np.ndarray:
    """Smooth but for a little noise, like a photograph: half a picture would differ from the whole."""
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([x * 255 / width, y * 255 / height, (x + y) * 255 / (height + width)], axis=-1)
    return np.clip(rgb + np.random.default_rng(0).normal(0, 4, rgb.shape), 0, 255).astype(np.uint8)


RGB = gradient(H, W)
GREY16 = RGB[..., 0].astype(np.uint16) * 257


def file_of(image, format, **options) -> bytes:
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


# ---- the corpus ----------------------------------------------------------------------------------


MODES = {
    "JPEG": ["L", "RGB", "CMYK"],
    "PNG": ["1", "L", "P", "P, alpha", "LA", "RGB", "RGBA", "I;16"],
    "WEBP": ["RGB", "RGBA"],
    "TIFF": ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"],
    "BMP": ["1", "L", "P", "RGB"],
    "GIF": ["L", "P", "RGBA"],
    "PPM": ["1", "L", "RGB", "I", "F"],
    "AVIF": ["RGB", "RGBA"],
}
EXIF = Image.Exif()
EXIF[0x010F], EXIF[0x0112] = "maker", 3  # upside down
PAGES = dict(save_all=True, append_images=[Image.new("RGB", (W, H)), Image.new("RGB", (5, 5))])
VARIANTS = [
    ("JPEG", "progressive", dict(progressive=True)),
    ("JPEG", "no subsampling", dict(subsampling=0)),
    ("JPEG", "restart markers", dict(restart_marker_rows=1)),
    ("JPEG", "turned", dict(exif=EXIF)),
    ("PNG", "stored", dict(compress_level=0)),
    ("PNG", "turned", dict(exif=EXIF)),
    ("PNG", "one transparent colour: alpha", dict(transparency=(1, 2, 3))),
    ("WEBP", "lossless", dict(lossless=True)),
    ("WEBP", "turned", dict(exif=EXIF)),
    ("TIFF", "LZW", dict(compression="tiff_lzw")),
    ("TIFF", "deflate", dict(compression="tiff_adobe_deflate")),
    ("TIFF", "JPEG", dict(compression="jpeg", quality=95)),
    ("TIFF", "pack bits", dict(compression="packbits")),
    ("TIFF", "turned", dict(exif=EXIF)),
    ("TIFF", "pages", PAGES),
    ("GIF", "not interlaced", dict(interlace=0)),
    ("GIF", "frames", PAGES | dict(append_images=PAGES["append_images"][:1])),
    ("WEBP", "frames", PAGES | dict(append_images=PAGES["append_images"][:1], lossless=True)),
    ("PNG", "frames", PAGES | dict(append_images=PAGES["append_images"][:1])),
]


def corpus() -> dict[str, bytes]:
    """name -> file, every one whole, of W×H pixels."""
    image = Image.fromarray(RGB)
    images = {mode: image.convert(mode) for mode in ("1", "L", "RGB", "CMYK", "YCbCr", "LAB", "RGBA")}
    images["RGBA"].putalpha(Image.fromarray(RGB[..., 1]))
    images["LA"] = images["RGBA"].convert("LA")
    images["P"] = image.quantize(256)
    images["P, alpha"] = images["RGBA"].quantize(64)
    images["I;16"] = Image.fromarray(GREY16)
    images["I"] = Image.fromarray(GREY16.astype(np.int32))
    images["F"] = Image.fromarray(GREY16.astype(np.float32) / 65535)
    formats = [format for format in MODES if format != "AVIF" or features.check("avif")]
    files = {
        f"{format}, {mode}": file_of(images[mode], format) for format in formats for mode in MODES[format]
    }
    files |= {f"{format}, {name}": file_of(image, format, **options) for format, name, options in VARIANTS}
    files["PNG, interlaced"] = interlaced_png(RGB)
    files["PNG, 16 bits a channel"] = png(RGB.astype(">u2") * 257, 16, 2)
    files["PNG, 16 bits, LA"] = png(np.dstack([GREY16] * 2).astype(">u2"), 16, 4)
    return files


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(pixels: np.ndarray, bits: int, color: int, passes=None, more: bytes = b"") -> bytes:
    """A PNG as its specification describes it: for what Pillow cannot write."""
    height, width = pixels.shape[:2]
    rows = [b"\0" + row.tobytes() for part in passes or [pixels] if part.size for row in part]
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, passes is not None)
    content = (
        chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + content


def interlaced_png(rgb: np.ndarray) -> bytes:
    starts = (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    )
    return png(rgb, 8, 2, [rgb[y::down, x::right] for y, x, down, right in starts])


CORPUS = corpus()


def attempt(content: bytes) -> Picture | ImageError:
    """What `read_picture` says, in time; anything but a picture or an ImageError is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd headers that it can still read
        return outcome(read_picture, content, (ImageError,), "the picture given", MOST_SECONDS)


def reason(error: ImageError) -> str:
    kinds = ("damaged or cut short", "not a picture", "not supported", "a film", "too many pixels", "empty")
    kinds += ("no pixels", "NaN", "HEIC")
    return next(kind for kind in kinds if kind in str(error))


def same(a: Picture, b: Picture) -> bool:
    if (a.alpha is None) != (b.alpha is None) or not np.array_equal(a.rgb, b.rgb):
        return False
    return a.alpha is None or np.array_equal(a.alpha, b.alpha)


def test_whole_files_are_read_with_their_size():
    results = {name: attempt(content) for name, content in CORPUS.items()}
    assert report("whole", list(results.values()), reason)["accepted"] == len(CORPUS) > 55
    for name, (rgb, alpha) in results.items():
        assert rgb.shape == (H, W, 3) and rgb.dtype == np.uint8, name
        transparent = name.endswith(("LA", "RGBA", "alpha"))
        assert (alpha is not None) == transparent, name
        assert alpha is None or (alpha.shape == (H, W) and alpha.dtype == np.uint8), name


def test_whole_files_show_the_picture():
    """But for what lossy formats and palettes lose; no other frame, nothing inverted, clipped or unturned."""
    grey = np.asarray(Image.fromarray(RGB).convert("L"))[..., None]
    for name, content in CORPUS.items():
        rgb = read_picture(content).rgb.astype(float)
        if "turned" in name:
            rgb = rgb[::-1, ::-1]
        deep = name.endswith((" I;16", " I", " F", "16 bits, LA"))
        wanted = RGB[..., :1] if deep else RGB if np.ptp(rgb, axis=2).any() else grey
        if name.endswith(", 1"):  # dots: right on average
            rgb, wanted = rgb.mean(), wanted.mean()
        assert np.abs(rgb - wanted).mean() < (0.6 if deep else 12), (name, np.abs(rgb - wanted).mean())


@pytest.mark.slow
def test_a_file_cut_short_is_refused_unless_its_picture_is_whole():
    """Never half a picture and half grey."""
    results = []
    for name, content in CORPUS.items():
        whole = read_picture(content)
        for length in {*range(0, 40, 5), *np.linspace(40, len(content) - 1, 14, dtype=int)}:
            results.append(attempt(content[:length]))
            if isinstance(results[-1], Picture):
                assert same(results[-1], whole), (name, length, len(content))
    counts = report("cut short", results, reason)
    assert len(results) > 1000 and counts["accepted"] < len(results) / 10


@pytest.mark.slow
def test_a_large_photograph_cut_short_is_refused():
    """A decoder is fed in pieces of 64 KB; the corpus fits into one."""
    big = gradient(700, 900)
    for options in ({}, {"progressive": True}):
        content = file_of(big, "JPEG", quality=98, **options)
        assert len(content) > 200_000
        for length in np.linspace(1000, len(content) - 3, 12, dtype=int):
            assert isinstance(attempt(content[:length]), ImageError)


@pytest.mark.slow
def test_damaged_files_are_read_or_refused():
    """Up to five wrong bytes, half of the time among the first 300: nothing but a picture or an ImageError."""
    rng = np.random.default_rng(0)
    results = []
    for content in CORPUS.values():
        for i in range(50):
            damaged = bytearray(content)
            reach = min(len(content), 300) if i % 2 else len(content)
            for place in rng.integers(0, reach, rng.integers(1, 6)):
                damaged[place] = rng.integers(256)
            results.append(attempt(bytes(damaged)))
            if isinstance(results[-1], Picture):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        size = Image.open(io.BytesIO(damaged)).size
                    except (
                        UnidentifiedImageError
                    ):  # a PNG with a wrong checksum beside its pixels: its head tells
                        assert damaged.startswith(b"\x89PNG")
                        size = struct.unpack_from(">II", damaged, 16)
                assert sorted(results[-1].rgb.shape[:2]) == sorted(size)  # the damage may turn it
    counts = report("damaged", results, reason)
    assert len(results) > 2500 and 0.2 < counts["accepted"] / len(results) < 0.8


# ---- deep greys ----------------------------------------------------------------------------------


def tiff_with(content: bytes, tag: int, value: int) -> bytes:
    """A little-endian TIFF of Pillow's with one short number in its directory changed."""
    directory = struct.unpack_from("<I", content, 4)[0]
    changed = bytearray(content)
    for entry in range(struct.unpack_from("<H", content, directory)[0]):
        place = directory + 2 + 12 * entry
        if struct.unpack_from("<H", content, place)[0] == tag:
            struct.pack_into("<H", changed, place + 8, value)
            return bytes(changed)
    raise KeyError(tag)


def grey_of(content: bytes) -> list[int]:
    rgb = read_picture(content).rgb
    assert (rgb == rgb[..., :1]).all()
    return rgb[0, :, 0].tolist()


def test_16_bits_where_zero_is_white():
    deep = file_of(np.array([[0, 65535, 257 * 100]], np.uint16), "TIFF")
    assert grey_of(tiff_with(deep, media.PHOTOMETRIC, 0)) == [255, 0, 155]


def test_12_bits_fill_the_range():
    """Pillow unpacks them to 16 without scaling."""
    deep = file_of(np.array([[0, 65535]], np.uint16), "TIFF")
    twelve = tiff_with(deep, media.BITS_PER_SAMPLE, 12)  # its 3 bytes: 000, fff
    twelve = twelve.replace(b"\0\0\xff\xff", b"\0\x0f\xff\0")
    assert grey_of(twelve) == [0, 255]


def test_big_endian_16_bits():
    deep = png(np.array([[0, 257, 32896, 65535]], ">u2"), 16, 0)
    assert grey_of(deep) == [0, 1, 128, 255]


def test_32_bit_integers_outside_16_bits_are_scaled_from_least_to_largest():
    assert grey_of(file_of(np.array([[-1000, 0, 4000]], np.int32), "TIFF")) == [0, 51, 255]
    assert grey_of(file_of(np.array([[0, 65536, 2**31 - 1]], np.int32), "TIFF")) == [0, 0, 255]


@pytest.mark.parametrize("least, largest", [(-3e38, 3e38), (0, 1e-40), (1e30, 2e30), (-1, 0)])
def test_floats_of_any_size(least, largest):
    content = file_of(np.array([[least, (least / 2 + largest / 2), largest]], np.float32), "TIFF")
    wanted = [0, 0, 0] if largest == 1e-40 else [0, 128, 255]  # within 0..1: nearly black
    assert np.abs(np.subtract(grey_of(content), wanted)).max() <= 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_float_that_is_no_number_is_refused(value):
    with pytest.raises(ImageError, match="the picture given: holds NaN or infinite values"):
        read_image(file_of(np.array([[0.5, value]], np.float32), "TIFF"))


def test_one_transparent_grey_of_16_bits():
    deep = png(np.array([[0, 500, 501, 65535]], ">u2"), 16, 0, more=chunk(b"tRNS", struct.pack(">H", 500)))
    rgb, alpha = read_picture(deep)
    assert alpha.tolist() == [[255, 0, 255, 255]] and rgb[0, 3].tolist() == [255] * 3


def test_colours_of_16_bits_keep_their_upper_8():
    deep = np.array([[[0x12FF, 0x8000, 0xFFFF]]], ">u2")
    assert read_image(png(deep, 16, 2)).tolist() == [[[0x12, 0x80, 0xFF]]]


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_colours_that_a_tiff_has_multiplied_by_alpha_are_divided_again(mode):
    image = Image.new(mode, (3, 2), (60,) * len(mode[:-1]) + (120,))
    multiplied = tiff_with(file_of(image, "TIFF"), 338, 1)  # ExtraSamples: associated alpha
    rgb, alpha = read_picture(multiplied)
    assert (alpha == 120).all() and np.abs(rgb.astype(int) - 127).max() <= 1


# ---- ICC profiles --------------------------------------------------------------------------------

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def relabelled(profile: bytes, **tags: str) -> bytes:
    """An ICC profile whose tags have other names: their table follows the header of 128 bytes."""
    changed = bytearray(profile)
    for entry in range(struct.unpack_from(">I", profile, 128)[0]):
        place = 132 + 12 * entry
        name = profile[place : place + 4].decode()
        changed[place : place + 4] = tags.get(name, name).encode()
    return bytes(changed)


def linear(profile: bytes) -> bytes:
    """The same profile for light itself, without sRGB's curve."""
    for entry in range(struct.unpack_from(">I", profile, 128)[0]):
        name, place, size = struct.unpack_from(">4sII", profile, 132 + 12 * entry)
        if name.endswith(b"TRC"):
            profile = profile[:place] + b"curv".ljust(size, b"\0") + profile[place + size :]
    return profile


def cmyk_profile() -> bytes:
    """A profile in which only black ink shows, L = 100 (1 - K): a table of 2⁴ Lab colours (lut8Type)."""
    grid = bytes([255, 128, 128, 0, 128, 128]) * 8  # K runs fastest
    table = (
        b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", *np.eye(3, dtype=int).ravel() * 65536)
    )
    table += bytes(range(256)) * 4 + grid + bytes(range(256)) * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    header = struct.pack(">I", 128 + 4 + 24 + len(table) + len(white)) + b"lcms" + bytes([2, 16, 0, 0])
    header += b"prtrCMYKLab " + bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    tags = struct.pack(">I4sII4sII", 2, b"A2B0", 156, len(table), b"wtpt", 156 + len(table), len(white))
    return header.ljust(128, b"\0") + tags + table + white


def encoded(light: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1: light in 0..1 -> sRGB in 0..255."""
    return 255 * np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055
    )


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA"])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_a_profile_of_linear_light_is_followed(format, mode):
    image = Image.fromarray(RGB).quantize(256) if mode == "P" else Image.fromarray(RGB).convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(RGB[..., 2]))
    plain, seen = (read_picture(file_of(image, format, **o)) for o in ({}, {"icc_profile": linear(SRGB)}))
    assert np.abs(seen.rgb - encoded(plain.rgb / 255)).max() <= 1.01
    assert same(Picture(plain.rgb, seen.alpha), plain)
    assert np.abs(seen.rgb.astype(int) - plain.rgb).mean() > 20


def test_a_profile_with_other_primaries_is_followed():
    """Its red is sRGB's blue."""
    swapped = relabelled(SRGB, rXYZ="bXYZ", bXYZ="rXYZ")
    seen = read_image(file_of(RGB, "PNG", icc_profile=swapped))
    assert np.abs(seen.astype(int) - RGB[..., ::-1]).max() <= 1


@pytest.mark.parametrize("mode", ["L", "LA", "1", "I;16"])
def test_a_profile_of_greys_is_followed(mode):
    profile = relabelled(linear(SRGB), rTRC="kTRC")
    profile = profile[:16] + b"GRAY" + profile[20:]
    image = Image.fromarray(GREY16) if mode == "I;16" else Image.fromarray(RGB[..., 0]).convert(mode)
    if mode == "LA":
        image.putalpha(Image.fromarray(RGB[..., 2]))
    plain, seen = (read_picture(file_of(image, "PNG", **o)) for o in ({}, {"icc_profile": profile}))
    assert np.abs(seen.rgb - encoded(plain.rgb / 255)).max() <= 1.01
    assert same(Picture(plain.rgb, seen.alpha), plain)


def test_a_profile_of_inks_is_followed():
    inks = np.random.default_rng(0).integers(256, size=(16, 16, 4), dtype=np.uint8)
    seen = read_image(file_of(Image.fromarray(inks, "CMYK"), "TIFF", icc_profile=cmyk_profile()))
    L = 100 * (1 - inks[..., 3] / 255)
    assert np.abs(seen - lab2rgb(np.stack([L, 0 * L, 0 * L], axis=-1)) * 255).max() <= 3


def test_the_inks_of_a_jpeg_are_not_inverted():
    inks = Image.new("CMYK", (16, 16), (200, 50, 0, 51))
    seen = read_image(file_of(inks, "JPEG", quality=100, icc_profile=cmyk_profile()))
    assert np.abs(seen - lab2rgb(np.array([[[80.0, 0, 0]]])) * 255).max() <= 4


@pytest.mark.parametrize(
    "mode, profile",
    [
        ("RGB", b"no profile at all"),
        ("RGB", SRGB[:200]),
        ("RGB", relabelled(SRGB, rXYZ="none")),
        ("RGB", cmyk_profile()),
        ("CMYK", SRGB),
    ],
    ids=["nonsense", "cut short", "without red", "of inks, for light", "of light, for inks"],
)
def test_a_profile_that_is_broken_or_for_other_channels_is_ignored(mode, profile):
    image = Image.fromarray(RGB).convert(mode)
    seen, plain = (read_picture(file_of(image, "TIFF", **o)) for o in ({"icc_profile": profile}, {}))
    assert same(seen, plain)


# ---- EXIF ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["L", "RGBA", "I;16", "1"])
def test_every_mode_is_turned(mode, orientation):
    name = f"PNG, {mode}"
    image = Image.open(io.BytesIO(CORPUS[name]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright, turned = read_picture(CORPUS[name]), read_picture(file_of(image, "PNG", exif=exif))
    if orientation >= 5:
        turned = Picture(*(None if x is None else x.swapaxes(0, 1) for x in turned))
    flips = {1: "", 2: "x", 3: "xy", 4: "y", 5: "", 6: "y", 7: "xy", 8: "x"}[orientation]
    step_y, step_x = (-1 if axis in flips else 1 for axis in "yx")
    assert same(Picture(*(None if x is None else x[::step_y, ::step_x] for x in turned)), upright)


def test_damaged_exif_is_no_reason_to_refuse_a_picture():
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "maker", 6
    exif.get_ifd(0x8825)[2] = (1.0, 2.0, 3.0)
    content = file_of(RGB, "JPEG", exif=exif)
    place, length = content.index(b"Exif") + 6, len(exif.tobytes()) - 6
    rng, shapes = np.random.default_rng(0), Counter()
    for _ in range(400):
        damaged = bytearray(content)
        for i in rng.integers(0, length, 3):
            damaged[place + i] = rng.integers(256)
        result = attempt(bytes(damaged))
        assert isinstance(result, Picture), result
        shapes[result.rgb.shape] += 1
    assert set(shapes) == {(W, H, 3), (H, W, 3)}  # turned, or its rotation was lost


# ---- sources -------------------------------------------------------------------------------------


def test_file_objects_are_read_from_where_they_stand(tmp_path):
    content = CORPUS["PNG, RGB"]
    assert np.array_equal(read_image(io.BytesIO(content)), RGB)
    later = io.BytesIO(b"a header" + content)
    later.seek(8)
    assert np.array_equal(read_image(later), RGB)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", content)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive, archive.open("a.png") as member:
        assert np.array_equal(read_image(member), RGB)


def test_a_file_object_that_gives_no_bytes_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(CORPUS["PNG, RGB"])
    with open(tmp_path / "a.png", encoding="latin-1") as text, pytest.raises(TypeError, match='mode "rb"'):
        read_image(text)
    closed = open(tmp_path / "a.png", "rb")  # noqa: SIM115
    closed.close()
    with pytest.raises(ImageError, match=r"a\.png: cannot be read"):
        read_image(closed)


def test_a_pil_image_is_read_and_stays_as_it_is():
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(io.BytesIO(file_of(RGB, "PNG", exif=exif, icc_profile=linear(SRGB))))
    assert read_image(image).shape == (W, H, 3)
    assert image.size == (W, H) and np.array_equal(np.asarray(image), RGB)


# ---- refusals ------------------------------------------------------------------------------------


def test_a_file_without_permission(tmp_path, monkeypatch):
    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "mine.png").touch()
    monkeypatch.setattr("builtins.open", forbidden)  # a test may run as a user who may read everything
    with pytest.raises(ImageError, match=r"mine\.png: cannot be read \(.*Permission denied.*permissions"):
        read_image(tmp_path / "mine.png")


@pytest.mark.parametrize("name", ["a\0b.png", "x" * 5000 + ".png"])
def test_a_name_that_cannot_be(name):
    with pytest.raises(ImageError, match="cannot be read"):
        read_image(name)


@pytest.mark.parametrize(
    "width, height", [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (150_000, 1), (1, 150_000)]
)
def test_absurd_dimensions_are_refused_before_anything_is_decoded(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**6)))
    with pytest.raises(ImageError, match="the picture given: too many pixels to be opened safely"):
        read_image(bomb)


def test_a_warning_of_pillow_turned_into_an_error_is_still_an_image_error():
    header = struct.pack(">IIBBBBB", 20_000, 11_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")
    with warnings.catch_warnings(), pytest.raises(ImageError, match="too many pixels"):
        warnings.simplefilter("error")
        read_image(bomb)


def test_no_pixels_at_all():
    with pytest.raises(ImageError, match=r"has no pixels \(0×5\)"):
        read_picture(Image.new("RGB", (0, 5)))


def test_a_format_that_would_start_another_program_is_not_opened():
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n"
    with pytest.raises(ImageError, match="not a picture in a format that is read here"):
        read_image(script)


def test_a_heic_is_called_by_its_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    with pytest.raises(ImageError, match=r"HEIC, which this Pillow does not read; pip install .*\[heic\]"):
        read_image(b"\0\0\0\x18ftypheic" + bytes(100))


# ---- what is written is read ---------------------------------------------------------------------

SIDES = st.integers(1, 70)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(height=SIDES, width=SIDES, ending=st.sampled_from(["png", "tif", "webp"]), transparent=st.booleans())
def test_rgb_and_alpha_come_back(tmp_path_factory, height, width, ending, transparent):
    path = tmp_path_factory.mktemp("written") / f"a.{ending}"
    rgb = gradient(height, width)
    alpha = gradient(height, width)[..., 1] if transparent else None
    write_image(path, rgb, alpha)
    back = read_picture(path)
    assert back.rgb.shape == rgb.shape
    if transparent:
        assert np.array_equal(back.alpha, alpha)
    elif ending != "webp":
        assert same(back, Picture(rgb, None))
    if ending != "webp":
        assert np.array_equal(back.rgb, rgb)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(height=SIDES, width=SIDES, band=st.integers(1, 300))
def test_what_is_done_in_bands_is_as_if_done_at_once(height, width, band):
    rgb, alpha = gradient(height, width), gradient(height, width)[..., 0]
    content = file_of(np.dstack([rgb, alpha]), "PNG")
    floats = file_of(alpha.astype(np.float32), "TIFF")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(media, "BAND", band)
        assert same(read_picture(content), Picture(rgb, alpha))
        scaled = read_picture(floats).rgb
        laid = over_white(rgb, alpha)
    assert np.array_equal(scaled, read_picture(floats).rgb)
    assert np.abs(laid - (255 + (rgb - 255.0) * alpha[..., None] / 255)).max() <= 0.5


@pytest.mark.parametrize("ending", ["jpg", "bmp", "ppm"])
def test_where_alpha_cannot_be_written_the_paper_is_white(tmp_path, ending):
    rgb, alpha = np.full((16, 16, 3), 90, np.uint8), np.zeros((16, 16), np.uint8)
    write_image(tmp_path / f"a.{ending}", rgb, alpha)
    rgb, alpha = read_picture(tmp_path / f"a.{ending}")
    assert alpha is None and (rgb >= 254).all()


@pytest.mark.parametrize("ending, width", [("webp", 17_000), ("jpg", 66_000), ("gif", 66_000)])
def test_a_picture_too_large_for_its_format_is_refused_and_leaves_nothing(tmp_path, ending, width):
    with pytest.raises(ImageError, match=r"cannot hold this picture .*; use \.png"):
        write_image(tmp_path / f"a.{ending}", np.zeros((1, width, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_image(tmp_path / "missing" / "a.png", RGB)
