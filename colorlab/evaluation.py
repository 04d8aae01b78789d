"""The table that judges the networks: what `colorlab evaluate` does.

The course shows the figures as they were recorded (`recorded`); where the pictures are at hand, the same
command computes them anew.
"""

import json
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from tqdm.auto import tqdm

from colorlab import __version__
from colorlab.colorizer import PRETRAINED, WEIGHTS, Colorizer
from colorlab.datasets import DataError, Part, locate, open_collection
from colorlab.flicker import SMOOTHING, FrameColorizer, flicker, static_clip
from colorlab.hints import POINT_SIDE, global_hint, simulate, spread
from colorlab.lesson import choose_device
from colorlab.metrics import Tally, baselines, best_saturation, intervals, score, to_labs
from colorlab.objectives import Classification

AT_ONCE = 64  # pictures a forward pass
HINT_COUNTS = (0, 1, 2, 5, 10, 20)
TEMPERATURES = (1.0, 0.38, "mode")  # beside the one stored with the weights


def evaluate(
    source: str | Path,
    models: tuple[str, ...] = PRETRAINED,
    part: Part | Literal["all"] | None = None,
    size: int = 64,
) -> dict:
    """Score networks and the baselines a sceptic asks for on the same pictures.

    Args:
        source: a folder, an archive or the name of a download, see `datasets.open_collection`.
        models: names of shipped networks, or files that `colorlab train` wrote.
        part: which pictures. None takes those that no network was trained on: the held-out part of the
            data that one of the networks learnt from, all pictures of anything else.
        size: the pictures are cut to squares of this many pixels, and the networks see them so.

    Returns:
        data: what was measured on.
        rows: name -> {scores, interval}; see `metrics.score` and `metrics.intervals`.
        differences: "a - b" -> intervals of the differences, pictures drawn together.
        hints: PSNR against the number of hints, for a network that takes them and for spreading the same
            hints without one; absent if no network takes hints.
        global hint: of that network, see `global_hints`; absent if it takes none.
        flicker: name -> what `flicker_of` returns.
    """
    collection = open_collection(source, size)
    stems = [Path(name).stem for name in models]
    # Two files may share a stem, as every training calls its result colorizer.safetensors.
    networks = {
        stem if stems.count(stem) == 1 else name: open_model(name)
        for stem, name in zip(stems, models, strict=True)
    }
    if part is None:
        part = (
            "held out" if any(_learnt_from(n, source, collection.key) for n in networks.values()) else "all"
        )
    pictures = collection.part(part)
    if len(pictures) < 2:
        raise DataError(f"{source}: the part {part!r} has {len(pictures)} pictures; at least 2 are needed")
    lab = pictures.lab_of_all()
    labs = list(lab)
    tallies = {name: Tally.of(ab, labs) for name, ab in baselines(labs).items()}
    compared = []
    for name, network in networks.items():
        default = predict(network, lab, name=name)
        tallies[name] = Tally.of(list(default), labs)
        compared.append((name, "grey"))
        if isinstance(network.objective, Classification):
            for temperature in TEMPERATURES:
                label = f"{name}, {'mode' if temperature == 'mode' else f'T = {temperature:g}'}"
                tallies[label] = Tally.of(list(predict(network, lab, temperature, name=label)), labs)
        else:
            factor, _ = best_saturation(list(default), labs)
            tallies[f"{name} × {factor:g}"] = Tally.of(list(factor * default), labs)
            compared += [(n, m) for n in networks if n != name for m in (name, f"{name} × {factor:g}")]
    bounds = intervals(tallies)
    result = {
        "made by": f"colorlab {__version__}, torch {torch.__version__}",
        "data": {
            "name": Path(source).name,
            "key": collection.key,
            "part": part,
            "pictures": len(labs),
            "size": size,
        },
        "rows": {
            name: {"scores": tally.scores(), "interval": bounds[name]} for name, tally in tallies.items()
        },
        "differences": {
            f"{a} - {b}": intervals({a: tallies[a], b: tallies[b]}, against=b)[a] for a, b in compared
        },
    }
    guided = [network for network in networks.values() if network.takes_hints]
    if guided:
        result["hints"] = hint_curve(guided[0], lab)
        if guided[0].takes_global_hint:
            result["global hint"] = global_hints(guided[0], lab)
    result["flicker"] = {name: flicker_of(network) for name, network in networks.items()}
    return result


def _learnt_from(network: Colorizer, source: str | Path, key: str) -> bool:
    """By content or by name: another edition of an archive may hold what the network learnt from as well."""
    data = network.about.get("data", {})
    return data.get("key") == key or data.get("name") == locate(source).name


def open_model(name: str) -> Colorizer:
    """A shipped network by its name, or a file; on a GPU where there is one."""
    device = choose_device("auto")
    return Colorizer.pretrained(name, device) if name in PRETRAINED else Colorizer.load(name, device)


@torch.no_grad()
def predict(
    network: Colorizer,
    lab: Tensor,
    temperature=None,
    planes: Tensor | None = None,
    like: Tensor | None = None,
    name: str = "",
) -> Tensor:
    """ab `(N, 2, H, W)` for pictures `(N, 3, H, W)`, a batch at a time, with progress."""
    answers = []
    for first in tqdm(range(0, len(lab), AT_ONCE), desc=name, leave=False, mininterval=1.0):
        batch = slice(first, first + AT_ONCE)
        hints, overall = (None if given is None else given[batch] for given in (planes, like))
        answers.append(network.predict_ab(lab[batch, :1], temperature, hints, overall).cpu())
    return torch.cat(answers)


