"""All pages of a TIFF and all frames of a WebP or PNG are coloured; 16 bits stay 16; reduced copies are no pages."""

import io

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from PIL import Image

from colorlab.cli import main
from colorlab.colorizer import Colorizer
from colorlab.files import pages
from colorlab.files.deep_png import write_deep
from colorlab.files.media import ImageError, read_image, read_original, read_pages
from colorlab.files.pages import colorize_animation, colorize_pages, count_of_pictures, read_animation
from colorlab.files.writing import write_image

SMALL, BIG = np.full((10, 12), 200, np.uint8), np.tile(np.arange(48, dtype=np.uint8) * 5, (40, 1))
TIMES = [100, 50, 70, 30]


def negative(rgb):
    return 255 - rgb


def colorlab(*words):
    return CliRunner().invoke(main, ["colorize", *(str(w) for w in words)])


def squares(alpha=False):
    """Four frames that differ; with `alpha` there are holes in them."""
    frames = []
    for i in range(4):
        rgba = np.full((24, 32, 4), (60, 60, 60, 255), np.uint8)
        rgba[2 + 4 * i : 8 + 4 * i, 4:20] = (230, 230, 230, 255)
        rgba[-3:, : 8 * i + 1, 3] = 0 if alpha else 255
        frames.append(Image.fromarray(rgba if alpha else rgba[..., :3].copy()))
    return frames


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "tif"])
def test_the_name_beside_the_progress_steers_no_terminal(tmp_path, monkeypatch, model, ending):
    source, names = tmp_path / f"e\x1b]0;title\x07.{ending}", []
    first, *others = squares()
    first.save(source, save_all=True, append_images=others)
    monkeypatch.setattr(pages, "tqdm", lambda items, name, *_, **__: names.append(name) or items)
    colorlab(source, "-o", tmp_path / "out", "--model", model)
    assert names == [rf"e\x1b]0;title\x07.{ending}"]


@pytest.mark.parametrize("ending", ["webp", "png", "apng"])
@pytest.mark.parametrize("alpha", [False, True])
def test_every_frame_of_an_animation_with_its_time_loop_and_holes(tmp_path, ending, alpha):
    source, target = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
    kind = "WEBP" if ending == "webp" else "PNG"
    first, *others = squares(alpha)
    first.save(source, kind, save_all=True, append_images=others, duration=TIMES, loop=3, lossless=True)
    colorize_animation(source, target, negative, mark="colorlab")
    given, made = list(read_animation(source)), list(read_animation(target))
    assert [frame.duration for frame in made] == TIMES and len(made) == len(given)
    for a, b in zip(given, made, strict=True):
        seen = a.alpha > 0
        assert np.array_equal(seen, b.alpha > 0)
        assert np.abs(negative(a.rgb)[seen].astype(int) - b.rgb[seen]).mean() < (4 if kind == "WEBP" else 0.1)
    with Image.open(target) as image:
        assert image.info["loop"] == 3
        assert "colorlab" in (image.getexif().get(305) or image.text["Software"])


def test_the_still_picture_before_an_animation_is_not_shown_in_it(tmp_path):
    source, target = tmp_path / "a.png", tmp_path / "b.png"
    poster, *moving = squares()
    poster.save(source, save_all=True, default_image=True, append_images=moving, duration=TIMES[1:], loop=3)
    colorize_animation(source, target, negative)
    made = list(read_animation(target))
    assert count_of_pictures(source) == len(made) == len(moving)
    assert [frame.duration for frame in made] == TIMES[1:]
    for frame, picture in zip(made, moving, strict=True):
        assert np.array_equal(frame.rgb, negative(np.asarray(picture.convert("RGB"))))


