"""What lies beside the pixels goes with a coloured picture, in every format that can hold it, or is named."""

import struct

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from colorlab.files.beside import Beside, beside
from colorlab.files.media import read_original
from colorlab.files.writing import write_image

GREY = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6">box 12</rdf:Description></x:xmpmeta>'
IPTC = b"\x1c\x02\x78\x00\x05Haus!"
EXIF, DATE, GPS, LATITUDE, MAKER = 34665, 36867, 34853, 2, 37500


def some_exif(orientation=1):
    exif = Image.Exif()
    exif[270], exif[305], exif[315] = "Großmutter vor dem Haus".encode("latin-1"), "VueScan 9", "Studio M."
    exif[274] = orientation
    exif[EXIF] = {DATE: "1931:05:02 10:00:00", 40962: 1, 40963: 1}
    exif[GPS] = {1: "N", LATITUDE: (48.0, 8.0, 14.0)}
    return exif


def app13(iptc):
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    return b"\xff\xed" + struct.pack(">H", len(block) + 16) + b"Photoshop 3.0\0" + block


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "scan.jpg"
    Image.fromarray(GREY).save(
        path, exif=some_exif(), xmp=XMP, comment=b"box 12, no. 7", dpi=(600, 300), extra=app13(IPTC)
    )
    return path


