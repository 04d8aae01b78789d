"""From a folder of pictures to a trained colorizer: what `colorlab train` does."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, fields
from inspect import signature
from pathlib import Path

import torch
from torch import Tensor, distributed

from colorlab.bins import ColorBins
from colorlab.colorizer import PRETRAINED, WEIGHTS, Colorizer
from colorlab.config import Config, History
from colorlab.data import photos
from colorlab.datasets import Collection, DataError, Pictures, open_collection
from colorlab.device import choose_device
from colorlab.diagnosis import diagnose
from colorlab.files.whole import clear_leftovers, write_whole
from colorlab.hints import GLOBAL_LENGTH, HINT_CHANNELS
from colorlab.networks.base import Trunk
from colorlab.networks.lite_unet import LiteUNet
from colorlab.networks.published import ARCHITECTURES, build
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification, Regression
from colorlab.training import fit
from colorlab.weighted_regression import WeightedRegression

DEFAULT_SHAPE = dict(
    width=32, depth=3, half_resolution=True
)  # of a U-Net; the cited ones have published widths
PRIOR_BATCHES, PRIOR_SIZE = 64, 64  # 4,096 pictures are plenty to count colours in


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
    architecture: str = "LiteUNet",
    width: int | None = None,
    depth: int | None = None,
    half_resolution: bool | None = None,
    hints: bool = False,
    start_from: str | Path | None = None,
    with_photographs: bool = False,
    watch: Callable[[int, Colorizer, History], None] | None = None,
    **config,
) -> History:
    """Train on the training part of `data` and write everything into `out`.

    Args:
        data: see `datasets.locate`.
        out: a new folder, or with `resume` that of the training to go on with.
        objective: "regression", "classification" or "weighted-regression"; the options up to `half_resolution` as
            in `commands.train`.
        hints: the network gets channels for colour hints and a vector for a global one, and simulated ones to
            learn from.
        start_from: the name of a shipped network, or a colorizer's file, whose weights to begin with; one
            without hints may begin one with.
        with_photographs: the course's three training photographs join the training part.
        watch: called as `fit` calls its `on_evaluate`.
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
    _refuse_disagreement(**asdict(settings), objective=objective, architecture=architecture, size=size)
    # One process decodes, the others find the cache ready.
    if rank > 0:
        distributed.barrier()
    collection = open_collection(data, size)
    if rank == 0 and distributed.is_initialized():
        distributed.barrier()
    joining = [p.rgb for p in photos("train")] if with_photographs else []
    part = collection.training(joining)
    _refuse_disagreement(data=collection.key)
    _refuse_too_few(part, collection, settings.batch_size)
    chosen = choose_objective(objective, part, grid_size, targets, uniform_mix)
    torch.manual_seed(settings.seed)
    shape = dict(width=width, depth=depth, half_resolution=half_resolution)
    network = network_for(architecture, chosen.out_channels, hints, shape)
    teacher = opened(start_from) if start_from else None
    if teacher:
        begin_with(network, teacher.network)
    about = {
        "recipe": {
            **asdict(settings),
            "objective": objective,
            "hints": hints,
            "start_from": start_from and Path(start_from).name,
        },
        "data": {
            "name": Path(data).name,
            "key": collection.key,
            "pictures": len(part),
            "photographs": [p.name for p in photos("train")] if with_photographs else [],
        },
    }
    if start_from:
        about["start"] = {"name": Path(start_from).name, "checksum": _checksum(start_from)}
    decision = dict(temperature=teacher.temperature, by_region=teacher.by_region) if teacher else {}
    colorizer = Colorizer(network, chosen, working_size=size, **decision, about=about).to(device)
    if rank == 0:
        out.mkdir(parents=True, exist_ok=True)
        clear_leftovers(out)
        weights = sum(p.numel() for p in network.parameters())
        print(f"{collection}\n{chosen}\n{weights:,} weights, on {device}")
    written: list[History] = []
    fixed = part.evaluation()

    def report(step: int, colorizer: Colorizer, history: History) -> None:
        print(
            f"step {step:,} of {settings.steps:,}: loss {history.loss[-1]:.4g}, "
            f"chroma ratio {history.chroma_ratio[-1]:.2f}, {history.seconds[-1]:,.0f} s",
            flush=True,
        )
        if step:
            for finding in diagnose(chosen, colorizer.predict_ab(fixed.L), fixed.outcomes[0]):
                print(f"  look: {finding}", flush=True)
        _write_results(out, colorizer, history, settings)
        written.append(history)
        if watch:
            watch(step, colorizer, history)

    history = fit(colorizer, part, settings, report if rank == 0 else None, checkpoint)
    if rank == 0 and not written:
        _write_results(out, colorizer, history, settings)  # it had been finished before
    if distributed.is_initialized():
        distributed.barrier()  # nobody leaves while another still measures or writes
        distributed.destroy_process_group()
    return history


