"""Rebuild the networks that come with colorlab, and those beside which they are judged.

    python benchmarks/ship.py train regression --data photos.zip --build DIR
    python benchmarks/ship.py choose classification --data photos.zip --build DIR     # the table to choose from
    python benchmarks/ship.py experiment --build DIR
    python benchmarks/ship.py ship classification --data photos.zip --build DIR       # with DECISIONS below
    python benchmarks/ship.py controls --data photos.zip --build DIR                  # those that are finished
    python benchmarks/ship.py sheet --data photos.zip --build DIR                     # pictures to look at
    colorlab evaluate photos.zip --model regression --model classification --model guided \\
        --model DIR/weighted-regression.safetensors --json > DIR/evaluation.json \\
        && mv DIR/evaluation.json colorlab/weights/
    python benchmarks/ship.py cards

A training takes about four to five hours on one CPU core in all its stages and may be stopped and started again; two
side by side use two cores best. `train` knows more names than ship: the controls of benchmarks/training.md.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial, reduce
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from colorlab import recipe
from colorlab.colorizer import WEIGHTS, Colorizer, painted
from colorlab.config import Config, History
from colorlab.data import photos, shrink, to_lab
from colorlab.datasets import middle_square, open_collection
from colorlab.evaluation import SEEN_AT, answers_of, each, recorded, tallied
from colorlab.experiment import Run, write_runs
from colorlab.files.whole import write_whole
from colorlab.metrics import Tally, Truth, baselines, segments_of, to_labs
from colorlab.objective_base import averaged
from colorlab.objectives import Classification
from colorlab.plots import loss_curves, to_bytes
from colorlab.recipe import NetworkPlan, ObjectivePlan
from colorlab.regions import shared

SIZE = 192  # of the squares learnt from; Lite0 itself learnt from 224
CONFIG = Config(
    steps=7_850,  # the first stage; see STAGES
    batch_size=32,
    learning_rate=3e-3,
    warmup=0.05,
    weight_decay=1e-3,
    precision="bfloat16",
    places=1024,
    evaluate_every=150,
    seed=0,
)
LITE, SCRATCH = NetworkPlan("LiteUNet"), NetworkPlan("UNet", width=16, depth=4, half_resolution=True)
REGRESSION = ObjectivePlan("regression", targets="soft", uniform_mix=1.0)
CLASSIFICATION = ObjectivePlan("classification", targets="soft", uniform_mix=0.4)
# Later stages, each begun with what the one before had become: AdamW without a memory, a third of the rate, another
# order of the pictures, and for the classification a λ near that with which it is used. The last one learns from
# larger squares.
AGAIN = replace(CONFIG, steps=5_250, learning_rate=1e-3, seed=1)
LARGER = replace(CONFIG, steps=3_000, learning_rate=1e-3, seed=2, evaluate_every=300)
LARGER_SIZE = 224
RECIPES = {
    "regression": (LITE, REGRESSION),
    "classification": (LITE, CLASSIFICATION),
    # Without rebalancing: who sees hints need not guess vividly, and without any it should be cautious.
    "guided": (replace(LITE, hints=True), replace(CLASSIFICATION, uniform_mix=1.0)),
    # Controls: they do not ship, their figures do. The first is the regression until its last stage.
    "weighted-regression": (LITE, REGRESSION),
    "scratch-regression": (SCRATCH, REGRESSION),
    "scratch-classification": (SCRATCH, CLASSIFICATION),
}
# λ to which it is moved after training, temperature, working size: chosen from tables of `choose`, those of `guided`
# earlier ones (see benchmarks/training.md), and by eye.
DECISIONS = {
    "regression": dict(working_size=256),
    "classification": dict(uniform_mix=0.6, temperature=0.25, working_size=256),
    "guided": dict(uniform_mix=1.0, temperature=1.0, working_size=224),
}
# Steps after which a plan of learning rates ends; the next goes on where a longer one would stand by then.
STAGES = {
    "regression": (CONFIG.steps, 12_500),
    "classification": (CONFIG.steps, 12_500),
    "guided": (CONFIG.steps, 12_500),
    # Once through the data: compared with the pair as it was at that step (RECORDED).
    "scratch-regression": (1_050,),
    "scratch-classification": (1_050,),
}
# Settings and size of the squares of the later stages.
LATER = {
    **dict.fromkeys(
        ("regression", "classification", "guided"),
        ((AGAIN, SIZE), (LARGER, LARGER_SIZE)),
    ),
    "weighted-regression": ((LARGER, LARGER_SIZE),),
}
DECIDING = replace(CLASSIFICATION, uniform_mix=0.575)
OBJECTIVES_LATER = {
    "regression": REGRESSION,
    "classification": DECIDING,
    "guided": RECIPES["guided"][1],
    "weighted-regression": replace(DECIDING, name="weighted-regression"),
}
EXPERIMENT = ("regression", "classification")
RECORDED = (0, 150, 300, 600, 1_050, 1_500, 2_250, 3_000, 4_500, 6_000, 7_850, 10_050, 12_500)  # to replay
RECORDED_LATER = (1_500,)  # and the last
MIXES, TEMPERATURES, WORKING_SIZES = (0.54, 0.575, 0.6, 0.625, 0.65), (0.25, 0.3), (256, 288)
MEASURES = ("psnr", "rebalanced_auc", "chroma_ratio", "hits", "farther_than_grey", "patchiness")
STRIP = 128  # pixels of the shorter side of a recorded picture
SHEET = 60  # held-out pictures on the sheet


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "what", choices=["train", "choose", "ship", "experiment", "controls", "sheet", "cards"]
    )
    parser.add_argument("name", nargs="?", choices=RECIPES)
    parser.add_argument("--data", help="a folder or archive of photographs")
    parser.add_argument("--build", type=Path, default=Path("build/weights"), help="where trainings are kept")
    options = parser.parse_args()
    data, build = options.data, options.build
    named = {"train": RECIPES, "choose": RECIPES, "ship": DECISIONS}.get(options.what)
    if named and options.name not in named:
        parser.error(f"{options.what}: name one of {', '.join(named)}")
    if data is None and options.what not in ("experiment", "cards"):
        parser.error(f"{options.what}: needs --data, a folder or archive of photographs")
    if options.what == "train":
        train(options.name, data, build)
    elif options.what == "choose":
        choose(options.name, data, build)
    elif options.what == "ship":
        ship(options.name, data, build)
    elif options.what == "experiment":
        record_experiment(build)
    elif options.what == "controls":
        record_controls(data, build)
    elif options.what == "sheet":
        sheet(data, build)
    else:
        for name in DECISIONS:
            write_card(name)


def train(name: str, data: str, build: Path) -> None:
    """Train or go on, stage after stage."""
    for steps in STAGES.get(name, ()):
        stage(data, build / name, replace(CONFIG, steps=steps), *RECIPES[name], RECORDED)
    later = LATER.get(name, ())
    places = places_of(name, build)[-1 - len(later) :]
    for before, out, (config, size) in zip(places, places[1:], later, strict=False):
        plan = replace(RECIPES[name][0], start_from=before / "colorizer.safetensors")
        stage(data, out, config, plan, OBJECTIVES_LATER[name], (*RECORDED_LATER, config.steps), size)


def places_of(name: str, build: Path) -> list[Path]:
    """Where the stages of a training are kept, in order; the weighted regression shares all but its last."""
    if name == "weighted-regression":
        return [*places_of("regression", build)[:-1], build / name]
    return [build / name, *(build / name / f"stage-{n}" for n in range(2, 2 + len(LATER.get(name, ()))))]


def last_step(name: str) -> int:
    """Where the last stage of a training ends, counted from where it began."""
    return LATER[name][-1][0].steps if name in LATER else STAGES[name][-1]


def stage(
    data: str,
    out: Path,
    config: Config,
    plan: NetworkPlan,
    objective: ObjectivePlan,
    recorded: Sequence[int],
    size: int = SIZE,
) -> None:
    """Train to the end of one plan of learning rates, or go on towards it; nothing to do where it was reached."""
    history = history_of(out)
    if history is not None and history.step[-1] >= config.steps:
        return
    begun = history is not None or (out / recipe.CHECKPOINT).exists()
    watch = partial(keep_a_copy, out, recorded)
    recipe.train(
        data, out, config, plan, objective, size=size, with_photographs=True, resume=begun, watch=watch
    )


def keep_a_copy(out: Path, steps: Sequence[int], step: int, colorizer: Colorizer, history: History) -> None:
    """The network as it is at the steps that notebooks replay."""
    if step in steps:
        colorizer.save(out / f"step-{step:05d}.safetensors", half_precision=True)


# ---- choosing ------------------------------------------------------------------------------------


def trained(name: str, build: Path) -> Colorizer:
    return Colorizer.load(places_of(name, build)[-1] / "colorizer.safetensors")


def choose(name: str, data: str, build: Path) -> None:
    """Print what each λ, temperature and working size reaches on the validation part.

    The held-out part is never looked at.
    """
    colorizer = trained(name, build)
    part = open_collection(data, SEEN_AT).part("validation")
    pictures = [part.picture(i) for i in range(len(part))]
    labs = to_labs(pictures)
    truth = Truth.of(labs, each(segments_of, pictures, "segments"))
    show("grey", tallied(truth, "grey", baselines(labs)["grey"]))
    for colorizer.working_size in WORKING_SIZES:
        found = each(partial(ways_to_decide, colorizer), pictures, f"{colorizer.working_size} px")
        for way in found[0]:
            label = f"{colorizer.working_size} px{way}"
            show(label, tallied(truth, label, [answers[way] for answers in found]))


@torch.no_grad()
def ways_to_decide(colorizer: Colorizer, rgb: np.ndarray) -> dict[str, torch.Tensor]:
    """The ab `(2, H, W)` of a picture as `colorize` gives it, by λ and temperature."""
    small, objective = colorizer.small_copy(rgb), colorizer.objective
    answer, found = colorizer.answer(small).float(), {}
    for mix in MIXES if objective.has_distribution and objective.uniform_mix < 1 else [None]:
        beliefs = objective.beliefs(answer if mix is None else objective.reweight(answer, mix))
        if not objective.has_distribution:
            found[""] = beliefs
            continue
        beliefs = shared(beliefs, averaged(small, colorizer.network.answer_every))
        for t in TEMPERATURES:
            found[f", λ = {mix or 1:g}, T = {t:g}"] = colorizer.decide(beliefs, t)
    return {way: seen_as(rgb, colorizer.to_size(ab, small), small) for way, ab in found.items()}


def seen_as(rgb: np.ndarray, ab: torch.Tensor, small: torch.Tensor) -> torch.Tensor:
    """The ab of a picture as `colorize` gives it."""
    return to_lab(painted(rgb, ab, small))[1:]


def show(label: str, tally: Tally) -> None:
    scores = tally.scores()
    print(f"{label:<44}" + "  ".join(f"{m} {scores[m]:.2f}" for m in MEASURES), flush=True)


def ship(name: str, data: str, build: Path) -> None:
    """Write the file that ships: λ moved by the bias of the last layer, half precision, with its decisions."""
    colorizer = trained(name, build)
    decision = dict(DECISIONS[name])
    mix = decision.pop("uniform_mix", None)
    later = sum(config.steps for config, _ in LATER.get(name, ()))
    if colorizer.objective.has_distribution:
        first, last = RECIPES[name][1].uniform_mix, OBJECTIVES_LATER[name].uniform_mix
        trained_with = f"{first:g}" if first == last else f"{first:g}, of the last {later:,} steps {last:g}"
        move(colorizer, mix)
        colorizer.by_region = True
        colorizer.about["decision"] = {"trained with uniform_mix": trained_with, **DECISIONS[name]}
    if later:
        colorizer.about["recipe"] |= {
            "steps": STAGES[name][-1] + later,
            "learning_rate": f"{CONFIG.learning_rate:g}, of the last {later:,} steps {AGAIN.learning_rate:g}",
            "seed": ", then ".join(str(c.seed) for c in (CONFIG, *(c for c, _ in LATER[name]))),
            "squares": f"{SIZE} px, of the last {LARGER.steps:,} steps {LARGER_SIZE} px",
            "start_from": None,  # itself
        }
    for attribute, value in decision.items():
        setattr(colorizer, attribute, value)
    colorizer.about["data"]["key"] = open_collection(data, SIZE).key
    losses = {type(colorizer.objective).__name__: whole_history(name, build)}
    write_whole(WEIGHTS / f"{name}.webp", to_bytes(loss_curves(losses), "webp"))
    path = colorizer.save(WEIGHTS / f"{name}.safetensors", half_precision=True)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def move(colorizer: Colorizer, mix: float) -> None:
    """Move λ after training: what a change of λ adds to every logit is added to the last layer's bias."""
    objective, head = colorizer.objective, colorizer.network.head
    if mix != objective.uniform_mix:
        head.bias.data.copy_(objective.reweight(head.bias.detach().reshape(1, -1, 1, 1), mix).flatten())
        colorizer.objective = Classification(objective.bins, objective.targets, objective.prior, mix)


