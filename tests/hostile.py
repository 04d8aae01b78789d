"""What test_hostile.py, test_media_formats.py and benchmarks/fuzz.py share: small whole files, ways to spoil
them, each file's reader with the errors it may raise, and a count of what came of it.
"""

import functools
import io
import json
import os
import shutil
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import nbformat
import numpy as np
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image, PngImagePlugin

from colorlab.bins import ColorBins
from colorlab.checkpoints import CheckpointError, load_checkpoint, save_checkpoint
from colorlab.colorizer import Colorizer
from colorlab.config import Config, History
from colorlab.course.grading import for_nbgrader
from colorlab.course.progress import saved_in
from colorlab.course.reading import NotebookError, read_notebook
from colorlab.datasets import DataError, open_collection
from colorlab.files.gif import Frame, read_gif, write_gif
from colorlab.files.media import ImageError, read_original
from colorlab.files.pages import colorize_animation, colorize_pages, count_of_pictures, read_animation
from colorlab.files.tiff import TiffWriter
from colorlab.files.video import colorize_video
from colorlab.files.writing import write_image
from colorlab.hints import read_hints
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification, Regression

MOST_SECONDS = 5.0  # of the processor, for one small file; the slowest was measured to need 0.3
CONFIG = Config(steps=4, batch_size=2)


# ---- ways to spoil a file ------------------------------------------------------------------------