def _refuse_too_few(part: Pictures, collection: Collection, batch_size: int) -> None:
    if len(part) < batch_size:
        raise DataError(
            f"{len(part)} pictures to train on are fewer than one batch of {batch_size}. There are {collection}; which "
            "part a picture falls into is decided by a hash of its path. Add some, or ask for a smaller --batch-size"
        )


def _checksum(name: str | Path) -> str:
    path = WEIGHTS / f"{name}.safetensors" if name in PRETRAINED else Path(name)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:24]


def opened(name: str | Path) -> Colorizer:
    """A shipped network by its name, or one from a file."""
    return Colorizer.pretrained(name) if name in PRETRAINED else Colorizer.load(name)


def network_for(architecture: str, out_channels: int, hints: bool, shape: dict) -> Trunk:
    """A network that has learnt nothing yet; what `shape` leaves None is the architecture's own default.

    Raises:
        ValueError: a shape, or hints, that this architecture does not have.
    """
    given = {name: value for name, value in shape.items() if value is not None}
    if architecture == "UNet":
        given = DEFAULT_SHAPE | given
    if hints:
        able = [name for name, kind in ARCHITECTURES.items() if "vector" in signature(kind).parameters]
        if architecture not in able:
            raise ValueError(f"hints: {architecture} takes no global hint; use {' or '.join(able)}")
        given["vector"] = GLOBAL_LENGTH
    return build(architecture, in_channels=1 + HINT_CHANNELS * hints, out_channels=out_channels, **given)


def choose_objective(name: str, part: Pictures, grid_size: float, targets: str, uniform_mix: float):
    if name == "regression":
        return Regression()
    bins = ColorBins(grid_size)
    if name == "classification" and uniform_mix == 1:
        return Classification(bins, targets)
    count = min(PRIOR_SIZE, len(part))
    batches = part.batches(count, seed=0)
    prior = bins.prior(next(batches)[:, 1:] for _ in range(min(PRIOR_BATCHES, len(part) // count)))
    if name == "weighted-regression":
        return WeightedRegression(bins, prior, uniform_mix)
    return Classification(bins, targets, prior, uniform_mix)


def begin_with(network: Trunk, teacher: Trunk) -> None:
    """Copy a trained network's weights. What it did not have, channels for hints and a global hint, starts
    without effect: it colours as before.

    Raises:
        ValueError: networks of different shapes.
    """
    weights = teacher.state_dict()
    if isinstance(network, UNet) and isinstance(teacher, UNet):
        _add_hints(weights, network, teacher)
    elif isinstance(network, LiteUNet) and isinstance(teacher, LiteUNet):
        told = ("hear.", "follow.")
        weights = {k: w for k, w in network.state_dict().items() if k.startswith(told)} | weights
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"start_from: a network {teacher.config} cannot begin one of {network.config}: "
            "give it the same architecture, width, depth and number of answers"
        ) from error


def _add_hints(weights: dict[str, Tensor], network: UNet, teacher: UNet) -> None:
    stem, wanted = weights["stem.0.weight"], network.stem[0].weight
    if stem.shape[1] == 1 < wanted.shape[1]:
        padded = torch.zeros_like(wanted)
        padded[:, :1] = stem
        weights["stem.0.weight"] = padded
    if network.fuse and not teacher.fuse:
        weights |= {f"fuse.{name}": w for name, w in network.fuse.state_dict().items()}


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


def _refuse_disagreement(**asked: object) -> None:
    """What all processes of a training must have been asked for alike; each alone would train on silently.

    Raises:
        ValueError: names what differs.
    """
    if not distributed.is_initialized():
        return
    everyone: list[dict] = [{}] * distributed.get_world_size()
    distributed.all_gather_object(everyone, asked)
    differing = [name for name, value in asked.items() if any(other[name] != value for other in everyone)]
    if differing:
        raise ValueError(
            f"{', '.join(differing)}: not the same in all processes of this training; start all with the same words"
        )


def _write_results(out: Path, colorizer: Colorizer, history: History, settings: Config) -> None:
    from colorlab.plots import loss_curves, to_bytes

    colorizer.save(out / "colorizer.safetensors")
    name = type(colorizer.objective).__name__
    picture = to_bytes(
        loss_curves({name: history}, title=f"Step {history.step[-1]:,} of {settings.steps:,}"), "webp"
    )
    text = json.dumps({"config": asdict(settings), "history": asdict(history)}, indent=1)
    write_whole(out / "loss.webp", picture)
    write_whole(out / "history.json", text)
