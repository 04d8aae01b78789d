"""Rebuild a network that comes with colorlab: train it, choose its temperature, write its file and its card.

    python benchmarks/ship.py regression --data tiny-imagenet-200.zip
    python benchmarks/ship.py classification --data tiny-imagenet-200.zip
    python benchmarks/ship.py guided --data tiny-imagenet-200.zip      # begins with classification's weights

Each takes about an hour on two CPU cores and may be stopped and started again. Afterwards
`colorlab evaluate DATA --json > colorlab/weights/evaluation.json` records the figures, and
`python benchmarks/ship.py cards` writes them into the cards.
"""

import argparse
from pathlib import Path

import torch

from colorlab import recipe
from colorlab.colorizer import WEIGHTS, Colorizer
from colorlab.datasets import open_collection
from colorlab.evaluation import predict
from colorlab.metrics import Tally
from colorlab.objectives import Classification

BUILD = Path("build/weights")
SIZE = 64
COMMON = dict(
    size=SIZE,
    grid_size=10.0,
    targets="soft",
    uniform_mix=1.0,
    width=16,
    depth=4,
    half_resolution=True,
    with_photographs=True,
    steps=12_000,
    batch_size=32,
    learning_rate=3e-3,
    warmup=0.05,
    weight_decay=1e-3,
    precision="bfloat16",
    evaluate_every=500,
    seed=0,
)
RECIPES = {
    "regression": COMMON | dict(objective="regression"),
    "classification": COMMON | dict(objective="classification", uniform_mix=0.3),
    # Without rebalancing: who sees hints need not guess vividly, and without any it should be cautious.
    "guided": COMMON
    | dict(
        objective="classification",
        hints=True,
        start_from=WEIGHTS / "classification.safetensors",
        steps=4_000,
        learning_rate=2e-3,
    ),
}
TEMPERATURES = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.5)
MOST_VIVID = 1.16  # chroma ratio on the validation part; further, rebalanced AuC would reward garishness


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--data", required=True, help="Tiny-ImageNet: the archive, or the name tiny-imagenet")
    options = parser.parse_args()
    out = BUILD / options.name
    recipe.train(options.data, out, resume=True, **RECIPES[options.name])
    colorizer = Colorizer.load(out / "colorizer.safetensors")
    if isinstance(colorizer.objective, Classification):
        choose_temperature(colorizer, options.data)
    WEIGHTS.mkdir(exist_ok=True)
    path = colorizer.save(WEIGHTS / f"{options.name}.safetensors", half_precision=True)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def choose_temperature(colorizer: Colorizer, data: str) -> None:
    """The temperature with the best score on the validation part; the held-out part is never looked at.

    Rebalanced AuC, among those not too vivid, where colours were rebalanced; PSNR where they were not.
    """
    lab = open_collection(data, SIZE).part("validation").lab_of_all()
    measure = "psnr" if colorizer.objective.uniform_mix == 1 else "rebalanced_auc"
    tried = {}
    for temperature in TEMPERATURES:
        scores = Tally.of(list(predict(colorizer, lab, temperature)), list(lab)).scores()
        tried[temperature] = scores
        print(
            f"T = {temperature:g}: {measure} {scores[measure]:.2f}, chroma ratio {scores['chroma_ratio']:.2f}"
        )
    allowed = {t: s for t, s in tried.items() if s["chroma_ratio"] <= MOST_VIVID} or tried
    colorizer.temperature = max(allowed, key=lambda t: allowed[t][measure])
    colorizer.about["temperature"] = {"measure": measure, "tried": {f"{t:g}": s for t, s in tried.items()}}


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
