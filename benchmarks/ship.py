"""Rebuild the networks that come with colorlab, and those beside which they are judged.

    python benchmarks/ship.py train regression --data photos.zip --build DIR
    python benchmarks/ship.py train classification --data photos.zip --build DIR

Each takes about 100 minutes on one CPU core and may be stopped and started again: two side by side use two
cores best. `train` knows more names than ship: the controls of benchmarks/training.md.
"""

import argparse
import os
from functools import partial
from pathlib import Path

from colorlab import recipe
from colorlab.colorizer import Colorizer
from colorlab.training import History

SIZE = 192  # of the squares learnt from; Lite0 itself learnt from 224
COMMON = dict(
    size=SIZE,
    grid_size=10.0,
    targets="soft",
    uniform_mix=1.0,
    with_photographs=True,
    steps=7_850,
    batch_size=32,
    learning_rate=3e-3,
    warmup=0.05,
    weight_decay=1e-3,
    precision="bfloat16",
    places=1024,
    evaluate_every=150,
    seed=0,
)
SCRATCH = dict(architecture="UNet", width=16, depth=4, half_resolution=True)
RECIPES = {
    "regression": COMMON | dict(objective="regression"),
    "classification": COMMON | dict(objective="classification", uniform_mix=0.4),
    # Without rebalancing: who sees hints need not guess vividly, and without any it should be cautious.
    "guided": COMMON | dict(objective="classification", hints=True),
    # Controls: they do not ship, their figures do.
    "weighted-regression": COMMON | dict(objective="regression", uniform_mix=0.4),
    "scratch-regression": COMMON | SCRATCH | dict(objective="regression"),
    "scratch-classification": COMMON | SCRATCH | dict(objective="classification", uniform_mix=0.4),
}
RECORDED = (0, 150, 300, 600, 1_050, 1_500, 2_250, 3_000, 4_500, 6_000, 7_850)  # steps to replay


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["train"])
    parser.add_argument("name", choices=RECIPES)
    parser.add_argument("--data", required=True, help="a folder or archive of photographs")
    parser.add_argument("--build", type=Path, default=Path("build/weights"), help="where trainings are kept")
    options = parser.parse_args()
    train(options.name, options.data, options.build / options.name)


def train(name: str, data: str, out: Path) -> None:
    """Train or go on."""
    recipe.train(data, out, resume=True, watch=partial(keep_a_copy, out), **RECIPES[name])


def keep_a_copy(out: Path, step: int, colorizer: Colorizer, history: History) -> None:
    """The network as it is at the steps that notebooks replay."""
    if step in RECORDED:
        colorizer.save(out / f"step-{step:05d}.safetensors", half_precision=True)


if __name__ == "__main__":
    main()


# ---- what follows is of the first edition and not yet rewritten -----------------------------------


def choose_decoding(colorizer: Colorizer, data: str) -> None:
    """λ and temperature with the best score on the validation part; the held-out part is never looked at.

    Where colours were rebalanced: rebalanced AuC, among those not too vivid; λ is moved after training, by
    adding log w' - log w to the bias of the last layer (notebook 08). Where they were not: PSNR.
    """
    objective, head = colorizer.objective, colorizer.network.head
    lab = open_collection(data, SIZE).part("validation").lab_of_all()
    rebalanced = objective.uniform_mix < 1
    measure = "rebalanced_auc" if rebalanced else "psnr"
    with torch.no_grad():  # asked once, in half precision to spare memory, decoded many times
        stored = [colorizer.answer(part[:, :1]).half() for part in lab.split(AT_ONCE)]
    tried = {}
    for mix in MIXES if rebalanced else (1.0,):
        for temperature in TEMPERATURES:
            answers = (objective.reweight(z.float(), mix) if rebalanced else z.float() for z in stored)
            ab = [objective.decode(z, temperature) for z in answers]
            ab = torch.cat([F.interpolate(x, size=lab.shape[-2:], mode="bilinear") for x in ab])
            scores = tried[mix, temperature] = Tally.of(list(ab), list(lab)).scores()
            print(
                f"λ = {mix:g}, T = {temperature:g}: {measure} {scores[measure]:.2f}, "
                f"chroma ratio {scores['chroma_ratio']:.2f}",
                flush=True,
            )
    allowed = {k: s for k, s in tried.items() if s["chroma_ratio"] <= MOST_VIVID} or tried
    mix, colorizer.temperature = max(allowed, key=lambda k: allowed[k][measure])
    if rebalanced:
        bias = objective.reweight(head.bias.detach().reshape(1, -1, 1, 1), mix).flatten()
        head.bias.data.copy_(bias)
        colorizer.objective = Classification(objective.bins, objective.targets, objective.prior, mix)
    colorizer.about["decoding"] = {
        "measure": measure,
        "trained with uniform_mix": objective.uniform_mix,
        "tried": [{"uniform_mix": m, "temperature": t, **s} for (m, t), s in tried.items()],
    }


