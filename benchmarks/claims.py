"""What the course says in words about trainings, tried with other seeds and numbers of threads.

    python benchmarks/claims.py                     # five seeds, one thread and two: about an hour on two cores
    python benchmarks/claims.py 05_brown_well --seeds 1 --threads 1

A run takes the code cells of a notebook as they are, pictures and widgets left out, in a process of its own, and
asks for its figures and claims in the names of the notebook. What is done is kept in a file and not done again;
delete the file after changing a training. A claim holds if it holds in every run. The exit status is 1 if one fails.
"""

import argparse
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"

# Notebook -> figure -> expression over the names of the notebook.
FIGURES = {
    "03_unet": {
        **{
            f"{where}, {name}": f"error['{name}'][{mask}].mean()"
            for where, mask in (("all pixels", "..."), ("at the edge", "edge"), ("inside", "inside"))
            for name in ("one level", "without skips", "with skips", "without, wider")
        },
        "one level, right colour far from the dot": "right['one level']",
        "U-Nets, right colour far from the dot": "min(right[n] for n in trained if n != 'one level')",
    },
    "04_regression": {
        "level of grey": "coin_grey",
        "loss a quarter in": "quarter",
        "loss at the end": "end",
        "chroma ratio at the start": "coin_history.chroma_ratio[0]",
        "chroma ratio after 20 steps": "coin_history.chroma_ratio[min(20, steps)]",
        "chroma ratio at the end": "coin_history.chroma_ratio[-1]",
        "plain photographs, seen": "history.loss[-1]",
        "plain photographs, held out": "unseen_loss[-1]",
        "held out, its lowest": "min(unseen_loss)",
        "held out, all grey": "grey['unseen']",
        "not scaled, over scaled": "fixed.loss(objective, wrong) / fixed.loss(objective, right)",
    },
    "05_brown_well": {
        "marbles, loss over floor": "history.loss[-1] / floor",
        "it says, from the mean": "(said - mean).norm()",
        "photographs, loss over floor": "photo_history.loss[-1] / photo_floor",
        "chroma, best possible": "best",
        "chroma, learnt": "learnt",
        "L1, from any marble": "distance_of('l1')",
        "Huber, from any marble": "distance_of('huber')",
    },
    "07_classification": {
        "marbles, L_R over floor": "marble_histories['Regressive'].loss[-1] / floors['Regressive']",
        "marbles, L_C above floor": "marble_histories['Classifying'].loss[-1] - floors['Classifying']",
        "largest error of a chance": "(learnt - marbles.posterior).abs().max()",
        "marbles, mean to regression": "(at_marbles(1.0) - brown).norm()",
        "photographs, L_R over floor": "photo_histories['Regressive'].loss[-1] / photo_floors['Regressive']",
        "photographs, L_C above floor": "photo_histories['Classifying'].loss[-1] - photo_floors['Classifying']",
        "chroma, best regression": "ratio_of('best regression')",
        "chroma, regression": "ratio_of('regression, learnt')",
        "chroma, mean": "ratio_of('mean, T = 1')",
        "chroma, annealed": "ratio_of('annealed, T = 0.38')",
        "chroma, mode": "ratio_of('mode')",
        "squared error, best": "error_of('best regression')",
        "squared error, regression": "error_of('regression, learnt')",
        "squared error, mean": "error_of('mean, T = 1')",
        "squared error, annealed": "error_of('annealed, T = 0.38')",
        "squared error, mode": "error_of('mode')",
        "mode nearest to green": "nearest[1]",
        "saucer, near red": "shares[0]",
        "saucer, near green": "shares[1]",
        "saucer, near their mean": "near_the_mean()",
    },
}

