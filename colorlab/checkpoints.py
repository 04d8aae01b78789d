"""Stopping a training and going on with it later, on a CPU to the very bits: what is kept, and what is believed."""

import os
import zipfile
from dataclasses import asdict

import torch

from colorlab.colorizer import Colorizer
from colorlab.config import Config, History
from colorlab.files.whole import in_one_piece


class CheckpointError(ValueError):
    """A checkpoint that cannot be resumed from; the message says why and what to do."""


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
