"""Train the small encoder of `colorlab.fusion` on the class folders of a data set, and write its file.

    python benchmarks/encoder.py --data tiny-imagenet-200.zip

About half an hour on one CPU core; stopped and started again it goes on. The accuracy it prints is that on
the part of the data that no network of the course is trained on.
"""

import argparse
import json
import os
import time
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from colorlab.data import mix
from colorlab.datasets import Collection, Pictures, open_collection
from colorlab.fusion import ENCODER_FILE, SmallEncoder

BUILD = Path("build/encoder.pt")
SIZE, BATCH, EPOCHS, LEARNING_RATE, WEIGHT_DECAY = 64, 128, 10, 3e-3, 0.05
MOST_SHIFT = 6  # pixels


def labels_of(collection: Collection) -> tuple[Tensor, list[str]]:
    """(N,) the class of every picture, and the names of the classes: the folder above, "images" left out."""
    folders = [[p for p in PurePosixPath(n).parent.parts if p != "images"][-1] for n in collection.names]
    names = sorted(set(folders))
    number = {name: i for i, name in enumerate(names)}
    return torch.tensor([number[f] for f in folders]), names


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True)
    collection = open_collection(parser.parse_args().data, SIZE)
    labels, names = labels_of(collection)
    part = collection.part("train")
    torch.manual_seed(0)
    net = SmallEncoder(len(names))
    print(f"{len(names)} classes, {sum(p.numel() for p in net.parameters()):,} weights", flush=True)
    steps = EPOCHS * (len(part) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    step = 0
    if BUILD.exists():
        state = torch.load(BUILD, weights_only=True)
        for thing, stored in zip((net, optimizer, schedule), state["states"], strict=True):
            thing.load_state_dict(stored)
        step = state["step"]
    begun = time.perf_counter()
    while step < steps:
        epoch, within = divmod(step, len(part) // BATCH)
        order = np.random.default_rng(mix(0, epoch)).permutation(len(part))
        which = order[within * BATCH : (within + 1) * BATCH]
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(shifted(part.lab(which)[:, :1] / 50 - 1, step))
        loss = F.cross_entropy(logits.float(), labels[part.chosen[which]], label_smoothing=0.1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        step += 1
        if step % 200 == 0 or step == steps:
            print(
                f"step {step} of {steps}: loss {loss.item():.3f}, {time.perf_counter() - begun:.0f} s",
                flush=True,
            )
            partial = BUILD.with_suffix(".partial")
            BUILD.parent.mkdir(exist_ok=True)
            torch.save(
                {"states": [t.state_dict() for t in (net, optimizer, schedule)], "step": step}, partial
            )
            os.replace(partial, BUILD)
    top = {p: accuracy(net.eval(), collection.part(p), labels) for p in ("validation", "held out")}
    print(top)
    weights = {k: v.half().contiguous() for k, v in net.state_dict().items()}
    about = {"classes": names, "accuracy": top, "data": collection.key, "steps": steps}
    save_file(weights, ENCODER_FILE, {k: json.dumps(v) for k, v in about.items()})
    print(f"{ENCODER_FILE}: {ENCODER_FILE.stat().st_size / 1e6:.2f} MB")


def shifted(L: Tensor, seed: int) -> Tensor:
    """Every picture flipped by lot and moved by up to a few pixels, edges repeated."""
    draw = torch.Generator().manual_seed(mix(0, seed))
    side = L.shape[-1]
    padded = F.pad(L, (MOST_SHIFT,) * 4, mode="replicate")
    moves = torch.randint(2 * MOST_SHIFT + 1, (len(L), 2), generator=draw).tolist()
    L = torch.stack([p[:, y : y + side, x : x + side] for p, (y, x) in zip(padded, moves, strict=True)])
    flip = torch.rand(len(L), generator=draw) < 0.5
    L[flip] = L[flip].flip(-1)
    return L


@torch.no_grad()
def accuracy(net: SmallEncoder, part: Pictures, labels: Tensor) -> dict[str, float]:
    """Share of pictures whose class is the first, or among the first five, percent."""
    ranks = []
    for which in np.array_split(np.arange(len(part)), 1 + len(part) // 256):
        logits = net(part.lab(which)[:, :1] / 50 - 1)
        truth = labels[part.chosen[which]]
        ranks.append((logits > logits.gather(1, truth[:, None])).sum(1))
    ranks = torch.cat(ranks)
    return {f"top {k}": round(100 * (ranks < k).float().mean().item(), 2) for k in (1, 5)}


if __name__ == "__main__":
    main()
