"""Train every network of the comparison on one budget, score it on held-out pictures, write the table.

    python benchmarks/compare.py train --data tiny-imagenet-200.zip     # some hours on one core; may be stopped
    python benchmarks/compare.py table     # print colorlab/weights/comparison.json, with what was trained since

Several processes may train at once: each takes the next run that nobody has begun. A run that was broken off
goes on from its checkpoint when its folder's `taken` is deleted. What is compared:

    architectures  our U-Net and those of the cited papers, at most 2 million weights each, both objectives
    fusion         no semantic features, tiled ones, ones shuffled between the pictures; two classifiers
    switches       what the papers say against what their code does

All see the same pictures in the same order: STEPS batches of 32 pictures of 64×64 pixels.
"""

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from colorlab import __version__
from colorlab.architectures import build
from colorlab.bins import ColorBins
from colorlab.colorizer import WEIGHTS, Colorizer
from colorlab.datasets import Pictures, open_collection
from colorlab.evaluation import AT_ONCE, predict
from colorlab.files import in_one_piece
from colorlab.metrics import Tally, intervals
from colorlab.objectives import Classification, Regression
from colorlab.recipe import choose_objective
from colorlab.training import Config, fit

BUILD, TABLE = Path("build/compare"), WEIGHTS / "comparison.json"
STEPS, SEEDS, SIZE = 1_500, (0, 1), 64
UNIFORM_MIX, TEMPERATURE = 0.3, 1.2  # those of the shipped classification before and after training

OURS = dict(architecture="UNet", width=16, depth=4, half_resolution=True)
NARROW = {  # at most 2 million weights each
    "UNet": OURS,
    "Ronneberger2015": dict(architecture="Ronneberger2015", width=16, half_resolution=True),
    "Zhang2016": dict(architecture="Zhang2016", width=15),
    "Zhang2017": dict(architecture="Zhang2017", width=15, half_resolution=True),
    "Koalarization": dict(architecture="Koalarization", width=32),
}
SEMANTIC = OURS | dict(architecture="SemanticUNet")


CLASSIFIERS = ("efficientnet-lite0", "small")
BASE = "UNet, classification"
COMPARED = [
    *(
        (f"{name}, {objective}", f"UNet, {objective}")
        for objective in ("classification", "regression")
        for name in NARROW
        if name != "UNet"
    ),
    *((f"{name}, classification", f"{name}, regression") for name in NARROW),
    *((f"{e}, {how}", BASE) for e in CLASSIFIERS for how in ("tiled", "shuffled")),
    *((f"{e}, tiled", f"{e}, shuffled") for e in CLASSIFIERS),
    ("5 neighbours", BASE),
    ("529 bins", BASE),
    ("strided", "Ronneberger2015, classification"),
    ("huber", "UNet, regression"),
    ("l1", "UNet, regression"),
]


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        name: of the run, without its seed.
        network: arguments of `architectures.build`, the channels left out.
        objective: "regression", "classification", or an objective that takes the place of the usual one.
    """

    name: str
    network: dict
    objective: str
    options: dict = field(default_factory=dict)


RUNS = [
    *(Run(f"{name}, {o}", net, o) for name, net in NARROW.items() for o in ("classification", "regression")),
    *(
        Run(
            f"{encoder}, {'shuffled' if shuffled else 'tiled'}",
            SEMANTIC | dict(encoder=encoder, shuffled=shuffled),
            "classification",
        )
        for encoder in CLASSIFIERS
        for shuffled in (False, True)
    ),
    Run("5 neighbours", OURS, "classification", dict(neighbours=5)),
    Run("529 bins", OURS, "classification", dict(rule="square")),
    Run("strided", NARROW["Ronneberger2015"] | dict(pooling=False), "classification"),
    Run("huber", OURS, "regression", dict(norm="huber")),
    Run("l1", OURS, "regression", dict(norm="l1")),
]


def objective_of(run: Run, part: Pictures) -> Regression | Classification:
    if run.objective == "regression":
        return Regression(**run.options)
    usual = choose_objective("classification", part, 10.0, "soft", UNIFORM_MIX)
    if "rule" in run.options:
        bins = ColorBins(10.0, **run.options)
        batches = part.batches(128, seed=0)
        prior = bins.prior(next(batches)[0][:, 1:] for _ in range(32))
        return Classification(bins, "soft", prior, UNIFORM_MIX)
    return Classification(usual.bins, "soft", usual.prior, UNIFORM_MIX, **run.options)


def train(run: Run, seed: int, data: str) -> None:
    """Train, score on the held-out pictures, and leave colorizer.safetensors and scores.pt in the run's folder."""
    folder = BUILD / f"{run.name}, seed {seed}"
    collection = open_collection(data, SIZE)
    part = collection.training()
    objective = objective_of(run, part)
    torch.manual_seed(seed)
    network = build(**run.network, in_channels=1, out_channels=objective.out_channels)
    colorizer = Colorizer(network, objective, SIZE, TEMPERATURE, about={"data": {"key": collection.key}})
    weights = sum(p.numel() for p in network.parameters() if p.requires_grad)
    settings = Config(STEPS, 32, 3e-3, 0.05, 1e-3, "bfloat16", 500, seed)
    history = fit(colorizer, part, settings, checkpoint=folder / "checkpoint.pt")
    if history.interrupted:
        raise SystemExit("interrupted")
    lab = collection.part("held out").lab_of_all()
    tally = Tally.of(list(predict(colorizer, lab)), list(lab))
    result = {
        "tally": vars(tally),
        "loss": losses(colorizer, lab),
        "weights": weights,
        "seconds": history.seconds,
    }
    torch.save(result, folder / "scores.pt")
    colorizer.save(folder / "colorizer.safetensors")
    print(f"{folder.name}: {weights:,} weights, {history.seconds[-1]:.0f} s, {tally.scores()}", flush=True)


