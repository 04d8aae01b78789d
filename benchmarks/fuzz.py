"""Throw damaged files at every reader for a stated time, and say what came of it.

    python benchmarks/fuzz.py --seconds 120
    python benchmarks/fuzz.py --seconds 600 --only videos --seed 7

Small whole files are made in memory and damaged: bytes are changed, left out, put in, repeated, or taken from
another file. Each reader works in a process of its own. So a crash or a hang ends only that process: it is
noticed, the file that did it is written to build/fuzz/, and a new process goes on.

A file may be accepted, or refused by the reader's own errors (tests/hostile.py lists them). Anything else is a
bug: the exit status is then 1. Linux and macOS only.
"""

import argparse
import multiprocessing
import os
import queue
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
SPOILT = ROOT / "build" / "fuzz"
MOST_MEMORY = 4 * 2**30  # bytes above what is taken when all is imported, of address space
START = 300  # seconds that a process may take, on a busy machine, to import torch and to make its seeds


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=120, help="in all, split evenly (default: 120)")
    parser.add_argument("--only", nargs="+", metavar="READER", help="pictures, GIFs, videos, archives, …")
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same files (default: 0)")
    parser.add_argument("--hang", type=float, default=20, help="seconds for one file (default: 20)")
    chosen = parser.parse_args()
    names = chosen.only or list(readers())
    if unknown := set(names) - set(readers()):
        parser.error(f"no such reader: {', '.join(unknown)}; there are {', '.join(readers())}")
    SPOILT.mkdir(parents=True, exist_ok=True)
    print(
        f"{'reader':<12}{'tried':>9}{'accepted':>10}{'slowest, s':>12}{'MB':>6}  refused, and bugs",
        flush=True,
    )
    bugs = 0
    for name in names:
        counts, slowest, memory = fuzz(name, chosen.seconds / len(names), chosen.seed, chosen.hang)
        accepted = counts.pop("accepted", 0)
        reasons = ", ".join(f"{n:,} {what}" for what, n in counts.most_common())
        tried = accepted + counts.total()
        print(f"{name:<12}{tried:>9,}{accepted:>10,}{slowest:>12.2f}{memory:>6.0f}  {reasons}", flush=True)
        bugs += sum(n for what, n in counts.items() if what.startswith("BUG"))
    print(f"{bugs} bugs" + (f"; what did it lies in {SPOILT}" if bugs else ""))
    return 1 if bugs else 0


def fuzz(name: str, seconds: float, seed: int, hang: float) -> tuple[Counter, float, float]:
    """Keep a process at work for that long; a new one takes over where one died.

    Returns:
        How often what came of a file, the most seconds for one, and the most megabytes that a process took.
    """
    counts, slowest, memory = Counter(), 0.0, 0.0
    context = multiprocessing.get_context("spawn")  # fork and a loaded torch do not go together
    with tempfile.TemporaryDirectory() as folder:
        given, number, end = Path(folder) / "given.bin", 0, None
        while end is None or time.monotonic() < end:
            answers = context.Queue()
            process = context.Process(target=work, args=(name, seed, number, given, answers), daemon=True)
            process.start()
            wait = START
            while end is None or time.monotonic() < end:
                try:
                    number, what, took, megabytes = answers.get(timeout=min(wait, 0.5))
                except queue.Empty:
                    wait -= 0.5
                    if not process.is_alive() or wait <= 0:
                        break
                    continue
                wait = hang
                if what == "ready":  # all is imported
                    end = end or time.monotonic() + seconds
                    continue
                counts[what] += 1
                slowest, memory = max(slowest, took), max(memory, megabytes)
            over = end is not None and time.monotonic() >= end
            died, hung = process.exitcode, wait <= 0
            process.kill()
            process.join()
            if not over:
                counts[f"BUG: {'hung' if hung else f'died with {died}'}"] += 1
                keep(given, name, seed, number + 1)
                number += 1
                if end is None:
                    raise SystemExit(f"{name}: the process did not start")
    return counts, slowest, memory


def work(name: str, seed: int, number: int, given: Path, answers) -> None:
    """What a process does: damage, read, tell; it begins after file `number`."""
    os.environ |= {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    import warnings

    warnings.simplefilter("ignore")
    import numpy as np

    reader = readers()[name]
    from hostile import outcome

    seeds = list(reader.seeds().values())
    for content in seeds:  # whatever is allocated once
        given.write_bytes(content)
        reader.read(given)
    before = resident()
    limit_memory()
    answers.put((number, "ready", 0.0, 0.0))
    while True:
        number += 1
        rng = np.random.default_rng((seed, number))
        content, other = (seeds[n] for n in rng.integers(len(seeds), size=2))
        given.write_bytes(reader.spoil(content, rng, other))
        start = time.monotonic()
        try:
            answer = outcome(reader.read, given, reader.errors, given.name, seconds=1e9)
            what = type(answer).__name__ if isinstance(answer, Exception) else "accepted"
        except Exception as error:
            what = f"BUG: {type(error).__name__}"
            keep(given, name, seed, number)
            (SPOILT / f"{name}-{seed}-{number}.txt").write_text(repr(error))
        answers.put((number, what, time.monotonic() - start, resident() - before))


def limit_memory() -> None:
    """Torch reserves much address space when it is imported, so the limit counts from there."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MOST_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def resident() -> float:
    """The most memory that this process ever had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e3 if sys.platform == "linux" else 1e6)


def keep(given: Path, name: str, seed: int, number: int) -> None:
    (SPOILT / f"{name}-{seed}-{number}.bin").write_bytes(given.read_bytes())


def readers() -> dict:
    """Those of the tests, and some whose files the tests make elsewhere or that refuse nothing."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/files")]
    from hostile import READERS, Reader, recolor_video
    from test_media_formats import CORPUS

    from colorlab.batch import kind_of_file, sort_of
    from colorlab.files.media import ImageError, read_picture

    def kind_of(path: Path) -> str:
        return kind_of_file(path, sort_of(path))

    return {
        "pictures": Reader(lambda: CORPUS, read_picture, (ImageError,)),
        **READERS,
        "films": Reader(films, recolor_video, (ImageError,)),
        "kinds": Reader(lambda: CORPUS | every_kind(READERS), kind_of, (ImageError,)),
    }


def every_kind(readers: dict) -> dict[str, bytes]:
    """Files of all readers whose kind is told by their content."""
    kinds = ("GIFs", "animations", "scans", "videos")
    return {f"{kind}, {name}": content for kind in kinds for name, content in readers[kind].seeds().items()}


def films() -> dict[str, bytes]:
    """With all that can lie beside the pictures, and in the containers of recorders and of older programs."""
    from clips import grey, rich, simple

    files = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, make in {
            "a.mkv": lambda path: rich(path, "subrip", font=True),
            "a.mp4": lambda path: rich(path, "mov_text"),
            "a.ts": lambda path: simple(path, 36_000, "mp2", encoder="mpeg2video"),
            "a.avi": lambda path: simple(path, sound="adpcm_ms", encoder="mpeg4"),
            "a.wmv": lambda path: simple(path, sound="wmav2", encoder="wmv2"),
            "a.flv": lambda path: simple(path, sound="adpcm_swf", rate=22050, encoder="flv"),
            "a.mov": lambda path: simple(
                path, encoder="prores_ks", pix_fmt="yuva444p10le", frames=[grey(0)] * 3
            ),
        }.items():
            make(Path(folder) / name)
            files[name] = (Path(folder) / name).read_bytes()
    return files


if __name__ == "__main__":
    sys.exit(main())
