"""Choices for pictures larger than those trained on, measured on the three training photographs.

    python benchmarks/big_pictures.py

1. Enlarging: the true ab, shrunk as a network would answer and enlarged again, by PSNR: what each method
   loses where the network makes no mistake. Peers: torch's bilinear and a guided filter.
2. Working size: the shipped networks at several sizes, by the scores of `metrics`.
3. One picture in several sizes, all six photographs: how far apart its colours are. Mean |Δab| between every
   two of the sizes, both shrunk to the smallest. Figures: pictures.md.
"""

from itertools import combinations

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from colorlab.colorizer import Colorizer
from colorlab.data import Photo, photos, shrink, to_lab
from colorlab.edges import EDGE_NOISE, along_edges
from colorlab.metrics import score, to_labs

SIDES = (32, 64, 128)
WORKING_SIZES = (96, 128, 192, 224, 256, 320)
PICTURE_SIZES = (64, 96, 128, 192, 256, 512, 1024)


def main() -> None:
    pictures = photos("train")
    print("enlarging true colours, PSNR in dB")
    methods = {"bilinear": bilinear, "guided filter": guided_filter, "along edges": along_edges}
    print(f"{'from':>6} {'photograph':<12}" + "".join(f"{name:>16}" for name in methods))
    for side in SIDES:
        for p in pictures:
            small, L = small_lab(p, side), p.lab[None, :1]
            scores = (score([m(small[:, 1:], small[:, :1], L)[0]], [p.lab])["psnr"] for m in methods.values())
            print(f"{side:>6} {p.name:<12}" + "".join(f"{s:>16.2f}" for s in scores))
    print("\nworking size, scores over the three photographs at full size")
    for name in ("regression", "classification"):
        colorizer = Colorizer.pretrained(name)
        for size in WORKING_SIZES:
            colorizer.working_size = size
            colored = [lab[1:] for lab in to_labs([colorizer.colorize(p.rgb) for p in pictures])]
            s = score(colored, [p.lab for p in pictures])
            print(
                f"{name:<15} {size:>4} px: PSNR {s['psnr']:.2f} dB, AuC {s['auc']:.1f}, rebalanced AuC "
                f"{s['rebalanced_auc']:.1f}, chroma ratio {s['chroma_ratio']:.2f}"
            )
    print("\none picture in several sizes, mean |Δab| over the six photographs")
    for name in ("regression", "classification"):
        for size in (192, 224, 256):
            report_sizes(name, size)


def report_sizes(name: str, working_size: int) -> None:
    colorizer = Colorizer.pretrained(name)
    colorizer.working_size = working_size
    apart = dict.fromkeys(combinations(PICTURE_SIZES, 2), 0.0)
    pictures = photos()
    for p in pictures:
        smallest = resized(p.rgb, PICTURE_SIZES[0]).shape[:2]
        ab = {}
        for size in PICTURE_SIZES:
            (lab,) = to_labs([colorizer.colorize(resized(p.rgb, size))])
            ab[size] = F.interpolate(lab[None, 1:], size=smallest, mode="area")
        for one, other in apart:
            apart[one, other] += (ab[one] - ab[other]).norm(dim=1).mean().item() / len(pictures)
    from_smallest = ", ".join(f"{n}: {apart[PICTURE_SIZES[0], n]:.1f}" for n in PICTURE_SIZES[1:])
    others = np.array([d for (one, _), d in apart.items() if one != PICTURE_SIZES[0]])
    print(
        f"{name:<15} {working_size:>4} px: from {PICTURE_SIZES[0]} px to "
        f"{from_smallest}; among the larger ones mean {others.mean():.2f}, most {others.max():.2f}",
        flush=True,
    )


def resized(rgb: np.ndarray, side: int) -> np.ndarray:
    """The shorter side made `side` pixels, also where that enlarges."""
    factor = side / min(rgb.shape[:2])
    size = (round(rgb.shape[1] * factor), round(rgb.shape[0] * factor))
    return np.array(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


def small_lab(p: Photo, side: int) -> torch.Tensor:
    return to_lab(shrink(p.rgb, side))[None]


def bilinear(ab, small, L):
    return F.interpolate(ab, size=L.shape[-2:], mode="bilinear")


def guided_filter(ab, small, L):
    """The fast guided filter (He and Sun, 2015): the local lines ab ≈ slope · L + offset are enlarged."""
    mean_L, mean_ab = around(small), around(ab)
    slope = (around(small * ab) - mean_L * mean_ab) / (around(small**2) - mean_L**2 + EDGE_NOISE)
    offset = mean_ab - slope * mean_L
    return bilinear(around(slope), small, L) * L + bilinear(around(offset), small, L)


def around(x):
    return F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)


if __name__ == "__main__":
    main()
