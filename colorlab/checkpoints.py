"""Stopping a training and going on with it later, on a CPU to the very bits: what is kept, and what is believed."""

import io
import os
import zipfile
from dataclasses import asdict

import torch

from colorlab.colorizer import Colorizer
from colorlab.config import Config, History
from colorlab.files.faults import refused_by_the_machine
from colorlab.files.whole import write_whole

LONGEST = 80  # characters of a value in an error; what a stranger's file says may be megabytes


class CheckpointError(ValueError):
    """A checkpoint that cannot be resumed from; the message says why and what to do."""


def save_checkpoint(
    path, colorizer: Colorizer, optimizer, schedule, config: Config, history: History, step: int
) -> None:
    """Write everything a training needs to go on, in one piece.

    Raises:
        OSError: the place cannot be written; an older checkpoint stays.
    """
    state = {
        "network": colorizer.network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "config": asdict(config),
        "objective": repr(colorizer.objective),
        "unet": repr(colorizer.network.config),
        "about": colorizer.about,
        "size": colorizer.working_size,
        "history": asdict(history),
        "step": step,
    }
    made = io.BytesIO()  # torch's own writer hides why a file could not be written
    torch.save(state, made)
    write_whole(path, made.getvalue())


def load_checkpoint(path, colorizer: Colorizer, optimizer, schedule, config: Config) -> tuple[History, int]:
    """Read what `save_checkpoint` wrote into these objects; nothing in the file is executed.

    All that decides what is learnt must be as it was: settings, network, objective, and, as far as
    `colorizer.about` tells, the data and the weights that were begun with. Only `config.steps` may be another
    number, not below the steps taken: the learning rate then follows the new plan from there on. Fields that a
    file of an earlier version does not have are not compared, or had their default.

    Returns:
        The history so far, and the number of steps taken.

    Raises:
        CheckpointError: damaged, or of another training.
        OSError: the system refuses to read it.
    """
    try:
        _refuse_bomb(path)
        state = torch.load(path, map_location=colorizer.device, weights_only=True)
        differing = _differing(state, colorizer, config)
        taken = state["step"]
        if not differing and not (type(taken) is int and taken > config.steps):
            return _restore(state, colorizer, optimizer, schedule, config)
    except Exception as error:  # torch's reader raises all kinds of things on damaged files
        if refused_by_the_machine(error):
            raise
        raise CheckpointError(
            f"{path}: not a readable checkpoint ({_short(error)}); delete it to begin anew"
        ) from error
    if differing:
        raise CheckpointError(
            f"{path}: of another training ({'; '.join(differing)}); ask for the same, or use another file"
        )
    raise CheckpointError(
        f"{path}: {taken:,} steps are taken already, and {config.steps:,} were asked for; "
        "ask for more steps, or use another file"
    )


def _differing(state: dict, colorizer: Colorizer, config: Config) -> list[str]:
    """What a checkpoint was made with and is not asked for now, in words."""
    found = asdict(Config()) | state["config"] | {"objective": state["objective"], "unet": state["unet"]}
    wanted = asdict(config) | {
        "objective": repr(colorizer.objective),
        "unet": repr(colorizer.network.config),
    }
    del wanted["steps"]
    if "about" in state:
        found |= _origin(state["about"], state["size"])
        wanted |= _origin(colorizer.about, colorizer.working_size)
    return [f"{k} was {_short(found.get(k))}, is {_short(v)}" for k, v in wanted.items() if found.get(k) != v]


def _origin(about: dict, size: int) -> dict:
    """What a training learnt from and began with."""
    data, start = about.get("data", {}), about.get("start") or {}
    return {
        "data": data.get("key"),
        "with_photographs": bool(data.get("photographs")),
        "start_from": (start.get("name"), start.get("checksum")) if start else None,
        "size": size,
    }


def data_seen(about: dict) -> list[str]:
    """The keys of the data that a network learnt from, and the one it began with; a stranger's may be anything."""
    data, start = about.get("data", {}), about.get("start")
    earlier = start.get("data") if isinstance(start, dict) else None
    keys = [data.get("key"), *(earlier if isinstance(earlier, list) else [])]
    return [key for key in keys if isinstance(key, str)]


def _short(value: object) -> str:
    text = str(value) or type(value).__name__ if isinstance(value, Exception) else repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


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
    # A newer torch has options of which the file knows nothing; what it does say must be what is asked for.
    groups = [a | b for a, b in zip(own_groups, state["optimizer"]["param_groups"], strict=True)]
    plan = schedule.state_dict() | state["schedule"]
    if not (
        _alike(state["network"], colorizer.network.state_dict())
        and _alike(moments, own_moments)
        and _alike(groups, own_groups)
        and all(a | {"lr": b["lr"]} == b for a, b in zip(groups, own_groups, strict=True))
        and _alike(plan, schedule.state_dict())
        and plan["last_epoch"] == step
    ):
        raise ValueError("its weights, optimizer or schedule do not fit")
    if not all(w.isfinite().all() for w in [*state["network"].values(), *_tensors(moments)]):
        raise ValueError("its weights are not numbers")
    colorizer.network.load_state_dict(state["network"])
    optimizer.load_state_dict({"state": moments, "param_groups": own_groups})
    _stand_at(schedule, step)
    return history, step


def _tensors(moments: dict) -> list[torch.Tensor]:
    return [tensor for of_weight in moments.values() for tensor in of_weight.values()]


def _stand_at(schedule, step: int) -> None:
    """Put a schedule of learning rates where it stands after so many steps, with the bits it would have come to."""
    schedule.last_epoch, schedule._step_count = step, step + 1
    rates = [base * factor(step) for base, factor in zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)]
    for group, rate in zip(schedule.optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    schedule._last_lr = rates


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
