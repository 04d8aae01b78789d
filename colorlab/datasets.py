"""Pictures by the ten thousand: folders, archives and downloads become one memory-mapped array.

Archives are read, never unpacked, so nothing in them can escape into a folder. Every picture is decoded
once, cut to a square and kept in the reader's cache; training then needs only what it looks at in memory.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from colorlab import archives
from colorlab.archives import DataError, as_bytes, content_key, files_in
from colorlab.data import Evaluation, Stream, mix, shrink
from colorlab.lab import rgb_to_lab
from colorlab.media import ImageError, read_image

CHUNK, CHUNK_BYTES = 512, 256 * 2**20  # pictures decoded at a time, and their bytes: bounds the memory
GREY_SPREAD = 4  # largest difference of R, G and B in a picture that counts as grey, of 255
EVALUATION_SIZE = 128  # pictures on which a training is measured
PARTS = {"held out": range(0, 4), "validation": range(4, 6), "train": range(6, 100)}  # hash of the name, in %

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


def _fetch(download: Download) -> Path:
    import pooch

    name = download.url.rpartition("/")[2]
    given = os.environ.get("COLORLAB_DATA")
    if given and (Path(given) / name).is_file():
        return Path(given) / name
    folder = Path(given or cache_folder() / "downloads")
    try:
        return Path(pooch.retrieve(download.url, download.checksum, name, folder, progressbar=True))
    except ValueError as error:  # pooch deletes what does not match
        raise DataError(f"{download.url}: not the published file ({error}); try again later") from error
    except OSError as error:  # offline, refused, cut off: requests' errors are OSErrors
        raise DataError(
            f"{download.url}: could not be downloaded ({type(error).__name__}). On another machine download "
            f"the file {name} ({download.megabytes} MB), put it into a folder and name that folder in the "
            "environment variable COLORLAB_DATA"
        ) from error


def cache_folder() -> Path:
    """The reader's cache: COLORLAB_CACHE, or the place the system keeps caches in."""
    import pooch

    return Path(os.environ.get("COLORLAB_CACHE") or pooch.os_cache("colorlab"))


# ---- one array -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Collection:
    """All readable colour pictures of a source, as squares.

    Attributes:
        pictures: `(N, size, size, 3)` uint8, memory-mapped.
        names: of the files, in the order of `pictures`.
        key: hash of the content of the source and of `size`.
        unreadable: file -> why it was skipped.
        grey: files skipped because they hold no colour: they would teach grey.
    """

    pictures: np.ndarray
    names: list[str]
    key: str
    unreadable: dict[str, str] = field(default_factory=dict)
    grey: list[str] = field(default_factory=list)

    def part(self, part: Part | Literal["all"]) -> "Pictures":
        """One of three parts, decided by a hash of each file's name: the same whatever else is there."""
        if part == "all":
            return Pictures(self.pictures, np.arange(len(self.names)))
        if part not in PARTS:
            raise ValueError(f"part: expected one of {', '.join(PARTS)} or all, got {part!r}")
        chosen = [i for i, name in enumerate(self.names) if hash_percent(name) in PARTS[part]]
        return Pictures(self.pictures, np.array(chosen, dtype=np.int64))

    def training(self, joining: list[np.ndarray] = ()) -> "Pictures":
        """The training part, measured on the validation part, with squares from elsewhere joining it.

        Args:
            joining: `(size, size, 3)` uint8 each.
        """
        train, validation = self.part("train"), self.part("validation")
        return Pictures(self.pictures, train.chosen, joining, validation if len(validation) else None)

    def __str__(self) -> str:
        counts = ", ".join(f"{len(self.part(part)):,} {part}" for part in PARTS)
        return (
            f"{len(self.names):,} pictures of {self.pictures.shape[1]}×{self.pictures.shape[2]} ({counts}); "
            f"skipped {len(self.unreadable):,} unreadable, {len(self.grey):,} grey"
        )


