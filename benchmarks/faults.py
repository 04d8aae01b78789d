"""Kill, starve and fill up the disk under every command that writes, and say what was lost.

    python benchmarks/faults.py --trials 500
    python benchmarks/faults.py --trials 40 --only "train, killed" --seed 3

A trial ends a command at a random moment, most of them while a file is being written, or lets its disk or its
memory run out. Then every file that is there must be whole, an older one included, and the same command, begun
again, must end as if nothing had happened: a training and a folder of pictures to the byte. A file that is not
whole, another end, or a process that dies in silence counts as lost. A traceback counts wherever it is printed.

Linux only. As root the full disk is a small tmpfs; otherwise the longest file is limited, which fails alike.
"""

import argparse
import fcntl
import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from colorlab.files.whole import LEFTOVERS

COMMANDS = {
    "train": "train --data pics --size 16 --architecture UNet --width 4 --depth 1 --grid-size 40 --steps 12 "
    "--evaluate-every 2 --batch-size 4 --out {out}",
    "colorize": "colorize pics -o {out} --model weights.safetensors",
    "nbgrader": "nbgrader 05 --out {out}",
    "cache": "cache",  # only opens the collection
    "run": "run long.ipynb --out {out}",
}
SHARES = {"train": 5, "colorize": 5, "cache": 4, "nbgrader": 2, "run": 1}  # of the trials: the last is slow
WRITES = {"train": 9, "colorize": 20, "cache": 1, "nbgrader": 1, "run": 5}  # temporary names, at least
FAULTS = ("killed", "disk full", "files limited", "memory limited")
WRITING = 0.75  # share of the kills that wait until a file is being written
LONGEST = 300  # seconds for a command
DISK = 2_000_000  # bytes; more than the results of all commands but `run` take
MEMORY = 250 * 2**20  # bytes above what a process has when all is imported; enough for all commands


@dataclass
class Counts:
    """What came of the trials of one kind."""

    trials: int = 0
    writing: int = 0
    lost: list[str] = field(default_factory=list)
    tracebacks: list[str] = field(default_factory=list)


@dataclass
class End:
    """How a command ended: its exit status (negative: the signal), and what it printed."""

    status: int
    said: str


class Scene:
    """A folder with inputs for commands, and what each makes of them if nothing goes wrong.

    Args:
        folder: an empty one.
        names: the commands; `colorize` uses the weights that `train` makes.
    """

    def __init__(self, folder: Path, names: Collection[str] = tuple(COMMANDS)):
        self.folder = folder
        rng = np.random.default_rng(0)
        (folder / "pics").mkdir()
        for n in range(24):
            rgb = rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)
            Image.fromarray(rgb).resize((70, 60)).save(folder / "pics" / f"p{n:02}.png")
        cell = {"cell_type": "code", "source": "print('a' * 4_000_000)", "metadata": {}, "outputs": []}
        notebook = {
            "nbformat": 4,
            "nbformat_minor": 4,
            "metadata": {},
            "cells": [cell | {"execution_count": None}],
        }
        (folder / "long.ipynb").write_text(json.dumps(notebook))
        os.environ |= {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "COLUMNS": "500"}
        self.context = multiprocessing.get_context("forkserver")  # all is imported once
        self.context.set_forkserver_preload(
            ["colorlab.cli", "colorlab.recipe", "colorlab.batch", "colorlab.plots"]
        )
        self.wanted, self.seconds, self.taken = {}, {}, {}
        for name in sorted({"train", *names}, key=list(COMMANDS).index):
            out, start = folder / f"reference-{name}", time.monotonic()
            end = self.command(name, out, folder / "cache")
            if end.status:
                raise SystemExit(f"{name}: failed without any fault\n{end.said}")
            self.wanted[name], self.seconds[name] = made(name, out), time.monotonic() - start
            self.taken[name] = sum(
                p.stat().st_size for p in (out if out.is_dir() else folder / "cache").rglob("*")
            )
            if name == "train":
                shutil.copy(out / "colorizer.safetensors", folder / "weights.safetensors")

    def command(self, name: str, out: Path, cache: Path, watch: Callable | None = None, **limits: int) -> End:
        """Run a command to its end.

        Args:
            name: of `COMMANDS`.
            out, cache: where it writes.
            watch: called with the process until it returns True, which kills it.
            limits: names of `resource`, such as RLIMIT_FSIZE; that of memory comes on top of what is taken.
        """
        words = COMMANDS[name].format(out=out).split()
        if name == "train" and (out / "checkpoint.pt").exists():  # else there is nothing to go on with
            words.append("--resume")
        heard, speaks = self.context.Pipe(duplex=False)
        fcntl.fcntl(heard.fileno(), fcntl.F_SETPIPE_SZ, 2**20)
        process = self.context.Process(target=work, args=(words, self.folder, cache, speaks, limits))
        process.start()
        speaks.close()
        deadline = time.monotonic() + LONGEST
        while process.is_alive() and time.monotonic() < deadline:
            if watch and watch():
                break
            time.sleep(0.0003 if watch else 0.01)
        hung = process.is_alive() and time.monotonic() >= deadline
        try:
            os.killpg(process.pid, signal.SIGKILL)  # with the kernels of its notebooks
        except ProcessLookupError:
            process.kill()
        process.join()
        said = b""
        while part := os.read(heard.fileno(), 2**16):
            said += part
        return End(-999 if hung else process.exitcode, said.decode(errors="replace"))