# Notebook -> what it says -> expression over the notebook's names that is true where it holds.
CLAIMS = {
    "03_unet": {
        "with skips the loss ends lowest, one level ends highest": (
            "min(trained, key=mean_error) == 'with skips' and max(trained, key=mean_error) == 'one level'"
        ),
        "far from the dot one level does hardly better than a coin": "0.4 < right['one level'] < 0.65",
        "far from the dot every U-Net is right": "min(right[n] for n in trained if n != 'one level') > 0.95",
        "at the edge: several times the error without skips": (
            "error['without skips'][edge].mean() > 2 * error['with skips'][edge].mean()"
        ),
        "at the edge: the wider one is no better than with skips": (
            "error['without, wider'][edge].mean() > 2 * error['with skips'][edge].mean()"
        ),
        "at the edge: one level is worst": (
            "error['one level'][edge].mean() > error['without skips'][edge].mean()"
        ),
        "inside, with and without skips differ by less than a twentieth of grey's error": (
            "abs(error['without skips'][inside].mean() - error['with skips'][inside].mean())"
            " < error['all grey'][inside].mean() / 20"
        ),
    },
    "04_regression": {
        "the last three quarters take off less than 3 %": "end > 0.97 * quarter",
        "the plateau is below grey, by less than a tenth": "0.9 * coin_grey < end < coin_grey",
        "it ends paler than it began, at a third of the truth or less": (
            "coin_history.chroma_ratio[-1] < min(1 / 3, coin_history.chroma_ratio[0])"
        ),
        "after 50 steps the chroma is below half the truth's": "coin_history.chroma_ratio[min(50, steps)] < 0.5",
        "seen: below a third of grey's level": "history.loss[-1] < grey['seen'] / 3",
        "held out: ends above grey": "unseen_loss[-1] > grey['unseen']",
        "not scaled costs more": "fixed.loss(objective, wrong) > 2 * fixed.loss(objective, right)",
    },
    "05_brown_well": {
        "on marbles it ends within 1 % of the variance": "floor < history.loss[-1] < 1.01 * floor",
        "it says the mean, to 4 units": "(said - mean).norm() < 4",
        "on photographs it ends within 5 % of the floor": "photo_floor < photo_history.loss[-1] < 1.05 * photo_floor",
        "most of the missing chroma is the well": "(best - learnt) < 0.25 * (1 - learnt)",
        "L1 and Huber end more than 40 units from any marble": "min(map(distance_of, ('l1', 'huber'))) > 40",
        "so does the mean": "distance_of('l2') > 40",
    },
    "07_classification": {
        "before learning the classifier pays about log Q": (
            "abs(marble_histories['Classifying'].loss[0] - torch.tensor(bins.n_bins).log()) < 0.6"
        ),
        "on marbles the regression ends within 1 % of the variance": (
            "marble_histories['Regressive'].loss[-1] < 1.01 * floors['Regressive']"
        ),
        "on marbles the classifier ends within 0.05 nats of the entropy": (
            "marble_histories['Classifying'].loss[-1] - floors['Classifying'] < 0.05"
        ),
        "it learns each chance to a few hundredths": "(learnt - marbles.posterior).abs().max() < 0.05",
        "marbles: the mean is within 10 units of the regression": "(at_marbles(1.0) - brown).norm() < 10",
        "marbles: the mode is red's bin": (
            "(bins.centers[nearest_bins()[0]] - at_marbles('mode')).norm() < 1"
        ),
        "marbles: chroma rises from mean to annealed to mode": (
            "at_marbles(1.0).norm() < at_marbles(0.38).norm() < at_marbles('mode').norm()"
        ),
        "photographs: L_R within 8 % of its floor after a fifth": (
            "photo_histories['Regressive'].loss[4] < 1.08 * photo_floors['Regressive']"
        ),
        "photographs: L_C ends half a nat or more above its floor": (
            "photo_histories['Classifying'].loss[-1] > photo_floors['Classifying'] + 0.5"
        ),
        "photographs: the mean's chroma is within 0.15 of the regression's": (
            "abs(ratio_of('mean, T = 1') - ratio_of('regression, learnt')) < 0.15"
        ),
        "photographs: the mode is at least twice as vivid as the mean": (
            "ratio_of('mode') > 2 * ratio_of('mean, T = 1')"
        ),
        "photographs: annealed lies between, nearer the mean": (
            "ratio_of('mean, T = 1') < ratio_of('annealed, T = 0.38') "
            "< (ratio_of('mean, T = 1') + ratio_of('mode')) / 2"
        ),
        "photographs: squared error rises from mean to annealed to mode": (
            "error_of('mean, T = 1') < error_of('annealed, T = 0.38') < error_of('mode')"
        ),
        "photographs: the mean costs at most 2 % more than the regression": (
            "error_of('mean, T = 1') < 1.02 * error_of('regression, learnt')"
        ),
        "photographs: nothing beats the best regression": (
            "all(error_of(name) >= 0.999 * error_of('best regression') for name in answers)"
        ),
        "photographs: the mode paints green on a fifth or more": "nearest[1] > 0.2",
        "the saucer holds little at its mean": "near_the_mean() < 0.15",
    },
}

