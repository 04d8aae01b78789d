"""What takes minutes: the course, the tests, equal losses over five seeds, a browser."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
SEEDS, STEPS = 5, 60


def course() -> dict[str, float]:
    """Seconds of the course, and of each of its notebooks; then with two at a time."""
    found = {}
    for jobs in (1, 2):
        with tempfile.TemporaryDirectory() as out:
            start = time.perf_counter()
            run = subprocess.run(
                [sys.executable, "-m", "colorlab", "run", "--out", out, "--jobs", str(jobs)],
                capture_output=True,
                text=True,
                check=True,
            )
            found[f"the course, {jobs} at a time"] = time.perf_counter() - start
        if jobs == 1:
            lines = (line.split() for line in run.stdout.splitlines() if " passed" in line)
            found |= {words[0]: float(words[1]) for words in lines if words[0][:2].isdigit()}
    return found


def tests() -> dict[str, float]:
    """Seconds of `make test`."""
    start = time.perf_counter()
    subprocess.run(["make", "test"], cwd=ROOT, check=True, capture_output=True)
    return {"make test": time.perf_counter() - start}


def pointer() -> dict[str, list[float]]:
    """From the pointer to changed pixels, each explorable's median and 95th percentile; without a browser nothing."""
    from shutil import which

    from pointer import pointer_delays

    chromium = which("chromium")
    if chromium is None:
        print("no chromium found: not measured from the pointer to changed pixels", file=sys.stderr)
        return {}
    delays = {found["explorable"]: found["seconds"] for found in pointer_delays(chromium)}
    delays["all"] = sorted(second for seconds in delays.values() for second in seconds)
    return {
        name: [median(seconds), seconds[int(0.95 * (len(seconds) - 1))]] for name, seconds in delays.items()
    }


def seeds() -> dict[str, list[float]]:
    """The last loss of a short training, by our loss and by torch's own, over some seeds."""
    from learning import Usual

    from colorlab.bins import ColorBins
    from colorlab.colorizer import Colorizer
    from colorlab.config import Config
    from colorlab.objectives import Classification
    from colorlab.toy import Marbles
    from colorlab.training import fit

    found = {}
    for name, objective in (("colorlab", Classification(ColorBins(10))), ("torch", Usual(ColorBins(10)))):
        found[name] = []
        for seed in range(SEEDS):
            trained = Colorizer.new(objective, width=8, seed=seed)
            history = fit(trained, Marbles(size=32), Config(steps=STEPS, evaluate_every=STEPS, seed=seed))
            found[name].append(history.loss[-1])
    return found