# ---- what is looked at ---------------------------------------------------------------------------


def record_experiment(build: Path) -> None:
    """Both losses, and the six photographs at RECORDED steps, in one file that notebooks replay."""
    runs = {}
    for name in EXPERIMENT:
        frames, before = {}, 0
        for place in places_of(name, build):
            copies = sorted(place.glob("step-*.safetensors"))
            frames |= {before + int(path.stem.removeprefix("step-")): six(path) for path in copies}
            before += history_of(place).step[-1]
        runs[name] = Run(whole_history(name, build), frames, {})
    write_runs(WEIGHTS / "experiment.zip", runs)


def whole_history(name: str, build: Path) -> History:
    """The losses of all stages of a training in one curve."""
    return reduce(gone_on, (history_of(place) for place in places_of(name, build)))


def gone_on(first: History, last: History) -> History:
    """One history of two, the second of which began where the first ended."""
    whole = History()
    for field in ("loss", "unweighted_loss", "chroma_ratio"):
        setattr(whole, field, getattr(first, field) + getattr(last, field)[1:])
    for field in ("step", "seconds"):
        before = getattr(first, field)[-1]
        setattr(whole, field, getattr(first, field) + [before + more for more in getattr(last, field)[1:]])
    return whole


def record_controls(data: str, build: Path) -> None:
    """Of every control whose training is finished: its loss, the six photographs at its end, its scores.

    The scores are of the held-out part, as those that `colorlab evaluate` writes of what ships. The weighted
    regression gets its own there, a file beside its folder: it is one of those that the classification must beat.
    """
    part = open_collection(data, SEEN_AT).part("held out")
    pictures = [part.picture(i) for i in range(len(part))]
    truth, runs = Truth.of(to_labs(pictures), each(segments_of, pictures, "segments")), {}
    for name in (n for n in RECIPES if n not in DECISIONS):
        history, path = history_of(build / name), build / name / "colorizer.safetensors"
        if history is None or history.step[-1] < last_step(name):
            print(f"{name}: not trained to its end, left out")
            continue
        colorizer, scores = decided(path), {}
        if name == "weighted-regression":
            colorizer.save(build / f"{name}.safetensors", half_precision=True)
        else:
            scores = tallied(truth, name, answers_of(colorizer, pictures, name)["as shipped"]).scores()
        runs[name] = Run(history, {history.step[-1]: six(path)}, scores)
    write_runs(WEIGHTS / "controls.zip", runs)


