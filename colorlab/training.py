"""Training: `fit` does not know which objective it minimises, and that is the experiment."""

import math
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel
from tqdm.auto import tqdm

from colorlab.colorizer import Colorizer
from colorlab.config import Config
from colorlab.data import mix
from colorlab.files.whole import in_one_piece
from colorlab.hints import simulate, simulate_global
from colorlab.networks.base import at
from colorlab.objectives import averaged

HINTS, PLACES = 1, 2  # tell the streams of simulated hints and of places from that of the pictures


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


class CheckpointError(ValueError):
    """A checkpoint that cannot be resumed from; the message says why and what to do."""


def fit(
    colorizer: Colorizer,
    data,
    config: Config,
    on_evaluate: Callable[[int, Colorizer, History], None] | None = None,
    checkpoint: str | Path | None = None,
) -> History:
    """Train a colorizer in place.

    Every batch is a function of `config.seed` and the step: two runs that differ only in their objective
    see the same pictures in the same order. Stop it at any time with an interrupt; what was learnt is
    kept. A network that takes hints is given simulated ones, and is measured without any. Under
    `torchrun`, with `torch.distributed` initialised, the processes share every batch.

    Args:
        colorizer: its network is changed.
        data: `Crops`, `Marbles`, `CoinToss`, or anything with their `batches` and `evaluation`.
        config: how long, how fast.
        on_evaluate: called with (step, colorizer, history so far) after every measurement.
        checkpoint: a file that is written after every measurement. If it exists, the
            training goes on from it, on a CPU to the very bits it would have reached without a break.

    Raises:
        FloatingPointError: the loss became NaN or infinite; the message says at which step.
        CheckpointError: the checkpoint is damaged, or belongs to another training.
        ValueError: a batch that the processes cannot share evenly.
    """
    history = History()
    with closing(measurements(colorizer, data, config, history, checkpoint)) as training:
        for step in training:
            try:
                if on_evaluate:
                    on_evaluate(step, colorizer, history)
            except KeyboardInterrupt:
                print(
                    f"Interrupted after {step} of {config.steps} steps: the network keeps what it has learnt."
                )
                break
    return history


