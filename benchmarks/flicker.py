"""Flicker before and after smoothing, and what is paid for it, on clips of a still and of a panning camera.

    python benchmarks/flicker.py

Clips are made from the free photographs (`flicker.static_clip`), 16 frames of 96 pixels' height; so the true
colours are known. "Colours" smooths the colours themselves instead of the distributions. Figures: pictures.md.
"""

import torch

from colorlab.colorizer import Colorizer
from colorlab.data import photo
from colorlab.flicker import SMOOTHING, FrameColorizer, Smoother, flicker, static_clip
from colorlab.metrics import score, to_labs

FRAMES, SIDE = 16, 96
CLIPS = (("rocket", "flower"), ("chelsea", "flower"), ("flower", "coffee"), ("china", "chelsea"))


def main() -> None:
    clips = {f"{place}, still": static_clip(place, visitor, FRAMES, SIDE) for place, visitor in CLIPS}
    wide = photo("china", side=SIDE + 16).rgb
    panned = [wide[8 : 8 + SIDE, x : x + 128] for x in range(FRAMES)]
    clips["china, panned"] = (panned, panned)
    print(f"{'':<44}{'flicker, Lab units':<30}{'rebalanced AuC, %':<30}{'chroma ratio'}")
    ways = ("frame by frame", "distributions", "colours")
    print(f"{'network, T, clip':<44}" + f"{'raw':<10}{'distrib.':<10}{'colours':<10}" * 3)
    for name, temperatures in {"regression": (None,), "classification": (None, 0.38, "mode")}.items():
        network = Colorizer.pretrained(name)
        for temperature in temperatures:
            for clip, (seen, truth) in clips.items():
                found = {way: coloured(network, seen, temperature, way) for way in ways}
                truth = to_labs(truth)
                scores = [score([lab[1:] for lab in labs], truth) for labs in found.values()]
                cells = [f"{flicker(labs):<10.2f}" for labs in found.values()]
                cells += [f"{s['rebalanced_auc']:<10.1f}" for s in scores]
                cells += [f"{s['chroma_ratio']:<10.2f}" for s in scores]
                own = temperature or (network.temperature if name == "classification" else "")
                print(f"{f'{name}, {own}, {clip}':<44}" + "".join(cells).rstrip(), flush=True)


def coloured(network: Colorizer, frames, temperature, way: str) -> list[torch.Tensor]:
    """Every frame as Lab (3, H, W)."""
    paint = FrameColorizer(network, SMOOTHING if way == "distributions" else 0, temperature)
    labs = [paint.lab(frame) for frame in frames]
    if way != "colours":
        return labs
    smoother = Smoother(SMOOTHING)
    return [torch.cat([lab[:1], smoother(lab[None, 1:], lab[None, :1])[0]]) for lab in labs]


if __name__ == "__main__":
    main()