def lengths(content: bytes) -> list[int]:
    """Where to cut: nothing, single bytes, every power of two and its neighbours, tenths, all but a few."""
    whole = len(content)
    powers = {2**n + step for n in range(whole.bit_length()) for step in (-1, 0, 1)}
    tenths = {whole * n // 10 for n in range(10)}
    return sorted(n for n in powers | tenths | {3, whole - 8, whole - 2, whole - 1} if 0 <= n < whole)


def mutated(content: bytes, rng: np.random.Generator, other: bytes = b"") -> bytes:
    """One to four times: bytes changed, left out, put in, repeated, or taken from another file.

    Half of the time among the first 300, where headers are.
    """
    for _ in range(rng.integers(1, 5)):
        reach = min(len(content), 300) if rng.random() < 0.5 else len(content)
        start = int(rng.integers(reach + 1))
        stop = min(len(content), start + int(rng.integers(1, 9)))
        some = content[start:stop]
        from_other = int(rng.integers(len(other) + 1))
        new = (
            rng.bytes(len(some)),
            bytes([rng.choice([0, 1, 0x7F, 0x80, 0xFF])]) * len(some),
            b"",
            some + rng.bytes(int(rng.integers(1, 9))),
            some * int(rng.integers(2, 100)),
            other[from_other : from_other + int(rng.integers(1, 200))],
        )[rng.integers(6)]
        content = content[:start] + new + content[stop:]
    return content


def mutated_inside(content: bytes, rng: np.random.Generator, other: bytes = b"") -> bytes:
    """Half of the time the file, else the pickle in a checkpoint, whose zip is then whole: checksums fit."""
    if rng.random() < 0.5:
        return mutated(content, rng, other)
    return rezipped(content, lambda name, part: mutated(part, rng) if name.endswith("data.pkl") else part)


def rezipped(content: bytes, change: Callable[[str, bytes], bytes], **options) -> bytes:
    """The same zip with other contents, or packed otherwise."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", **options) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return made.getvalue()


# ---- whole files, made in memory -----------------------------------------------------------------


def png(seed: int, side: int = 12) -> bytes:
    rgb = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


def gifs() -> dict[str, bytes]:
    """Holes, all ways of disposal, one palette or several; by our own writer and by Pillow's."""
    rng = np.random.default_rng(0)
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.gif"
        for name, loop in (("holes", 0), ("palettes", None)):
            frames = []
            for n in range(5):
                rgb = rng.integers(0, 256, (14, 19, 3), dtype=np.uint8)
                opaque = rng.random((14, 19)) < 0.7 if name == "holes" else np.ones((14, 19), bool)
                frames.append(Frame(rgb, opaque, 10 * n, n % 4))
            write_gif(path, frames, loop)
            files[name] = path.read_bytes()
        squares = [Image.new("RGB", (30, 20), (60 * n, 0, 0)) for n in range(4)]
        for n, square in enumerate(squares):
            square.paste((255, 255, 0), (3 * n, 2, 3 * n + 8, 12))
        squares[0].save(path, save_all=True, append_images=squares[1:], duration=[10, 20, 30, 40], loop=3)
        files["parts of frames"] = path.read_bytes()
    return files


def animations() -> dict[str, bytes]:
    """Four frames with holes as WebP and PNG, and AVIF where this Pillow writes it."""
    rng, files = np.random.default_rng(0), {}
    first, *others = (Image.fromarray(rng.integers(0, 256, (12, 17, 4), dtype=np.uint8)) for _ in range(4))
    for kind in {"WEBP", "PNG", "AVIF"} & Image.SAVE.keys():
        buffer = io.BytesIO()
        first.save(buffer, kind, save_all=True, append_images=others, duration=[10, 20, 30, 40])
        files[kind] = buffer.getvalue()
    return dict(sorted(files.items()))


def scans() -> dict[str, bytes]:
    """TIFFs of three pages: Pillow's in several packings, ours of 8 and of 16 bits."""
    rng, files = np.random.default_rng(0), {}
    pages = [rng.integers(0, 65_536, (9 + n, 13), dtype=np.uint16) for n in range(3)]
    for packing in ("raw", "tiff_lzw", "tiff_adobe_deflate", "group4"):
        mode = "1" if packing == "group4" else "L"
        first, *others = (Image.fromarray((page >> 8).astype(np.uint8)).convert(mode) for page in pages)
        buffer = io.BytesIO()
        first.save(buffer, "TIFF", save_all=True, append_images=others, compression=packing)
        files[packing] = buffer.getvalue()
    for dtype in (np.uint8, np.uint16):
        buffer = io.BytesIO()
        writer = TiffWriter(buffer)
        for page in pages:
            writer.add(np.dstack([page.astype(dtype)] * 3), page.astype(dtype), {270: "words", 315: "name"})
        files[f"ours, {dtype.__name__}"] = buffer.getvalue()
    return files


def described() -> dict[str, bytes]:
    """Small pictures with much beside their pixels, in each format that holds it."""
    exif, files = Image.Exif(), {}
    exif[270], exif[305], exif[274] = "words", "a program", 6
    exif[34665] = {36867: "1931:05:02 10:00:00", 37500: b"of the maker"}
    exif[34853] = {1: "N", 2: (48.0, 8.0, 14.0)}
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "words")
    texts.add_itxt("Author", "Grüße", zip=True)
    iptc = (
        b"Photoshop 3.0\0"
        + b"8BIM\x04\x04\0\0"
        + (11).to_bytes(4, "big")
        + b"\x1c\x02\x78\0\5Haus!"
        + b"\0\0"
    )
    extra = b"\xff\xed" + (len(iptc) + 2).to_bytes(2, "big") + iptc
    about = {"exif": exif.tobytes(), "xmp": b"<x:xmpmeta tiff:Orientation='6'/>", "dpi": (204, 98)}
    picture = Image.open(io.BytesIO(png(0, 5)))
    for kind, more in {
        "JPEG": {"comment": b"box 12", "extra": extra},
        "PNG": {"pnginfo": texts},
        "TIFF": {},
        "WEBP": {},
    }.items():
        buffer = io.BytesIO()
        picture.save(buffer, kind, **about, **more)
        files[kind] = buffer.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.gif"
        rgb = np.asarray(picture)
        write_gif(path, [Frame(rgb, np.ones((5, 5), bool), 10, 0)], 0, comment="box 12", xmp=about["xmp"])
        files["GIF"] = path.read_bytes()
    return files


