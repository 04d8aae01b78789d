"""Compare settings of the training: short runs that differ in one thing: a quarter of an hour of one thread each.

    python benchmarks/settings.py wide --data photos.zip --out settings.jsonl

Every run is the classification's recipe (benchmarks/ship.py) cut to STEPS: once through most of the data, its learning
rate brought to zero. Scored on every fourth picture of the validation part, whole, as `colorize` gives it; at three λ,
for a bolder network hits more and errs more: only rows of equal chroma compare. What came out: benchmarks/training.md.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
from ship import CLASSIFICATION, CONFIG, LITE, MEASURES, SIZE, seen_as
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from colorlab.colorizer import Colorizer
from colorlab.data import photos
from colorlab.datasets import Collection, Pictures, open_collection
from colorlab.metrics import Tally, segments_of, to_labs
from colorlab.recipe import choose_objective, untrained
from colorlab.training import fit

STEPS = 900  # of 32 pictures: 9 to 14 minutes, `wide` 25
LARGER, LARGER_FOR = 256, 225  # pixels of the squares, and in how many of the last steps, in `larger-end`
DECAYS = 0.99, 0.998  # of the averages over the steps, kept beside every run
CONFIG = replace(CONFIG, steps=STEPS, evaluate_every=150)
RUNS = {  # name -> (configuration, network, objective)
    "base": (CONFIG, LITE, CLASSIFICATION),
    "seed-1": (replace(CONFIG, seed=1), LITE, CLASSIFICATION),
    "hard": (CONFIG, LITE, replace(CLASSIFICATION, targets="hard")),
    "lambda-0.6": (CONFIG, LITE, replace(CLASSIFICATION, uniform_mix=0.6)),
    "rate-1e-3": (replace(CONFIG, learning_rate=1e-3), LITE, CLASSIFICATION),
    "rate-1e-2": (replace(CONFIG, learning_rate=1e-2), LITE, CLASSIFICATION),
    "wide": (CONFIG, replace(LITE, width=96), CLASSIFICATION),
    "narrow": (CONFIG, replace(LITE, width=24), CLASSIFICATION),
    "no-context": (CONFIG, LITE, CLASSIFICATION),
    "larger-end": (CONFIG, LITE, CLASSIFICATION),
}
MIXES, TEMPERATURE, WORKING_SIZE = (0.4, 0.5, 0.65), 0.25, 224


class LargerAtTheEnd(Pictures):
    """The same pictures in the same order; in the last steps seen larger."""

    def batches(self, n: int, seed: int, start: int = 0, rank: int = 0, ranks: int = 1) -> Iterator:
        yield from islice(super().batches(n, seed, start, rank, ranks), STEPS - LARGER_FOR - start)
        larger = Pictures(replace(self.collection, size=LARGER), self.chosen, self.joining)
        yield from larger.batches(n, seed, max(start, STEPS - LARGER_FOR), rank, ranks)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", choices=RUNS)
    parser.add_argument("--data", required=True, help="a folder or archive of photographs")
    parser.add_argument(
        "--out", type=Path, default=Path("build/settings.jsonl"), help="scores are added here"
    )
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for name in options.names:
        run(name, options.data, options.out)


def run(name: str, data: str, out: Path) -> None:
    """Train one setting, score it and its averages over the steps, and add lines to `out`."""
    config, plan, objective = RUNS[name]
    part = open_collection(data, SIZE).training([p.rgb for p in photos("train")])
    if name == "larger-end":
        part = LargerAtTheEnd(part.collection, part.chosen, part.joining, part.measured_on)
    colorizer = untrained(config.seed, plan, choose_objective(objective, part), SIZE)
    network = colorizer.network
    if name == "no-context":
        for parameter in network.context.parameters():
            parameter.data.zero_()
            parameter.requires_grad_(False)
    averages = {d: AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(d)) for d in DECAYS}
    hook = register_optimizer_step_post_hook(
        lambda *_: [average.update_parameters(network) for average in averages.values()]
    )
    begun = time.perf_counter()
    history = fit(colorizer, part, config)
    seconds = time.perf_counter() - begun
    hook.remove()
    weights = sum(p.numel() for p in network.parameters() if p.requires_grad)
    about = {"run": name, "weights": weights, "seconds": seconds, "loss": history.loss[-1]}
    rows = scored(colorizer, part.collection)
    for decay, average in averages.items():
        colorizer.network = average.module.eval()
        rows += [{"ema": decay, **row} for row in scored(colorizer, part.collection)]
    with out.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(about | row) + "\n" for row in rows)


@torch.no_grad()
def scored(colorizer: Colorizer, collection: Collection) -> list[dict]:
    """One row for every λ of MIXES."""
    part, objective = collection.part("validation"), colorizer.objective
    pictures = [part.picture(i) for i in range(0, len(part), 4)]
    labs, segments = to_labs(pictures), [segments_of(rgb) for rgb in pictures]
    colorizer.working_size = WORKING_SIZE
    found: dict[float, list] = {mix: [] for mix in MIXES}
    for rgb in pictures:
        small = colorizer.small_copy(rgb)
        logits = colorizer.beliefs(small, by_region=True).log()
        for mix, answers in found.items():
            beliefs = objective.reweight(logits, mix).softmax(1)
            ab = colorizer.to_size(colorizer.decide(beliefs, TEMPERATURE), small)
            answers.append(seen_as(rgb, ab, small))
    scores = {mix: Tally.of(answers, labs, segments).scores() for mix, answers in found.items()}
    return [{"lambda": mix, **{m: of[m] for m in MEASURES}} for mix, of in scores.items()]


if __name__ == "__main__":
    main()
