"""Worlds with a known answer.

In a photograph nobody knows how likely each colour was. Here we do, because we tossed the coin: so the
best loss that any network could reach, its *floor*, and the best answer it could give, are exact.
"""

import torch
from torch import Tensor

from colorlab.data import Evaluation, Photo, Stream, random_windows, seeded
from colorlab.lab import in_gamut

# Three vivid colours of the same lightness, L* = 55: a red, a green and a blue that no grey photo can tell apart.
PALETTE = ((55.0, 60.0, 40.0), (55.0, -45.0, 45.0), (55.0, 10.0, -50.0))
PROBABILITIES = (0.45, 0.35, 0.2)  # none above one half, where L1 would simply follow the majority


class World(Stream):
    """What the worlds share: a fixed evaluation set, and the floor of every objective on it."""

    posterior: Tensor  # (K,)

    def evaluation(self) -> Evaluation:
        raise NotImplementedError

    def floor(self, objective) -> float:
        """The least expected loss that any network can reach on the ambiguous pixels.

        For L_R it is the variance of the colours, for L_C with hard targets their entropy; the soft and
        the rebalanced forms follow from the same rule: it is the loss of `objective.best_output`. For networks that
        answer at full resolution; at half, colours are averaged and the floor lies elsewhere.
        """
        fixed = self.evaluation()
        return fixed.loss(objective, objective.best_output(fixed.outcomes, fixed.probabilities))


