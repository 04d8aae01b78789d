"""What the course says in words about trainings, tried with other seeds and numbers of threads.

    python benchmarks/claims.py                     # five seeds, one thread and two
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
    "05_brown_well": {
        "marbles, loss over floor": "history.loss[-1] / floor",
        "it says, from the mean": "(said - mean).norm()",
        "photographs, loss over floor": "photo_history.loss[-1] / photo_floor",
        "chroma, best possible": "best",
        "chroma, learnt": "learnt",
        "L1, from any marble": "distance_of('l1')",
        "Huber, from any marble": "distance_of('huber')",
    },
}

# Notebook -> what it says -> expression over the notebook's names that is true where it holds.
CLAIMS = {
    "05_brown_well": {
        "on marbles it ends within 1 % of the variance": "floor < history.loss[-1] < 1.01 * floor",
        "it says the mean, to 4 units": "(said - mean).norm() < 4",
        "on photographs it ends within 5 % of the floor": "photo_floor < photo_history.loss[-1] < 1.05 * photo_floor",
        "most of the missing chroma is the well": "(best - learnt) < 0.25 * (1 - learnt)",
        "L1 and Huber end more than 40 units from any marble": "min(map(distance_of, ('l1', 'huber'))) > 40",
        "so does the mean": "distance_of('l2') > 40",
    },
}

# What the expressions need and a notebook does not define.
HELPERS = """
def distance_of(norm):
    c = results[norm][0].predict_ab(fixed.L).cpu().movedim(1, -1)[fixed.mask].mean(0)
    return float((ab - c).norm(dim=1).min())
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", help=f"of {', '.join(CLAIMS)}; all if none is named")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--preset", default="cpu")
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


def measured(name: str, seed: int, threads: int, preset: str) -> dict:
    """The code of a notebook, run here; its figures and which of its claims hold."""
    import torch
    from IPython.core.interactiveshell import InteractiveShell

    from colorlab import plots

    torch.set_num_threads(threads)
    plots.show = lambda figure, alt: None  # drawing takes as long as some trainings
    given = {"preset": preset, "seed": seed, "device": "cpu"}
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
        groups.setdefault(entry["run"]["name"], []).append(entry)
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
