"""The first lines of every notebook: its parameters checked, the device chosen, one line that says so."""

import os
import platform
from dataclasses import dataclass

import torch

from colorlab import __version__
from colorlab.arguments import whole_number
from colorlab.bins import checked_grid_size
from colorlab.device import choose_device

PRESETS = ("smoke", "cpu", "full")


@dataclass(frozen=True)
class Lesson:
    """The checked parameters of a notebook.

    Attributes:
        preset: "smoke" (a few steps, for tests), "cpu" (the default: a laptop, under a minute) or "full"
            (as long as the lesson deserves). The environment variable COLORLAB_PRESET replaces "cpu".
        device: "auto" takes a GPU where there is one; or "cpu", "cuda", "mps".
        seed: of everything random.
        grid_size: distance between bin centres, Lab units; only where bins matter.

    Raises:
        TypeError, ValueError: names the parameter, what was expected and what came.
    """

    preset: str = "cpu"
    device: str = "auto"
    seed: int = 0
    grid_size: float | None = None

    def __post_init__(self):
        chosen = (os.environ.get("COLORLAB_PRESET") or "cpu") if self.preset == "cpu" else self.preset
        if chosen not in PRESETS:
            where = "" if chosen == self.preset else " from the environment variable COLORLAB_PRESET"
            raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {chosen!r}{where}")
        object.__setattr__(self, "seed", whole_number("seed", self.seed, 0, 2**31 - 1))
        if self.grid_size is not None:
            object.__setattr__(self, "grid_size", checked_grid_size(self.grid_size))
        object.__setattr__(self, "preset", chosen)
        object.__setattr__(self, "device", choose_device(self.device))

    def steps(self, *, smoke: int, cpu: int, full: int) -> int:
        """How many steps this preset takes. A GPU does not change it: the same preset, the same curve."""
        return {"smoke": smoke, "cpu": cpu, "full": full}[self.preset]

    def __str__(self) -> str:
        where = f"{self.device} ({torch.cuda.get_device_name()})" if self.device == "cuda" else self.device
        return (
            f"colorlab {__version__} · torch {torch.__version__.split('+')[0]} · Python {platform.python_version()} · "
            f"device {where} · preset {self.preset} · seed {self.seed}"
        )