def measurements(
    colorizer: Colorizer,
    data,
    config: Config,
    history: History,
    checkpoint: str | Path | None = None,
    show_progress: bool = True,
) -> Iterator[int]:
    """What `fit` goes through: a generator that trains up to the next measurement each time it is asked.

    So whoever asks decides when to go on, or that it is enough; what was learnt is kept.

    Args:
        colorizer, data, config, checkpoint: as in `fit`.
        history: filled while it goes on.
        show_progress: draw a progress bar; False where the caller shows its own.

    Yields:
        The steps taken so far, after every measurement; the first is 0, or where a checkpoint stood.
    """
    objective, device = colorizer.objective, colorizer.device
    rank, ranks = _rank_and_ranks()
    if config.batch_size % ranks:
        raise ValueError(f"batch_size: expected a multiple of the {ranks} processes, got {config.batch_size}")
    optimizer = torch.optim.AdamW(
        colorizer.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_factor(step, config))
    first = 0
    if checkpoint and Path(checkpoint).exists():
        stored, first = load_checkpoint(checkpoint, colorizer, optimizer, schedule, config)
        vars(history).update(vars(stored))
    network = colorizer.network if ranks == 1 else DistributedDataParallel(colorizer.network)
    fixed, begun = data.evaluation(), time.perf_counter() - (history.seconds[-1] if history.seconds else 0)

    def check_finite(loss: float, step: int) -> None:
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the loss became {loss} at step {step}; lower learning_rate, now {config.learning_rate:g}"
            )

    def evaluate(step: int) -> None:
        colorizer.network.eval()
        with torch.no_grad():
            output = colorizer.answer(fixed.L)
            loss, unweighted = (fixed.loss(objective, output, weighted) for weighted in (True, False))
            check_finite(loss, step)
            ratio = fixed.chroma_ratio(colorizer.decode(output))
        # All or nothing: an interrupt while measuring must not leave lists of unequal lengths.
        history.add(step, loss, unweighted, ratio, time.perf_counter() - begun)
        if checkpoint and rank == 0:
            save_checkpoint(checkpoint, colorizer, optimizer, schedule, config, history, step)

    done = first
    progress = tqdm(
        total=config.steps,
        initial=first,
        desc=type(objective).__name__,
        leave=False,
        mininterval=1.0,
        disable=rank > 0 or not show_progress,
    )
    try:
        if not history.step:
            evaluate(0)
            yield 0
        colorizer.network.train()
        batches = data.batches(config.batch_size // ranks, config.seed, first, rank, ranks)
        for step, (lab, _) in enumerate(islice(batches, config.steps - first), first + 1):
            hints = like = None
            generator = torch.Generator().manual_seed(mix(config.seed, step, rank, HINTS))
            if colorizer.takes_hints:
                hints = simulate(lab[:, 1:], generator)
            if colorizer.takes_global_hint:
                like = simulate_global(lab, generator).to(device)
            lab = lab.to(device)
            ab, places = averaged(lab[:, 1:], colorizer.network.answer_every), None
            if config.places:
                places = random_places(ab, config.places, mix(config.seed, step, rank, PLACES))
                ab = at(ab, places)
            with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
                output = network(colorizer.inputs(lab[:, :1], hints), like, places)
            loss = objective.loss(output, ab)
            check_finite(loss.item(), step)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            done = step
            progress.update()
            if step % config.evaluate_every == 0 or step == config.steps:
                evaluate(step)
                progress.set_postfix(loss=f"{history.loss[-1]:.3g}")
                yield step
                colorizer.network.train()
    except KeyboardInterrupt:
        # The checkpoint stays that of the last measurement: a step may have been cut in half.
        history.interrupted = True
        print(f"Interrupted after {done} of {config.steps} steps: the network keeps what it has learnt.")
    except GeneratorExit:  # whoever asked for measurements has seen enough
        history.interrupted = done < config.steps
        raise
    finally:
        progress.close()
        colorizer.network.eval()


def random_places(answers: Tensor, count: int, seed: int) -> Tensor:
    """`(count,)` different positions in `(N, C, h, w)`, or all where there are fewer, in no order."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(answers[0, 0].numel(), generator=generator)[:count].to(answers.device)


def learning_rate_factor(step: int, config: Config) -> float:
    """A linear warm-up, then half a cosine down to nearly nothing."""
    warm = max(1, round(config.warmup * config.steps))
    if step < warm:
        return (step + 1) / warm
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, config.steps - warm)))


def save_checkpoint(
    path, colorizer: Colorizer, optimizer, schedule, config: Config, history: History, step: int
) -> None:
    """Write everything a training needs to go on, via a temporary name."""
    state = {
        "network": colorizer.network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "config": asdict(config),
        "objective": repr(colorizer.objective),
        "unet": repr(colorizer.network.config),
        "history": asdict(history),
        "step": step,
    }
    with in_one_piece(path) as partial:
        torch.save(state, partial)


def load_checkpoint(path, colorizer: Colorizer, optimizer, schedule, config: Config) -> tuple[History, int]:
    """Read what `save_checkpoint` wrote into these objects; nothing in the file is executed.

    Returns:
        The history so far, and the number of steps taken.

    Raises:
        CheckpointError: damaged, or of another training.
    """
    wanted = {
        **asdict(config),
        "objective": repr(colorizer.objective),
        "unet": repr(colorizer.network.config),
    }
    try:
        _refuse_bomb(path)
        state = torch.load(path, map_location=colorizer.device, weights_only=True)
        found = {**state["config"], "objective": state["objective"], "unet": state["unet"]}
        differing = [f"{k} was {found.get(k)!r}, is {v!r}" for k, v in wanted.items() if found.get(k) != v]
        if not differing:
            return _restore(state, colorizer, optimizer, schedule, config)
    except Exception as error:  # torch's reader raises all kinds of things on damaged files
        raise CheckpointError(
            f"{path}: not a readable checkpoint ({type(error).__name__}); delete it to begin anew"
        ) from error
    raise CheckpointError(f"{path}: of another training ({'; '.join(differing)}); use another file")


def _refuse_bomb(path) -> None:
    """What torch writes is not compressed; a file of megabytes must not unfold to gigabytes."""
    with zipfile.ZipFile(path) as archive:
        unfolded = sum(part.file_size for part in archive.infolist())
    if unfolded > os.path.getsize(path):
        raise ValueError(f"unfolds to {unfolded:,} bytes")


def _restore(state: dict, colorizer: Colorizer, optimizer, schedule, config: Config) -> tuple[History, int]:
    """Put what a checkpoint holds into these objects: all of it, or, if it does not fit, nothing."""
    history, step = History(**state["history"] | {"interrupted": False}), state["step"]
    measured = [history.step, history.loss, history.unweighted_loss, history.chroma_ratio, history.seconds]
    if not _alike(measured, [[0] * len(history.step)] + [[0.0] * len(history.step)] * 4):
        raise ValueError("the history is not one")
    if not (history.step and step == history.step[-1] and 0 <= step <= config.steps):
        raise ValueError("the number of steps is not that of the history")
    weights, moments = list(colorizer.network.parameters()), state["optimizer"]["state"]
    fitting = [dict(step=torch.tensor(0.0), exp_avg=w, exp_avg_sq=w) for w in weights]
    own_moments = {n: fitting[n] for n in moments}  # frozen weights have none
    own_groups = optimizer.state_dict()["param_groups"]
    # A newer torch has options of which the file knows nothing; what it does say must fit.
    groups = [a | b for a, b in zip(own_groups, state["optimizer"]["param_groups"], strict=True)]
    plan = schedule.state_dict() | state["schedule"]
    if not (
        _alike(state["network"], colorizer.network.state_dict())
        and _alike(moments, own_moments)
        and _alike(groups, own_groups)
        and _alike(plan, schedule.state_dict())
    ):
        raise ValueError("its weights, optimizer or schedule do not fit")
    colorizer.network.load_state_dict(state["network"])
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
    schedule.load_state_dict(plan)
    return history, step


def _alike(stored, own) -> bool:
    """Whether two values are of one kind: containers of one length or with the same keys, tensors of one shape."""
    if isinstance(own, dict):
        same = isinstance(stored, dict) and stored.keys() == own.keys()
        return same and all(_alike(stored[key], own[key]) for key in own)
    if isinstance(own, (list, tuple)):
        same = type(stored) is type(own) and len(stored) == len(own)
        return same and all(map(_alike, stored, own))
    if isinstance(own, torch.Tensor):
        same = isinstance(stored, torch.Tensor) and stored.shape == own.shape and stored.dtype == own.dtype
        # One number repeated for all weights has the shape, and cannot be trained.
        return same and (stored.is_contiguous() or stored.stride() == own.stride())
    return type(stored) is type(own)


def _rank_and_ranks() -> tuple[int, int]:
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1
