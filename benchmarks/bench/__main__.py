"""How fast, beside what does the same, in one run: ratios travel between machines, seconds do not.

    python benchmarks/bench                      the small rows; make bench installs the peers first
    python benchmarks/bench --only Lab           those whose name holds a word
    python benchmarks/bench --long               course, tests, seeds and growth too; make bench-long
    python benchmarks/bench --beside old.json    a column with the figures of another run, as of an older commit

Writes build/bench.json, and the table into benchmarks/README.md where that page says so.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

from colorlab.files.whole import write_whole

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "benchmarks" / "README.md"
BEGIN, END = "<!-- the table: written by make bench -->", "<!-- end of the table -->"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="a word in the names of the rows")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--beside", type=Path, help="the JSON of another run")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench.json")
    options = parser.parse_args()
    try:
        import cv2  # noqa: F401 (here only to say it in a sentence if they are missing)
        import kornia  # noqa: F401
    except ModuleNotFoundError as error:
        sys.exit(
            f"{error.name} is not installed: pip install -e '.[bench]' -c constraints.txt, or make bench"
        )
    started = time.perf_counter()
    found = {"machine": machine(), "rows": rows(options.only)}
    if not options.only:
        found["explorables"] = drags()
    if options.long:
        found["long"] = long(options.out.parent)
    found["seconds in all"] = time.perf_counter() - started
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    before = json.loads(options.beside.read_text(encoding="utf-8")) if options.beside else None
    table = as_markdown(found, before)
    print(table)
    if not options.only:
        write_table(PAGE, table)


def write_table(page: Path, table: str) -> None:
    """Put the table between its two marks into a page, whole or not at all."""
    head, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    write_whole(page, f"{head}{BEGIN}\n\n{table}\n{END}{rest.partition(END)[2]}")


def machine() -> dict:
    from machine import described, limits

    return described() | limits()


def rows(only: str) -> list[dict]:
    import color
    import learning
    import using
    from clock import measured

    found = []
    for module in (color, learning, using):
        for row in module.rows():
            if only in row.what:
                print(row.what, end=" … ", flush=True, file=sys.stderr)
                found.append(measured(row))
                print(f"{1000 * found[-1]['seconds']:.1f} ms", file=sys.stderr)
    return found


def drags() -> list[dict]:
    from explorables import drags

    return list(drags())


def long(folder: Path) -> dict:
    import growth
    from long import course, pointer, seeds, tests

    curves = growth.curves()
    growth.draw(curves, folder / "growth.png")
    return {
        "growth": curves,
        "seeds": seeds(),
        "from the pointer to changed pixels, median and 95th percentile": pointer(),
        "course": course(),
        "tests": tests(),
    }


def as_markdown(found: dict, before: dict | None) -> str:
    old = {row["what"]: row["seconds"] for row in before["rows"]} if before else {}
    machine = found["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    lines = [
        f"{machine['processor']} with {machine['vector instructions']}, {machine['cores']} cores, "
        f"{machine['threads']} threads; load before the run {machine['load before']}"
        f"{' (**busy**: trust ratios only)' if machine['load before'] > 0.5 else ''}; GPU: {machine['GPU']}. "
        + "; ".join(f"{k} {v:.0f}" for k, v in machine.items() if isinstance(v, float) and "/s" in k)
        + f". {versions}.",
        "",
        f"| what | colorlab |{' before |' if old else ''} beside it: time, how many times ours | to reach | accuracy |",
        f"|---|---|{'---|' if old else ''}---|---|---|",
    ]
    for row in found["rows"]:
        peers = "; ".join(f"{n} {_time(p['seconds'])}, {p['ratio']:.2g} ×" for n, p in row["peers"].items())
        earlier = f" {_time(old[row['what']]) if row['what'] in old else ''} |" if old else ""
        reached = {True: " ✓", False: " ✗ missed"}.get(row.get("reached"), "")
        lines.append(
            f"| {row['what']} | {_time(row['seconds'])} |{earlier} {peers} | {row['target']}{reached} "
            f"| {row['accuracy']} |"
        )
    if "explorables" in found:
        lines += ["", "| explorable, in the kernel | median | 95th percentile |", "|---|---|---|"]
        every = sorted(s for drag in found["explorables"] for s in drag["seconds"])
        for name, seconds in [
            *((drag["explorable"], drag["seconds"]) for drag in found["explorables"]),
            ("**all; to reach: 40 and 80 ms**", every),
        ]:
            late = seconds[int(0.95 * (len(seconds) - 1))]
            lines.append(f"| {name} | {_time(statistics.median(seconds))} | {_time(late)} |")
    for name, values in found.get("long", {}).items():
        lines += ["", f"**{name}**", ""]
        lines += [f"- {k}: {_long(v)}" for k, v in values.items()]
    return "\n".join(lines) + "\n"


def _long(value) -> str:
    if isinstance(value, dict):
        return (
            f"time grows as size^{value['time grows as']:.2f}, memory as size^{value['memory grows as']:.2f}"
        )
    if isinstance(value, list):
        return ", ".join(f"{v:.4f}" for v in value)
    return f"{value:.0f} s"


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    main()