def work(words: list[str], folder: Path, cache: Path, speaks, limits: dict[str, int]) -> None:
    """What a process does: one command, its words sent through a pipe, which no limit touches."""
    os.setsid()
    sys.stdout = sys.stderr = os.fdopen(speaks.fileno(), "w", buffering=1, closefd=False)
    for stream in (1, 2):  # what libraries in C, and children, say
        os.dup2(speaks.fileno(), stream)
    os.chdir(folder)
    os.environ |= {
        "COLORLAB_CACHE": str(cache),
        "TQDM_DISABLE": "1",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "500",
    }
    from colorlab.cli import main
    from colorlab.commands.console import Commands

    for name, value in limits.items():
        if name == "RLIMIT_AS":
            value += int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(getattr(resource, name), (value, value))
    if words == ["cache"]:
        main = Commands(callback=open_cache, invoke_without_command=True)
        words = []
    main(words)


def open_cache() -> None:
    from colorlab.datasets import open_collection

    open_collection("pics", 16)


# ---- what must be there --------------------------------------------------------------------------


def made(name: str, out: Path) -> dict[str, bytes]:
    """The files of a result that are the same every time: those of `run` and of a training hold times."""
    kept = {"train": ["colorizer.safetensors"], "run": [], "cache": []}.get(name, ["**/*"])
    files = (path for pattern in kept for path in out.glob(pattern) if path.is_file())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def torn(folder: Path) -> list[str]:
    """The files in a folder that are not whole. Temporary ones are nobody's."""
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.match(LEFTOVERS) for part in (path, *path.parents))
        and not whole(path)
    ]


def whole(path: Path) -> bool:
    import torch
    from safetensors.torch import load_file

    readers = {
        ".pt": lambda: torch.load(path, weights_only=True)["step"],
        ".safetensors": lambda: load_file(path),
        ".json": lambda: json.loads(path.read_text()),
        ".ipynb": lambda: json.loads(path.read_text()),
        ".html": lambda: path.read_text().rstrip().endswith("</html>") or 1 / 0,
        ".png": lambda: Image.open(path).load(),
        ".webp": lambda: Image.open(path).load(),
    }
    try:
        readers.get(path.suffix, path.read_bytes)()
    except Exception:
        return False
    return True


def leftovers(*folders: Path) -> set[Path]:
    return {path for folder in folders if folder.is_dir() for path in folder.glob(LEFTOVERS)}


# ---- trials --------------------------------------------------------------------------------------


def trial(scene: Scene, name: str, fault: str, rng: np.random.Generator, counts: Counts) -> None:
    """One command, one fault, and the same command again without it."""
    counts.trials += 1
    with tempfile.TemporaryDirectory(dir=scene.folder) as folder:
        disk = Path(folder)
        mounted = fault == "disk full" and name != "run" and mount(disk)
        try:
            out, cache = disk / "out", disk / "cache" if name == "cache" else scene.folder / "cache"
            if name == "run":  # an older result lies there
                shutil.copytree(scene.folder / "reference-run", out)
            first = faulty(scene, name, fault, rng, out, cache, disk if mounted else None)
            counts.writing += bool(leftovers(out, cache / "collections", *out.glob("*")))
            (disk / "fill").unlink(missing_ok=True)
            wrong = torn(disk)
            again = scene.command(name, out, cache)
            wrong += torn(disk)
            label = f"{name}, {fault}"
            if wrong or again.status or made(name, out) != scene.wanted[name]:
                counts.lost.append(f"{label}: {wrong or f'it ended with {again.status}'} {again.said[-300:]}")
            if left := leftovers(out, cache / "collections"):
                counts.lost.append(f"{label}: {len(left)} temporary files stay for ever")
            if fault != "killed" and first.status not in (0, 1):
                counts.lost.append(f"{label}: died with {first.status} {first.said[-300:]}")
            if "Traceback" in first.said + again.said:
                counts.tracebacks.append(f"{label}: {(first.said + again.said)[-1500:]}")
        finally:
            if mounted:
                subprocess.run(["umount", disk], check=True)


