"""Colour hints: a few coloured points, given by a person, that tell a network what lightness cannot.

One convention, used in training and in use. Three channels are laid beside L:

    hint a, hint b   the hint's colour / 110 where there is a hint, 0 elsewhere
    mask             1 where there is a hint, 0 elsewhere

The mask is needed because (a, b) = (0, 0) without it would mean both "no hint" and "make this grey". It
is not centred: a mask that runs from -0.5 to 0.5 in training and from 0 to 1 in use is a known trap.

A *global hint* tells nothing about places, only how often each colour occurs and how saturated the picture
is; it can be taken from another picture. One vector of GLOBAL_LENGTH numbers: the shares of the bins, 1 if
they are given, the mean saturation, 1 if that is given; zeros for what is not given.
"""

import json
import math
import reprlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from colorlab.bins import ColorBins
from colorlab.files.whole import in_one_piece
from colorlab.lab import lab_to_rgb, rgb_to_lab
from colorlab.objectives import AB_SCALE

HINT_CHANNELS = 3
STOP = 1 / 8  # after each hint the next one is the last with this chance: 7 hints on average
LARGEST_PATCH = 9  # pixels; sides of 1 to 9 are equally likely
PLACE_SPREAD = 1 / 4  # standard deviation of a hint's place around the middle, in sides of the picture
# How far what a network missed is carried, chosen on the validation part (see `spread`).
HEED_REACH, HEED_LIKENESS, HEED_PULL = 0.15, 8.0, 0.3
GLOBAL_LENGTH = 262 + 3  # the bins of grid 10, see the module's first lines
AT_ONCE = 2**24  # pairs of a pixel and a hinted pixel that are held in memory
POINT_SIDE = 3  # pixels of the network's input that a person's hint covers

Hint = tuple[float, float, tuple[int, int, int]]  # x, y in pixels of the picture, sRGB 0..255


def simulate(
    ab: Tensor, generator: torch.Generator, count: int | None = None, side: int | None = None
) -> Tensor:
    """What a helpful person might have clicked: random patches that give their true mean colour away.

    Args:
        ab: the truth, `(N, 2, H, W)` in Lab units.
        generator: on the CPU; decides everything.
        count: hints a picture. None draws it for each picture: geometric, starting at 0, mean 7.
        side: of the patches in pixels. None draws it for each: 1 to 9, equally likely.

    Returns:
        `(N, 3, H, W)` like `ab` in type and device: hint a, hint b, mask. A later patch lies over an
        earlier one.

    References:
        Zhang et al., Real-Time User-Guided Image Colorization with Learned Deep Priors, 2017, section 3.2.
    """
    n, _, height, width = ab.shape
    if count is None:
        uniform = torch.rand(n, generator=generator, dtype=torch.float64).clamp(min=1e-12)
        counts = (uniform.log() / torch.tensor(1 - STOP, dtype=torch.float64).log()).floor().long().tolist()
    else:
        counts = [count] * n
    total = sum(counts)
    middle = torch.tensor([height / 2, width / 2])
    places = middle + 2 * PLACE_SPREAD * middle * torch.randn(total, 2, generator=generator)
    if side is None:
        sides = torch.randint(1, LARGEST_PATCH + 1, (total,), generator=generator)
    else:
        sides = torch.full((total,), side)
    planes = ab.new_zeros(n, HINT_CHANNELS, height, width)
    drawn = iter(zip(places.tolist(), sides.tolist(), strict=True))
    for picture, truth, number in zip(planes, ab, counts, strict=True):
        for _ in range(number):
            (y, x), patch_side = next(drawn)
            patch = _patch(y, x, patch_side, height, width)
            _lay(picture, patch, truth[(slice(None), *patch)].mean((1, 2)))
    return planes


@cache
def global_bins() -> ColorBins:
    """Those of a global hint's histogram, whatever the network's own bins are."""
    return ColorBins(10)


