"""Pictures by the ten thousand: folders, archives and downloads become one memory-mapped array.

Archives are read, never unpacked, so nothing in them can escape into a folder. Every picture is decoded
once, shrunk and kept whole in the reader's cache; training then needs only what it looks at in memory.
"""

import hashlib
import json
import os
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from colorlab.arguments import whole_number
from colorlab.augment import varied, window
from colorlab.data import Evaluation, mix, shrink
from colorlab.files import archives
from colorlab.files.archives import DataError, as_bytes, content_key, files_in
from colorlab.files.cache import cache_folder, kept
from colorlab.files.faults import printable, refused_by_the_machine
from colorlab.files.media import ImageError, read_image
from colorlab.lab import rgb_to_lab

CHUNK, CHUNK_BYTES = 512, 256 * 2**20  # pictures decoded at a time, and their bytes: bounds the memory
GREY_SPREAD = 4  # largest difference of R, G and B in a picture that counts as grey, of 255
EVALUATION_SIZE = 32  # pictures on which a training is measured
PARTS = {"held out": range(0, 6), "validation": range(6, 8), "train": range(8, 100)}  # hash of the path, in %
SPARE = 9 / 8  # shorter side of a kept picture in sides of a square: room to shift it
LARGEST_ENLARGEMENT = 4  # smaller pictures are enlarged to a square, up to this; beyond it they teach blur

Part = Literal["train", "validation", "held out"]


@dataclass(frozen=True)
class Download:
    """Where a data set comes from. Both below are for research only (ImageNet's terms)."""

    url: str
    checksum: str  # "md5:…" as published
    megabytes: int


DOWNLOADS = {
    "tiny-imagenet": Download(
        "http://cs231n.stanford.edu/tiny-imagenet-200.zip", "md5:90528d7ca1a48142e341f4ef8d21d0de", 248
    ),
    "imagenette-160": Download(
        "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz",
        "md5:e793b78cc4c9e9a4ccc0c1155377a412",
        99,
    ),
    "imagenette-320": Download(
        "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-320.tgz",
        "md5:3df6f0d01a2c9592104656642f5e78a3",
        341,
    ),
}


# ---- where pictures come from --------------------------------------------------------------------


def locate(source: str | Path) -> Path:
    """A folder, an archive, or the name of a download (fetched once, with its checksum).

    A file of the download's name in the folder COLORLAB_DATA is taken instead of downloading.

    Raises:
        DataError: nothing there, or a download that failed; the message says which file to put where.
    """
    if str(source) in DOWNLOADS:
        return _fetch(DOWNLOADS[str(source)])
    path = Path(source)
    if not os.path.exists(path):  # unlike Path's it calls a name that cannot be by no error
        raise DataError(f"{source}: no such folder or archive; downloads are called {', '.join(DOWNLOADS)}")
    return path


def name_of(source: str | Path) -> str:
    """What a source is called; "." and "..", too, are folders with a name."""
    return os.path.basename(os.path.abspath(source))


def _fetch(download: Download) -> Path:
    import pooch

    name = download.url.rpartition("/")[2]
    given = os.environ.get("COLORLAB_DATA")
    if given and (Path(given) / name).is_file():
        return Path(given) / name
    folder = Path(given or cache_folder() / "downloads")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Path(pooch.retrieve(download.url, download.checksum, name, folder, progressbar=True))
    except ValueError as error:  # pooch deletes what does not match
        raise DataError(f"{download.url}: not the published file ({error}); try again later") from error
    except OSError as error:  # offline, refused, cut off: requests' errors are OSErrors
        if isinstance(error, PermissionError) or refused_by_the_machine(error):  # pooch's own has no number
            raise DataError(
                f"{folder}: the download cannot be written ({error.strerror or error}); make room there, or name "
                "a folder that can be written in the environment variable COLORLAB_DATA"
            ) from error
        raise DataError(
            f"{download.url}: could not be downloaded ({type(error).__name__}). On another machine download "
            f"the file {name} ({download.megabytes} MB), put it into a folder and name that folder in the "
            "environment variable COLORLAB_DATA"
        ) from error


