"""How good is a colouring? Every measure is over the pixels of all pictures together, at their own size.

No single number tells. PSNR and plain AuC reward a cautious brown; the chroma ratio rewards anything
vivid; rebalanced AuC asks for rare colours too. And a sceptic asks what would have been reached without
any network: those are the *baselines*.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from colorlab.data import Photo, seeded, to_lab
from colorlab.lab import chroma, lab_to_rgb, to_levels

FARTHEST = 150  # AuC sweeps the tolerance from 0 to 150 Lab units
CELL = 10  # rebalanced AuC counts true colours in a plain grid of this size
CLEAR, HIT = 30, 25  # Lab units: a true chroma above it is a clear colour, an answer this near to it a hit
ONE_COLOR = (15.0, 15.0)  # ab of the constant baseline, a skin-like orange


def evaluate(colorizer, pictures: Sequence[np.ndarray | Photo], temperature=None) -> dict[str, float]:
    """The measures of a colorizer on pictures whose colours are known.

    Args:
        colorizer: anything with `predict_ab(L, temperature)`.
        pictures: uint8 `(H, W, 3)` arrays or `Photo`s. Each is shown to the network at its own size.
        temperature: see `Colorizer.decode`.

    Returns:
        What `score` returns.
    """
    labs = to_labs(pictures)
    return score([colorizer.predict_ab(lab[None, :1], temperature).cpu()[0] for lab in labs], labs)


def baselines(labs: Sequence[Tensor]) -> dict[str, list[Tensor]]:
    """The answers that need no network: grey everywhere, and one constant colour everywhere."""
    constant = torch.tensor(ONE_COLOR).reshape(2, 1, 1)
    return {
        "grey": [torch.zeros_like(lab[1:]) for lab in labs],
        f"one color {ONE_COLOR}": [constant.expand_as(lab[1:]) for lab in labs],
    }


def score(predictions: Sequence[Tensor], labs: Sequence[Tensor]) -> dict[str, float]:
    """All measures for predicted ab against true pictures.

    Args:
        predictions: ab `(2, H, W)` in Lab units, one a picture.
        labs: the true pictures, `(3, H, W)`.

    Returns:
        pictures: how many.
        psnr: dB, over sRGB uint8, squared errors pooled over all pictures (inf for a perfect match).
        auc: share of pixels within a distance t of the true ab, averaged over t = 0, 1, …, 150, in %.
        rebalanced_auc: the same, each pixel weighted by 1/n of its true colour's cell in a grid of 10.
            It depends on which pictures are pooled: compare on one set only.
        chroma_ratio: mean predicted chroma over mean true chroma.
        colorfulness: of the coloured pictures, averaged (see `colorfulness`).
        hits: share of the clearly coloured pixels, true chroma over 30, whose answer lies within 25 Lab units of
            the truth, in %; nan where there are none.
        farther_than_grey: share of the pictures whose mean ab distance from the truth is larger than grey's, in %.
    """
    return Tally.of(predictions, labs).scores()


@dataclass(frozen=True)
class Tally:
    """What the measures need of every picture, kept apart: a choice of pictures is then scored by sums.

    That makes the *bootstrap* cheap: to see how much a score owes to which pictures happened to be in the
    set, draw as many pictures again, with repetition, a thousand times, and score each draw.

    Attributes:
        pixels, squared_error, closeness, chroma, true_chroma, colorfulness: `(P,)` float64, sums over each
            picture's pixels (colorfulness: one value a picture). Squared errors are over 3 channels.
        clear, hits, farther: how many clearly coloured pixels, how many of them hit, 1 if farther than grey.
        spread, true_spread: of ab inside segments, what L does not explain: see `spread_in`; 0 if not asked for.
        cell_pixels, cell_closeness: `(P, C)` float64, the same by the cell of the true colour.
    """

    pixels: Tensor
    squared_error: Tensor
    closeness: Tensor
    chroma: Tensor
    true_chroma: Tensor
    colorfulness: Tensor
    clear: Tensor
    hits: Tensor
    farther: Tensor
    spread: Tensor
    true_spread: Tensor
    cell_pixels: Tensor
    cell_closeness: Tensor

    @classmethod
    def of(
        cls, predictions: Sequence[Tensor], labs: Sequence[Tensor], segments: Sequence[Tensor] | None = None
    ) -> "Tally":
        """Count. See `score` for the arguments, `Truth` for many answers about the same pictures.

        Args:
            segments: of the true pictures, `(H, W)` int64 each (`segments_of`); with them patchiness is measured.

        Raises:
            ValueError: not one prediction a picture, or one of another size.
        """
        truth = Truth.of(labs, segments)
        return truth.tally(map(truth.judge, truth.beside(predictions)))

    def scores(self, times: Tensor | None = None) -> dict[str, float]:
        """The measures (see `score`), every picture counted `times` `(P,)` over; None counts each once."""
        times = torch.ones_like(self.pixels) if times is None else times.double()
        found = {name: float(values) for name, values in self.of_draws(times[None]).items()}
        return {"pictures": int(times.sum()), **found}

    def of_draws(self, times: Tensor) -> dict[str, Tensor]:
        """The measures of many choices of pictures at once: `(D, P)` float64 -> `(D,)` each."""
        pixels, near = times @ self.pixels, times @ self.closeness
        mean_square = times @ self.squared_error / (3 * pixels)
        counts, cell_near = times @ self.cell_pixels, times @ self.cell_closeness  # (D, C)
        occurs = counts > 0
        # Each cell that occurs has one vote, so each of its pixels has 1/n.
        votes = torch.where(occurs, cell_near / counts.clamp(min=1), 0).sum(1) / occurs.sum(1)
        truth, clear, spread = times @ self.true_chroma, times @ self.clear, times @ self.true_spread
        found = {
            "psnr": 10 * torch.log10(255**2 / mean_square),  # inf for a perfect match
            "auc": 100 * near / pixels,
            "rebalanced_auc": 100 * votes,
            "chroma_ratio": times @ self.chroma / torch.where(truth > 0, truth, math.nan),
            "colorfulness": times @ self.colorfulness / times.sum(1),
            "hits": 100 * (times @ self.hits) / torch.where(clear > 0, clear, math.nan),
            "farther_than_grey": 100 * (times @ self.farther) / times.sum(1),
        }
        if self.true_spread.any():
            found["patchiness"] = (times @ self.spread / torch.where(spread > 0, spread, math.nan)).sqrt()
        return found


@dataclass(frozen=True)
class Truth:
    """True pictures, and what every judgement of answers about them needs of them, computed once.

    Attributes:
        labs: `(3, H, W)` each.
        segments: `(H, W)` int64 each, or None: patchiness is not measured.
        spreads: of their own ab inside segments, see `spread_in`.
        cells: the cell of every pixel's colour, `(H · W,)` each, numbers below `count`.
        count: of the cells that occur in any of them.
    """

    labs: Sequence[Tensor]
    segments: Sequence[Tensor] | None
    spreads: Sequence[float]
    cells: Sequence[Tensor]
    count: int

    @classmethod
    def of(cls, labs: Sequence[Tensor], segments: Sequence[Tensor] | None = None) -> "Truth":
        """See `Tally.of`."""
        found = [cells_of(lab[1:].flatten(1)) for lab in labs]
        names = torch.cat([cells.unique() for cells in found]).unique() if found else torch.empty(0)
        cells = [torch.searchsorted(names, cells, out_int32=True) for cells in found]
        known = [] if segments is None else zip(segments, labs, strict=True)
        return cls(labs, segments, [spread_in(s, lab[1:], lab[0]) for s, lab in known], cells, len(names))

    def beside(self, predictions: Sequence[Tensor]) -> Iterable[tuple[int, Tensor]]:
        """Predictions with the numbers of their pictures, once it is sure that there is one for each."""
        if len(predictions) != len(self.labs) or not self.labs:
            raise ValueError(
                f"expected one prediction a picture, got {len(predictions)} for {len(self.labs)} pictures"
            )
        return enumerate(predictions)

    def judge(self, one: tuple[int, Tensor]) -> tuple[float | Tensor, ...]:
        """A row of a `Tally`, of the number of a picture and the ab `(2, H, W)` answered for it."""
        i, ab = one
        lab, cell = self.labs[i], self.cells[i]
        if ab.shape[1:] != lab.shape[1:] or len(ab) != 2:
            raise ValueError(f"expected ab of shape (2, *{tuple(lab.shape[1:])}), got {tuple(ab.shape)}")
        rgb, true_rgb = _levels(torch.cat([lab[:1], ab])), _levels(lab)
        distance, true_chroma = chroma(ab - lab[1:]), chroma(lab[1:])
        near = closeness(distance.flatten())
        return (
            len(near),
            (rgb.double() - true_rgb.double()).square().sum().item(),
            near.sum().item(),
            chroma(ab).double().sum().item(),
            true_chroma.double().sum().item(),
            colorfulness(rgb),
            *clear_and_hit(ab, lab),
            float(distance.mean() > true_chroma.mean()),
            0.0 if self.segments is None else spread_in(self.segments[i], ab, lab[0]),
            0.0 if self.segments is None else self.spreads[i],
            torch.bincount(cell, minlength=self.count).double(),
            torch.bincount(cell, near, minlength=self.count),
        )

    def tally(self, rows: Iterable[tuple[float | Tensor, ...]]) -> Tally:
        """All pictures' rows together."""
        *sums, counts, near = zip(*rows, strict=True)
        return Tally(
            *(torch.tensor(s, dtype=torch.float64) for s in sums),
            cell_pixels=torch.stack(counts),
            cell_closeness=torch.stack(near),
        )


