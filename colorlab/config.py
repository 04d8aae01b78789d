"""How to train, and what was measured, as plain numbers: torch is not needed to know the options."""

from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Literal, get_args

Precision = Literal["float32", "bfloat16"]
OBJECTIVES = ("regression", "classification", "weighted-regression")


@dataclass(frozen=True)
class Config:
    """How to train. Every field is checked when the object is made."""

    steps: int = 300  # gradient steps
    batch_size: int = 16  # pictures a step, over all processes together
    learning_rate: float = 3e-3  # of AdamW at its highest, reached after the warm-up
    warmup: float = 0.05  # share of the steps in which the rate rises; after them it falls as a cosine
    weight_decay: float = 1e-3  # as published by Zhang et al. (2016)
    precision: Precision = "float32"  # "bfloat16" computes the network in half the bits where that is faster
    places: int | None = (
        None  # answers a picture at which the loss is computed, drawn anew each step; None: all
    )
    evaluate_every: int = 25  # steps between two measurements on the fixed evaluation set
    seed: int = 0  # of the batches; that of the weights is set where the network is built

    def __post_init__(self):
        limits = {
            "steps": (1, None),
            "batch_size": (1, None),
            "learning_rate": (1e-8, 1.0),
            "warmup": (0, 0.9),
            "weight_decay": (0, 1.0),
            "places": (1, None),
            "evaluate_every": (1, None),
            "seed": (0, None),
        }
        if self.precision not in get_args(Precision):
            raise ValueError(f"precision: expected one of {get_args(Precision)}, got {self.precision!r}")
        for spec in fields(self):
            if spec.name not in limits:
                continue
            value, (low, high) = getattr(self, spec.name), limits[spec.name]
            if value is None and spec.default is None:
                continue
            kind, kept = (Real, float) if spec.type is float else (Integral, int)
            if isinstance(value, bool) or not isinstance(value, kind):
                raise TypeError(f"{spec.name}: expected {kept.__name__}, got {value!r}")
            if not value >= low or (high is not None and value > high):
                wanted = f">= {low:g}" if high is None else f"in [{low:g}, {high:g}]"
                raise ValueError(f"{spec.name}: expected a value {wanted}, got {value!r}")
            object.__setattr__(
                self, spec.name, kept(value)
            )  # NumPy's numbers as Python's own: JSON knows no other


@dataclass
class History:
    """What was measured while training, one entry a measurement, on the fixed evaluation set.

    Attributes:
        step: gradient steps taken so far; the first entry is 0, before any learning.
        loss: the loss as trained, weights included.
        unweighted_loss: the same without rebalancing weights; equal to `loss` where there are none.
        chroma_ratio: mean predicted chroma over mean true chroma; 1 is as vivid as life.
        seconds: training time so far, measuring included.
        interrupted: the reader stopped it; what was learnt until then is kept.
    """

    step: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    unweighted_loss: list[float] = field(default_factory=list)
    chroma_ratio: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    interrupted: bool = False

    def add(
        self, step: int, loss: float, unweighted_loss: float, chroma_ratio: float, seconds: float
    ) -> None:
        """Append one measurement."""
        self.step.append(step)
        self.loss.append(loss)
        self.unweighted_loss.append(unweighted_loss)
        self.chroma_ratio.append(chroma_ratio)
        self.seconds.append(seconds)
