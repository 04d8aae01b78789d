"""Training: `fit` does not know which objective it minimises, and that is the experiment."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields

import torch
from tqdm.auto import tqdm

from colorlab.colorizer import Colorizer


@dataclass(frozen=True)
class Config:
    """How to train. Every field is checked when the object is made."""

    steps: int = 300  # gradient steps
    batch_size: int = 16  # pictures a step
    learning_rate: float = 3e-3  # of AdamW at its highest, reached after the warm-up
    warmup: float = 0.05  # share of the steps in which the rate rises; after them it falls as a cosine
    weight_decay: float = 1e-3  # as published by Zhang et al. (2016)
    evaluate_every: int = 25  # steps between two measurements on the fixed evaluation set
    seed: int = 0  # of the batches; that of the weights is set where the network is built

    def __post_init__(self):
        limits = {
            "steps": (1, None),
            "batch_size": (1, None),
            "learning_rate": (1e-8, 1.0),
            "warmup": (0, 0.9),
            "weight_decay": (0, 1.0),
            "evaluate_every": (1, None),
            "seed": (0, None),
        }
        for spec in fields(self):
            value, (low, high) = getattr(self, spec.name), limits[spec.name]
            kinds = (int,) if spec.type in (int, "int") else (int, float)
            if isinstance(value, bool) or not isinstance(value, kinds):
                raise TypeError(f"{spec.name}: expected {kinds[-1].__name__}, got {value!r}")
            if not value >= low or (high is not None and value > high):
                wanted = f">= {low:g}" if high is None else f"in [{low:g}, {high:g}]"
                raise ValueError(f"{spec.name}: expected a value {wanted}, got {value!r}")


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


def fit(
    colorizer: Colorizer,
    data,
    config: Config,
    on_evaluate: Callable[[int, Colorizer], None] | None = None,
) -> History:
    """Train a colorizer in place.

    The batches come from a generator of their own, seeded by `config.seed`: two runs that differ only in
    their objective see the same pictures in the same order. Stop it at any time with an interrupt; what
    was learnt is kept.

    Args:
        colorizer: its network is changed.
        data: `Crops`, `Marbles`, `CoinToss`, or anything with their `batch` and `evaluation`.
        config: how long, how fast.
        on_evaluate: called with (step, colorizer) after every measurement.

    Raises:
        FloatingPointError: the loss became NaN or infinite; the message says at which step.
    """
    network, objective = colorizer.network, colorizer.objective
    generator = torch.Generator().manual_seed(config.seed)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_factor(step, config))
    fixed, history, start = data.evaluation(), History(), time.perf_counter()

    def check_finite(loss: float, step: int) -> None:
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the loss became {loss} at step {step}; lower learning_rate, now {config.learning_rate:g}"
            )

    def evaluate(step: int) -> None:
        network.eval()
        with torch.no_grad():
            output = colorizer.answer(fixed.L)
            loss, unweighted = (fixed.loss(objective, output, weighted) for weighted in (True, False))
            check_finite(loss, step)
            ratio = fixed.chroma_ratio(colorizer.decode(output))
        # All or nothing: an interrupt while measuring must not leave lists of unequal lengths.
        history.add(step, loss, unweighted, ratio, time.perf_counter() - start)
        if on_evaluate:
            on_evaluate(step, colorizer)
        network.train()

    progress = tqdm(total=config.steps, desc=type(objective).__name__, leave=False, mininterval=1.0)
    try:
        evaluate(0)
        for step in range(1, config.steps + 1):
            lab, _ = data.batch(config.batch_size, generator)
            lab = lab.to(colorizer.device)
            loss = objective.loss(colorizer.answer(lab[:, :1]), lab[:, 1:])
            check_finite(loss.item(), step)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            progress.update()
            if step % config.evaluate_every == 0 or step == config.steps:
                evaluate(step)
                progress.set_postfix(loss=f"{history.loss[-1]:.3g}")
    except KeyboardInterrupt:
        history.interrupted = True
        print(
            f"Interrupted after {progress.n} of {config.steps} steps: the network keeps what it has learnt."
        )
    finally:
        progress.close()
        network.eval()
    return history


def learning_rate_factor(step: int, config: Config) -> float:
    """A linear warm-up, then half a cosine down to nearly nothing."""
    warm = max(1, round(config.warmup * config.steps))
    if step < warm:
        return (step + 1) / warm
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, config.steps - warm)))