class Marbles(World):
    """Four marbles a picture, each of a colour drawn by lot; all colours have the same lightness.

    Batches are Lab and never pass through RGB, and the edges are not smoothed: rounding or mixing would
    betray the colour to a network that looks closely.

    Args:
        palette: `(K, 3)`, the Lab colours, all of one L*.
        probabilities: K numbers that sum to 1.
        size: side of the pictures, at least 16 pixels.
        seed: of the batches drawn when `batch` is given no generator.

    Raises:
        ValueError: lightnesses that differ by 1e-3 or more, colours outside the sRGB gamut, or
            probabilities that do not fit.
    """

    BACKGROUND_L = (15.0, 40.0)  # darker than any palette should be: a disc is always seen, never coloured in

    def __init__(self, palette=PALETTE, probabilities=PROBABILITIES, size: int = 32, seed: int = 0):
        self.palette = torch.as_tensor(palette, dtype=torch.float32)
        if self.palette.ndim != 2 or self.palette.shape[1] != 3 or len(self.palette) == 0:
            raise ValueError(f"palette: expected (K, 3) Lab colours, got {tuple(self.palette.shape)}")
        spread = float(self.palette[:, 0].max() - self.palette[:, 0].min())
        if not spread < 1e-3:
            raise ValueError(
                f"palette: expected one lightness for all colours, got L* that differ by {spread:g}; "
                "a network could read the colour from L"
            )
        outside = ~in_gamut(self.palette.T[:, :, None])[:, 0]
        if outside.any():
            raise ValueError(
                f"palette: {self.palette[outside].tolist()} cannot be shown in sRGB; lower the chroma"
            )
        if size < 16:
            raise ValueError(f"size: expected at least 16 pixels, got {size}")
        self.posterior, self.size = _check_probabilities(probabilities, len(self.palette)), size
        self._generator = seeded(seed)

    def batch(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """n pictures: lab `(n, 3, size, size)` float32, and a mask `(n, size, size)` of the marbles."""
        generator = generator or self._generator
        half = self.size / 2
        radius = half * (0.25 + 0.2 * torch.rand(n, 2, 2, generator=generator))  # (n, row, column)
        room = half - 2 * radius - 1
        corner = torch.tensor([0.0, half]) + 0.5
        y = corner[:, None] + radius + room * torch.rand(n, 2, 2, generator=generator)
        x = corner[None, :] + radius + room * torch.rand(n, 2, 2, generator=generator)
        place = torch.arange(self.size, dtype=torch.float32)
        rows = place[:, None] - y[..., None, None]  # (n, 2, 2, size, 1)
        columns = place[None, :] - x[..., None, None]
        discs = (rows.square() + columns.square() <= radius[..., None, None].square()).flatten(
            1, 2
        )  # (n, 4, s, s)
        colors = torch.multinomial(self.posterior, n * 4, replacement=True, generator=generator).reshape(n, 4)
        low, high = self.BACKGROUND_L
        grey = low + (high - low) * torch.rand(n, 1, 1, generator=generator)
        lab = torch.zeros(n, 3, self.size, self.size)
        lab[:, 0] = grey
        for i in range(4):
            lab = torch.where(discs[:, i, None], self.palette[colors[:, i], :, None, None], lab)
        return lab, discs.any(1)

    def evaluation(self) -> Evaluation:
        """Sixteen fixed pictures; every marble could have had every colour of the palette."""
        lab, mask = self.batch(16, torch.Generator().manual_seed(2**31))
        colors = self.palette[:, None, 1:, None, None]  # (K, 1, 2, 1, 1)
        return Evaluation(lab[:, :1], torch.where(mask[None, :, None], colors, 0.0), self.posterior, mask)


class DottedMarbles(Marbles):
    """Marbles whose colour can be known: those with b < 0 have a dark dot in the middle, the others none.

    To colour a rim one has to see the middle, up to seven pixels away.
    """

    DOT = 1.6  # its radius, pixels

    def __init__(self, *args, **options):
        """As `Marbles`; the size must be even."""
        super().__init__(*args, **options)
        if self.size % 2:
            raise ValueError(f"size: expected an even number, a quarter for each marble, got {self.size}")

    def batch(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        lab, mask = super().batch(n, generator)
        lab[:, 0][mask & (lab[:, 2] < 0) & (from_middle(mask) < self.DOT)] = 30.0
        return lab, mask

    def evaluation(self) -> Evaluation:
        """Sixteen fixed pictures, each of one possible colour a pixel."""
        lab, mask = self.batch(16, torch.Generator().manual_seed(2**31))
        return Evaluation(lab[:, :1], lab[None, :, 1:], torch.ones(1), torch.ones_like(mask))


def from_middle(marbles: Tensor) -> Tensor:
    """How far each pixel lies from the middle of the marble in its quarter of the picture.

    Args:
        marbles: `(n, s, s)` bool, s even, one marble in each quarter.

    Returns:
        `(n, s, s)`, pixels.
    """
    half = marbles.shape[-1] // 2
    disc = marbles.unfold(1, half, half).unfold(2, half, half).float()  # (n, 2, 2, half, half)
    place, area = torch.arange(half, dtype=torch.float32), disc.sum((-1, -2), keepdim=True)
    y = (disc * place[:, None]).sum((-1, -2), keepdim=True) / area
    x = (disc * place).sum((-1, -2), keepdim=True) / area
    distance = torch.hypot(place[:, None] - y, place - x)
    return distance.permute(0, 1, 3, 2, 4).reshape(marbles.shape)


class CoinToss(World):
    """Crops of real photographs, recoloured by lot: the brown well where every picture is a real one.

    At constant L the ab of a crop is turned by an angle and scaled by a factor, both known. Where that
    would leave the sRGB gamut, chroma is reduced until it does not. One toss colours a whole crop.

    Args:
        photos: `Photo`s, at least `size` on both sides; 96 pixels a side make a crop of 32 show something.
        outcomes: K pairs (angle in degrees, chroma factor).
        probabilities: K numbers that sum to 1.
        size: side of the square crops.
        seed: of the batches drawn when `batch` is given no generator.
    """

    LEAST_CHROMA = 5.0  # a nearly grey pixel looks the same however it is turned: not ambiguous

    def __init__(
        self,
        photos: list[Photo],
        outcomes=((0.0, 1.0), (120.0, 1.0), (240.0, 1.0)),
        probabilities=PROBABILITIES,
        size: int = 32,
        seed: int = 0,
    ):
        self.posterior, self.size = _check_probabilities(probabilities, len(outcomes)), size
        if not photos or any(min(p.rgb.shape[:2]) < size for p in photos):
            raise ValueError(f"photos: expected at least one, each at least {size} pixels on both sides")
        self.outcomes = tuple(outcomes)
        # (K, 3, H, W) a photograph: computed once, then a batch only cuts.
        self._recolored = [
            torch.stack([recolor(p.lab, angle, factor) for angle, factor in self.outcomes]) for p in photos
        ]
        self._ambiguous = [torch.linalg.vector_norm(p.lab[1:], dim=0) > self.LEAST_CHROMA for p in photos]
        if not any(mask.any() for mask in self._ambiguous):
            raise ValueError("photos: all nearly grey, so turning their colours leaves nothing to guess")
        self._generator = seeded(seed)

    def batch(self, n: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """n crops: lab `(n, 3, size, size)` float32, and a mask of the pixels whose colour is not known."""
        generator = generator or self._generator
        tosses = torch.multinomial(self.posterior, n, replacement=True, generator=generator).tolist()
        windows = list(random_windows(self._recolored, self.size, n, generator))
        lab = [self._recolored[i][k][:, y, x] for k, (i, y, x) in zip(tosses, windows, strict=True)]
        return torch.stack(lab), torch.stack([self._ambiguous[i][y, x] for i, y, x in windows])

    def evaluation(self) -> Evaluation:
        """Sixteen fixed crops under every outcome."""
        windows = list(random_windows(self._recolored, self.size, 16, torch.Generator().manual_seed(2**31)))
        lab = torch.stack([self._recolored[i][:, :, y, x] for i, y, x in windows], dim=1)  # (K, M, 3, s, s)
        mask = torch.stack([self._ambiguous[i][y, x] for i, y, x in windows])
        return Evaluation(lab[0, :, :1], lab[:, :, 1:], self.posterior, mask)

    def whole(self) -> Evaluation:
        """The photographs uncut under every outcome, to look at. All must have one size."""
        lab = torch.stack(self._recolored, dim=1)  # (K, M, 3, H, W)
        return Evaluation(lab[0, :, :1], lab[:, :, 1:], self.posterior, torch.stack(self._ambiguous))


def recolor(lab: Tensor, angle: float, factor: float = 1.0) -> Tensor:
    """Turn and scale ab at constant L, then reduce chroma until sRGB can show every pixel.

    Args:
        lab: `(3, H, W)`.
        angle: degrees, counter-clockwise in the ab plane (90 turns red to yellow).
        factor: of the chroma, >= 0.

    Returns:
        `(3, H, W)` in gamut, with the L that came in.
    """
    turn = torch.deg2rad(torch.tensor(float(angle)))
    a, b = factor * lab[1], factor * lab[2]
    ab = torch.stack([a * turn.cos() - b * turn.sin(), a * turn.sin() + b * turn.cos()])
    inside, outside = torch.zeros_like(a), torch.ones_like(a)  # bisect for the largest share that fits
    fits = in_gamut(torch.cat([lab[:1], ab]))
    for _ in range(14):
        middle = (inside + outside) / 2
        ok = in_gamut(torch.cat([lab[:1], middle * ab]))
        inside, outside = torch.where(ok, middle, inside), torch.where(ok, outside, middle)
    return torch.cat([lab[:1], torch.where(fits, 1.0, inside) * ab])


def _check_probabilities(probabilities, count: int) -> Tensor:
    p = torch.as_tensor(probabilities, dtype=torch.float32)
    if p.shape != (count,) or not (p > 0).all() or abs(float(p.sum()) - 1) > 1e-4:
        raise ValueError(f"probabilities: expected {count} positive numbers that sum to 1, got {p.tolist()}")
    return p