def intervals(
    tallies: dict[str, Tally], against: str | None = None, draws: int = 1000, seed: int = 0
) -> dict[str, dict[str, tuple[float, float]]]:
    """95 % bootstrap intervals over pictures of every measure.

    Args:
        tallies: by name, all on the same pictures.
        against: one of the names: intervals of the differences to it. Every draw is made once for all, so
            that luck with the pictures, which all share, cancels.
        draws: how many sets are drawn.
        seed: of the draws.

    Returns:
        name -> measure -> (2.5th, 97.5th percentile); without `pictures`, and `against` itself.
    """
    count = len(next(iter(tallies.values())).pixels)
    generator = seeded(seed)
    drawn = torch.randint(count, (draws, count), generator=generator)
    times = torch.zeros(draws, count, dtype=torch.float64)
    times.scatter_add_(1, drawn, torch.ones_like(times))
    base = tallies[against].of_draws(times) if against else {}
    found = {}
    for name, tally in tallies.items():
        if name != against:
            rows = {k: (v - base.get(k, 0)).numpy() for k, v in tally.of_draws(times).items()}
            found[name] = {k: tuple(np.percentile(v, [2.5, 97.5]).tolist()) for k, v in rows.items()}
    return found


def hits(predictions: Sequence[Tensor], labs: Sequence[Tensor]) -> float:
    """Of all measures of `score` this one alone, much sooner: what a search tries many answers by."""
    counts = [clear_and_hit(ab, lab) for ab, lab in zip(predictions, labs, strict=True)]
    clear, hit = (sum(column) for column in zip(*counts, strict=True))
    return 100 * hit / clear if clear else math.nan