def passed_on(source, target, mark=None):
    """Through reading and writing, as colouring does; (what Pillow finds then, what was said to be lost)."""
    original = read_original(source)
    lost = write_image(target, original.rgb, original.alpha, about=original.beside.marked(mark))
    image = Image.open(target)
    image.load()
    return image, lost


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp", "jfif"])
def test_exif_goes_into_every_format_that_can(scan, tmp_path, ending):
    image, lost = passed_on(scan, tmp_path / f"out.{ending}")
    exif = image.getexif()
    assert exif[315] == "Studio M." and exif[305] == "VueScan 9" and exif[274] == 1
    assert exif[270] == "Großmutter vor dem Haus"
    assert exif.get_ifd(EXIF)[DATE] == "1931:05:02 10:00:00"
    assert exif.get_ifd(EXIF)[40962] == 30 and exif.get_ifd(EXIF)[40963] == 20
    assert [float(n) for n in exif.get_ifd(GPS)[LATITUDE]] == [48, 8, 14]
    assert lost == {"webp": ["its comment", "its IPTC"], "tif": ["its comment"]}.get(ending, [])


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_xmp_iptc_comment_and_dpi_go_along(scan, tmp_path, ending):
    target = tmp_path / f"out.{ending}"
    image, _ = passed_on(scan, target)
    back = beside(image)
    assert b"box 12" in back.xmp and b'tiff:Orientation="1"' in back.xmp
    assert back.iptc == (b"" if ending == "webp" else IPTC)
    assert back.comment == ("box 12, no. 7" if ending == "jpg" else "")
    assert back.texts.get("Comment") == ("box 12, no. 7" if ending == "png" else None)
    exif = image.getexif()
    dpi = image.info.get("dpi") or (exif[282], exif[283])
    assert [round(float(n)) for n in dpi] == [600, 300]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_picture_is_told_to_be_upright(tmp_path, orientation):
    Image.fromarray(GREY).save(tmp_path / "a.jpg", exif=some_exif(orientation), dpi=(204, 98))
    image, _ = passed_on(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert image.size == ((20, 30) if orientation in (6, 8) else (30, 20))
    assert image.getexif()[274] == 1
    assert image.info["dpi"] == ((98, 204) if orientation in (6, 8) else (204, 98))


def test_a_thumbnail_which_is_still_grey_does_not_go_along(tmp_path):
    tags = struct.pack("<HHHIIHHIII", 2, 0x201, 4, 1, 100, 0x202, 4, 1, 20, 0)
    first = struct.pack("<HHHIII", 1, 0x10E, 2, 2, ord("x"), 26)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + first + tags
    exif += bytes(106 - len(exif)) + b"THUMBNAIL" + bytes(11)
    Image.fromarray(GREY).save(tmp_path / "a.jpg", exif=exif)
    assert b"THUMBNAIL" in (tmp_path / "a.jpg").read_bytes()
    image, _ = passed_on(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert image.getexif()[0x10E] == "x" and b"THUMBNAIL" not in (tmp_path / "b.jpg").read_bytes()


def test_texts_of_a_png_stay_or_find_a_place_or_are_named(tmp_path):
    info = PngInfo()
    for name, text in {"Title": "Haus", "Description": "box 12", "Weather": "rain", "Größe": "6×9"}.items():
        info.add_text(name, text) if text.isascii() else info.add_itxt(name, text)
    Image.fromarray(GREY).save(tmp_path / "a.png", pnginfo=info)
    image, lost = passed_on(tmp_path / "a.png", tmp_path / "b.png")
    assert (
        image.text == {"Title": "Haus", "Description": "box 12", "Weather": "rain", "Größe": "6×9"}
        and not lost
    )
    image, lost = passed_on(tmp_path / "a.png", tmp_path / "b.jpg")
    assert image.getexif()[270] == "box 12" and image.getexif()[269] == "Haus"
    assert lost == ["its text 'Weather'", "its text 'Größe'"]


@pytest.mark.parametrize("dpi", [(204, 98), (204, 196), (72, 144)])
@pytest.mark.parametrize("ending", ["tif", "png", "jpg", "bmp"])
def test_a_fax_is_not_squashed(tmp_path, dpi, ending):
    Image.fromarray(GREY).convert("1").save(tmp_path / "fax.tif", compression="group4", dpi=dpi)
    image, _ = passed_on(tmp_path / "fax.tif", tmp_path / f"out.{ending}")
    assert [round(float(n)) for n in image.info["dpi"]] == list(dpi)


def test_the_shape_of_a_pixel_without_a_unit_is_kept(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.jpg", dpi=(1, 1))
    content = (tmp_path / "a.jpg").read_bytes()
    at = content.index(b"JFIF\0") + 7
    (tmp_path / "a.jpg").write_bytes(content[:at] + struct.pack(">BHH", 0, 1, 2) + content[at + 5 :])
    image, _ = passed_on(tmp_path / "a.jpg", tmp_path / "b.png")
    across, down = image.info["dpi"]
    assert down / across == pytest.approx(2, abs=0.01)


def test_what_a_format_cannot_hold_is_named(scan, tmp_path):
    assert passed_on(scan, tmp_path / "out.bmp")[1] == ["its comment", "its EXIF", "its XMP", "its IPTC"]


def test_a_format_without_a_place_for_it_is_said_not_to_tell_who_made_it(tmp_path):
    lost = write_image(tmp_path / "a.bmp", np.dstack([GREY] * 3), about=Beside().marked("colorlab"))
    assert lost == ["the note of who made it"]


def test_exif_or_xmp_too_long_for_a_jpeg_is_named_and_the_picture_written(tmp_path):
    about = Beside(tags={315: "Studio M.", 50_000: bytes(70_000)}, xmp=XMP + b" " * 70_000)
    lost = write_image(tmp_path / "a.jpg", np.dstack([GREY] * 3), about=about)
    assert lost == ["its EXIF", "its XMP"] and Image.open(tmp_path / "a.jpg").size == (30, 20)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_and_notes_on_layout_do_not_go_along(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff damaged")
    assert passed_on(tmp_path / "a.jpg", tmp_path / "b.jpg")[0].size == (30, 20)
    Image.fromarray(GREY).save(tmp_path / "a.tif", description='{"shape": [20, 30]}')
    image, lost = passed_on(tmp_path / "a.tif", tmp_path / "b.tif")
    assert 270 not in image.tag_v2 and lost == ["the description of how its pixels were stored"]


def test_places_on_a_map_stay_in_a_tiff(tmp_path):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[33550], tags[42112] = (0.5, 0.5, 0.0), "<GDALMetadata/>"
    Image.fromarray(GREY).save(tmp_path / "a.tif", tiffinfo=tags)
    image, _ = passed_on(tmp_path / "a.tif", tmp_path / "b.tif")
    assert image.tag_v2[33550] == (0.5, 0.5, 0.0) and image.tag_v2[42112] == "<GDALMetadata/>"


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_who_made_it_is_said_beside_who_made_it_before(scan, tmp_path, ending):
    image, _ = passed_on(scan, tmp_path / f"out.{ending}", "colorlab, model x, temperature 0.4")
    assert image.getexif()[305] == "colorlab, model x, temperature 0.4; VueScan 9"
    if ending == "png":
        assert image.text["Software"] == "colorlab, model x, temperature 0.4; VueScan 9"


def test_a_picture_coloured_twice_is_marked_once(scan, tmp_path):
    passed_on(scan, tmp_path / "b.jpg", "colorlab")
    image, _ = passed_on(tmp_path / "b.jpg", tmp_path / "c.jpg", "colorlab")
    assert image.getexif()[305] == "colorlab; VueScan 9"


def test_a_jpeg_keeps_its_colours_at_full_resolution(tmp_path):
    rgb = np.zeros((32, 32, 3), np.uint8)
    rgb[:, ::2] = (200, 30, 40)  # stripes as thin as a pixel, which subsampling would mix
    write_image(tmp_path / "a.jpg", rgb)
    assert np.abs(np.asarray(Image.open(tmp_path / "a.jpg")).astype(int) - rgb).mean() < 6