def videos() -> dict[str, bytes]:
    """H.264 with sound in three containers, VP9 in a fourth; 64×48 pixels, 8 frames."""
    import av

    files = {}
    for container, encoder, sound in (
        ("mp4", "libx264", "aac"),
        ("matroska", "libx264", "aac"),
        ("avi", "libx264", "libmp3lame"),
        ("webm", "libvpx-vp9", None),
    ):
        buffer = io.BytesIO()
        with av.open(buffer, "w", format=container) as made:
            stream = made.add_stream(encoder, rate=10, options={"bf": "0"} if container == "avi" else {})
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            voice = made.add_stream(sound, rate=48000) if sound else None
            for n in range(8):
                rgb = np.full((48, 64, 3), 90, np.uint8)
                rgb[:, 4 * n : 4 * n + 8] = 200
                made.mux(stream.encode(av.VideoFrame.from_ndarray(rgb)))
            made.mux(stream.encode(None))
            if voice:
                block = av.AudioFrame.from_ndarray(np.zeros((2, 4800), np.float32), "fltp", "stereo")
                block.sample_rate = 48000
                made.mux(voice.encode(block))
                made.mux(voice.encode(None))
        files[container] = buffer.getvalue()
    return files


PICTURES = {f"some/{n}.png": png(n) for n in range(3)} | {"some/words.txt": b"not read", "broken.png": b"no"}