def test_a_damaged_animation_is_refused_and_leaves_nothing(tmp_path):
    first, *others = squares()
    first.save(tmp_path / "a.png", save_all=True, append_images=others)
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(ImageError, match=r"a\.png: "):
        colorize_animation(tmp_path / "a.png", tmp_path / "b.png", negative)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_every_page_of_a_tiff_with_its_own_size_depth_and_words(tmp_path, model):
    source, target = tmp_path / "pages.tif", tmp_path / "out" / "pages.tif"
    with tifffile.TiffWriter(source) as made:
        for i, page in enumerate([SMALL, BIG.astype(np.uint16) * 257 + 3, BIG, np.dstack([SMALL] * 3)]):
            made.write(page, description=f"page {i}", metadata=None, resolution=(300, 150), resolutionunit=2)
    result = colorlab(source, "-o", target, "--model", model)
    assert result.exit_code == 0, result.output
    with tifffile.TiffFile(target) as made:
        assert [page.shape for page in made.pages] == [(10, 12, 3), (40, 48, 3), (40, 48, 3), (10, 12, 3)]
        assert [str(page.dtype) for page in made.pages] == ["uint8", "uint16", "uint8", "uint8"]
        assert [page.description for page in made.pages] == [f"page {i}" for i in range(4)]
        assert all(page.resolution == (300, 150) for page in made.pages)
    network = Colorizer.load(model)
    for page, given in zip(read_pages(target), read_pages(source), strict=True):
        assert np.abs(page.rgb.astype(int) - network.colorize(given.rgb)).max() <= 1


@pytest.mark.parametrize("kind", ["thumbnail first", "thumbnail last", "thumbnail between"])
def test_reduced_copies_are_no_pages(tmp_path, kind):
    path = tmp_path / "a.tif"
    small = {"data": SMALL, "subfiletype": 1}
    order = {"thumbnail first": (small, {"data": BIG}), "thumbnail last": ({"data": BIG}, small)}
    with tifffile.TiffWriter(path) as made:
        for page in order.get(kind, ({"data": BIG}, small, {"data": BIG})):
            made.write(**page)
    assert count_of_pictures(path) == (2 if kind == "thumbnail between" else 1)
    assert [page.rgb.shape for page in read_pages(path)] == [(40, 48, 3)] * count_of_pictures(path)
    assert read_image(path).shape == (40, 48, 3)


@pytest.mark.parametrize("dng", [True, False])
def test_the_thumbnail_of_a_raw_file_is_not_taken_for_the_picture(tmp_path, dng):
    version = [(50706, "B", 4, bytes([1, 4, 0, 0]), True)] if dng else []
    with tifffile.TiffWriter(tmp_path / "a.dng") as made:
        made.write(SMALL, subfiletype=1, subifds=1, extratags=version)
        made.write(BIG, subfiletype=0)
    with pytest.raises(ImageError, match=r"a\.dng: .*develop it to a TIFF first"):
        read_image(tmp_path / "a.dng")


def test_a_tiff_with_a_damaged_page_is_refused_and_not_taken_for_one_page(tmp_path, model):
    with tifffile.TiffWriter(tmp_path / "a.tif") as made:
        made.write(SMALL, metadata=None)
        made.write(BIG, metadata=None)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    at = content.rindex(b"\x00\x01\x04\x00\x01\x00\x00\x00\x30\x00")  # the width of the second page: 48
    content[at : at + 2] = b"\xff\xff"
    (tmp_path / "a.tif").write_bytes(content)
    result = colorlab(tmp_path / "a.tif", "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 1 and "a.tif: damaged" in " ".join(result.output.split())
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("name", ["a.tif", "a.webp", "a.png"])
def test_a_complaint_of_the_network_is_not_one_of_the_format(tmp_path, name):
    first, *others = (Image.new("RGB", (40, 30), (level,) * 3) for level in (40, 90, 140))
    first.save(tmp_path / name, save_all=True, append_images=others)

    def fails(picture):
        raise ValueError("it answers no colours but NaN")

    colorize = colorize_pages if name.endswith("tif") else colorize_animation
    with pytest.raises(ImageError, match=rf"{name}: it answers no colours"):
        colorize(tmp_path / name, tmp_path / f"colored_{name}", fails)
    assert not (tmp_path / f"colored_{name}").exists()


# ---- 16 bits -------------------------------------------------------------------------------------

FAINT = np.linspace(20_000, 24_000, 512, dtype=np.uint16)[None].repeat(32, 0)


@pytest.mark.parametrize("source", ["tif", "png"])
@pytest.mark.parametrize("target", ["tif", "png"])
def test_the_finer_greys_of_a_scan_stay(tmp_path, model, source, target):
    Image.fromarray(FAINT).save(tmp_path / f"a.{source}", dpi=(600, 600))
    result = colorlab(tmp_path / f"a.{source}", "-o", tmp_path / f"b.{target}", "--model", model)
    assert result.exit_code == 0 and "NOTE" not in result.output, result.output
    made = tifffile.imread(tmp_path / "b.tif") if target == "tif" else sixteen_bits_of_png(tmp_path / "b.png")
    assert made.dtype == np.uint16 and made.shape == (32, 512, 3)
    grey = made.astype(float) @ [0.2126, 0.7152, 0.0722]
    assert len(np.unique(made[16, :, 1])) > 250  # 8 bits would leave 17
    assert np.abs(grey / FAINT - 1).mean() < 0.1
    with Image.open(tmp_path / f"b.{target}") as image:
        assert [round(float(n)) for n in image.info["dpi"]] == [600, 600]


def sixteen_bits_of_png(path):
    av = pytest.importorskip("av", reason="the extra `video` is not installed")
    with av.open(str(path)) as given:
        frame = next(given.decode(video=0))
        channels = {"rgb48be": 3, "rgba64be": 4}[frame.format.name]
        plane = frame.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(frame.height, plane.line_size)
        rows = rows[:, : 2 * channels * frame.width]
        return rows.view(">u2").reshape(frame.height, frame.width, channels).astype(np.uint16)


@pytest.mark.parametrize("ending", ["jpg", "webp", "bmp"])
def test_formats_of_8_bits_name_what_they_lose(tmp_path, ending):
    deep = np.dstack([FAINT] * 3)
    assert write_image(tmp_path / f"a.{ending}", deep) == ["the lower 8 of 16 bits a channel"]
    assert np.abs(read_image(tmp_path / f"a.{ending}").astype(int) - (deep >> 8)).max() <= 3


def test_12_bits_floats_and_inverted_greys_are_deep_too():
    floats = io.BytesIO()
    Image.fromarray(FAINT.astype(np.float32) / 65_535).save(floats, "TIFF")
    assert np.abs(read_original(floats.getvalue()).deep.astype(int) - FAINT).max() <= 1
    file = io.BytesIO()
    tifffile.imwrite(file, FAINT, photometric="miniswhite")
    assert np.abs(read_original(file.getvalue()).deep.astype(int) - (65_535 - FAINT.astype(int))).max() <= 1
    assert read_original(np_png(BIG)).deep is None


def np_png(grey):
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "PNG")
    return file.getvalue()