def clear_and_hit(ab: Tensor, lab: Tensor) -> tuple[int, int]:
    """How many pixels of a true picture `(3, H, W)` are clearly coloured, and how many of them ab `(2, H, W)` hits."""
    clear = chroma(lab[1:]) > CLEAR
    near = chroma(ab - lab[1:]) <= HIT
    return int(clear.sum()), int((clear & near).sum())


def psnr(colored: Sequence[Tensor], truth: Sequence[Tensor]) -> float:
    """Peak signal-to-noise ratio in dB over 0..255 values, squared errors pooled over all pictures."""
    squared = sum(
        (c.double() - t.double()).square().sum().item() for c, t in zip(colored, truth, strict=True)
    )
    mean = squared / sum(t.numel() for t in truth)
    return math.inf if mean == 0 else 10 * math.log10(255**2 / mean)


def closeness(distance: Tensor) -> Tensor:
    """The share of t = 0, 1, …, 150 at which a pixel this far from the truth counts as within t.

    Its mean over pixels is the area under the curve "share of pixels within t": AuC.

    Args:
        distance: `(P,)`, ab distance of every pixel, Lab units.

    Returns:
        `(P,)` float64 in [0, 1].
    """
    first = distance.double().ceil().clamp(max=FARTHEST + 1)  # the smallest whole t that contains the pixel
    return (FARTHEST + 1 - first) / (FARTHEST + 1)


