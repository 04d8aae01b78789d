"""From a folder of pictures to a trained colorizer: what `colorlab train` does."""

import json
import os
from dataclasses import asdict, fields
from pathlib import Path

import torch
from torch import distributed

from colorlab.bins import ColorBins
from colorlab.colorizer import Colorizer
from colorlab.datasets import Pictures, open_collection
from colorlab.lesson import choose_device
from colorlab.objectives import Classification, Regression
from colorlab.training import Config, History, fit
from colorlab.unet import UNet

PRIOR_BATCHES, PRIOR_SIZE = 32, 128  # 4,096 pictures are plenty to count colours in


class OutputError(ValueError):
    """A folder for results that already holds some."""


def train(
    data: str,
    out: Path,
    resume: bool = False,
    *,
    objective: str,
    size: int,
    grid_size: float,
    targets: str,
    uniform_mix: float,
    width: int,
    depth: int,
    half_resolution: bool,
    **config,
) -> History:
    """Train on the training part of `data` and write everything into `out`.

    Args:
        data: see `datasets.locate`.
        out: a new folder, or with `resume` that of the training to go on with.
        objective: "regression" or "classification"; the options after it as in `cli.train`.
        config: the fields of `Config`.

    Raises:
        OutputError: `out` holds a training and `resume` is False.
        DataError, CheckpointError, ValueError: see `open_collection`, `fit`.
    """
    settings = Config(**{spec.name: config[spec.name] for spec in fields(Config)})
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists() and not resume:
        raise OutputError(f"{out} holds a training already; go on with --resume, or name another folder")
    device, rank = _join_processes()
    # One process decodes, the others find the cache ready.
    if rank > 0:
        distributed.barrier()
    collection = open_collection(data, size)
    if rank == 0 and distributed.is_initialized():
        distributed.barrier()
    part = collection.part("train")
    chosen = _objective(objective, part, grid_size, targets, uniform_mix)
    torch.manual_seed(settings.seed)
    network = UNet(1, chosen.out_channels, width, depth, half_resolution)
    colorizer = Colorizer(network, chosen, working_size=size).to(device)
    if rank == 0:
        out.mkdir(parents=True, exist_ok=True)
        weights = sum(p.numel() for p in network.parameters())
        print(f"{collection}\n{chosen}\n{weights:,} weights, on {device}")
    written: list[History] = []

    def report(step: int, colorizer: Colorizer, history: History) -> None:
        print(
            f"step {step:,} of {settings.steps:,}: loss {history.loss[-1]:.4g}, "
            f"chroma ratio {history.chroma_ratio[-1]:.2f}, {history.seconds[-1]:,.0f} s",
            flush=True,
        )
        _write_results(out, colorizer, history, settings)
        written.append(history)

    history = fit(colorizer, part, settings, report if rank == 0 else None, checkpoint)
    if rank == 0 and not written:
        _write_results(out, colorizer, history, settings)  # it had been finished before
    if distributed.is_initialized():
        distributed.destroy_process_group()
    return history


def _objective(name: str, part: Pictures, grid_size: float, targets: str, uniform_mix: float):
    if name == "regression":
        return Regression()
    bins = ColorBins(grid_size)
    if uniform_mix == 1:
        return Classification(bins, targets)
    count = min(PRIOR_SIZE, len(part))
    batches = part.batches(count, seed=0)
    prior = bins.prior(next(batches)[0][:, 1:] for _ in range(min(PRIOR_BATCHES, len(part) // count)))
    return Classification(bins, targets, prior, uniform_mix)


def _join_processes() -> tuple[str, int]:
    """The device of this process and its rank; joins the others under torchrun."""
    if not distributed.is_torchelastic_launched():
        return choose_device("auto"), 0
    local = int(os.environ["LOCAL_RANK"])
    if torch.cuda.device_count() > local:
        torch.cuda.set_device(local)
        distributed.init_process_group("nccl")
        return f"cuda:{local}", distributed.get_rank()
    distributed.init_process_group("gloo")
    return "cpu", distributed.get_rank()


def _write_results(out: Path, colorizer: Colorizer, history: History, settings: Config) -> None:
    from colorlab.plots import loss_curves, to_bytes

    colorizer.save(out / "colorizer.safetensors")
    name = type(colorizer.objective).__name__
    picture = to_bytes(
        loss_curves({name: history}, title=f"Step {history.step[-1]:,} of {settings.steps:,}"), "webp"
    )
    text = json.dumps({"config": asdict(settings), "history": asdict(history)}, indent=1)
    for file, content in (("loss.webp", picture), ("history.json", text.encode())):
        partial = out / f"{file}.partial"
        partial.write_bytes(content)
        os.replace(partial, out / file)