def zipped(files: dict[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(members: dict[str, bytes] | Iterable[tuple[tarfile.TarInfo, bytes]], mode="w", **options) -> bytes:
    """A tar of names and contents, or of headers (which may say what they like) and contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, **options) as archive:
        if isinstance(members, dict):
            members = [(named(name, len(content)), content) for name, content in members.items()]
        for header, content in members:
            archive.addfile(header)
            archive.fileobj.write(content + bytes(-len(content) % 512))
            archive.offset += len(content) + -len(content) % 512
    return buffer.getvalue()


def named(name: str, size: int = 0, **fields) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size = size
    vars_of_header = {"type": tarfile.REGTYPE} | fields
    for field, value in vars_of_header.items():
        setattr(header, field, value)
    return header


def archives() -> dict[str, bytes]:
    """zip and tar, packed in every way that Python reads."""
    zips = {
        f"zip {packing}": zipped(PICTURES, packing)
        for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    }
    long = PICTURES | {"a/" * 150 + "ü.png": png(9)}  # a name that needs a header of its own
    tars = {f"tar {mode}": tarred(PICTURES, f"w:{mode}") for mode in ("", "gz", "bz2", "xz")}
    return (
        zips
        | tars
        | {
            "tar pax": tarred(long, format=tarfile.PAX_FORMAT),
            "tar gnu": tarred(long, format=tarfile.GNU_FORMAT),
        }
    )


@functools.cache
def bins() -> ColorBins:
    return ColorBins(40, "square")  # Q = 25; the only rule that need not look at the gamut: quick


def untrained(objective=None) -> Colorizer:
    objective = objective or Regression()
    torch.manual_seed(0)
    return Colorizer(UNet(1, objective.out_channels, width=4, depth=1), objective, working_size=16)


def weights() -> dict[str, bytes]:
    prior = torch.full((bins().n_bins,), 1 / bins().n_bins)
    colorizers = {
        "regression": untrained(),
        "classification": untrained(Classification(bins(), "soft", prior, 0.5)),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.safetensors"
        return {
            f"{name}, {'half' if half else 'whole'}": c.save(path, half_precision=half).read_bytes()
            for name, c in colorizers.items()
            for half in (False, True)
        }


def trainee() -> tuple:
    """What `load_checkpoint` fills: a colorizer, its optimizer, its schedule, and the config it must have."""
    colorizer = untrained()
    optimizer = torch.optim.AdamW(colorizer.network.parameters(), lr=CONFIG.learning_rate)
    return colorizer, optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0), CONFIG


def take_a_step(colorizer, optimizer) -> None:
    for weight in colorizer.network.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()


def checkpoints() -> dict[str, bytes]:
    """Of one training, after a measurement at the beginning and one after a step."""
    colorizer, optimizer, schedule, config = trainee()
    take_a_step(colorizer, optimizer)
    schedule.step()
    history = History([0, 1], [3.0, 2.0], [3.0, 2.0], [0.1, 0.2], [0.0, 1.5])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.pt"
        save_checkpoint(path, colorizer, optimizer, schedule, config, history, 1)
        return {"after a step": path.read_bytes()}


def hint_files() -> dict[str, bytes]:
    one, other = {"x": 3, "y": 4.5, "rgb": [200, 30, 30]}, {"x": 0, "y": 0, "rgb": [0, 0, 255]}
    return {
        "none": b'{"hints": []}',
        "two": json.dumps({"hints": [one, other]}, indent=1).encode(),
        "many": json.dumps({"hints": [one | {"x": n} for n in range(50)], "by": "me"}).encode(),
    }


def notebook_files() -> dict[str, bytes]:
    """With an exercise and its check; as nbformat writes it, and as versions of before did."""
    answer = new_output("execute_result", execution_count=1, data={"text/plain": "passed: because"})
    cells = [
        new_code_cell("mine = ...", metadata={"tags": ["exercise"]}),
        new_code_cell("check.q1(mine)", metadata={"tags": ["check"]}, outputs=[answer]),
        new_markdown_cell("words"),
    ]
    notebook = new_notebook(cells=cells)
    return {
        "format 4": nbformat.writes(notebook).encode(),
        "format 3": nbformat.writes(nbformat.convert(notebook, 3), version=3).encode(),
    }


# ---- readers -------------------------------------------------------------------------------------


def same(rgb: np.ndarray) -> np.ndarray:
    """Stands for a network that colours a frame."""
    return rgb


def recolor_gif(path: Path) -> None:
    target = _recolored(path, ".gif", colorize_animation)
    assert len({frame.rgb.shape for frame in read_gif(target)}) == 1


def recolor_animation(path: Path) -> None:
    target = _recolored(path, ".png", colorize_animation)
    assert len({frame.rgb.shape for frame in read_animation(target)}) == 1


def recolor_pages(path: Path) -> None:
    target = _recolored(
        path, ".tif", lambda source, target, _: colorize_pages(source, target, lambda page: page[:2])
    )
    assert count_of_pictures(target) == count_of_pictures(path)


def rewrite(path: Path) -> None:
    """Into every format; what lies beside the pixels goes along as far as it can."""
    original = read_original(path)
    for ending in (".jpg", ".png", ".tif", ".webp", ".bmp"):
        target = path.with_name(f"{path.name}{ending}")
        write_image(target, original.rgb, original.alpha, about=original.beside.marked("mark"))
        again = read_original(target)
        assert again.rgb.shape == original.rgb.shape
        assert ending == ".bmp" or "mark" in str(again.beside.tags) + str(again.beside.texts)


def _recolored(path: Path, ending: str, colorize: Callable) -> Path:
    target = path.with_name(f"{path.name}{ending}")
    target.unlink(missing_ok=True)
    try:
        colorize(path, target, same)
    except ImageError:
        assert not target.exists()
        raise
    return target


def recolor_video(path: Path) -> None:
    assert _recolored(path, ".mkv", colorize_video).stat().st_size  # in an error either name is right


def collect(path: Path) -> list[str]:
    """The names of the pictures that could be used, of an archive read into a cache of its own."""
    cache = path.with_name("cache")
    shutil.rmtree(cache, ignore_errors=True)
    os.environ["COLORLAB_CACHE"] = str(cache)  # tests and fuzzing alike own their process's environment
    collection = open_collection(path, size=8)
    for part in ("train", "validation", "held out"):
        collection.part(part)
    assert len(collection.shapes) == len(collection.names) and str(collection)
    assert collection.picture(len(collection.names) - 1).shape[2] == 3
    return collection.names


def load_and_color(path: Path) -> Colorizer:
    """What can be loaded can be used."""
    colorizer = Colorizer.load(path)
    try:
        colored = colorizer.colorize(np.full((9, 11), 128, np.uint8))
    except ValueError as error:
        if "its weights are damaged" in str(error):  # which not every picture shows
            raise ValueError(f"{path}: {error}") from error
        raise
    assert colored.shape == (9, 11, 3)
    return colorizer


def read_and_grade(path: Path) -> dict[str, str]:
    """What can be read can be graded, unless it says that it cannot, and shows how far it has come."""
    notebook = read_notebook(path)
    with suppress(ValueError):  # no check is left, or one that cannot be graded
        for_nbgrader(notebook)
    return saved_in(path, {"q1": "not attempted"})


def resume(path: Path) -> int:
    """From what can be loaded a training can go on."""
    colorizer, optimizer, schedule, config = trainee()
    history, step = load_checkpoint(path, colorizer, optimizer, schedule, config)
    take_a_step(colorizer, optimizer)
    schedule.step()
    history.add(step + 1, *[history.seconds[-1] + 1.0] * 4)
    return range(config.steps - step)[0] if step < config.steps else 0


class Reader(NamedTuple):
    """How a kind of file is read and what it may raise.

    Attributes:
        seeds: name -> a whole file, made in memory.
        read: takes the path of a file and does with it what a reader of the course would.
        errors: exactly these; one that is derived from them would be somebody else's.
        spoil: how a seed is damaged.
    """

    seeds: Callable[[], dict[str, bytes]]
    read: Callable[[Path], object]
    errors: tuple[type[Exception], ...]
    spoil: Callable[[bytes, np.random.Generator, bytes], bytes] = mutated


READERS = {
    "GIFs": Reader(gifs, recolor_gif, (ImageError,)),
    "animations": Reader(animations, recolor_animation, (ImageError,)),
    "scans": Reader(scans, recolor_pages, (ImageError,)),
    "descriptions": Reader(described, rewrite, (ImageError,)),
    "videos": Reader(videos, recolor_video, (ImageError,)),
    "archives": Reader(archives, collect, (DataError,)),
    "weights": Reader(weights, load_and_color, (ValueError,)),
    "checkpoints": Reader(checkpoints, resume, (CheckpointError,), mutated_inside),
    "hints": Reader(hint_files, read_hints, (ValueError,)),
    "notebooks": Reader(notebook_files, read_and_grade, (NotebookError,)),
}


def outcome(
    read: Callable, given, errors: tuple[type[Exception], ...], names: str, seconds: float = MOST_SECONDS
):
    """What a reader answers, or the error by which it refuses, in time. Anything else is raised.

    Args:
        read: called with `given`.
        given: what it reads.
        errors: exactly these types.
        names: what the message must name: the file, the parameter.
        seconds: of the processor.
    """
    start = time.process_time()
    try:
        answer = read(given)
    except errors as error:
        if type(error) not in errors or names not in str(error):
            raise
        answer = error
    assert time.process_time() - start < seconds
    return answer


def report(title: str, answers: list, reason: Callable[[Exception], str] | None = None) -> Counter:
    """Print, and return, how many were accepted and how often each reason for refusing was given.

    Args:
        title: of the line.
        answers: as `outcome` gives them.
        reason: of an error; the name of its type if it is None.
    """
    reason = reason or (lambda error: type(error).__name__)
    counts = Counter(reason(a) if isinstance(a, Exception) else "accepted" for a in answers)
    refused = ", ".join(f"{n} {what}" for what, n in counts.most_common() if what != "accepted")
    total = len(answers) - counts["accepted"]
    print(
        f"{title}: {len(answers)} tried, {counts['accepted']} accepted, {total} refused"
        + (f" ({refused})" if refused else "")
    )
    return counts
