"""colorlab.files.media: whatever a stranger's file holds becomes uint8 RGB, or an error that says why not."""

import contextlib
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from colorlab.files import guards, media
from colorlab.files.media import ImageError, read_image, read_picture

RGB = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)


def file_of(image, format="PNG", **options):
    """The bytes of an image file."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


# ---- sources -------------------------------------------------------------------------------------


def test_bytes_path_and_string_are_read_alike(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(file_of(RGB))
    for source in (path, str(path), path.read_bytes()):
        assert np.array_equal(read_image(source), RGB)


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_are_read_exactly(format):
    rgb = read_image(file_of(RGB, format))
    assert rgb.dtype == np.uint8
    assert np.array_equal(rgb, RGB)


def test_jpeg_is_read_nearly_exactly():
    flat = np.full((16, 16, 3), (200, 100, 50), dtype=np.uint8)
    assert np.abs(read_image(file_of(flat, "JPEG", quality=95)).astype(int) - flat).max() <= 3


def test_the_array_may_be_written_to():
    assert read_image(file_of(RGB)).flags.writeable


# ---- modes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "1"])
def test_one_channel_becomes_three(mode):
    image = Image.fromarray(RGB[..., 0]).convert(mode)
    expected = np.asarray(image.convert("L"))
    rgb = read_image(file_of(image))
    assert rgb.shape == (4, 6, 3)
    assert all(np.array_equal(rgb[..., c], expected) for c in range(3))


def test_a_palette_is_looked_up():
    flat = np.repeat([[[255, 0, 0]], [[0, 90, 200]]], 3, axis=1).astype(np.uint8)
    paletted = Image.fromarray(flat).convert("P", palette=Image.Palette.ADAPTIVE)
    assert paletted.mode == "P"
    assert np.array_equal(read_image(file_of(paletted)), flat)


def test_cmyk_becomes_rgb():
    red = Image.new("CMYK", (2, 2), (0, 255, 255, 0))
    assert (read_image(file_of(red, "TIFF")) == (255, 0, 0)).all()


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_is_scaled_from_the_full_range(format):
    deep = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    rgb = read_image(file_of(deep, format))
    assert rgb[0].tolist() == [[v] * 3 for v in (0, 1, 128, 255)]


def test_float_in_0_to_1_is_scaled_to_255():
    rgb = read_image(file_of(np.array([[0.0, 0.5, 1.0]], dtype=np.float32), "TIFF"))
    assert rgb[0, :, 0].tolist() == [0, 128, 255]


def test_float_of_any_other_range_is_scaled_from_its_least_to_its_largest():
    rgb = read_image(file_of(np.array([[-20.0, 0.0, 80.0]], dtype=np.float32), "TIFF"))
    assert rgb[0, :, 0].tolist() == [0, 51, 255]


def test_a_constant_float_picture_is_no_division_by_zero():
    assert not read_image(file_of(np.full((2, 2), 7.0, dtype=np.float32), "TIFF")).any()


def test_float_with_nan_is_refused():
    with pytest.raises(ImageError, match="the picture given: holds NaN or infinite values"):
        read_image(file_of(np.array([[0.0, np.nan]], dtype=np.float32), "TIFF"))


# ---- transparency --------------------------------------------------------------------------------


def test_alpha_is_laid_over_white():
    rgba = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [50, 100, 200, 100]]], dtype=np.uint8)
    rgb = read_image(file_of(rgba))
    assert rgb[0].tolist() == [[200, 100, 0], [255, 255, 255], [175, 194, 233]]


def test_read_picture_keeps_colours_and_alpha_apart():
    rgba = np.dstack([RGB, RGB[..., 0]])
    rgb, alpha = read_picture(file_of(rgba))
    assert np.array_equal(rgb, RGB) and np.array_equal(alpha, RGB[..., 0])


def test_an_opaque_picture_has_no_alpha():
    assert read_picture(file_of(RGB))[1] is None


def test_a_transparent_palette_entry_becomes_white():
    paletted = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), mode="L").convert("P")
    paletted.putpalette([10, 20, 30, 40, 50, 60])
    rgb = read_image(file_of(paletted, transparency=0))
    assert rgb[0].tolist() == [[255, 255, 255], [40, 50, 60]]


def test_grey_with_alpha():
    rgb, alpha = read_picture(file_of(Image.new("LA", (2, 2), (90, 40))))
    assert (rgb == 90).all() and (alpha == 40).all()


# ---- EXIF ----------------------------------------------------------------------------------------

UPRIGHT = {  # EXIF orientation -> how the stored pixels must be turned to stand upright
    1: lambda p: p,
    2: np.fliplr,
    3: lambda p: np.rot90(p, 2),
    4: np.flipud,
    5: lambda p: np.transpose(p, (1, 0, 2)),
    6: lambda p: np.rot90(p, -1),  # the camera was held upright: by far the commonest
    7: lambda p: np.rot90(np.transpose(p, (1, 0, 2)), 2),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_picture_is_turned_upright(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(read_image(file_of(RGB, exif=exif)), UPRIGHT[orientation](RGB))


# ---- errors --------------------------------------------------------------------------------------


def test_a_missing_file(tmp_path):
    with pytest.raises(ImageError, match=r"nothing\.png: no such file; check the path"):
        read_image(tmp_path / "nothing.png")


def test_a_folder(tmp_path):
    with pytest.raises(ImageError, match="a folder, not a picture"):
        read_image(tmp_path)


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.png").touch()
    with pytest.raises(ImageError, match=r"empty\.png: empty \(0 bytes\)"):
        read_image(tmp_path / "empty.png")


def test_a_text_file(tmp_path):
    (tmp_path / "notes.png").write_text("This is not a picture.")
    with pytest.raises(ImageError, match=r"notes\.png: not a picture in a format that is read here"):
        read_image(tmp_path / "notes.png")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "GIF", "WEBP"])
def test_a_truncated_file(format):
    big = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    whole = file_of(big, format)
    assert read_image(whole).shape == (40, 40, 3)
    with pytest.raises(ImageError, match=r"damaged or cut short|not a picture"):
        read_image(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    "damaged",
    [b"P6\n17:255\n4 255\n" + bytes(48), b"\x89PNG\r\n\x1a\n\x00\x00\x00\x02IHDR\x00\x00" + bytes(20)],
    ids=["PPM", "PNG"],
)
def test_a_damaged_header(damaged):
    with pytest.raises(ImageError, match="the picture given: "):
        read_image(damaged)


def test_an_absurdly_large_picture(monkeypatch):
    monkeypatch.setattr(media, "MOST_PIXELS", 20)
    with pytest.raises(ImageError, match="too many pixels to be opened safely"):
        read_image(file_of(RGB))  # 24 pixels: over the limit, which Pillow alone only warns of


@pytest.mark.parametrize("limits", [(89_000_000, 2**20), (1000, 2**20), (None, 2**10)])
def test_who_imports_colorlab_keeps_pillows_limits(monkeypatch, limits):
    """Also where several threads read, a page is left half read, or reading fails."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limits[0])
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_CHUNK", limits[1])
    content, seen = file_of(RGB), []

    def read(number):
        try:
            read_image(content if number % 2 else content[:60])
        except ImageError:
            seen.append(number)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(read, range(24)))
    assert len(seen) == 12
    with media.opened(content), contextlib.closing(media.read_pages(content)) as pages:
        next(pages)
        assert limits == (Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK)
    assert limits == (Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK)


def test_no_limit_is_put_back_while_another_thread_still_reads(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with guards.our_guards():
        with guards.our_guards():
            pass
        assert guards.MOST_PIXELS == Image.MAX_IMAGE_PIXELS
    assert Image.MAX_IMAGE_PIXELS == 1000


@pytest.mark.slow
def test_importing_colorlab_changes_nothing_in_pillow():
    code = (
        "from PIL import Image, PngImagePlugin as png; before = Image.MAX_IMAGE_PIXELS, png.MAX_TEXT_CHUNK; "
        "import colorlab.media, colorlab.files.pages, colorlab.files.gif; "
        "assert before == (Image.MAX_IMAGE_PIXELS, png.MAX_TEXT_CHUNK)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_neither_a_path_nor_bytes():
    with pytest.raises(
        TypeError, match="expected a path, the bytes of a file, a binary file or a PIL image, got ndarray"
    ):
        read_image(RGB)


def test_an_image_error_can_be_caught_as_a_value_error():
    assert issubclass(ImageError, ValueError)