def global_hint(lab: Tensor) -> Tensor:
    """What can be said about the colours of a picture without saying where they are.

    Args:
        lab: `(N, 3, H, W)`.

    Returns:
        `(N, GLOBAL_LENGTH)` float32: shares of the bins, 1, mean saturation (of HSV) in [0, 1], 1.

    References:
        Zhang et al., 2017, section 3.3.
    """
    rgb = lab_to_rgb(lab)
    highest, lowest = rgb.amax(1), rgb.amin(1)
    saturation = ((highest - lowest) / highest.clamp(min=1e-6)).mean((1, 2))
    labels, n_bins = global_bins().encode(lab[:, 1:]).flatten(1), global_bins().n_bins
    shares = torch.stack([torch.bincount(row, minlength=n_bins) for row in labels])
    given = torch.ones_like(saturation)[:, None]
    return torch.cat([shares / labels.shape[1], given, saturation[:, None], given], dim=1).float()


def simulate_global(lab: Tensor, generator: torch.Generator) -> Tensor:
    """The true global hint of `(N, 3, H, W)`, its histogram and its saturation each given half of the time."""
    vector, size = global_hint(lab), GLOBAL_LENGTH - 2
    given = torch.rand(len(lab), 2, generator=generator) < 0.5
    return vector * given.repeat_interleave(torch.tensor([size, 2]), dim=1).to(vector)


def encode(hints: Sequence[Hint], picture: tuple[int, int], network: tuple[int, int]) -> Tensor:
    """A person's hints -> channels for the network.

    Args:
        hints: (x, y, (r, g, b)) each: x to the right and y down in pixels of the picture, uint8 colours.
        picture: its (height, width).
        network: (height, width) of what the network will see.

    Returns:
        `(1, 3, h, w)` float32.

    Raises:
        ValueError: a hint that is not of this form, or lies outside the picture; the message names it.
    """
    planes = torch.zeros(HINT_CHANNELS, *network)
    checked = [check_hint(hint, number, picture) for number, hint in enumerate(hints, 1)]
    colors = torch.tensor([rgb for _, _, rgb in checked], dtype=torch.uint8).reshape(-1, 3, 1, 1)
    for (x, y, _), ab in zip(checked, rgb_to_lab(colors)[:, 1:, 0, 0], strict=True):
        place = ((y + 0.5) * network[0] / picture[0] - 0.5, (x + 0.5) * network[1] / picture[1] - 0.5)
        _lay(planes, _patch(*place, POINT_SIDE, *network), ab)
    return planes[None]


def read_hints(path: str | Path) -> list[Hint]:
    """Hints from a JSON file: `{"hints": [{"x": 120, "y": 80, "rgb": [40, 70, 200]}, …]}`, pixels of the picture.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not such a file; the message says what is wrong with which hint. Whether a hint lies
            inside a picture is checked where the picture is known.
    """
    path = Path(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["hints"]
        entries = list(enumerate(found, 1)) if isinstance(found, list) else None
    except (KeyError, TypeError, ValueError, RecursionError):  # not UTF-8, not JSON, numbers without end
        entries = None
    if entries is None:
        raise ValueError(f'{path}: expected {{"hints": [{{"x": …, "y": …, "rgb": [r, g, b]}}, …]}} as JSON')
    hints = []
    for number, entry in entries:
        if not isinstance(entry, dict) or set(entry) != {"x", "y", "rgb"}:
            raise ValueError(f"{path}: hint {number}: expected x, y and rgb, got {_shown(entry)}")
        try:
            hints.append(check_hint((entry["x"], entry["y"], entry["rgb"]), number, (math.inf, math.inf)))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    return hints


def write_hints(path: str | Path, hints: Sequence[Hint]) -> Path:
    """Write hints as `read_hints` reads them, via a temporary name."""
    checked = [check_hint(hint, number, (math.inf, math.inf)) for number, hint in enumerate(hints, 1)]
    entries = [{"x": x, "y": y, "rgb": list(rgb)} for x, y, rgb in checked]
    with in_one_piece(path) as partial:
        partial.write_text(json.dumps({"hints": entries}, indent=1) + "\n", encoding="utf-8")
    return Path(path)


def check_hint(hint, number: int, picture: tuple[float, float]) -> Hint:
    """The hint as (x, y, (r, g, b)) of plain numbers.

    Raises:
        ValueError: not a hint, or outside the picture of (height, width).
    """
    wanted = "(x, y, (r, g, b)) with x, y in pixels and r, g, b whole numbers from 0 to 255"
    try:
        x, y, rgb = hint
        if any(isinstance(place, (str, bytes, bool)) for place in (x, y)):
            raise TypeError
        x, y, rgb = float(x), float(y), tuple(rgb)
        if len(rgb) != 3 or any(isinstance(c, bool) or int(c) != c or not 0 <= c <= 255 for c in rgb):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"hint {number}: expected {wanted}, got {_shown(hint)}") from None
    height, width = picture
    if not (0 <= x < width and 0 <= y < height):
        size = f" of {width}×{height} pixels" if width < math.inf else ""
        raise ValueError(f"hint {number}: ({x:g}, {y:g}) lies outside the picture{size}")
    red, green, blue = (int(c) for c in rgb)
    return x, y, (red, green, blue)