def test_colours_of_16_bits_that_become_8_are_named():
    file = io.BytesIO()
    tifffile.imwrite(file, np.dstack([FAINT] * 3), photometric="rgb", metadata=None)
    assert read_original(file.getvalue()).beside.lost == ["the lower 8 of its 16 bits a channel"]
    file = io.BytesIO()
    write_deep(file, np.dstack([FAINT] * 3), None, {})
    assert read_original(file.getvalue()).beside.lost == ["the lower 8 of its 16 bits a channel"]


def test_16_bits_keep_transparency(tmp_path):
    alpha = np.tile(np.arange(0, 256, dtype=np.uint8), (32, 2))
    write_image(tmp_path / "a.tif", np.dstack([FAINT] * 3), alpha)
    made = tifffile.imread(tmp_path / "a.tif")
    assert made.shape == (32, 512, 4) and np.array_equal(made[..., 3], alpha * np.uint16(257))


@pytest.mark.parametrize("channels", [3, 4])
def test_a_png_of_16_bits_is_read_by_another_program_as_it_was(tmp_path, channels):
    pixels = np.random.default_rng(0).integers(0, 65_536, (37, 53, channels), dtype=np.uint16)
    with open(tmp_path / "a.png", "wb") as file:
        write_deep(file, pixels[..., :3], pixels[..., 3] if channels == 4 else None, {})
    assert np.array_equal(sixteen_bits_of_png(tmp_path / "a.png"), pixels)


@pytest.mark.filterwarnings(
    "ignore:Truncated File Read", "ignore:Corrupt EXIF data"
)  # Pillow's; ours is the error
@pytest.mark.parametrize(("byteorder", "bigtiff"), [("<", False), ("<", True), (">", False)])
def test_a_tiff_cut_short_loses_no_page_silently(tmp_path, byteorder, bigtiff):
    """Pillow takes a page whose directory is not all there for the last one."""
    path, made = tmp_path / "a.tif", io.BytesIO()
    with tifffile.TiffWriter(made, bigtiff=bigtiff, byteorder=byteorder) as writer:
        for _ in range(3):
            writer.write(SMALL, metadata=None)
    content = made.getvalue()
    path.write_bytes(content)
    assert len(list(read_pages(path))) == 3
    for length in range(100, len(content), len(content) // 47):
        path.write_bytes(content[:length])
        with pytest.raises(ImageError, match=r"a\.tif: "):
            assert len(list(read_pages(path))) == 3
