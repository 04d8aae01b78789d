"""Animated GIFs: what Pillow reads back has every frame, its time, the loop, transparency and disposal."""

import struct
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import GifImagePlugin, Image

from colorlab.colorizer import Colorizer
from colorlab.data import to_lab
from colorlab.files.gif import Frame, about_gif, is_animated, read_gif, write_gif
from colorlab.files.media import ImageError, read_original
from colorlab.files.pages import colorize_animation
from colorlab.files.writing import write_image
from colorlab.flicker import FrameColorizer, flicker, static_clip

TINY = Path(skimage.__file__).parent / "data" / "no_time_for_that_tiny.gif"
DURATIONS = (70, 0, 30, 1000, 20, 20, 10)
DISPOSALS = (1, 2, 3, 0, 1, 1, 2)


def vivid(rgb):
    """Stands for a network: reddish, and as light as before."""
    return np.stack([rgb[..., 0], rgb[..., 1] // 2, rgb[..., 2] // 3], axis=2)


def moving_squares():
    """Seven frames of 30×20 pixels with a hole around each, of which the sixth repeats the fifth."""
    for i, (duration, disposal) in enumerate(zip(DURATIONS, DISPOSALS, strict=True)):
        place, opaque = min(i, 4) if i < 6 else 6, np.zeros((20, 30), bool)
        opaque[place : place + 10, 2 * place : 2 * place + 12] = True
        yield Frame(np.full((20, 30, 3), 30 * place + 20, np.uint8), opaque, duration, disposal)


def shown_by_the_book(frames):
    """Which pixels are there when each frame is shown, by the rules of GIF89a."""
    there, seen = np.zeros((20, 30), bool), []
    for frame in frames:
        before, there = there, there | frame.opaque
        seen.append(there)
        there = {2: np.zeros_like(there), 3: before}.get(frame.disposal, there)
    return seen


def told_by_pillow(path):
    """duration and loop; disposal is read from the bytes: Pillow repeats the last where none is given."""
    with Image.open(path) as image:
        durations = []
        for number in range(image.n_frames):
            image.seek(number)
            durations.append(image.info.get("duration", 0))
        return image.size, durations, image.info.get("loop")


def disposals_in(path):
    """From each graphic control extension: 21 F9 04 <flags> …, which precedes 2C, an image."""
    content, found = path.read_bytes(), []
    for at in range(len(content) - 8):
        if content[at : at + 3] == b"!\xf9\x04" and content[at + 7 : at + 9] == b"\0,":
            found.append(content[at + 3] >> 2 & 7)
    return found


@pytest.mark.slow
def test_a_gif_of_skimage_keeps_its_24_frames(tmp_path):
    target = tmp_path / "out.gif"
    colorize_animation(TINY, target, FrameColorizer(Colorizer.pretrained()))
    assert told_by_pillow(target) == told_by_pillow(TINY) == ((14, 25), [70] * 24, 0)
    assert disposals_in(target) == disposals_in(TINY)
    for made, given in zip(read_gif(target), read_gif(TINY), strict=True):
        colored, lab = (to_lab(f.rgb) for f in (made, given))
        assert (colored[0] - lab[0]).abs().mean() < 3  # as far as 255 colours go
    assert [p.name for p in tmp_path.iterdir()] == ["out.gif"]


@pytest.mark.parametrize("loop", [None, 0, 3])
def test_holes_times_disposal_and_loop_survive_writing_and_colouring(tmp_path, loop):
    given, colored = tmp_path / "given.gif", tmp_path / "colored.gif"
    write_gif(given, moving_squares(), loop)
    colorize_animation(given, colored, vivid)
    assert told_by_pillow(given) == told_by_pillow(colored) == ((30, 20), list(DURATIONS), loop)
    assert disposals_in(given) == disposals_in(colored)
    wanted = shown_by_the_book(moving_squares())
    for path in (given, colored):
        found = list(read_gif(path))
        assert [f.disposal for f in found] == list(DISPOSALS)
        assert all(np.array_equal(f.opaque, w) for f, w in zip(found, wanted, strict=True))
    assert np.ptp(next(read_gif(colored)).rgb[4, 4].astype(int)) > 5  # it did become coloured


def test_colours_are_exact_where_there_are_few(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "few.gif"
    palette = rng.integers(0, 256, (200, 3), dtype=np.uint8)
    pictures = [palette[rng.integers(0, 200, (40, 50))] for _ in range(3)]
    everywhere = np.ones((40, 50), bool)
    write_gif(path, [Frame(p, everywhere, 50, 1) for p in pictures])
    for found, picture in zip(read_gif(path), pictures, strict=True):
        assert np.array_equal(found.rgb, picture) and found.opaque.all()


@pytest.mark.slow
def test_the_palette_does_not_flicker_and_a_cut_gets_its_own(tmp_path):
    frames, _ = static_clip(frames=6, noise=0, exposure=0)
    others, _ = static_clip("flower", "rocket", frames=2, noise=0, exposure=0)
    path = tmp_path / "clip.gif"
    side = min(f.shape[1] for f in (frames[0], others[0]))
    clip = [f[:, :side] for f in frames + others]
    write_gif(path, [Frame(f, np.ones(f.shape[:2], bool), 40, 1) for f in clip])
    labs = [to_lab(f.rgb) for f in read_gif(path)]
    own = [np.asarray(Image.fromarray(f).quantize(255, dither=0).convert("RGB")) for f in clip]
    assert flicker(labs[:6]) < 0.2 * flicker([to_lab(f) for f in own[:6]])
    for lab, palette_of_its_own, picture in zip(labs, own, clip, strict=True):
        truth = to_lab(picture)
        best = (to_lab(palette_of_its_own) - truth).norm(dim=0).mean()
        assert (lab - truth).norm(dim=0).mean() < 1.5 * best


@pytest.mark.parametrize("older", [None, b"older"])
def test_what_stops_it_leaves_nothing_and_keeps_what_was_there(tmp_path, older):
    target, calls = tmp_path / "out.gif", []
    if older:
        target.write_bytes(older)

    def interrupted(rgb):
        calls.append(rgb)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return rgb

    with pytest.raises(KeyboardInterrupt):
        colorize_animation(TINY, target, interrupted)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([older] if older else [])


@pytest.mark.parametrize("spoil", ["missing", "no gif", "cut short"])
def test_what_cannot_be_read_is_named(tmp_path, spoil):
    source, target = tmp_path / "bad.gif", tmp_path / "out.gif"
    if spoil != "missing":
        source.write_bytes(b"no picture" if spoil == "no gif" else TINY.read_bytes()[:2000])
    with pytest.raises(ImageError, match=r"bad\.gif: (no such file|not a GIF|damaged or cut short)"):
        colorize_animation(source, target, vivid)
    assert not is_animated(source) or spoil == "cut short"
    assert not target.exists()


def test_only_a_gif_of_several_frames_is_animated(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "one.gif")
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    assert is_animated(TINY)
    assert not is_animated(tmp_path / "one.gif") and not is_animated(tmp_path / "a.png")


def test_a_grey_palette_and_a_first_frame_with_holes(tmp_path):
    """Pillow takes such a palette for plain grey, and the hole's index for one of every frame after it."""
    path = tmp_path / "grey.gif"
    first = Image.fromarray(np.tile(np.array([0, 90], np.uint8), (4, 4)), "P")
    second = Image.fromarray(np.tile(np.array([0, 200], np.uint8), (4, 4)), "P")
    for image in (first, second):
        image.putpalette([level for level in range(256) for _ in range(3)])
    palette = bytes(first.getpalette())
    content = b"GIF89a" + struct.pack("<HHBBB", 8, 4, 0xF7, 0, 0) + palette
    content += b"".join(GifImagePlugin.getdata(first, duration=50, disposal=1, transparency=0))
    content += b"".join(GifImagePlugin.getdata(second, duration=50, disposal=1)) + b";"
    path.write_bytes(content)
    frames = list(read_gif(path))
    assert [frame.opaque.mean() for frame in frames] == [0.5, 1.0]
    assert (frames[0].rgb[~frames[0].opaque] == 255).all()  # white where nothing is
    assert (frames[1].rgb == np.asarray(second)[..., None]).all()


XMP = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><dc:creator>Zoë</dc:creator></x:xmpmeta>".encode()


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("place", ["before the frames", "after them"])
def test_xmp_goes_along(tmp_path, frames, place):
    """As Adobe's description stores it: uncut, and 257 bytes after it that lead any reader to the end."""
    block = b"!\xff\x0bXMP DataXMP" + XMP + b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    write_gif(tmp_path / "plain.gif", list(moving_squares())[:frames], loop=0)
    content = (tmp_path / "plain.gif").read_bytes()
    at = 13 + 3 * 256 if place == "before the frames" else len(content) - 1
    given, colored = tmp_path / "a.gif", tmp_path / "b.gif"
    given.write_bytes(content[:at] + block + content[at:])
    colorize_animation(given, colored, vivid)
    assert block in colored.read_bytes() and about_gif(colored) == (frames, 0, "", XMP)
    assert len(list(read_gif(colored))) == frames
    original = read_original(given)
    assert write_image(tmp_path / "a.png", original.rgb, about=original.beside) == []
    assert read_original(tmp_path / "a.png").beside.xmp == XMP
    assert "its XMP" in write_image(tmp_path / "a.bmp", original.rgb, about=original.beside)


def test_a_long_xmp_and_one_that_is_cut_short_do_no_harm(tmp_path):
    path = tmp_path / "a.gif"
    write_gif(path, moving_squares(), xmp=b"x" * 100_000)
    assert about_gif(path).xmp == b"x" * 100_000 and about_gif(path).frames == len(DURATIONS)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\x05\x04\x03\x02\x01\0\0", b"\x05\x04\x03\x02\x01\0\1"))
    with pytest.raises(ImageError, match=r"a\.gif: "):
        list(read_gif(path))