def segments_of(rgb: np.ndarray) -> Tensor:
    """The parts of a true picture, `(H, W)` int64: what one would call one surface. uint8 `(H, W, 3)` in.

    References:
        Felzenszwalb and Huttenlocher, Efficient graph-based image segmentation, 2004, in scikit-image.
    """
    from skimage.segmentation import felzenszwalb

    return torch.from_numpy(felzenszwalb(rgb, scale=100, sigma=0.5, min_size=50)).long()


def spread_in(segments: Tensor, ab: Tensor, L: Tensor) -> float:
    """How much ab varies inside the segments beyond what a straight line in L explains: *patchiness*.

    A door that is half red and half blue spreads; a red door that is darker in the shade does not.

    Args:
        segments: `(H, W)` int64.
        ab: `(2, H, W)`.
        L: `(H, W)`.

    Returns:
        The sum over all pixels of the squared distance from that line, squared Lab units. Patchiness is the
        root of this sum over that of the truth.
    """
    where = segments.flatten()
    count = torch.bincount(where).double().clamp(min=1)

    def mean(x: Tensor) -> Tensor:
        return torch.bincount(where, x) / count

    light = L.flatten().double()
    light = light - mean(light)[where]
    variance, total = mean(light**2), 0.0
    for x in ab.flatten(1).double():
        x = x - mean(x)[where]
        slope = mean(x * light) / variance.clamp(min=1e-9)
        total += (x - slope[where] * light).square().sum().item()
    return total


def colorfulness(rgb: Tensor) -> float:
    """How colourful a picture looks: sqrt(σ_rg² + σ_yb²) + 0.3 sqrt(μ_rg² + μ_yb²), signed differences.

    Args:
        rgb: `(3, H, W)`, values 0..255.

    References:
        Hasler and Süsstrunk, Measuring colorfulness in natural images, 2003. Some projects take absolute
        values first and get other numbers.
    """
    r, g, b = rgb.double()
    rg, yb = r - g, (r + g) / 2 - b
    spread = math.hypot(rg.std(correction=0), yb.std(correction=0))
    return spread + 0.3 * math.hypot(rg.mean(), yb.mean())


def to_labs(pictures: Sequence[np.ndarray | Photo]) -> list[Tensor]:
    """uint8 pictures or `Photo`s -> Lab tensors `(3, H, W)`."""
    return [p.lab if isinstance(p, Photo) else to_lab(p) for p in pictures]


def _levels(lab: Tensor) -> Tensor:
    return to_levels(lab_to_rgb(lab))


def cells_of(ab: Tensor) -> Tensor:
    """(2, P) ab -> (P,) int64: the cell of each colour in a plain grid of 10, as a number."""
    row, column = ((ab / CELL).round() + 100).long()
    return row * 1000 + column
