"""The table that judges the networks: what `colorlab evaluate` does.

The course shows the figures as they were recorded (`recorded`); where the pictures are at hand, the same
command computes them anew.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from colorlab import __version__
from colorlab.colorizer import PRETRAINED, WEIGHTS, Colorizer, painted
from colorlab.data import to_lab
from colorlab.datasets import DataError, Part, Pictures, middle_square, open_collection
from colorlab.device import choose_device
from colorlab.files.faults import printable
from colorlab.flicker import SMOOTHING, FrameColorizer, flicker, static_clip
from colorlab.hints import POINT_SIDE, global_hint, simulate, spread
from colorlab.lab import lab_to_rgb_in_gamut, rgb_to_lab
from colorlab.metrics import Tally, baselines, intervals, score, segments_of, to_labs

AT_ONCE = 32  # squares a forward pass
SEEN_AT = 192  # pictures are kept with a shorter side of at most 9/8 of this many pixels
HINTED = 500  # squares on which hints are tried
HINT_COUNTS = (0, 1, 2, 5, 10, 20)
TEMPERATURES = (1.0, 0.38, "mode")  # beside the one stored with the weights
COLUMNS = {  # measure -> title, digits
    "psnr": ("PSNR, dB", 2),
    "rebalanced_auc": ("rebalanced AuC", 1),
    "chroma_ratio": ("chroma ratio", 2),
    "hits": ("hits, %", 1),
    "farther_than_grey": ("farther, %", 0),
    "patchiness": ("patchiness", 2),
}
FACTORS = (1.0, 1.3, 1.6, 2.0, 2.5, 3.0)  # by which a regression's saturation is turned up


def evaluate(
    source: str | Path,
    models: tuple[str, ...] = PRETRAINED,
    part: Part | Literal["all"] | None = None,
    without: tuple[str, ...] = (),
) -> dict:
    """Score networks, as `colorize` uses them, and the baselines a sceptic asks for on the same pictures.

    Every picture is coloured whole, at the working size and temperature stored with the weights.

    Args:
        source: a folder, an archive or the name of a download, see `datasets.open_collection`.
        models: names of shipped networks, or files that `colorlab train` wrote.
        part: which pictures. None takes those that no network was trained on: the held-out part of the
            data that one of the networks learnt from, all pictures of anything else.
        without: folders at the top of the source that are left out.

    Returns:
        data: what was measured on.
        rows: name -> {scores, interval}; see `metrics.score` and `metrics.intervals`.
        differences: "a - b" -> intervals of the differences, pictures drawn together.
        hints: PSNR against the number of hints, for a network that takes them and for spreading the same
            hints without one; absent if no network takes hints.
        global hint: of that network, see `global_hints`; absent if it takes none.
        flicker: name -> what `flicker_of` returns.
    """
    collection = open_collection(source, SEEN_AT)
    stems = [Path(name).stem for name in models]
    # Two files may share a stem, as every training calls its result colorizer.safetensors.
    networks = {
        stem if stems.count(stem) == 1 else name: open_model(name)
        for stem, name in zip(stems, models, strict=True)
    }
    if part is None:
        learnt = any(n.about.get("data", {}).get("key") == collection.key for n in networks.values())
        part = "held out" if learnt else "all"
    pictures = collection.part(part, without)
    if len(pictures) < 2:
        raise DataError(f"{source}: the part {part!r} has {len(pictures)} pictures; at least 2 are needed")
    tallies, compared = judge(networks, [pictures.picture(i) for i in range(len(pictures))])
    bounds = intervals(tallies)
    result = {
        "made by": f"colorlab {__version__}, torch {torch.__version__}",
        "data": {
            "name": Path(source).name,
            "key": collection.key,
            "part": part,
            "without": list(without),
            "pictures": len(pictures),
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
        lab = squares(pictures, guided[0].working_size)
        result["hints"] = hint_curve(guided[0], lab)
        if guided[0].takes_global_hint:
            result["global hint"] = global_hints(guided[0], lab)
    result["flicker"] = {name: flicker_of(network) for name, network in networks.items()}
    return result


def judge(
    networks: dict[str, Colorizer], pictures: Sequence[np.ndarray]
) -> tuple[dict[str, Tally], list[tuple[str, str]]]:
    """Tallies of the baselines and of every way to use the networks, and which pairs are worth comparing.

    Args:
        networks: by name.
        pictures: uint8 `(H, W, 3)`, in colour.
    """
    labs, segments = to_labs(pictures), [segments_of(rgb) for rgb in pictures]

    def tally(answers: list[Tensor]) -> Tally:
        return Tally.of(answers, labs, segments)

    tallies = {name: tally(answers) for name, answers in baselines(labs).items()}
    compared = [(name, "grey") for name in networks]
    shipped = {}
    for name, network in networks.items():
        ways = answers_of(network, pictures, name)
        shipped[name] = ways.pop("as shipped")
        tallies[name] = tally(shipped[name])
        tallies |= {f"{name}, {way}": tally(found) for way, found in ways.items()}
    classifying = [n for n, network in networks.items() if network.objective.has_distribution]
    for name in [n for n in networks if n not in classifying]:
        turned = {f: tally(saturated(shipped[name], labs, f)) for f in FACTORS}
        best = max(turned, key=lambda f: turned[f].scores()["hits"])
        tallies[f"{name} × {best:g}"] = turned[best]
        rivals = [name, f"{name} × {best:g}"]
        if "classification" in classifying:  # as vivid as that: is it only the vividness?
            as_vivid = (
                tallies["classification"].scores()["chroma_ratio"] / tallies[name].scores()["chroma_ratio"]
            )
            rivals.append(f"{name}, as vivid as classification")
            tallies[rivals[-1]] = tally(saturated(shipped[name], labs, as_vivid))
        compared += [(c, rival) for c in classifying for rival in rivals]
    return tallies, compared


@torch.no_grad()
def answers_of(network: Colorizer, pictures: Sequence[np.ndarray], name: str = "") -> dict[str, list[Tensor]]:
    """What `colorize` gives, as ab `(2, H, W)`, in several ways: "as shipped", and others of a classification.

    Its distributions are asked for once a picture.
    """
    ways: dict[str, list[Tensor]] = {"as shipped": []}
    for rgb in tqdm(pictures, desc=printable(name), leave=False, mininterval=1.0):
        small = network.small_copy(rgb)
        found = {"as shipped": network.predict_ab(small)}
        if network.objective.has_distribution:
            beliefs = network.beliefs(small)
            found |= {
                "mode" if t == "mode" else f"T = {t:g}": network.to_size(network.decide(beliefs, t), small)
                for t in TEMPERATURES
            }
            if network.by_region:
                found["pixel by pixel"] = network.predict_ab(small, by_region=False)
        for way, ab in found.items():
            ways.setdefault(way, []).append(to_lab(painted(rgb, ab.cpu(), small))[1:])
    return ways


def saturated(answers: Sequence[Tensor], labs: Sequence[Tensor], factor: float) -> list[Tensor]:
    """Answers with their saturation turned up, as far as sRGB can show it: ab `(2, H, W)` each."""
    return [
        rgb_to_lab(lab_to_rgb_in_gamut(torch.cat([lab[:1], factor * ab])))[1:]
        for ab, lab in zip(answers, labs, strict=True)
    ]


def squares(pictures: Pictures, side: int) -> Tensor:
    """Lab of the middle squares of at most HINTED pictures, `(N, 3, side, side)`."""
    which = np.linspace(0, len(pictures) - 1, min(HINTED, len(pictures))).astype(int)
    return torch.stack(to_labs([middle_square(pictures.picture(i), side) for i in which]))


def open_model(name: str) -> Colorizer:
    """A shipped network by its name, or a file; on a GPU where there is one."""
    device = choose_device("auto")
    return Colorizer.pretrained(name, device) if name in PRETRAINED else Colorizer.load(name, device)


@torch.no_grad()
def predict(
    network: Colorizer,
    lab: Tensor,
    planes: Tensor | None = None,
    like: Tensor | None = None,
    name: str = "",
) -> Tensor:
    """ab `(N, 2, H, W)` for squares `(N, 3, H, W)`, a batch at a time, with progress."""
    answers = []
    for first in tqdm(range(0, len(lab), AT_ONCE), desc=printable(name), leave=False, mininterval=1.0):
        batch = slice(first, first + AT_ONCE)
        hints, overall = (None if given is None else given[batch] for given in (planes, like))
        answers.append(network.predict_ab(lab[batch, :1], None, hints, overall).cpu())
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
        f"{data['pictures']:,} pictures of {data['name']} ({data['part']}), coloured whole, as `colorlab colorize` "
        "does",
        "in brackets 95 % bootstrap intervals over pictures; rebalanced AuC can be compared on one set only",
        "hits: clearly colored pixels (chroma > 30) within 25 units of the truth; farther: pictures farther from "
        "the truth than grey",
        "",
        f"{'':<26}" + "".join(f"{title:<22}" for title, _ in COLUMNS.values()),
    ]
    for name, row in result["rows"].items():
        cells = [f"{name:<26}"]
        for key, (_, digits) in COLUMNS.items():
            if key in row["scores"]:
                low, high = row["interval"][key]
                text = f"{row['scores'][key]:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
                cells.append(f"{text:<22}")
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