LIMITS = {
    "regression": "It paints the mean of what a thing may look like: brown where that is undecided. This is what it "
    "is for; use `classification` to have colour.",
    "classification": "It decides, and sometimes wrongly: patches of orange or green on things that are grey, two "
    "colours on one surface, colour that runs over edges finer than two pixels of its input.",
    "guided": "Without hints it is cautious. A hint that contradicts all it has seen is followed "
    "in part, and in larger pictures hints were not measured. A global hint is obeyed even where it does not fit.",
}

NOTES = {
    "regression": "",
    "classification": " Trained with λ = 0.3 (uniform_mix), moved to the λ above afterwards by the bias of its last "
    "layer, as in notebook 08; both λ and temperature were chosen on the validation part.",
    "guided": " These are the second stage; the first were 4,000 steps at 2e-3 that began with the classification's "
    "weights. In use, what its colours still lack at the hints is carried around them without it (`hints.heed`). It "
    "also takes a global hint: in training the histogram and the saturation of the true picture, each given half "
    "of the time.",
}


def write_card(name: str) -> None:
    """The card of a network: what it is, what made it, what it reaches and where it fails."""
    colorizer, figures = Colorizer.pretrained(name), recorded()
    about, data = colorizer.about, figures["data"]
    recipe, trained = about["recipe"], about["data"]
    scores = figures["rows"][name]["scores"]
    size = (WEIGHTS / f"{name}.safetensors").stat().st_size / 1e6
    weights = sum(p.numel() for p in colorizer.network.parameters())
    settings = ", ".join(f"{k} {v}" for k, v in recipe.items() if v not in (None, False))
    measures = {"psnr": "PSNR {:.2f} dB", "auc": "AuC {:.1f}", "rebalanced_auc": "rebalanced AuC {:.1f}"}
    reached, grey = (
        ", ".join(text.format(figures["rows"][row]["scores"][key]) for key, text in measures.items())
        for row in (name, "grey")
    )
    lines = [
        f"# {name}",
        f"{weights:,} weights, {size:.2f} MB in half precision. `{colorizer.network.config}`; objective "
        f"`{colorizer.objective!r}`; working size {colorizer.working_size} px; temperature "
        f"{colorizer.temperature:g} unless a call says otherwise, chosen on the validation part (regression "
        "ignores it).",
        f"**Made by** `python benchmarks/ship.py {name} --data tiny-imagenet-200.zip`: {settings}.{NOTES[name]}",
        f"**Learnt from** {trained['pictures']:,} pictures of 64×64 pixels from {trained['name']} (content "
        f"{trained['key']}), a part of Tiny-ImageNet's training split, and this course's photographs "
        f"{', '.join(trained['photographs'])} among them. ImageNet's pictures are for research only: they are "
        "neither stored nor shown here.",
        f"**Reaches**, on {data['pictures']:,} pictures of the same source that no network was trained on "
        f"({data['part']}, by a hash of the file name): {reached}, chroma ratio {scores['chroma_ratio']:.2f}. "
        f"Grey: {grey}. All figures with intervals: [evaluation.json](evaluation.json).",
        f"**Limits.** {LIMITS[name]} Trained on photographs of things and animals 64 pixels wide: faces, text, "
        "drawings and fine detail are not its world. What it paints is a guess, never evidence of what a thing "
        "looked like.",
        f"![Loss over the training steps, measured on pictures of the validation part]({name}.webp)",
    ]
    (WEIGHTS / f"{name}.md").write_text("\n\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