def faulty(scene: Scene, name: str, fault: str, rng, out: Path, cache: Path, disk: Path | None) -> End:
    """Run a command into its fault."""
    if fault == "killed":
        places = (out, out / "05_brown_well", cache / "collections")
        return scene.command(name, out, cache, watch=killer(name, rng, scene.seconds[name], places))
    if fault == "memory limited":
        return scene.command(name, out, cache, RLIMIT_AS=int(rng.integers(MEMORY)))
    if disk:
        left = int(rng.integers(4096, max(8192, scene.taken[name])))  # less than the command needs
        (disk / "fill").write_bytes(bytes(DISK - left))
        return scene.command(name, out, cache)
    return scene.command(name, out, cache, RLIMIT_FSIZE=int(rng.integers(500, 30_000)))


def killer(name: str, rng, seconds: float, places: Sequence[Path]) -> Callable[[], bool]:
    """When to kill: at a random moment of so many seconds, or soon after the n-th temporary file is there."""
    before = leftovers(*places)
    seen, number = set(), int(rng.integers(1, WRITES[name] + 1)) if rng.random() < WRITING else None
    end, delay = (
        time.monotonic() + rng.random() * seconds,
        rng.random() * (0.05 if name == "cache" else 0.001),
    )

    def now() -> bool:
        if number is None:
            return time.monotonic() > end
        seen.update(leftovers(*places) - before)
        if len(seen) < number:
            return False
        time.sleep(delay)
        return True

    return now


def mount(folder: Path) -> bool:
    """Whether a small disk lies at the folder now."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0


def run(trials: int, seed: int = 0, only: Sequence[str] = ("",)) -> dict[str, Counts]:
    """So many trials, shared among the kinds whose name holds one of `only`; kind -> what came of it."""
    kinds = {f"{name}, {fault}": (name, fault) for name in COMMANDS for fault in FAULTS}
    kinds = {kind: pair for kind, pair in kinds.items() if any(words in kind for words in only)}
    if not kinds:
        raise SystemExit(f"no kind of trial is called {' or '.join(only)}")
    counts = {kind: Counts() for kind in kinds}
    shares = np.array([SHARES[name] for name, _ in kinds.values()]) / sum(
        SHARES[n] for n, _ in kinds.values()
    )
    ends = np.round(np.cumsum(shares) * trials).astype(int)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        scene = Scene(Path(folder), {name for name, _ in kinds.values()})
        for number in range(trials):
            kind = list(kinds)[int(np.searchsorted(ends, number, side="right"))]
            trial(scene, *kinds[kind], np.random.default_rng((seed, number)), counts[kind])
    return {kind: count for kind, count in counts.items() if count.trials}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=100, help="in all (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same faults (default: 0)")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[""],
        metavar="WORDS",
        help='kinds whose name holds them: "train, killed"',
    )
    options = parser.parse_args()
    found = run(options.trials, options.seed, options.only)
    print(f"{'kind':<26}{'trials':>8}{'while writing':>15}{'lost':>6}{'tracebacks':>12}")
    total = Counts()
    for kind, counts in found.items():
        print(
            f"{kind:<26}{counts.trials:>8}{counts.writing:>15}{len(counts.lost):>6}{len(counts.tracebacks):>12}"
        )
        total.trials, total.writing = total.trials + counts.trials, total.writing + counts.writing
        total.lost += counts.lost
        total.tracebacks += counts.tracebacks
    print(f"{'all':<26}{total.trials:>8}{total.writing:>15}{len(total.lost):>6}{len(total.tracebacks):>12}")
    for said in total.lost + total.tracebacks:
        print(f"\n{said}")
    return 1 if total.lost or total.tracebacks else 0


if __name__ == "__main__":
    sys.exit(main())
