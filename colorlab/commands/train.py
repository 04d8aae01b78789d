"""`colorlab train`: a colorizer from your own pictures."""

import os
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Literal, get_args, get_origin

import click

from colorlab.commands.console import Given, imports
from colorlab.config import OBJECTIVES


def config_options(command: Callable) -> Callable:
    """One option for every field of `Config`, with its default."""
    from colorlab.config import Config

    for spec in reversed(fields(Config)):
        name = "--" + spec.name.replace("_", "-")
        kinds = get_args(spec.type)  # of a Literal its values, of an optional number the number's type
        kind = click.Choice(kinds) if get_origin(spec.type) is Literal else kinds[0] if kinds else spec.type
        command = click.option(name, type=kind, default=spec.default, show_default=True)(command)
    return command


@click.command()
@click.option(
    "--data",
    type=Given(),
    metavar="FOLDER|FILE|NAME",
    required=True,
    help="A folder, a zip or tar, or a download such as tiny-imagenet.",
)
@click.option("--out", type=Given(path_type=Path, file_okay=False), required=True, help="For the results.")
@click.option(
    "--objective",
    type=click.Choice(OBJECTIVES),
    default="classification",
    show_default=True,
)
@click.option(
    "--size",
    type=click.IntRange(8, 1024),
    default=192,
    show_default=True,
    help="Side of the squares the network learns from, pixels.",
)
@click.option("--grid-size", default=10.0, show_default=True, help="Distance of the bins, Lab units.")
@click.option("--targets", type=click.Choice(["hard", "soft"]), default="hard", show_default=True)
@click.option("--uniform-mix", default=0.5, show_default=True, help="λ of the rebalancing; 1 is none.")
@click.option(
    "--architecture",
    type=click.Choice(
        ["LiteUNet", "UNet", "SemanticUNet", "Ronneberger2015", "Zhang2016", "Zhang2017", "Koalarization"]
    ),
    default="LiteUNet",
    show_default=True,
    help="A U-Net whose path down has seen ImageNet, one from scratch, or one of the papers'.",
)
@click.option(
    "--width",
    type=int,
    help="Channels of the finest level.  [default: 48, UNet: 32, else as published]",
)
@click.option("--depth", type=int, help="How often a U-Net halves the resolution.  [default: 3 for UNet]")
@click.option(
    "--half-resolution/--full-resolution",
    default=None,
    help="Of the answers, where the architecture leaves the choice.  [default: half for UNet]",
)
@click.option(
    "--hints",
    is_flag=True,
    help="Also learn to follow colour hints, local and global ones, simulated from the true colours.",
)
@click.option(
    "--start-from",
    type=Given(),
    metavar="NAME|FILE",
    help="Begin with a network that has learnt already: classification, regression, guided, or a file of yours.",
)
@click.option("--with-photographs", is_flag=True, help="The course's three training photographs join in.")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the training that lies in --out; without its checkpoint.pt this is refused.",
)
@config_options
def train(
    data: str,
    out: Path,
    size: int,
    objective: str,
    grid_size: float,
    targets: str,
    uniform_mix: float,
    with_photographs: bool,
    resume: bool,
    **options,
) -> None:
    """Train a colorizer on your own pictures.

    Progress is written to --out after every measurement: checkpoint.pt to go on from, colorizer.safetensors
    to use, history.json and loss.webp to look at. Stop it with Ctrl-C, go on with --resume, also to more
    --steps than before; data, size and all else must be as they were. Several
    processes share the work under torchrun; on CPUs with gloo, on GPUs with nccl.

    \b
    colorlab train --data my_photos/ --out build/mine --steps 2000
    colorlab train --data album/ --out build/album --start-from classification --steps 300   fit ours to yours
    colorlab train --data tiny-imagenet --out build/tiny --steps 20000 --batch-size 64 --precision bfloat16
    colorlab train --data my_photos/ --out build/mine --steps 2000 --resume
    torchrun --nproc-per-node 2 -m colorlab train --data my_photos/ --out build/two
    """
    os.environ.pop("MPLBACKEND", None)  # what a notebook or a desktop left there; no window is opened here
    with imports():
        from colorlab import recipe
        from colorlab.config import Config
        from colorlab.recipe import NetworkPlan, ObjectivePlan

    recipe.train(
        data,
        out,
        Config(**{spec.name: options.pop(spec.name) for spec in fields(Config)}),
        NetworkPlan(**options),
        ObjectivePlan(objective, grid_size, targets, uniform_mix),
        size=size,
        with_photographs=with_photographs,
        resume=resume,
    )
    if "TORCHELASTIC_RUN_ID" in os.environ:
        # All is written. As Python ends, threads of torch.distributed abort the process now and then ("terminate
        # called without an active exception"), and torchrun would call a training failed that was not.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