class Pictures(Stream):
    """A part of a collection, to train or measure on: whole squares, flipped by lot.

    Args:
        pictures: `(N, size, size, 3)` uint8, may be memory-mapped.
        chosen: which of them.
        joining: squares from elsewhere that belong to the part too, `(size, size, 3)` uint8 each.
        measured_on: whose pictures are the evaluation set; None takes pictures of this part.
    """

    def __init__(
        self,
        pictures: np.ndarray,
        chosen: np.ndarray,
        joining: list[np.ndarray] = (),
        measured_on: "Pictures | None" = None,
    ):
        self.pictures, self.chosen, self.measured_on = pictures, chosen, measured_on or self
        self.joining = np.stack(joining) if len(joining) else np.empty((0, *pictures.shape[1:]), np.uint8)

    def __len__(self) -> int:
        return len(self.chosen) + len(self.joining)

    def lab(self, which: np.ndarray) -> Tensor:
        """`(n,)` positions -> Lab `(n, 3, size, size)` float32."""
        return rgb_to_lab(torch.tensor(self.squares(which)).movedim(-1, 1))

    def lab_of_all(self) -> Tensor:
        """Every picture as Lab, `(N, 3, size, size)`: 50 kB each at 64 pixels."""
        return torch.cat(
            [self.lab(which) for which in np.array_split(np.arange(len(self)), 1 + len(self) // CHUNK)]
        )

    def squares(self, which: np.ndarray) -> np.ndarray:
        """`(n,)` positions -> `(n, size, size, 3)` uint8."""
        squares = np.empty((len(which), *self.pictures.shape[1:]), np.uint8)
        joined = which >= len(self.chosen)
        squares[~joined] = self.pictures[self.chosen[which[~joined]]]
        squares[joined] = self.joining[which[joined] - len(self.chosen)]
        return squares

    def batches(self, n: int, seed: int, start: int = 0, rank: int = 0, ranks: int = 1):
        """See `Stream.batches`. In an epoch no picture is seen twice, over all processes together."""
        steps = len(self) // (n * ranks)
        if steps == 0:
            raise DataError(f"{len(self)} pictures are fewer than one batch of {n * ranks}")
        epoch, order = -1, np.empty(0, dtype=np.int64)
        step = start
        while True:
            if epoch != step // steps:
                epoch = step // steps
                order = np.random.default_rng(mix(seed, epoch)).permutation(len(self))
            first = (step % steps * ranks + rank) * n
            lab = self.lab(order[first : first + n])
            flip = torch.rand(n, generator=torch.Generator().manual_seed(mix(seed, step, rank))) < 0.5
            lab[flip] = lab[flip].flip(-1)
            yield lab, torch.ones(n, *lab.shape[-2:], dtype=torch.bool)
            step += 1

    def evaluation(self) -> Evaluation:
        """Fixed pictures, evenly spread over the part; one outcome with probability 1."""
        shown = self.measured_on
        count = min(EVALUATION_SIZE, len(shown))
        lab = shown.lab(np.linspace(0, len(shown) - 1, count).astype(np.int64))
        mask = torch.ones(count, *lab.shape[-2:], dtype=torch.bool)
        return Evaluation(lab[:, :1], lab[None, :, 1:], torch.ones(1), mask)


def open_collection(source: str | Path, size: int = 64) -> Collection:
    """Every picture of a folder, archive or download, as squares of `size` pixels.

    The first time they are decoded, on all cores, with progress; afterwards the cache is opened. The
    cache is keyed by the content of the source, and holds at most COLORLAB_CACHE_GB (8): the collections
    that were not used for longest go first.

    Raises:
        DataError: no source, or not one usable picture in it.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 8:
        raise ValueError(f"size: expected a whole number of pixels >= 8, got {size!r}")
    path = locate(source)
    key = content_key(path, size)
    folder = cache_folder() / "collections" / key
    if not (folder / "index.json").is_file():
        _build(path, size, folder)
        _make_room(folder)
    os.utime(folder)  # used now
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    pictures = np.load(folder / "pictures.npy", mmap_mode="r")[: len(index["names"])]
    return Collection(pictures, key=key, **index)


def hash_percent(name: str) -> int:
    """0..99 from the file's own name, without its folder: decides the part a picture belongs to."""
    return int.from_bytes(hashlib.sha256(as_bytes(Path(name).name)).digest()[:8], "big") % 100


def _build(path: Path, size: int, folder: Path) -> None:
    """Decode everything into a temporary folder, which becomes `folder` only when it is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    names, unreadable, grey = [], {}, []
    with (
        tempfile.TemporaryDirectory(dir=folder.parent, prefix="partial-") as partial,
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(desc=f"decoding {path.name}", unit=" pictures", leave=False) as progress,
    ):
        # Squares are appended as they come; the header with their number is written last.
        with (Path(partial) / "squares").open("wb") as raw:
            files = files_in(path)
            while chunk := _chunk(files):
                for (name, _), square in zip(
                    chunk, pool.map(lambda f: _square(*f, size), chunk), strict=True
                ):
                    if isinstance(square, str):
                        unreadable[name] = square
                    elif int(np.ptp(square.astype(np.int16), axis=2).max()) <= GREY_SPREAD:
                        grey.append(name)
                    else:
                        names.append(name)
                        raw.write(square.tobytes())
                progress.update(len(chunk))
        if not names:
            raise DataError(
                f"{path}: no colour picture that can be used ({len(unreadable)} unreadable, {len(grey)} grey)"
            )
        ready = Path(partial) / "ready"
        ready.mkdir()
        shape = (len(names), size, size, 3)
        with (ready / "pictures.npy").open("wb") as file, (Path(partial) / "squares").open("rb") as raw:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            shutil.copyfileobj(raw, file, 2**20)
        index = {"names": names, "unreadable": unreadable, "grey": grey}
        (ready / "index.json").write_text(json.dumps(index), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)  # left over without its index
        os.replace(ready, folder)


def _chunk(files: Iterator[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
    """The next files, as many as may be in memory at a time."""
    chunk, size = [], 0
    while size < CHUNK_BYTES and len(chunk) < CHUNK and (file := next(files, None)):
        chunk.append(file)
        size += len(file[1] or b"")
    return chunk


def _square(name: str, content: bytes | None, size: int) -> np.ndarray | str:
    """The middle of a picture, `(size, size, 3)` uint8, or why there is none."""
    if content is None:
        return f"larger than {archives.LARGEST_FILE // 2**20} MB"
    try:
        rgb = shrink(read_image(content), size)
    except ImageError as error:
        return str(error)
    height, width = rgb.shape[:2]
    if min(height, width) < size:
        return f"{width}×{height} pixels are fewer than {size}×{size}"
    return middle_square(rgb, size)


def middle_square(rgb: np.ndarray, size: int) -> np.ndarray:
    """Shrink a picture until its shorter side is `size`, and cut `(size, size, 3)` out of its middle."""
    rgb = shrink(rgb, size)
    top, left = (rgb.shape[0] - size) // 2, (rgb.shape[1] - size) // 2
    return np.ascontiguousarray(rgb[top : top + size, left : left + size])


def _make_room(newest: Path) -> None:
    limit = float(os.environ.get("COLORLAB_CACHE_GB", 8)) * 1e9
    oldest_first = sorted(newest.parent.iterdir(), key=lambda p: p.stat().st_mtime)
    sizes = {p: sum(f.stat().st_size for f in p.rglob("*") if f.is_file()) for p in oldest_first}
    for folder in oldest_first:
        if sum(sizes.values()) <= limit or folder == newest:
            break
        shutil.rmtree(folder)
        del sizes[folder]