# ---- one array -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Collection:
    """All readable colour pictures of a source, whole.

    Attributes:
        pixels: `(bytes,)` uint8, memory-mapped: the pictures one after the other.
        shapes: `(N, 2)`, height and width of each; no shorter side is over `SPARE` times `size`.
        size: of the squares that a training cuts out of them.
        names: of the files, in the order of `shapes`.
        key: hash of the content of the source: whoever has the same pictures has the same key.
        unreadable: file -> why it was skipped.
        grey: files skipped because they hold no colour: they would teach grey.
    """

    pixels: np.ndarray
    shapes: np.ndarray
    size: int
    names: list[str]
    key: str
    unreadable: dict[str, str] = field(default_factory=dict)
    grey: list[str] = field(default_factory=list)

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum(self.shapes.prod(1) * 3)

    def picture(self, i: int) -> np.ndarray:
        """`(H, W, 3)` uint8."""
        height, width = self.shapes[i]
        return self.pixels[self._ends[i] - height * width * 3 : self._ends[i]].reshape(height, width, 3)

    def part(self, part: Part | Literal["all"], without: Container[str] = ()) -> "Pictures":
        """One of three parts, decided by a hash of each file's path: the same whatever else is there.

        Args:
            part: which.
            without: folders at the top of the source that are left out.
        """
        if part != "all" and part not in PARTS:
            raise ValueError(f"part: expected one of {', '.join(PARTS)} or all, got {part!r}")
        return Pictures(
            self,
            [
                i
                for i, name in enumerate(self.names)
                if (part == "all" or hash_percent(name) in PARTS[part])
                and name.partition("/")[0] not in without
            ],
        )

    def training(self, joining: Sequence[np.ndarray] = ()) -> "Pictures":
        """The training part, measured on the validation part, with pictures from elsewhere joining it.

        Args:
            joining: `(H, W, 3)` uint8 each.
        """
        train, validation = self.part("train"), self.part("validation")
        smaller = [shrink(rgb, round(SPARE * self.size)) for rgb in joining]
        return Pictures(self, train.chosen, smaller, validation if len(validation) else None)

    def __str__(self) -> str:
        counts = ", ".join(f"{len(self.part(part)):,} {part}" for part in PARTS)
        return (
            f"{len(self.names):,} pictures ({counts}), seen as squares of {self.size}×{self.size}; "
            f"skipped {len(self.unreadable):,} unreadable, {len(self.grey):,} grey"
        )


class Pictures:
    """A part of a collection, to train or measure on: `TrainingData`.

    Args:
        collection: where they are.
        chosen: which of them.
        joining: pictures from elsewhere that belong to the part too, `(H, W, 3)` uint8 each.
        measured_on: whose pictures are the evaluation set; None takes pictures of this part.
    """

    def __init__(
        self,
        collection: Collection,
        chosen: Sequence[int],
        joining: Sequence[np.ndarray] = (),
        measured_on: "Pictures | None" = None,
    ):
        self.collection, self.chosen, self.joining = collection, chosen, joining
        self.size, self.measured_on = collection.size, measured_on or self

    def __len__(self) -> int:
        return len(self.chosen) + len(self.joining)

    def picture(self, i: int) -> np.ndarray:
        """The picture at a position, whole: `(H, W, 3)` uint8."""
        joined = i - len(self.chosen)
        return self.joining[joined] if joined >= 0 else self.collection.picture(self.chosen[i])

    def batches(self, n: int, seed: int, start: int = 0, rank: int = 0, ranks: int = 1):
        """See `TrainingData`: random windows, as `augment.varied` shows them.

        In an epoch no picture is seen twice, over all processes together.
        """
        steps = len(self) // (n * ranks)
        if steps == 0:
            raise DataError(
                f"{len(self)} pictures are fewer than one batch of {n * ranks}; add some, or ask for a smaller batch"
            )
        epoch, order = -1, np.empty(0, dtype=np.int64)
        for step in count(start):
            if epoch != step // steps:
                epoch = step // steps
                order = np.random.default_rng(mix(seed, epoch)).permutation(len(self))
            first = (step % steps * ranks + rank) * n
            rng = np.random.default_rng(mix(seed, step, rank))
            squares = np.stack([window(self.picture(i), self.size, rng) for i in order[first : first + n]])
            yield varied(_to_lab(squares), rng)

    def evaluation(self) -> Evaluation:
        """Middle squares of fixed pictures, evenly spread over the part; one outcome with probability 1."""
        shown = self.measured_on
        number = min(EVALUATION_SIZE, len(shown))
        which = np.linspace(0, len(shown) - 1, number).astype(np.int64)
        lab = _to_lab(np.stack([middle_square(shown.picture(i), self.size) for i in which]))
        mask = torch.ones(number, *lab.shape[-2:], dtype=torch.bool)
        return Evaluation(lab[:, :1], lab[None, :, 1:], torch.ones(1), mask)


