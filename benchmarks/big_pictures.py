"""Two choices for pictures larger than those trained on, measured on the three training photographs.

    python benchmarks/big_pictures.py

1. Enlarging: the true ab, shrunk as a network would answer and enlarged again, by PSNR: what each method
   loses where the network makes no mistake. Peers: torch's bilinear and a guided filter.
2. Working size: the shipped networks at several sizes, by the scores of `metrics`.
"""

import torch
from torch.nn import functional as F

from colorlab.colorizer import EDGE_NOISE, Colorizer, along_edges
from colorlab.data import Photo, photos, picture_tensor, shrink
from colorlab.lab import rgb_to_lab
from colorlab.metrics import score, to_labs

SIDES = (32, 64, 128)
WORKING_SIZES = (48, 64, 96, 128, 192)


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


def small_lab(p: Photo, side: int) -> torch.Tensor:
    return rgb_to_lab(picture_tensor(shrink(p.rgb, side)))[None]


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
