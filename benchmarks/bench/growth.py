"""How time and memory grow: each size in a process of its own, and the slope of the line through them on log axes."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from clock import exponent, peak_megabytes

SIZES = {  # what grows -> its sizes
    "megapixels of a picture": (0.1, 1, 10, 100),
    "pictures of a folder": (4, 16, 64),
    "frames of a GIF": (10, 30, 100, 300),
    "Q of encode": (50, 25, 10, 5.2),  # as grid_size
    "Q of decode": (50, 25, 10, 5.2),
    "notebooks of a run": (1, 2, 4),
    "processes on one folder": (1, 2, 4),
}


def curves() -> dict[str, dict]:
    """what -> sizes, seconds, megabytes, and the exponents of the last two."""
    found = {}
    for what, sizes in SIZES.items():
        points = [_apart(what, size) for size in sizes]
        x, seconds, megabytes = ([point[k] for point in points] for k in ("size", "seconds", "megabytes"))
        found[what] = {
            "sizes": x,
            "seconds": seconds,
            "megabytes": megabytes,
            "time grows as": exponent(x, seconds),
            "memory grows as": exponent(x, [max(m, 1.0) for m in megabytes]),
        }
    return found


def draw(found: dict[str, dict], path: Path) -> None:
    """A panel for each thing that grows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(found), 3.2), layout="constrained")
    for ax, (what, curve) in zip(figure.subplots(1, len(found)), found.items(), strict=True):
        ax.loglog(
            curve["sizes"], curve["seconds"], "o-", label=f"seconds, exponent {curve['time grows as']:.2f}"
        )
        ax.loglog(
            curve["sizes"],
            [max(m, 1) for m in curve["megabytes"]],
            "s--",
            label=f"MB, exponent {curve['memory grows as']:.2f}",
        )
        ax.set(xlabel=what.replace(" of encode", "").replace(" of decode", ""), title=what)
        ax.set_xticks(curve["sizes"], [f"{size:g}" for size in curve["sizes"]])
        ax.minorticks_off()
        ax.legend(fontsize=7)
    figure.savefig(path, dpi=90)


def _apart(what: str, size: float) -> dict:
    command = [sys.executable, __file__, what, str(size)]
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"GROWTH": folder})
    if result.returncode:
        sys.exit(result.stderr)
    return json.loads(result.stdout)


def point(what: str, size: float) -> dict:
    """One size of one thing, in this process."""
    size, call = {
        "megapixels of a picture": _picture,
        "pictures of a folder": _folder,
        "frames of a GIF": _gif,
        "Q of encode": _encode,
        "Q of decode": _decode,
        "notebooks of a run": _notebooks,
        "processes on one folder": _processes,
    }[what](size)
    megabytes = peak_megabytes(call)
    start = time.perf_counter()
    call()
    return {"size": size, "seconds": time.perf_counter() - start, "megabytes": megabytes}


def _picture(megapixels: float) -> tuple[float, Callable]:
    import numpy as np
    from PIL import Image

    from colorlab.colorizer import Colorizer
    from colorlab.data import photo

    side = round((megapixels * 1e6) ** 0.5)
    picture = np.array(Image.fromarray(photo("coffee").rgb).resize((side, side)))
    colorizer = Colorizer.pretrained()
    return megapixels, lambda: colorizer.colorize(picture)


def _folder(pictures: float) -> tuple[float, Callable]:
    """JPEGs of a tenth of a megapixel, decoded, coloured, written."""
    from PIL import Image

    from colorlab.batch import Settings, colorize_files, plan
    from colorlab.colorizer import Colorizer
    from colorlab.data import photo

    folder, colorizer = Path(tempfile.mkdtemp(dir=os.environ["GROWTH"])), Colorizer.pretrained()
    sources = [folder / f"{i}.jpg" for i in range(int(pictures))]
    for source in sources:
        Image.fromarray(photo("coffee", side=256).rgb).save(source)

    def color() -> None:
        jobs = plan(sources, folder / "colored")
        assert all(said == "written" for _, said in colorize_files(colorizer, jobs, Settings(force=True)))

    return pictures, color


def _notebooks(count: float) -> tuple[float, Callable]:
    """One short notebook with so many seeds, one after the other; memory is that of the process that waits."""
    seeds = ",".join(map(str, range(int(count))))
    words = ["run", "01", "-p", "preset", "smoke", "--sweep", "seed", seeds, "--out", os.environ["GROWTH"]]

    def run() -> None:
        subprocess.run([sys.executable, "-m", "colorlab", *words], check=True, capture_output=True)

    return count, run


def _processes(count: float) -> tuple[float, Callable]:
    """48 JPEGs of a tenth of a megapixel, shared by so many commands; memory is that of the process that waits."""
    from PIL import Image

    from colorlab.data import photo

    pictures = Path(tempfile.mkdtemp(dir=os.environ["GROWTH"]))
    for i in range(48):
        Image.fromarray(photo("coffee", side=256).rgb).save(pictures / f"{i}.jpg")

    def color() -> None:
        colored = Path(tempfile.mkdtemp(dir=os.environ["GROWTH"]))
        command = [sys.executable, "-m", "colorlab", "colorize", str(pictures), "-o", str(colored)]
        running = [
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(int(count))
        ]
        assert [process.wait() for process in running] == [0] * int(count)
        assert len(list(colored.iterdir())) == 48

    return count, color


def _gif(frames: float) -> tuple[float, Callable]:
    from colorlab.colorizer import Colorizer
    from colorlab.data import photo
    from colorlab.flicker import FrameColorizer

    picture, colorizer = photo("coffee", side=240).rgb, Colorizer.pretrained()

    def color() -> None:
        paint = FrameColorizer(colorizer)
        for _ in range(int(frames)):
            paint(picture)

    return frames, color


def _encode(grid_size: float) -> tuple[float, Callable]:
    import torch

    from colorlab.bins import ColorBins

    bins, ab = ColorBins(grid_size), 25 * torch.randn(1, 2, 256, 256)
    return bins.n_bins, lambda: bins.encode(ab)


def _decode(grid_size: float) -> tuple[float, Callable]:
    import torch

    from colorlab.bins import ColorBins

    bins = ColorBins(grid_size)
    logits = torch.randn(1, bins.n_bins, 256, 256)
    return bins.n_bins, lambda: bins.decode(logits)


if __name__ == "__main__":
    print(json.dumps(point(sys.argv[1], float(sys.argv[2]))))
