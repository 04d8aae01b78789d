"""Moving pictures: how much their colours flicker, and how to calm them without washing them out.

A network that sees one frame at a time answers a little noise in L with a little other colours, and the eye
is quick to see it. What is averaged over time here is the distribution over the bins, before a colour is
made of it. Averaging the colours themselves is the brown well again: red now and blue then become a dull
purple. (At temperature 1 both are the same, as the mean of a mean; a regression can only do the latter.)

Only L is known, so only L can tell what moved: where it stands still nothing has happened that could have
changed a colour, and the past counts; where it changes the past is forgotten.
"""

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from colorlab.bars import Within, picture_within, still_there, within_both, without_color
from colorlab.bins import Temperature
from colorlab.colorizer import Colorizer, global_hint_of, painted
from colorlab.data import photo, to_lightness
from colorlab.edges import along_edges
from colorlab.lab import chroma
from colorlab.objective_base import at_resolution_of

SMOOTHING = 0.95  # the share of the past in a still pixel: a memory of about 1 / (1 - 0.95) = 20 frames
STILL = 2.0  # units of L: noise and compression change L by less, and the eye hardly sees it
MOVED = 6.0  # units of L: from here on another thing is there, and the past says nothing
CUT = 0.5  # where more than this share of all pixels moved, another scene begins


def flicker(labs: Iterable[Tensor]) -> float:
    """The mean |Δab| from frame to frame over all pixels whose L did not change (by at most 2 units).

    Args:
        labs: frames `(3, H, W)`, in order; consumed one by one.

    Returns:
        Lab units; nan if no pixel stood still in any pair of frames.
    """
    total, pixels = 0.0, 0
    for before, after in pairwise(labs):
        still = (after[0] - before[0]).abs() <= STILL
        total += chroma(after[1:] - before[1:])[still].double().sum().item()
        pixels += int(still.sum())
    return total / pixels if pixels else float("nan")


class Smoother:
    """A running mean over frames that holds on where L stands still and lets go where it changes.

    Each pixel keeps a share of its past: `smoothing` where L changed by at most 2 units, nothing where it
    changed by 6 or more, linearly between. The change is counted from the running mean of L itself, so that
    slow movement is noticed too, and without the median change of the frame, which is the camera's exposure.
    A scene cut is a frame where more than half of all pixels changed by 6 or more: it forgets everything.

    Args:
        smoothing: in [0, 1); 0 is frame by frame.
    """

    def __init__(self, smoothing: float = SMOOTHING):
        if not 0 <= smoothing < 1:
            raise ValueError(f"smoothing: expected a share of the past in [0, 1), got {smoothing!r}")
        self.smoothing = smoothing
        self._mean: Tensor | None = None
        self._L: Tensor | None = None

    def __call__(self, values: Tensor, L: Tensor) -> Tensor:
        """The running mean after one more frame.

        Args:
            values: `(1, C, h, w)`, probabilities or colours.
            L: `(1, 1, h, w)`, the lightness of the frame.
        """
        if self._L is not None and self._L.shape == L.shape:
            change = L - self._L
            change = (change - change.median()).abs()
            if (change >= MOVED).float().mean() <= CUT:
                keep = self.smoothing * (1 - (change - STILL) / (MOVED - STILL)).clamp(0, 1)
                values, L = torch.lerp(values, self._mean, keep), torch.lerp(L, self._L, keep)
        self._mean, self._L = values, L
        return values


class FrameColorizer:
    """Colours the frames of one moving picture, in their order. It remembers: take a new one for the next.

    Args:
        colorizer: any. Of a classification the distributions are smoothed, of a regression its colours.
        smoothing: see `Smoother`; 0 colours every frame as `Colorizer.colorize` would.
        temperature: see `Colorizer.decode`.
        like: a colour picture, uint8 `(H, W, 3)`; see `Colorizer.colorize`.
    """

    def __init__(
        self,
        colorizer: Colorizer,
        smoothing: float = SMOOTHING,
        temperature: Temperature | None = None,
        like: np.ndarray | None = None,
    ):
        self.colorizer, self.temperature, self.smoother = colorizer, temperature, Smoother(smoothing)
        self.overall = None if like is None else global_hint_of(like)
        self._within: Within | None = None  # the last frame without its letterbox bars
        self._shape: tuple[int, ...] | None = None

    def lab(self, rgb: np.ndarray) -> Tensor:
        """uint8 `(H, W, 3)` -> `(3, H, W)`: the frame's own L and the ab for it, on the CPU."""
        L = to_lightness(rgb)[None]  # (1, 1, H, W)
        ab, small = self._answer(rgb)
        ab = without_color(along_edges(ab, small, L), 0, self._picture_within(rgb))  # as `painted`
        return torch.cat([L, ab], dim=1)[0]

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """uint8 `(H, W, 3)` -> the same coloured; only its lightness is looked at."""
        ab, small = self._answer(rgb)
        return painted(rgb, ab, small, self._picture_within(rgb))

    def _picture_within(self, rgb: np.ndarray) -> Within:
        """Bars once found stay while they are flat, beside those seen now: a dark scene hides where they end."""
        within = picture_within(rgb)
        if self._within is not None and self._shape == rgb.shape and still_there(rgb, self._within):
            within = within_both(within, self._within)
        self._within, self._shape = within, rgb.shape
        return within

    @torch.no_grad()
    def _answer(self, rgb: np.ndarray) -> tuple[Tensor, Tensor]:
        """ab `(1, 2, h, w)` for the small copy of a frame, and the L of that copy."""
        network = self.colorizer
        small = network.small_copy(rgb)
        beliefs = network.beliefs(small, like=self.overall)
        beliefs = self.smoother(beliefs, at_resolution_of(beliefs, small.to(beliefs), beliefs.shape[1]))
        return network.ab_from(beliefs, small, self.temperature).cpu(), small


def static_clip(
    background: str = "chelsea",
    visitor: str = "flower",
    frames: int = 12,
    side: int = 96,
    noise: float = 2.0,
    exposure: float = 0.02,
    seed: int = 0,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A clip from a camera that does not move, made of two of the free photographs.

    Args:
        background: a photograph, still all the time.
        visitor: another; a disc out of its middle moves a pixel to the right with every frame.
        frames: how many.
        side: of the shorter side, pixels.
        noise: standard deviation of the sensor's noise, levels of 255.
        exposure: standard deviation of the factor by which each frame is lighter or darker.
        seed: of both.

    Returns:
        The frames as the camera saw them and as they truly are, uint8 `(H, W, 3)`.
    """
    scene, other = (photo(name, side).rgb for name in (background, visitor))
    (height, width), radius = scene.shape[:2], side * 3 // 20
    top, left = height * 6 // 10 - radius, width // 4 - radius
    y, x = (n // 2 - radius for n in other.shape[:2])
    disc = other[y : y + 2 * radius, x : x + 2 * radius]
    rows, columns = np.mgrid[-radius:radius, -radius:radius] + 0.5
    inside = (rows**2 + columns**2 < radius**2)[..., None]
    rng, seen, truth = np.random.default_rng(seed), [], []
    for i in range(frames):
        frame = scene.copy()
        x = min(left + i, width - 2 * radius)
        place = frame[top : top + 2 * radius, x : x + 2 * radius]
        place[:] = np.where(inside, disc, place)
        truth.append(frame)
        light = frame * (1 + exposure * rng.standard_normal()) + noise * rng.standard_normal(frame.shape)
        seen.append(light.round().clip(0, 255).astype(np.uint8))
    return seen, truth