def hint_curve(network: Colorizer, lab: Tensor, counts: tuple[int, ...] = HINT_COUNTS, seed: int = 0) -> dict:
    """PSNR against the number of hints, each a patch of 3×3 pixels that tells its true mean colour.

    Args:
        network: one that takes hints.
        lab: true pictures, `(N, 3, H, W)`.
        counts: how many hints a picture gets.
        seed: of their places.

    Returns:
        counts, and under "guided" and "spread": psnr (one a count) and interval (its 95 % bounds).
    """
    labs, curves = list(lab), {"guided": [], "spread": []}
    for count in counts:
        generator = torch.Generator().manual_seed(seed)
        planes = simulate(lab[:, 1:], generator, count, POINT_SIDE)
        curves["guided"].append(predict(network, lab, planes=planes, name=f"{count} hints"))
        curves["spread"].append(spread(planes, lab[:, :1]))
    result: dict = {"counts": list(counts)}
    for name, predictions in curves.items():
        tallies = {str(n): Tally.of(list(ab), labs) for n, ab in zip(counts, predictions, strict=True)}
        bounds = intervals(tallies)
        result[name] = {
            "psnr": [t.scores()["psnr"] for t in tallies.values()],
            "interval": [bounds[n]["psnr"] for n in tallies],
        }
    return result


def global_hints(network: Colorizer, lab: Tensor) -> dict:
    """Scores and intervals with no global hint, with that of the picture itself, and with another picture's.

    Args:
        network: one that takes global hints.
        lab: true pictures, `(N, 3, H, W)`, at least two.
    """
    own = torch.cat([global_hint(part) for part in lab.split(AT_ONCE)])
    given = {"none": None, "its own": own, "another's": own.roll(1, dims=0)}
    labs = list(lab)
    tallies = {
        name: Tally.of(list(predict(network, lab, like=like, name=name)), labs)
        for name, like in given.items()
    }
    bounds = intervals(tallies)
    return {name: {"scores": t.scores(), "interval": bounds[name]} for name, t in tallies.items()}


def flicker_of(network: Colorizer) -> dict:
    """Flicker, and rebalanced AuC, on `flicker.static_clip`: 12 frames that no folder of pictures changes.

    Returns:
        "frame by frame" and "smoothed" -> flicker (Lab units) and rebalanced_auc (%).
    """
    seen, truth = static_clip()
    found, truth = {}, to_labs(truth)
    for name, smoothing in (("frame by frame", 0), ("smoothed", SMOOTHING)):
        paint = FrameColorizer(network, smoothing)
        labs = [paint.lab(frame) for frame in seen]
        auc = score([lab[1:] for lab in labs], truth)["rebalanced_auc"]
        found[name] = {"flicker": flicker(labs), "rebalanced_auc": auc}
    return found


def table(result: dict) -> str:
    """What `evaluate` found, as lines of text."""
    data = result["data"]
    lines = [
        f"{data['pictures']:,} pictures of {data['name']} ({data['part']}): the middle square of each, shrunk to "
        f"{data['size']}×{data['size']} pixels, and shown so to the networks",
        "in brackets 95 % bootstrap intervals over pictures; rebalanced AuC can be compared on one set only",
        "",
        f"{'':<26}{'PSNR, dB':<23}{'AuC':<23}{'rebalanced AuC':<23}{'chroma ratio':<20}",
    ]
    for name, row in result["rows"].items():
        cells = [f"{name:<26}"]
        for key, digits in (("psnr", 2), ("auc", 1), ("rebalanced_auc", 1), ("chroma_ratio", 2)):
            low, high = row["interval"][key]
            text = f"{row['scores'][key]:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
            cells.append(f"{text:<23}")
        lines.append("".join(cells).rstrip())
    if "hints" in result:
        hints = result["hints"]
        lines += ["", f"{'hints a picture':<26}" + "".join(f"{n:>8}" for n in hints["counts"])]
        for name, label in (("guided", "PSNR, guided network"), ("spread", "PSNR, hints spread alone")):
            lines.append(f"{label:<26}" + "".join(f"{v:>8.2f}" for v in hints[name]["psnr"]))
    for name, row in result.get("global hint", {}).items():
        s = row["scores"]
        lines.append(f"global hint: {name:<13}PSNR {s['psnr']:.2f} dB, chroma ratio {s['chroma_ratio']:.2f}")
    if "flicker" in result:
        lines += ["", "on a clip of a still camera (the same for all data): flicker is the mean change of ab"]
        lines += ["where L did not change, Lab units a frame", ""]
        lines += [f"{'':<26}{'flicker':<15}{'smoothed':<15}{'rebalanced AuC':<20}{'smoothed'}"]
    for name, row in result.get("flicker", {}).items():
        cells = [f"{row[way]['flicker']:<15.2f}" for way in ("frame by frame", "smoothed")]
        cells += [f"{row[way]['rebalanced_auc']:<20.2f}" for way in ("frame by frame", "smoothed")]
        lines.append(f"{name:<26}{''.join(cells)}".rstrip())
    return "\n".join(lines)


def recorded() -> dict:
    """The figures of the shipped networks, as `evaluate` wrote them when they were made."""
    return json.loads((WEIGHTS / "evaluation.json").read_text(encoding="utf-8"))


def compared() -> dict:
    """The figures of the networks that were trained on one budget, as benchmarks/compare.py wrote them."""
    return json.loads((WEIGHTS / "comparison.json").read_text(encoding="utf-8"))