def history_of(out: Path) -> History | None:
    """The losses of a training, None if it was never begun."""
    path = out / "history.json"
    return History(**json.loads(path.read_text(encoding="utf-8"))["history"]) if path.is_file() else None


def decided(path: Path) -> Colorizer:
    """A network of the course of a training, used as the finished one of its kind."""
    colorizer = Colorizer.load(path)
    kind = "classification" if colorizer.objective.has_distribution else "regression"
    colorizer.working_size = DECISIONS[kind]["working_size"]
    if colorizer.objective.has_distribution:
        move(colorizer, DECISIONS[kind]["uniform_mix"])
        colorizer.temperature, colorizer.by_region = DECISIONS[kind]["temperature"], True
    return colorizer


def six(path: Path) -> list[np.ndarray]:
    """The six photographs, coloured whole and cut to their middle squares."""
    colorizer = decided(path)
    return [middle_square(colorizer.colorize(p.rgb), STRIP) for p in photos()]


def sheet(data: str, build: Path, seed: int = 0) -> None:
    """The six photographs and SHEET held-out ones, drawn by a fixed seed: grey, each network, the truth.

    To be looked at, never to be shown: the held-out pictures belong to their makers.
    """
    part = open_collection(data, SEEN_AT).part("held out")
    drawn = np.random.default_rng(seed).choice(len(part), SHEET, replace=False)
    pictures = [p.rgb for p in photos()] + [part.picture(i) for i in drawn]
    networks = {name: Colorizer.pretrained(name) for name in DECISIONS}
    for number, first in enumerate(range(0, len(pictures), 6)):
        rows = []
        for rgb in pictures[first : first + 6]:
            rgb = shrink(rgb, 160)
            grey = np.array(Image.fromarray(rgb).convert("L").convert("RGB"))
            cells = [grey, *(network.colorize(rgb) for network in networks.values()), rgb]
            rows.append(
                np.concatenate([np.array(Image.fromarray(c).resize((240, 180))) for c in cells], axis=1)
            )
        picture = Image.fromarray(np.concatenate(rows))
        ImageDraw.Draw(picture).text((4, 4), f"{number}: grey, {', '.join(networks)}, truth", fill="yellow")
        build.mkdir(parents=True, exist_ok=True)
        picture.save(build / f"sheet-{number:02d}.png")


