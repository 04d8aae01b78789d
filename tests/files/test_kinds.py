"""What a file is, its content tells: in a folder, alone, under any name; what is left out is named with the reason."""

import os

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from colorlab import batch
from colorlab.cli import main
from colorlab.files import kinds, media
from colorlab.files.media import ImageError, read_image

GREY = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8))


@pytest.fixture
def album(tmp_path):
    (tmp_path / "album").mkdir()
    return tmp_path / "album"


def colorlab(*words):
    return CliRunner().invoke(main, ["colorize", *(str(w) for w in words)])


def made_in(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


NAMES = {
    "a.jfif": ("JPEG", "a.jfif"),
    "b.jpe": ("JPEG", "b.jpe"),
    "c.jp2": ("JPEG2000", "c.png"),
    "d.pgm": ("PPM", "d.png"),
    "e.apng": ("PNG", "e.png"),
    "F.JPG": ("JPEG", "F.JPG"),
    "g.dib": ("DIB", "g.dib"),
    "h": ("PNG", "h.png"),
    "i.txt": ("WEBP", "i.png"),
    "j.mp4": ("TIFF", "j.png"),
    "k.avif": ("AVIF", "k.png"),
}


@pytest.mark.slow
def test_pictures_under_any_name_are_found_in_a_folder(album, tmp_path, model):
    for name, (kind, _) in NAMES.items():
        GREY.convert("RGB").save(album / name, kind)
    result = colorlab(album, "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 0 and f"{len(NAMES)} coloured" in result.output, result.output
    assert made_in(tmp_path / "out") == {made for _, made in NAMES.values()}


def test_what_is_no_picture_is_left_out_by_name_and_reason(album, tmp_path, model):
    GREY.save(album / "a.png")
    contents = {
        "notes.txt": b"words", "b.pdf": b"%PDF-1.7", "c.psd": b"8BPS\0\1", "song.ogg": b"OggS" + bytes(60),
        "._a.png": b"\0\5\x16\7", ".DS_Store": b"\0\0\0\1Bud1\0\0\x10\0" + bytes(4000),
        "x.cr2": b"II*\0\x10\0\0\0CR\2\0", "d.jxl": b"\xff\x0a" + bytes(9),
    }  # fmt: skip
    for name, content in contents.items():
        (album / name).write_bytes(content)
    os.mkfifo(album / "pipe.png")
    result = colorlab(album, "-o", tmp_path / "out", "--model", model)
    said = " ".join(result.output.split())
    assert result.exit_code == 0 and "1 coloured" in said and "9 skipped" in said, said
    for part in (
        "notes.txt: no picture and no film", "b.pdf: PDF, which is not read here", "a document of Photoshop",
        "song.ogg: sound", ".DS_Store", "a raw file of a camera", "JPEG XL", "notes of macOS",
        "pipe.png: a pipe or a device",
    ):  # fmt: skip
        assert part in said
    assert made_in(tmp_path / "out") == {"a.png"}


def test_many_files_of_one_reason_are_counted(album, tmp_path, model):
    GREY.save(album / "a.png")
    for i in range(9):
        (album / f"{i}.txt").write_text("words")
    said = " ".join(colorlab(album, "-o", tmp_path / "out", "--model", model).output.split())
    assert "and 4 more: no picture and no film that is read here" in said and "9 skipped" in said


def test_a_file_that_only_claims_to_be_a_picture_fails_by_name(album, tmp_path, model):
    GREY.save(album / "a.png")
    (album / "b.jpg").write_text("no picture")
    (album / "c.png").touch()
    (album / "d.mp4").write_text("no film")
    result = colorlab(album, "-o", tmp_path / "out", "--model", model)
    said = " ".join(result.output.split())
    assert result.exit_code == 1 and "1 coloured" in said and "3 failed" in said
    assert "b.jpg: not a picture" in said and "c.png: empty" in said


def test_linked_folders_are_entered_once_and_never_in_a_circle(album, tmp_path, model):
    (tmp_path / "disk").mkdir()
    GREY.save(tmp_path / "disk" / "b.png")
    GREY.save(album / "a.png")
    (album / "1950").symlink_to(tmp_path / "disk")
    (album / "again").symlink_to(tmp_path / "disk")
    (album / "circle").symlink_to(album)
    result = colorlab(album, "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 0 and "the same folder as" in result.output
    made = made_in(tmp_path / "out")
    assert "a.png" in made and made - {"a.png"} in ({"1950/b.png"}, {"again/b.png"})


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may enter every folder")
def test_folders_that_may_not_be_entered_fail_by_name(album, tmp_path, model):
    for name in ("x", "y"):
        (album / "closed" / name).mkdir(parents=True)
    GREY.save(album / "a.png")
    (album / "closed").chmod(0o444)
    try:
        result = colorlab(album, "-o", tmp_path / "out", "--model", model)
    finally:
        (album / "closed").chmod(0o755)
    assert result.exit_code == 1 and "2 failed" in " ".join(result.output.split())


def test_folders_whose_identity_is_unknown_are_not_taken_for_the_results(album, tmp_path, monkeypatch):
    (album / "closed").mkdir()
    identity = batch._identity
    monkeypatch.setattr(batch, "_identity", lambda path: None if path.name == "closed" else identity(path))
    skipped = {}
    batch._found(album, tmp_path / "not yet there", skipped)
    assert not skipped


def test_results_that_are_linked_into_the_folder_are_not_coloured_again(album, tmp_path, model):
    GREY.save(album / "a.png")
    (tmp_path / "out").mkdir()
    (album / "results").symlink_to(tmp_path / "out")
    for _ in range(2):
        result = colorlab(album, "-o", tmp_path / "out", "--model", model)
        assert result.exit_code == 0 and "holds the results" in result.output
    assert made_in(tmp_path / "out") == {"a.png"}


FILMS = {
    "mp4": b"\0\0\0\x18ftypisom", "mkv": b"\x1aE\xdf\xa3", "avi": b"RIFF\0\0\0\0AVI LIST", "vob": b"\0\0\x01\xba",
    "ts": (b"G" + bytes(187)) * 6, "m2ts": (bytes(4) + b"G" + bytes(187)) * 6,
    "asf": b"0&\xb2u\x8ef\xcf\x11", "dv": b"\x1f\x07\0\x3f", "mov": b"\0\0\0\x08wide", "flv": b"FLV\x01\x05",
    "h264": b"\0\0\0\1\x67\x64\0", "264": b"\0\0\0\1\x09\xf0", "hevc": b"\0\0\0\1\x40\1\x0c",
}  # fmt: skip


@pytest.mark.parametrize("name", FILMS)
def test_a_film_is_called_a_film(name):
    head = FILMS[name] + bytes(200)
    assert kinds.told_by(head) == kinds.FILM
    with pytest.raises(ImageError, match="a film, no picture; colour it as a file"):
        read_image(head)


@pytest.mark.parametrize(
    "head",
    [
        b"GGGG words of a letter",
        b"",
        b"words",
        b"RIFF\0\0\0\0WAVE",
        b"P7 words",
        b"BN",
        b"\0\0\0\1Bud1",
        b"\0\0\0\1",
    ],
)
def test_what_is_no_film_and_no_picture_is_told_to_be_neither(head):
    assert kinds.told_by(head) is None


def test_sound_and_pictures_in_the_same_container_are_told_apart():
    heads = {"AIFF": "sound", "AIFC": "sound", "8SVX": "sound", "ILBM": "an IFF picture"}
    for name, kind in heads.items():
        assert kinds.told_by(b"FORM\0\0\1\0" + name.encode()) == kind


@pytest.mark.slow
def test_heic_is_read_where_the_extra_is_installed(tmp_path, model):
    pillow_heif = pytest.importorskip("pillow_heif", reason="the extra `heic` is not installed")
    exif = Image.Exif()
    exif[0x013B] = "Studio M."
    pillow_heif.from_pillow(GREY.convert("RGB")).save(tmp_path / "a.heic", quality=95, exif=exif.tobytes())
    assert np.abs(read_image(tmp_path / "a.heic").mean(axis=2) - np.asarray(GREY)).mean() < 12
    result = colorlab(tmp_path / "a.heic", "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 0, result.output
    assert Image.open(tmp_path / "out" / "a.png").getexif()[0x013B] == "Studio M."
    assert "HEIF" in media.FORMATS and batch.sort_of(tmp_path / "a.heic") == "picture"


# ---- what is printed -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["[red]", "box:smile:1", "a[/b]", "esc\x1b[31m", "line\nbreak", "[link=x]y"])
def test_names_are_printed_as_they_are_and_are_no_markup(album, tmp_path, model, name):
    GREY.save(album / "a.png")
    (album / f"{name}.png".replace("/", "_")).write_text("broken")
    result = colorlab(album, "-o", tmp_path / name, "--model", model)
    assert result.exit_code == 1, result.output
    shown = name.replace("\x1b", "\\x1b").replace("\n", "\\n")
    assert shown in result.output and f"{shown.replace('/', '_')}.png: not a picture" in result.output
    assert "\x1b" not in result.output


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8:strict"])
def test_names_that_cannot_be_encoded_end_nothing(album, tmp_path, model, encoding):
    import subprocess
    import sys

    GREY.save(album / "a.png")
    (album / "日本 → λ.jpg").write_text("broken")
    (album / os.fsdecode(b"caf\xe9.jpg")).write_text("broken")
    words = [sys.executable, "-m", "colorlab", "colorize", album, "-o", tmp_path / "größe", "--model", model]
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(words, capture_output=True, env=environment)
    assert result.returncode == 1 and b"1 coloured" in result.stdout and b"2 failed" in result.stdout
    assert b"Traceback" not in result.stderr


@pytest.mark.parametrize("marked", [True, False])
def test_a_result_says_who_made_it_unless_told_not_to(album, tmp_path, model, marked):
    GREY.save(album / "a.jpg")
    GREY.save(album / "b.png")
    result = colorlab(album, "-o", tmp_path / "out", "--model", model, *([] if marked else ["--no-mark"]))
    assert result.exit_code == 0
    said = [
        Image.open(tmp_path / "out" / "a.jpg").getexif().get(305),
        Image.open(tmp_path / "out" / "b.png").text,
    ]
    if marked:
        assert "colorlab" in said[0] and "model small, temperature 0.38" in said[0]
        assert said[1]["Software"] == said[0]
    else:
        assert said == [None, {}]


def test_what_a_result_could_not_hold_is_named_once_for_the_file(album, tmp_path, model):
    exif = Image.Exif()
    exif[0x013B] = "Studio M."
    GREY.save(album / "a.jpg", exif=exif)
    result = colorlab(album / "a.jpg", "-o", tmp_path / "a.bmp", "--model", model)
    assert result.exit_code == 0 and "a.jpg: not in its result: its EXIF" in " ".join(result.output.split())
