"""Pictures become training batches: the free photographs, folders of your own, crops and flips.

Whatever `fit` trains on offers the same two things, see `TrainingData`: `.batches(n, seed)`, an endless stream of
pictures to learn from, and `.evaluation()`, one fixed set to measure on.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from colorlab._share import share
from colorlab.arguments import whole_number
from colorlab.files.media import SUFFIXES, ImageError, read_image
from colorlab.lab import chroma, lightness, rgb_to_lab
from colorlab.objective_base import at_resolution_of


@dataclass(frozen=True)
class Photo:
    """A photograph with its papers.

    Attributes:
        name: how the course calls it.
        rgb: `(H, W, 3)` uint8.
        split: "train" or "held out"; decided once, in data/manifest.json.
        author, licence: to be named wherever it is shown.
        alt: what is to be seen, for those who cannot.
    """

    name: str
    rgb: np.ndarray
    split: str
    author: str
    licence: str
    alt: str

    @property
    def lab(self) -> Tensor:
        """`(3, H, W)` float32."""
        return to_lab(self.rgb)


def photos(split: Literal["train", "held out", "all"] = "all", side: int | None = None) -> list[Photo]:
    """The six free photographs: three to train on, three held out.

    Args:
        split: which of them.
        side: shrink the shorter side to this many pixels; None keeps the full size.

    Raises:
        ValueError: an unknown split.
        FileNotFoundError: a package that should carry a photograph does not.
    """
    if split not in ("train", "held out", "all"):
        raise ValueError(f'split: expected "train", "held out" or "all", got {split!r}')
    found = []
    for entry in manifest():
        if split in ("all", entry["split"]):
            rgb = shrink(read_image(photo_file(entry)), side)
            found.append(
                Photo(rgb=rgb, **{k: entry[k] for k in ("name", "split", "author", "licence", "alt")})
            )
    return found


def photo(name: str, side: int | None = None) -> Photo:
    """One of the six by its name.

    Raises:
        ValueError: an unknown name.
    """
    entries = {entry["name"]: entry for entry in manifest()}
    if name not in entries:
        raise ValueError(f"name: expected one of {', '.join(entries)}, got {name!r}")
    return next(p for p in photos(entries[name]["split"], side) if p.name == name)


def manifest() -> list[dict[str, str]]:
    """Name, package, file, checksum, split, author and licence of every photograph."""
    return json.loads(share("data/manifest.json").read_text(encoding="utf-8"))["photos"]


def photo_file(entry: dict[str, str]) -> Path:
    """Where the installed package keeps the photograph of a manifest entry."""
    spec = find_spec(entry["package"])
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / entry["file"]).is_file():
            return path
    raise FileNotFoundError(
        f"the photograph {entry['name']!r} should lie in the package {entry['package']}, at {entry['file']}; "
        "install the versions of constraints.txt"
    )


def is_original(entry: dict[str, str]) -> bool:
    """Whether the installed file is, byte for byte, the one the manifest describes."""
    return hashlib.sha256(photo_file(entry).read_bytes()).hexdigest() == entry["sha256"]


def read_folder(folder: str | Path, side: int | None = None) -> tuple[list[np.ndarray], dict[str, str]]:
    """Every picture under a folder, in the order of the file names.

    Args:
        folder: searched with its subfolders.
        side: shrink the shorter side to this many pixels.

    Returns:
        The pictures, each `(H, W, 3)` uint8, and the files skipped as unreadable with the reason.

    Raises:
        FileNotFoundError: no such folder.
        ImageError: not one readable picture in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; check the path")
    pictures, skipped = [], {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES):
        try:
            pictures.append(shrink(read_image(path), side))
        except ImageError as error:
            skipped[str(path.relative_to(folder))] = str(error)
    if not pictures:
        raise ImageError(
            f"{folder}: no readable picture ({len(skipped)} unreadable) with an ending of "
            f"{', '.join(sorted(SUFFIXES))}"
        )
    return pictures, skipped