# ---- cards ---------------------------------------------------------------------------------------

LIMITS = {
    "regression": "It paints the mean of what a thing may look like: brown where that is undecided. This is what it "
    "is for; use `classification` to have colour.",
    "classification": "It decides, and sometimes wrongly: a red car may have been blue, and patches of one colour "
    "run into another where L shows no edge.",
    "guided": "Without hints it is cautious. A hint that contradicts all it has seen is followed in part. A global "
    "hint is obeyed even where it does not fit.",
}


def write_card(name: str) -> None:
    """The card of a network: what it is, what made it, what it reaches and where it fails."""
    colorizer, figures = Colorizer.pretrained(name), recorded()
    about, data = colorizer.about, figures["data"]
    trained_on, scores = about["data"], figures["rows"][name]["scores"]
    size = (WEIGHTS / f"{name}.safetensors").stat().st_size / 1e6
    weights = sum(p.numel() for p in colorizer.network.parameters())
    settings = ", ".join(f"{k} {v}" for k, v in about["recipe"].items() if v not in (None, False))
    measures = {
        "psnr": "PSNR {:.2f} dB",
        "rebalanced_auc": "rebalanced AuC {:.1f}",
        "hits": "{:.1f} % of the clear colours hit",
        "farther_than_grey": "{:.0f} % of the pictures farther from the truth than grey",
    }
    reached, grey = (
        ", ".join(text.format(figures["rows"][row]["scores"][key]) for key, text in measures.items())
        for row in (name, "grey")
    )
    decision = ""
    if colorizer.objective.has_distribution:
        mix, chosen = colorizer.objective.uniform_mix, "chosen on the validation part"
        moved = RECIPES[name][1].uniform_mix < 1
        decision = (
            f"; temperature {colorizer.temperature:g}"
            + (
                f" and λ = {mix:g}, both {chosen}; "
                if moved
                else f", {chosen}, and λ = {mix:g}, as trained; "
            )
            + "distributions are shared within regions of L before a colour is chosen"
        )
    lines = [
        f"# {name}",
        f"{weights:,} weights of its own, {size:.2f} MB in half precision: the path up of "
        f"`{colorizer.network.config}`. "
        "The path down is EfficientNet-Lite0, frozen and shared by all networks (lite0.safetensors, "
        f"[NOTICE](NOTICE)). Objective `{colorizer.objective!r}`; working size {colorizer.working_size} px{decision}.",
        f"**Made by** `python benchmarks/ship.py train {name} --data photos.zip`: {settings}.",
        f"**Learnt from** {trained_on['pictures']:,} photographs with a shorter side of 120 to 144 pixels from "
        f"nineteen public sources (content {trained_on['key']}), and this course's photographs "
        f"{', '.join(trained_on['photographs'])} among them. The pictures belong to their makers and were used for "
        "research only: they are neither stored nor shown here. Lite0 has seen ImageNet in colour, and three of the "
        "nineteen sources come from there.",
        f"**Reaches**, on {data['pictures']:,} pictures of the same sources that no network was trained on "
        f"({data['part']}, by a hash of the path): {reached}, chroma ratio {scores['chroma_ratio']:.2f}. "
        f"Grey: {grey}. All figures with intervals: [evaluation.json](evaluation.json).",
        f"**Limits.** {LIMITS[name]} What it paints is a guess, never evidence of what a thing looked like.",
        f"![Loss over the training steps, measured on pictures of the validation part]({name}.webp)",
    ]
    write_whole(WEIGHTS / f"{name}.md", "\n\n".join(lines) + "\n")


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
