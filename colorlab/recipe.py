"""From a folder of pictures to a trained colorizer: what `colorlab train` does."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from inspect import signature
from pathlib import Path

import torch
from torch import Tensor, distributed

from colorlab.arguments import true_or_false
from colorlab.bins import ColorBins
from colorlab.checkpoints import data_seen
from colorlab.colorizer import PRETRAINED, WEIGHTS, Colorizer, open_model
from colorlab.config import OBJECTIVES, Config, History
from colorlab.data import photos
from colorlab.datasets import Collection, DataError, Pictures, name_of, open_collection
from colorlab.device import choose_device
from colorlab.diagnosis import diagnose
from colorlab.files.whole import clear_leftovers, write_whole
from colorlab.hints import GLOBAL_LENGTH, HINT_CHANNELS
from colorlab.networks.base import Trunk
from colorlab.networks.lite_unet import LiteUNet
from colorlab.networks.published import ARCHITECTURES, build
from colorlab.networks.unet import UNet
from colorlab.objective_base import Objective
from colorlab.objectives import Classification, Regression
from colorlab.training import fit
from colorlab.weighted_regression import WeightedRegression

DEFAULT_SHAPE = dict(
    width=32, depth=3, half_resolution=True
)  # of a U-Net; the cited ones have published widths
CHECKPOINT = "checkpoint.pt"  # in the folder of every training
PRIOR_BATCHES, PRIOR_SIZE = 64, 64  # 4,096 pictures are plenty to count colours in


class OutputError(ValueError):
    """A folder for results that already holds some, or none to go on with."""


@dataclass(frozen=True)
class NetworkPlan:
    """The network to train, before its objective says how many answers it gives. None: as is usual for it."""

    architecture: str = "LiteUNet"  # one of `networks.published.ARCHITECTURES`
    width: int | None = None
    depth: int | None = None
    half_resolution: bool | None = None
    hints: bool = (
        False  # channels for colour hints and a vector for a global one, and simulated ones to learn from
    )
    start_from: str | Path | None = (
        None  # a shipped network, or a colorizer's file, whose weights to begin with
    )

    def __post_init__(self):
        true_or_false("hints", self.hints)


@dataclass(frozen=True)
class ObjectivePlan:
    """The objective, before the prior is counted in the pictures."""

    name: str = "classification"  # one of `config.OBJECTIVES`
    grid_size: float = 10.0  # distance of the bins, Lab units
    targets: str = "hard"
    uniform_mix: float = 0.5  # λ of the rebalancing; 1 is none

    def __post_init__(self):
        if self.name not in OBJECTIVES:
            raise ValueError(f"objective: expected one of {', '.join(OBJECTIVES)}, got {self.name!r}")


def train(
    data: str,
    out: Path,
    config: Config,
    network: NetworkPlan,
    objective: ObjectivePlan,
    *,
    size: int = 192,
    with_photographs: bool = False,
    resume: bool = False,
    watch: Callable[[int, Colorizer, History], None] | None = None,
) -> History:
    """Train on the training part of `data` and write everything into `out`.

    Args:
        data: see `datasets.locate`.
        out: a new folder, or with `resume` that of the training to go on with.
        config, network, objective: how to train, what, and towards which end.
        size: side of the squares it learns from, pixels.
        with_photographs: the course's three training photographs join the training part.
        watch: called as `fit` calls its `on_evaluate`.

    Raises:
        OutputError: `out` holds a training and `resume` is False, or holds none and it is True.
        DataError, CheckpointError, ValueError: see `open_collection`, `fit`.
    """
    for name, value in {"with_photographs": with_photographs, "resume": resume}.items():
        true_or_false(name, value)
    device, rank = _join_processes()
    checkpoint = out / CHECKPOINT
    begun = checkpoint.exists()
    asked = {"objective": objective, "size": size, "with_photographs": with_photographs, "resume": resume}
    _refuse_disagreement(**asdict(config), **asdict(network), **asked, checkpoint=begun)
    if begun and not resume:
        raise OutputError(f"{out} holds a training already; go on with --resume, or name another folder")
    if resume and not begun:
        raise OutputError(
            f"{out} holds no training to go on with, there is no {CHECKPOINT}; "
            "name the folder of one, or begin anew without --resume"
        )
    together = [p for p in photos("train") if with_photographs]
    collection = _open_once(data, size, rank)
    part = collection.training([p.rgb for p in together])
    _refuse_too_few(part, collection, config.batch_size)
    colorizer = untrained(config.seed, network, choose_objective(objective, part), size)
    colorizer.about |= {
        "recipe": {
            **asdict(config),
            "objective": objective.name,
            "hints": network.hints,
            "start_from": network.start_from and Path(network.start_from).name,
        },
        "data": {
            "name": name_of(data),
            "key": collection.key,
            "pictures": len(part),
            "photographs": [p.name for p in together],
        },
    }
    colorizer.to(device)
    if rank > 0:
        history = fit(colorizer, part, config, None, checkpoint)
    else:
        weights = sum(p.numel() for p in colorizer.network.parameters())
        print(f"{collection}\n{colorizer.objective}\n{weights:,} weights, on {device}")
        history = _fit_and_tell(colorizer, part, config, out, watch)
    if distributed.is_initialized():
        distributed.barrier()  # nobody leaves while another still measures or writes
        distributed.destroy_process_group()
    return history


def _open_once(data: str, size: int, rank: int) -> Collection:
    """One process decodes, the others find the cache ready; all must have found the same pictures."""
    if rank > 0:
        distributed.barrier()
    collection = open_collection(data, size)
    if rank == 0 and distributed.is_initialized():
        distributed.barrier()
    _refuse_disagreement(data=collection.key)
    return collection


def untrained(seed: int, plan: NetworkPlan, objective: Objective, size: int) -> Colorizer:
    """A colorizer that knows nothing yet, or what the network it starts from knows, and decides as that one."""
    torch.manual_seed(seed)
    network = network_for(plan, objective.out_channels)
    if plan.start_from is None:
        return Colorizer(network, objective, working_size=size)
    teacher = open_model(plan.start_from, "cpu")
    begin_with(network, teacher.network)
    about = {
        "start": {
            "name": Path(plan.start_from).name,
            "checksum": _checksum(plan.start_from),
            "data": data_seen(teacher.about),
        }
    }
    return Colorizer(network, objective, size, teacher.temperature, by_region=teacher.by_region, about=about)


def _fit_and_tell(
    colorizer: Colorizer,
    part: Pictures,
    config: Config,
    out: Path,
    watch: Callable[[int, Colorizer, History], None] | None,
) -> History:
    """What the first process does: train, say how it goes, and write the results after every measurement."""
    out.mkdir(parents=True, exist_ok=True)
    clear_leftovers(out)
    written, fixed = False, part.evaluation()

    def report(step: int, colorizer: Colorizer, history: History) -> None:
        nonlocal written
        print(
            f"step {step:,} of {config.steps:,}: loss {history.loss[-1]:.4g}, "
            f"chroma ratio {history.chroma_ratio[-1]:.2f}, {history.seconds[-1]:,.0f} s",
            flush=True,
        )
        if step:
            for finding in diagnose(colorizer.objective, colorizer.predict_ab(fixed.L), fixed.outcomes[0]):
                print(f"  look: {finding}", flush=True)
        _write_results(out, colorizer, history, config)
        written = True
        if watch:
            watch(step, colorizer, history)

    history = fit(colorizer, part, config, report, out / CHECKPOINT)
    if not written:  # it had been finished before
        _write_results(out, colorizer, history, config)
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


def network_for(plan: NetworkPlan, out_channels: int) -> Trunk:
    """A network that has learnt nothing yet; what the plan leaves None is the architecture's own default.

    Raises:
        ValueError: a shape, or hints, that this architecture does not have.
    """
    asked = dict(width=plan.width, depth=plan.depth, half_resolution=plan.half_resolution)
    shape = {name: value for name, value in asked.items() if value is not None}
    if plan.architecture == "UNet":
        shape = DEFAULT_SHAPE | shape
    if plan.hints:
        able = [name for name, kind in ARCHITECTURES.items() if "vector" in signature(kind).parameters]
        if plan.architecture not in able:
            raise ValueError(f"hints: {plan.architecture} takes no global hint; use {' or '.join(able)}")
        shape["vector"] = GLOBAL_LENGTH
    in_channels = 1 + HINT_CHANNELS * plan.hints
    return build(plan.architecture, in_channels=in_channels, out_channels=out_channels, **shape)


def choose_objective(plan: ObjectivePlan, part: Pictures) -> Objective:
    """The objective of a plan; where it weighs colours, with the prior of these pictures."""
    if plan.name == "regression":
        return Regression()
    bins = ColorBins(plan.grid_size)
    if plan.name == "classification" and plan.uniform_mix == 1:
        return Classification(bins, plan.targets)
    count = min(PRIOR_SIZE, len(part))
    batches = part.batches(count, seed=0)
    prior = bins.prior(next(batches)[:, 1:] for _ in range(min(PRIOR_BATCHES, len(part) // count)))
    if plan.name == "weighted-regression":
        return WeightedRegression(bins, prior, plan.uniform_mix)
    return Classification(bins, plan.targets, prior, plan.uniform_mix)


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
            f"{', '.join(differing)}: not the same in all processes of this training; start all with the same words "
            "and in sight of the same folders"
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