class TrainingData(Protocol):
    """What `fit` needs of its data; whatever offers these two can be learnt from."""

    def batches(self, n: int, seed: int, start: int = 0, rank: int = 0, ranks: int = 1) -> Iterator[Tensor]:
        """The batches of step `start`, `start + 1`, … for one of `ranks` processes, without end.

        Each is n pictures as Lab, `(n, 3, H, W)` float32, and a pure function of (seed, step, rank). So two
        objectives with one seed see the same pictures, a training that was stopped goes on exactly where it
        was, and processes that share the work draw different pictures.
        """

    def evaluation(self) -> "Evaluation":
        """The fixed set that is measured on, the same at every step and for every objective."""


class Stream:
    """The batches of data that can draw one: see `TrainingData`."""

    def batch(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """n pictures `(n, 3, H, W)` as Lab, and a mask `(n, H, W)` of the pixels whose colour is not known."""
        raise NotImplementedError

    def batches(self, n: int, seed: int, start: int = 0, rank: int = 0, ranks: int = 1) -> Iterator[Tensor]:
        """See `TrainingData.batches`."""
        for step in count(start):
            yield self.batch(n, torch.Generator().manual_seed(mix(seed, step, rank)))[0]


class Crops(Stream):
    """Random crops and flips of pictures, as Lab tensors.

    Args:
        pictures: uint8 `(H, W, 3)` arrays or `Photo`s, each at least `size` on both sides.
        size: side of the square crops, pixels.
        seed: of the crops drawn when `batch` is given no generator, and of the evaluation set.
        evaluation_size: how many crops the evaluation set has.

    Raises:
        ValueError: no picture, or one smaller than a crop.
    """

    def __init__(self, pictures: list, size: int = 32, seed: int = 0, evaluation_size: int = 32):
        arrays = [p.rgb if isinstance(p, Photo) else p for p in pictures]
        if not arrays or size < 1:
            raise ValueError(f"expected at least one picture and a size >= 1, got {len(arrays)} and {size}")
        for array in arrays:
            if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
                raise ValueError(f"pictures: expected uint8 (H, W, 3), got {array.dtype} {array.shape}")
            if min(array.shape[:2]) < size:
                raise ValueError(
                    f"pictures: expected both sides >= size = {size}, got {array.shape[1]}×{array.shape[0]}; "
                    "choose a smaller size or leave the picture out"
                )
        self.size, self.evaluation_size = size, evaluation_size
        self.pictures = [to_lab(a) for a in arrays]
        self._generator, self._seed = seeded(seed), int(seed)

    def batch(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """n crops: lab `(n, 3, size, size)` float32, and a mask `(n, size, size)`, here all True."""
        generator = generator or self._generator
        lab = torch.stack(
            [self.pictures[i][:, y, x] for i, y, x in random_windows(self.pictures, self.size, n, generator)]
        )
        return lab, torch.ones(n, self.size, self.size, dtype=torch.bool)

    def evaluation(self) -> "Evaluation":
        """A fixed set of crops, whose colours are certain: one outcome with probability 1."""
        lab, mask = self.batch(self.evaluation_size, torch.Generator().manual_seed(2**31 + self._seed))
        return Evaluation(lab[:, :1], lab[None, :, 1:], torch.ones(1), mask)


@dataclass(frozen=True)
class Evaluation:
    """A fixed set of pictures with every colour each pixel could have had.

    Attributes:
        L: `(M, 1, H, W)`, what the network is shown.
        outcomes: `(K, M, 2, H, W)`, the K possible ab of every pixel; ordinary photographs have K = 1.
        probabilities: `(K,)`, how likely each is.
        mask: `(M, H, W)` bool, the pixels that count.
    """

    L: Tensor
    outcomes: Tensor
    probabilities: Tensor
    mask: Tensor

    def loss(self, objective, output: Tensor, weighted: bool = True) -> float:
        """The exact expected loss of an output over all outcomes: no sampling noise.

        Args:
            objective: `Regression` or `Classification`.
            output: `(M, C, h, w)`, what the network answered to `L`, at its resolution, half of it or a
                quarter. Below the full one the outcomes are averaged down, and a pixel counts if all it
                covers do.
            weighted: False leaves rebalancing weights out.
        """
        expected = sum(
            p * objective.pixel_losses(output, ab.to(output.device), weighted)
            for p, ab in zip(self.probabilities.tolist(), self.outcomes, strict=True)
        )
        return expected[self._mask_for(expected)].mean().item()

    def chroma_ratio(self, ab: Tensor) -> float:
        """Mean chroma of a prediction `(M, 2, h, w)` over mean chroma of the truth; 1 is as vivid as life.

        nan where the truth is grey.
        """
        ab, mask = ab.cpu(), self._mask_for(ab[:, 0]).cpu()
        truth = torch.stack([chroma(at_resolution_of(ab, outcome, 2)) for outcome in self.outcomes])
        truth = torch.einsum("k,kmhw->mhw", self.probabilities, truth)
        truth = truth[mask].mean()
        return (chroma(ab)[mask].mean() / truth.where(truth > 0, torch.nan)).item()

    def _mask_for(self, pixels: Tensor) -> Tensor:
        """The mask at the resolution, and on the device, of `(M, h, w)`."""
        mask = self.mask
        if mask.shape != pixels.shape:
            mask = at_resolution_of(pixels[:, None], mask[:, None].float(), 1)[:, 0] == 1
        return mask.to(pixels.device)


def mix(*numbers: int) -> int:
    """A seed from several numbers, so that neighbours share nothing: 63 bits of their hash."""
    digest = hashlib.sha256(" ".join(map(str, numbers)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def seeded(seed: int) -> torch.Generator:
    """A generator that begins with `seed`, a whole number >= 0; torch's own refuses those of NumPy."""
    return torch.Generator().manual_seed(whole_number("seed", seed, 0))


def random_windows(pictures: list[Tensor], size: int, n: int, generator: torch.Generator):
    """n times (which picture, its rows, its columns); every other window runs from right to left: a flip."""
    for _ in range(n):
        i = int(torch.randint(len(pictures), (), generator=generator))
        height, width = pictures[i].shape[-2:]
        y = int(torch.randint(height - size + 1, (), generator=generator))
        x = int(torch.randint(width - size + 1, (), generator=generator))
        columns = torch.arange(x, x + size)
        flip = torch.rand((), generator=generator) < 0.5
        yield i, slice(y, y + size), columns.flip(0) if flip else columns


def picture_tensor(rgb: np.ndarray) -> Tensor:
    """uint8 `(H, W, 3)` array -> uint8 `(3, H, W)` tensor."""
    # A copy: an array that came from Pillow may be read-only, one that somebody turned may run backwards.
    return torch.from_numpy(np.array(rgb, order="C")).movedim(-1, 0)


def to_lab(rgb: np.ndarray) -> Tensor:
    """uint8 `(H, W, 3)` array -> Lab `(3, H, W)` float32."""
    return rgb_to_lab(picture_tensor(rgb))


def to_lightness(rgb: np.ndarray) -> Tensor:
    """uint8 `(H, W, 3)` array -> its L alone, `(1, H, W)` float32."""
    return lightness(picture_tensor(rgb))


def shrink(rgb: np.ndarray, side: int | None) -> np.ndarray:
    """Make the shorter side `side` pixels, aspect ratio kept; a smaller picture stays as it is."""
    return rgb if side is None or min(rgb.shape[:2]) <= side else resized(rgb, side)


def resized(rgb: np.ndarray, side: int) -> np.ndarray:
    """Make the shorter side `side` pixels, aspect ratio kept."""
    height, width = rgb.shape[:2]
    factor = side / min(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.array(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))  # a copy may be written to
