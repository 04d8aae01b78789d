"""Training: `fit` does not know which objective it minimises, and that is the experiment."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm.auto import tqdm

from colorlab.checkpoints import load_checkpoint, save_checkpoint
from colorlab.colorizer import Colorizer
from colorlab.config import Config, History
from colorlab.data import TrainingData, mix
from colorlab.hints import simulate, simulate_global
from colorlab.networks.base import Trunk, at
from colorlab.objective_base import averaged

HINTS, PLACES = 1, 2  # tell the streams of simulated hints and of places from that of the pictures


def fit(
    colorizer: Colorizer,
    data: TrainingData,
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
        data: `Crops`, `Marbles`, `CoinToss`, `Pictures`, or anything else that is `TrainingData`.
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
    data: TrainingData,
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
        The steps taken so far, after every measurement: 0 first, or the first beyond a checkpoint.
    """
    objective = colorizer.objective
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

    def evaluate(step: int) -> None:
        colorizer.network.eval()
        with torch.no_grad():
            output = colorizer.answer(fixed.L)
            loss, unweighted = (fixed.loss(objective, output, weighted) for weighted in (True, False))
            check_finite(loss, step, config)
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
        for step, lab in enumerate(islice(batches, config.steps - first), first + 1):
            loss = loss_of(lab, network, colorizer, config, step, rank)
            check_finite(loss.item(), step, config)
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


def loss_of(
    lab: Tensor, network: nn.Module, colorizer: Colorizer, config: Config, step: int, rank: int
) -> Tensor:
    """What a batch teaches: show the network its lightness, let the objective judge what it sees there by its ab.

    Beside that, and only where it is asked for: simulated hints, some of the places, half of the bits.

    Args:
        lab: `(n, 3, H, W)`.
        network: that of the colorizer, or one that shares it among processes.
        step, rank: with `config.seed` they decide hints and places.
    """
    hints, told = None, {}
    generator = torch.Generator().manual_seed(mix(config.seed, step, rank, HINTS))
    if colorizer.takes_hints:
        hints = simulate(lab[:, 1:], generator)
    if colorizer.takes_global_hint:
        told["vector"] = simulate_global(lab, generator).to(colorizer.device)
    L, ab = lab.to(colorizer.device).split([1, 2], dim=1)
    if config.places:
        if not isinstance(colorizer.network, Trunk):
            raise ValueError("places: a network of your own answers everywhere; leave them None")
        ab = averaged(ab, colorizer.network.answer_every)
        told["places"] = random_places(ab, config.places, mix(config.seed, step, rank, PLACES))
        ab = at(ab, told["places"])
    judge = partial(colorizer.objective.loss_from_features, ab=ab)
    with torch.autocast(L.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
        if isinstance(colorizer.network, Trunk):
            return network(colorizer.inputs(L, hints), **told, judge=judge)
        return judge(network(colorizer.inputs(L, hints)), nn.Identity())  # a network of your own only answers


def check_finite(loss: float, step: int, config: Config) -> None:
    """Stop where nothing can be learnt any more.

    Raises:
        FloatingPointError: NaN or infinite.
    """
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the loss became {loss} at step {step}; lower learning_rate, now {config.learning_rate:g}"
        )


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


def _rank_and_ranks() -> tuple[int, int]:
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1