# What the expressions need and a notebook does not define.
HELPERS = """
def mean_error(name):
    return float(error[name].mean())


def distance_of(norm):
    c = results[norm][0].predict_ab(fixed.L).cpu().movedim(1, -1)[fixed.mask].mean(0)
    return float((ab - c).norm(dim=1).min())


def at_marbles(temperature):
    return bins.decode(logits, temperature).movedim(1, -1)[fixed.mask].mean(0)


def nearest_bins():
    return bins.encode(marbles.palette[:, 1:].T[None, :, :, None]).flatten()


def ratio_of(name):
    return possible.chroma_ratio(answers[name])


def error_of(name):
    return possible.loss(squared, answers[name] / 110)


def near_the_mean():
    mean = answers["best regression"][k, :, y, x]
    return float(pixel[(bins.centers - mean).norm(dim=1) < 15].sum())
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", help=f"of {', '.join(CLAIMS)}; all if none is named")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--preset", default="cpu")
    parser.add_argument("--grid-size", type=int, default=10, help="of the notebooks with bins")
    parser.add_argument(
        "--record", type=Path, default=Path("build/claims.jsonl"), help="what is done already"
    )
    parser.add_argument(
        "--one", help=argparse.SUPPRESS
    )  # a single run, as JSON: what the processes are given
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(**json.loads(options.one))))
        return 0
    names = options.notebooks or list(CLAIMS)
    if unknown := set(names) - set(CLAIMS):
        parser.error(
            f"no claims about {', '.join(sorted(unknown))}; there are some about {', '.join(CLAIMS)}"
        )
    options.record.parent.mkdir(parents=True, exist_ok=True)
    options.record.touch()
    done = [json.loads(line) for line in options.record.read_text().splitlines()]
    for seed in range(options.seeds):  # all notebooks with one seed first: an early end has seen them all
        for threads in options.threads:
            for name in names:
                run = {"name": name, "seed": seed, "threads": threads, "preset": options.preset}
                run["grid_size"] = options.grid_size if name == "07_classification" else None
                if not any(entry["run"] == run for entry in done):
                    done.append({"run": run, **in_its_own_process(run)})
                    with options.record.open("a") as file:
                        file.write(json.dumps(done[-1]) + "\n")
    return int(not report([entry for entry in done if entry["run"]["name"] in names]))


def in_its_own_process(run: dict) -> dict:
    """A run with its number of threads, which is read when a process begins."""
    print(" ".join(f"{key} {value}" for key, value in run.items()), file=sys.stderr, flush=True)
    count = str(run["threads"])
    environment = os.environ | {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count}
    environment |= {"OMP_WAIT_POLICY": "passive", "COLORLAB_PRESET": "cpu"}  # busy waiting helps nobody
    command = [sys.executable, __file__, "--one", json.dumps(run)]
    answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(answer.stdout.splitlines()[-1])


def measured(name: str, seed: int, threads: int, preset: str, grid_size: int | None) -> dict:
    """The code of a notebook, run here; its figures and which of its claims hold."""
    import torch
    from IPython.core.interactiveshell import InteractiveShell

    from colorlab import plots

    torch.set_num_threads(threads)
    plots.show = lambda figure, alt, *more: None  # drawing takes as long as some trainings
    given = {"preset": preset, "seed": seed, "device": "cpu"} | (
        {"grid_size": grid_size} if grid_size else {}
    )
    shell = InteractiveShell.instance()
    with redirect_stdout(sys.stderr):
        for source in sources(NOTEBOOKS / f"{name}.ipynb"):
            shell.run_cell(source).raise_error()
            shell.user_ns |= given if "preset: str" in source else {}
        shell.run_cell(HELPERS).raise_error()
    names = shell.user_ns
    return {
        "figures": {what: float(eval(code, names)) for what, code in FIGURES[name].items()},
        "claims": {what: bool(eval(code, names)) for what, code in CLAIMS[name].items()},
    }


def sources(path: Path) -> list[str]:
    """The code cells, without exercises, widgets and their static twins."""
    found, twin = [], False
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            tags = set(cell.metadata.get("tags", []))
            if not twin and not tags & {"widget", "exercise", "check"}:
                found.append(cell.source)
            twin = "widget" in tags
    return found


def report(done: list[dict]) -> bool:
    """Print how far the figures move and which claims hold; whether all do."""
    groups = {}
    for entry in done:
        run = entry["run"]
        grid = f", grid {run['grid_size']}" if run["grid_size"] else ""
        groups.setdefault(f"{run['name']}{grid}", []).append(entry)
    for name, entries in groups.items():
        runs = [entry["run"] for entry in entries]
        seeds, threads = (sorted({run[key] for run in runs}) for key in ("seed", "threads"))
        print(f"\n## {name}: {len(runs)} runs, seeds {seeds}, threads {threads}\n")
        print("| figure | least | greatest | most between thread counts |\n|---|---|---|---|")
        for what in entries[0]["figures"]:
            values = [entry["figures"][what] for entry in entries]
            print(
                f"| {what} | {min(values):.4g} | {max(values):.4g} | {between_threads(entries, what):.2g} |"
            )
        print("\n| claim | holds in |\n|---|---|")
        for what in entries[0]["claims"]:
            print(f"| {what} | {sum(entry['claims'][what] for entry in entries)} of {len(entries)} |")
    return all(all(entry["claims"].values()) for entry in done)


def between_threads(entries: list[dict], what: str) -> float:
    """The largest difference of a figure between runs of one seed."""
    by_seed = {}
    for entry in entries:
        by_seed.setdefault(entry["run"]["seed"], []).append(entry["figures"][what])
    return max(max(values) - min(values) for values in by_seed.values())


if __name__ == "__main__":
    sys.exit(main())
