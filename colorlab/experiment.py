"""Trainings as they were recorded: losses and pictures of the six photographs, step by step.

`experiment.zip` holds the poster's experiment, regression and classification; `controls.zip`, where it is there,
the networks that do not ship, at the end of their training, with their scores. Both hold, for every name,
`NAME.json`, its history; `NAME/STEP.webp`, the photographs side by side as squares; and may hold `scores.json`.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from colorlab.colorizer import WEIGHTS
from colorlab.config import History
from colorlab.files.whole import in_one_piece

QUALITY = 80  # of the pictures, WEBP


@dataclass(frozen=True)
class Run:
    """A training that was recorded.

    Attributes:
        history: its losses, of more steps than there are pictures.
        frames: step -> the photographs as this network coloured them then, `(S, S, 3)` uint8 each.
        scores: of the network at its end on the pictures that judge all (see `metrics.score`); empty if not
            recorded here.
    """

    history: History
    frames: dict[int, list[np.ndarray]]
    scores: dict[str, float]

    @property
    def last(self) -> list[np.ndarray]:
        """The photographs at the last step recorded."""
        return self.frames[max(self.frames)]


def recorded_runs(folder: Path = WEIGHTS) -> dict[str, Run]:
    """What was recorded of the trainings, by name: the experiment, then the controls where there are any.

    Raises:
        FileNotFoundError: no experiment was recorded.
    """
    controls = folder / "controls.zip"
    return read_runs(folder / "experiment.zip") | (read_runs(controls) if controls.is_file() else {})


def read_runs(path: Path) -> dict[str, Run]:
    """Read what `write_runs` wrote, name -> Run, steps in order.

    Raises:
        FileNotFoundError: no such file.
    """
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        scores = json.loads(archive.read("scores.json")) if "scores.json" in names else {}
        found = {}
        for name in (n.removesuffix(".json") for n in names if n.endswith(".json") and n != "scores.json"):
            frames = {
                int(Path(n).stem): _cut(archive.read(n)) for n in sorted(names) if n.startswith(f"{name}/")
            }
            history = History(**json.loads(archive.read(f"{name}.json")))
            found[name] = Run(history, frames, scores.get(name, {}))
    return found


def write_runs(path: Path, runs: Mapping[str, Run]) -> None:
    """Write runs into one file, whole or not at all."""
    scores = {name: run.scores for name, run in runs.items() if run.scores}
    with in_one_piece(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        for name, run in runs.items():
            archive.writestr(f"{name}.json", json.dumps(asdict(run.history)))
            for step, pictures in run.frames.items():
                archive.writestr(f"{name}/{step:05d}.webp", _strip(pictures))
        if scores:
            archive.writestr("scores.json", json.dumps(scores))


def _strip(pictures: Sequence[np.ndarray]) -> bytes:
    coded = io.BytesIO()
    Image.fromarray(np.concatenate(pictures, axis=1)).save(coded, "WEBP", quality=QUALITY, method=6)
    return coded.getvalue()


def _cut(coded: bytes) -> list[np.ndarray]:
    """Squares side by side -> each of them."""
    with Image.open(io.BytesIO(coded)) as image:
        strip = np.array(image.convert("RGB"))
    return np.split(strip, strip.shape[1] // strip.shape[0], axis=1)
