"""What a training changes in its pictures, so that a network meets more than clean digital photographs.

The colours stay those of the picture; only the lightness that the network is shown is varied, as old
photographs vary it. A few pictures get parts that truly have no colour: paper, frames, letterbox bars.
"""

import io
from functools import cache

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from colorlab.lab import rgb_to_lab

LEAST_WINDOW = 0.72  # sides of a window in shorter sides of its picture: from this to 1
AGED = 0.5  # share of the pictures whose lightness is varied
GREY_PARTS = 0.08  # share of the pictures with paper, a frame or bars


def window(rgb: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """A random square of a picture at random scale, flipped by lot: `(size, size, 3)` uint8."""
    height, width = rgb.shape[:2]
    side = min(height, width) * rng.uniform(LEAST_WINDOW, 1)
    left, top = rng.uniform(0, width - side), rng.uniform(0, height - side)
    cut = Image.fromarray(rgb).resize(
        (size, size), Image.Resampling.BICUBIC, (left, top, left + side, top + side)
    )
    found = np.asarray(cut)
    return found[:, ::-1] if rng.random() < 0.5 else found


def varied(lab: Tensor, rng: np.random.Generator) -> Tensor:
    """Pictures as a training shows them: Lab `(n, 3, H, W)`, changed in place and returned.

    L may be that of an old photograph; a few pictures have parts without colour.
    """
    for picture in lab:
        if rng.random() < GREY_PARTS:
            rng.choice([_page, _frame, _bars])(picture, rng)
        if rng.random() < AGED:
            picture[0] = aged(picture[0], rng)
    return lab


def aged(L: Tensor, rng: np.random.Generator) -> Tensor:
    """L `(H, W)` with the contrast, gamma, blur, grain and JPEG blocks of an old photograph or its scan."""
    levels = _lightness_of_greys()
    grey = np.interp(L.numpy(), levels, np.linspace(0, 1, len(levels), dtype=np.float32)).astype(np.float32)
    if rng.random() < 0.5:
        grey = grey ** np.float32(rng.uniform(0.6, 1.6))
    if rng.random() < 0.5:
        low, high = rng.uniform(0, 0.2), rng.uniform(0.8, 1)
        grey = np.float32(low) + np.float32(high - low) * grey
    if rng.random() < 0.4:
        grey += np.float32(rng.uniform(0.005, 0.06)) * rng.standard_normal(grey.shape, dtype=np.float32)
    image = Image.fromarray((grey.clip(0, 1) * 255).round().astype(np.uint8))
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5)))
    if rng.random() < 0.3:
        coded = io.BytesIO()
        image.save(coded, "JPEG", quality=int(rng.integers(20, 80)))
        image = Image.open(coded)
    return torch.from_numpy(levels[np.asarray(image)])


def _page(lab: Tensor, rng: np.random.Generator) -> None:
    """Part or all of the picture becomes paper with lines of something like text."""
    _, height, width = lab.shape
    top = 0 if rng.random() < 0.5 else int(rng.integers(height // 4, 3 * height // 4))
    paper = torch.full((height - top, width), rng.uniform(75, 100))
    ink, line = rng.uniform(0, 50), int(rng.integers(4, 14))
    margin = int(rng.integers(2, max(3, width // 6)))
    for y in range(margin, paper.shape[0] - line, line * 2):
        x = margin
        while x < width - margin:
            word = int(rng.integers(2, 6 * line))
            letters = torch.from_numpy(rng.random((line, min(word, width - margin - x))) < 0.5)
            paper[y : y + line, x : x + letters.shape[1]][letters] = ink
            x += word + line // 2 + 1
    lab[0, top:], lab[1:, top:] = paper, 0


def _frame(lab: Tensor, rng: np.random.Generator) -> None:
    """A border of paper or of darkness around the picture, as prints, scans and slides have it."""
    _, height, width = lab.shape
    top, bottom, left, right = (int(rng.integers(0, height // 5)) for _ in range(4))
    inside = lab[:, top : height - bottom, left : width - right].clone()
    lab[0], lab[1:] = rng.uniform(80, 100) if rng.random() < 0.5 else rng.uniform(0, 20), 0
    lab[:, top : height - bottom, left : width - right] = inside


def _bars(lab: Tensor, rng: np.random.Generator) -> None:
    """Black bars above and below, or at the sides, as of a film on a screen of another shape."""
    bar = int(rng.integers(max(1, lab.shape[1] // 16), max(2, lab.shape[1] // 4)))
    across = lab if rng.random() < 0.7 else lab.transpose(1, 2)
    for rows in (slice(0, bar), slice(-bar, None)):
        across[0, rows], across[1:, rows] = rng.uniform(0, 6), 0


@cache
def _lightness_of_greys() -> np.ndarray:
    """The L of the 256 greys of sRGB, `(256,)` float32."""
    greys = torch.arange(256, dtype=torch.uint8)
    return rgb_to_lab(greys.expand(3, 1, -1))[0, 0].numpy()