def open_collection(source: str | Path, size: int = 64) -> Collection:
    """Every picture of a folder, archive or download, kept whole at what squares of `size` pixels need.

    The first time they are decoded, on all cores, with progress; afterwards the cache is opened. The
    cache is keyed by the content of the source, and holds at most COLORLAB_CACHE_GB (8): the collections
    that were not used for longest go first.

    Raises:
        DataError: no source, or not one usable picture in it.
    """
    size, path = whole_number("size", size, 8), locate(source)
    key = content_key(path)
    folder = cache_folder() / "collections" / f"{key}-{size}"

    def fill(empty: Path) -> None:
        _build(path, size, empty)

    def read(full: Path) -> Collection:
        return _opened(full, size, key)

    return kept(folder, ("pixels", "index.json"), fill, read)


def _opened(folder: Path, size: int, key: str) -> Collection:
    """What `_build` left in a folder.

    Raises:
        ValueError, KeyError, TypeError: it is not what `_build` leaves.
    """
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    shapes = np.array(index.pop("shapes"))
    if index.pop("size") != size:
        raise ValueError(f"its pictures are not for squares of {size}×{size}")
    shorter = shapes.min(1) if shapes.dtype == np.int64 and shapes.ndim == 2 else np.zeros(1)
    if not (shapes.shape == (len(index["names"]), 2) and (shorter > 0).all() and shapes.max() < 2**20):
        raise ValueError("its index does not say how large its pictures are")
    if not all(isinstance(name, str) for name in [*index["names"], *index["unreadable"], *index["grey"]]):
        raise ValueError("its index does not say what its pictures are called")
    pixels = np.memmap(folder / "pixels", np.uint8, mode="r")
    if len(pixels) != shapes.prod(1).sum() * 3:
        raise ValueError("pixels are missing, or too many")
    return Collection(pixels, shapes, size, key=key, **index)


def hash_percent(name: str) -> int:
    """0..99 from the path of a file inside its source: decides the part a picture belongs to."""
    return int.from_bytes(hashlib.sha256(as_bytes(name)).digest()[:8], "big") % 100


def _build(path: Path, size: int, folder: Path) -> None:
    """Decode everything into an empty folder: the pixels of all pictures in one file, and what they are in another."""
    names, shapes, unreadable, grey = [], [], {}, []
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(desc=f"decoding {printable(name_of(path))}", unit=" pictures", leave=False) as progress,
        (folder / "pixels").open("wb") as raw,
    ):
        files = files_in(path)
        while chunk := _chunk(files):
            pictures = pool.map(lambda f: _decoded(*f, size=size), chunk)
            for (name, _), picture in zip(chunk, pictures, strict=True):
                if isinstance(picture, str):
                    unreadable[name] = picture
                elif int(np.ptp(picture.astype(np.int16), axis=2).max()) <= GREY_SPREAD:
                    grey.append(name)
                else:
                    names.append(name)
                    shapes.append(picture.shape[:2])
                    raw.write(picture.tobytes())
            progress.update(len(chunk))
    if not names:
        raise DataError(
            f"{path}: no colour picture that can be used ({len(unreadable)} unreadable, {len(grey)} grey)"
        )
    index = {"size": size, "names": names, "shapes": shapes, "unreadable": unreadable, "grey": grey}
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")


def _chunk(files: Iterator[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
    """The next files, as many as may be in memory at a time."""
    chunk, size = [], 0
    while size < CHUNK_BYTES and len(chunk) < CHUNK and (file := next(files, None)):
        chunk.append(file)
        size += len(file[1] or b"")
    return chunk


def _decoded(name: str, content: bytes | None, size: int) -> np.ndarray | str:
    """A picture, shrunk to what squares of `size` pixels need, `(H, W, 3)` uint8, or why there is none."""
    if content is None:
        return f"larger than {archives.LARGEST_FILE // 2**20} MB"
    try:
        rgb = shrink(read_image(content), round(SPARE * size))
    except ImageError as error:
        return str(error)
    height, width = rgb.shape[:2]
    if min(height, width) * LARGEST_ENLARGEMENT < size:
        return f"{width}×{height} pixels are too few for squares of {size}×{size}"
    return rgb


def middle_square(rgb: np.ndarray, size: int) -> np.ndarray:
    """The middle of a picture, as large as it goes, at `size` pixels: `(size, size, 3)` uint8."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return np.array(Image.fromarray(rgb).resize((size, size), Image.Resampling.LANCZOS, box))


def _to_lab(squares: np.ndarray) -> Tensor:
    """uint8 `(n, H, W, 3)` -> Lab `(n, 3, H, W)` float32."""
    return rgb_to_lab(torch.from_numpy(squares).movedim(-1, 1))