def _shown(value) -> str:
    """At most one line of what somebody gave."""
    try:
        return reprlib.repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits
        return type(value).__name__


def spread(
    planes: Tensor, L: Tensor, reach: float = 0.25, likeness: float = 12.0, pull: float = 0.0
) -> Tensor:
    """Spread hints over the picture without any network: the baseline a guided network must beat.

    Every pixel takes a mean of the hinted colours, in which a hint counts the more, the nearer it is and
    the more its lightness resembles the pixel's: weight exp(-d/σ_d - |ΔL|/σ_L).

    Args:
        planes: `(N, 3, H, W)`, from `simulate` or `encode`.
        L: `(N, 1, H, W)` in [0, 100].
        reach: σ_d in sides of the picture.
        likeness: σ_L in units of L.
        pull: weight of an invisible grey hint that is everywhere; above 0 colours fade with the distance.

    Returns:
        `(N, 2, H, W)` ab in Lab units; grey for a picture without hints.
    """
    n, _, height, width = planes.shape
    ab = planes.new_zeros(n, 2, height, width)
    grid = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij"), -1)
    grid = grid.reshape(-1, 2).to(planes)  # (P, 2)
    for picture, plane, light in zip(ab, planes, L, strict=True):
        where = plane[2].flatten().nonzero().squeeze(1)  # (K,) hinted pixels
        if len(where) == 0:
            continue
        light, hinted = light.flatten(), plane[:2].flatten(1)[:, where]
        step, found = max(1, AT_ONCE // len(where)), []
        for part in (slice(first, first + step) for first in range(0, len(grid), step)):
            distance = torch.cdist(grid[where], grid[part]) / (reach * min(height, width))  # (K, p)
            unlike = (light[part] - light[where, None]).abs() / likeness
            scores = F.pad(-distance - unlike, (0, 0, 0, 1), value=math.log(pull) if pull > 0 else -math.inf)
            # Down the columns: softmax is slow along few numbers side by side.
            weights = torch.softmax(scores, dim=0)[:-1]  # (K, p); the last was the invisible hint's
            found.append(hinted @ weights)
        picture.copy_(torch.cat(found, dim=1).reshape(2, height, width) * AB_SCALE)
    return ab


def heed(ab: Tensor, planes: Tensor, L: Tensor) -> Tensor:
    """What a network's colours still lack at the hints, spread around them and added.

    A network follows a hint by habit, not by command: one that contradicts all it has seen, it follows half.
    So the rest of the way is gone without it; far from every hint the network's colours stay.

    Args:
        ab: the network's colours, `(N, 2, H, W)` in Lab units.
        planes: `(N, 3, H, W)`, the hints it was given.
        L: `(N, 1, H, W)` in [0, 100].
    """
    missing = (planes[:, :2] - ab / AB_SCALE) * planes[:, 2:]
    return ab + spread(torch.cat([missing, planes[:, 2:]], dim=1), L, HEED_REACH, HEED_LIKENESS, HEED_PULL)


def _patch(y: float, x: float, side: int, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of a square around (y, x), moved and cut so that it lies inside."""
    rows, columns = min(side, height), min(side, width)
    top = min(max(round(y - (rows - 1) / 2), 0), height - rows)
    left = min(max(round(x - (columns - 1) / 2), 0), width - columns)
    return slice(top, top + rows), slice(left, left + columns)


def _lay(planes: Tensor, patch: tuple[slice, slice], ab: Tensor) -> None:
    planes[:2, *patch] = ab.reshape(2, 1, 1) / AB_SCALE
    planes[2, *patch] = 1