@torch.no_grad()
def losses(colorizer: Colorizer, lab: Tensor) -> Tensor:
    """(N,) the unweighted loss of every picture."""
    return torch.cat(
        [
            colorizer.objective.pixel_losses(colorizer.answer(part[:, :1]), part[:, 1:], weighted=False).mean(
                (1, 2)
            )
            for part in lab.split(AT_ONCE)
        ]
    )


def write_table() -> None:
    """Every run's scores, and the differences that the course speaks of, seed by seed.

    An interval is a bootstrap over pictures: it says how sure a difference of two *networks* is. How far the
    same training comes out elsewhere with another seed no bootstrap tells; so each seed stands by itself, and
    a difference counts if all seeds agree on it. Seeds recorded before stay, unless they were trained anew.
    """
    found = {
        (run.name, seed): torch.load(file, weights_only=True)
        for seed in SEEDS
        for run in RUNS
        if (file := BUILD / f"{run.name}, seed {seed}" / "scores.pt").exists()
    }
    table = (
        json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {"rows": {}, "differences": {}}
    )
    tallies = {key: Tally(**result["tally"]) for key, result in found.items()}
    for (name, seed), result in found.items():
        row = table["rows"].setdefault(name, {"weights": result["weights"], "seeds": {}})
        row["seeds"][str(seed)] = {
            "scores": tallies[name, seed].scores(),
            "interval": intervals({name: tallies[name, seed]})[name],
            "loss": result["loss"].mean().item(),
            "seconds": round(result["seconds"][-1]),
        }
    for a, b in COMPARED:
        for seed in SEEDS:
            if {(a, seed), (b, seed)} <= found.keys():
                seeds = table["differences"].setdefault(f"{a} - {b}", {})
                seeds[str(seed)] = difference(*((tallies[n, seed], found[n, seed]["loss"]) for n in (a, b)))
                if not same_question(a, b):
                    del seeds[str(seed)]["loss"]
    if found:
        about = Colorizer.load(next(BUILD.glob("*/colorizer.safetensors"))).about
        table |= {
            "made by": f"colorlab {__version__}, torch {torch.__version__}",
            "budget": {"steps": STEPS, "batch_size": 32, "size": SIZE},
            "decoding": {"uniform_mix": UNIFORM_MIX, "temperature": TEMPERATURE},
            "data": about["data"] | {"part": "held out", "pictures": len(next(iter(found.values()))["loss"])},
        }
        with in_one_piece(TABLE) as partial:
            partial.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, row in table["rows"].items():
        for seed, its in row["seeds"].items():
            s, (low, high) = its["scores"], its["interval"]["rebalanced_auc"]
            print(
                f"{name:<32} seed {seed} {row['weights']:>10,} PSNR {s['psnr']:.2f} AuC {s['auc']:.1f} rebalanced "
                f"{s['rebalanced_auc']:.1f} ({low:.1f} to {high:.1f}) chroma {s['chroma_ratio']:.2f} "
                f"loss {its['loss']:.3f} {its['seconds']} s"
            )
    for name, row in table["differences"].items():
        for seed, its in row.items():
            low, apart, high = its["rebalanced_auc"]
            print(
                f"{name:<62} seed {seed} rebalanced AuC {apart:+.2f} ({low:+.2f} to {high:+.2f}), "
                f"PSNR {its['psnr'][1]:+.2f}, loss {its.get('loss')}"
            )


def difference(one: tuple[Tally, Tensor], other: tuple[Tally, Tensor]) -> dict[str, list[float]]:
    """measure -> (low, difference, high) of two networks: 95 % bootstrap intervals over pictures."""
    (first, losses), (second, other_losses) = one, other
    bounds = intervals({"first": first, "second": second}, against="second")["first"]
    a, b = first.scores(), second.scores()
    found = {key: [low, a[key] - b[key], high] for key, (low, high) in bounds.items()}
    each = losses - other_losses
    drawn = torch.randint(len(each), (1000, len(each)), generator=torch.Generator().manual_seed(0))
    low, high = torch.quantile(each[drawn].mean(1), torch.tensor([0.025, 0.975])).tolist()
    return found | {"loss": [low, each.mean().item(), high]}


def same_question(a: str, b: str) -> bool:
    """Whether two runs' losses can be compared: one objective, one resolution of the answers."""
    objectives = {run.name: (run.objective, tuple(run.options.items())) for run in RUNS}
    return objectives[a] == objectives[b] and "Zhang2016" not in a + b


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("job", choices=["train", "table"])
    parser.add_argument("--data")
    options = parser.parse_args()
    if options.job == "table":
        write_table()
        return
    if not options.data:
        parser.error("train needs --data")
    for seed in SEEDS:
        for run in RUNS:
            folder = BUILD / f"{run.name}, seed {seed}"
            try:
                (folder / "taken").mkdir(parents=True)
            except FileExistsError:
                continue
            train(run, seed, options.data)


if __name__ == "__main__":
    main()
