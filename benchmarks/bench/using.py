"""Rows about use: one megapixel, a folder, a film, and how long the command line takes to begin."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from clock import Row
from PIL import Image

from colorlab.batch import Settings, colorize_files, plan
from colorlab.colorizer import Colorizer
from colorlab.data import photo
from colorlab.flicker import FrameColorizer
from colorlab.networks.published import Zhang2016

FILES = 10  # JPEGs of one megapixel


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        yield from _coloring(Path(folder))
        yield from _beginning(Path(folder))


def megapixel() -> np.ndarray:
    return np.array(Image.fromarray(photo("coffee").rgb).resize((1000, 1000), Image.Resampling.BICUBIC))


def _coloring(folder: Path) -> Iterator[Row]:
    picture = megapixel()
    sources = [folder / f"{i}.jpg" for i in range(FILES)]
    for source in sources:
        Image.fromarray(picture).save(source, quality=90)
    frame = np.array(Image.fromarray(picture).resize((854, 480)))
    whole, zhang = torch.zeros(1, 1, *frame.shape[:2]), Zhang2016(1, 313).eval()

    @torch.no_grad()
    def trunk() -> None:
        """The network alone of the 2016 paper, if it looked at a frame as large as it is."""
        zhang(whole)

    for name in ("regression", "classification"):
        colorizer = Colorizer.pretrained(name)
        paint = FrameColorizer(colorizer)

        def several(colorizer=colorizer) -> None:
            jobs = plan(sources, folder / "colored")
            for _, outcome in colorize_files(colorizer, jobs, Settings(force=True)):
                assert outcome == "written", outcome

        yield Row(
            f"{name}: 1 MP coloured, warm",
            lambda colorizer=colorizer: colorizer.colorize(picture),
            target="80 ms",
            seconds=0.08,
        )
        yield Row(
            f"{name}: a frame of 854 × 480",
            lambda paint=paint: paint(frame),
            {"Zhang's trunk at that size": trunk},
            target="12 a second, a tenth of the trunk's time",
            seconds=1 / 12,
            faster=10,
            budget=25,
        )
        yield Row(
            f"{name}: {FILES} JPEGs of 1 MP, decoded, coloured, written",
            several,
            target="8 a second",
            seconds=FILES / 8,
            budget=12,
        )


def _beginning(folder: Path) -> Iterator[Row]:
    """Each call is a process of its own, from nothing."""

    def python(*words: str):
        def begin() -> None:
            subprocess.run([sys.executable, *words], check=True, capture_output=True)

        return begin

    source, target = folder / "0.jpg", folder / "cold.png"
    import_torch = {"import torch": python("-c", "import torch")}
    yield Row(
        "colorlab colorize one.jpg, cold",
        python("-m", "colorlab", "colorize", str(source), "-o", str(target), "--force"),
        import_torch,
        "1.2 × import torch",
        faster=1 / 1.2,
        budget=25,
    )
    notebooks = Path(__file__).parents[2] / "notebooks"
    for words in (["--help"], ["progress", str(notebooks)], ["doctor", "--quick"]):
        name = (
            " ".join(["colorlab", words[0], *words[1:2]]) if words[0] != "progress" else "colorlab progress"
        )
        yield Row(
            f"{name}, cold",
            python("-m", "colorlab", *words),
            {"python -c pass": python("-c", "pass")},
            "0.2 s",
            seconds=0.2,
            budget=6,
        )
