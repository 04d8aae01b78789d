"""The table that judges the networks: what `colorlab evaluate` does.

The course shows the figures as they were recorded (`recorded`); where the pictures are at hand, the same
command computes them anew.
"""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from colorlab import __version__
from colorlab.checkpoints import data_seen
from colorlab.colorizer import PRETRAINED, WEIGHTS, Colorizer, open_model, painted
from colorlab.data import seeded, to_lab
from colorlab.datasets import DataError, Part, Pictures, middle_square, name_of, open_collection
from colorlab.files.faults import printable
from colorlab.flicker import SMOOTHING, FrameColorizer, flicker, static_clip
from colorlab.hints import POINT_SIDE, global_hint, simulate, spread
from colorlab.lab import lab_to_rgb_in_gamut, rgb_to_lab
from colorlab.metrics import Tally, Truth, baselines, hits, intervals, score, segments_of, to_labs

AT_ONCE = 32  # squares a forward pass
SEEN_AT = 192  # pictures are kept with a shorter side of at most 9/8 of this many pixels
HINTED = 500  # squares on which hints are tried
HINT_COUNTS = (0, 1, 2, 5, 10, 20)  # that a picture gets
ALSO_AT = (1.0, 0.38, "mode")  # temperatures beside the one stored with the weights
FACTORS = (1.0, 1.3, 1.6, 2.0, 2.5, 3.0)  # by which a regression's saturation is turned up


@dataclass(frozen=True)
class Row:
    """A way to colour, measured: see `metrics.score` and, for the 95 % bounds of the same, `metrics.intervals`."""

    scores: dict[str, float]
    interval: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Report:
    """What is known about networks, and about the baselines that a sceptic asks for, on the same pictures.

    Attributes:
        made_by: the versions that computed it.
        data: what was measured on: `name`, `key` (of the content), `part`, `without`, `pictures` (how many).
        rows: by the name of a network, of a way to use it, or of a baseline.
        differences: "a - b" -> intervals of the differences, pictures drawn together.
        flicker: by network, see `flicker_of`.
        hints: see `hint_curve`; None if no network takes hints.
        global_hint: see `global_hints`; None if no network takes one.
    """

    made_by: str
    data: dict
    rows: dict[str, Row]
    differences: dict[str, dict[str, tuple[float, float]]]
    flicker: dict[str, dict[str, dict[str, float]]]
    hints: dict | None = None
    global_hint: dict[str, Row] | None = None

    def to_json(self) -> str:
        """The same for other programs. What cannot be measured, such as hits where no colour is clear, is null."""
        return json.dumps(_finite(asdict(self)), indent=1, ensure_ascii=False, allow_nan=False)


def _finite(value):
    """A copy without the numbers that JSON does not know: nan and infinity become None."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def report(
    source: str | Path,
    models: tuple[str, ...] = PRETRAINED,
    part: Part | Literal["all"] | None = None,
    without: tuple[str, ...] = (),
) -> Report:
    """Score networks, as `colorize` uses them, on the pictures of a folder.

    Every picture is coloured whole, at the working size and temperature stored with the weights.

    Args:
        source: a folder, an archive or the name of a download, see `datasets.open_collection`.
        models: names of shipped networks, or files that `colorlab train` wrote.
        part: which pictures. None takes those that no network was trained on: the held-out part of the
            data that one of the networks, or one that it began with, learnt from; all pictures of anything else.
        without: folders at the top of the source that are left out.

    Raises:
        DataError: nothing can be measured on fewer than two pictures.
    """
    collection, networks = open_collection(source, SEEN_AT), open_models(models)
    if part is None:
        learnt = any(collection.key in data_seen(network.about) for network in networks.values())
        part = "held out" if learnt else "all"
    pictures = collection.part(part, without)
    if len(pictures) < 2:
        raise DataError(f"{source}: the part {part!r} has {len(pictures)} pictures; at least 2 are needed")
    tallies, compared = judge(networks, [pictures.picture(i) for i in range(len(pictures))])
    guided = next((network for network in networks.values() if network.takes_hints), None)
    lab = None if guided is None else squares(pictures, guided.working_size)
    return Report(
        made_by=f"colorlab {__version__}, torch {torch.__version__}",
        data={
            "name": name_of(source),
            "key": collection.key,
            "part": part,
            "without": list(without),
            "pictures": len(pictures),
        },
        rows=rows_of(tallies),
        differences={
            f"{a} - {b}": intervals({a: tallies[a], b: tallies[b]}, against=b)[a] for a, b in compared
        },
        flicker={name: flicker_of(network) for name, network in networks.items()},
        hints=None if guided is None else hint_curve(guided, lab),
        global_hint=global_hints(guided, lab) if guided and guided.takes_global_hint else None,
    )


def open_models(names: Sequence[str]) -> dict[str, Colorizer]:
    """Networks by the stem of their file; by its whole path where two share a stem, as trainings' results do."""
    stems = [Path(name).stem for name in names]
    return {
        stem if stems.count(stem) == 1 else name: open_model(name)
        for stem, name in zip(stems, names, strict=True)
    }


def rows_of(tallies: dict[str, Tally]) -> dict[str, Row]:
    bounds = intervals(tallies)
    return {name: Row(tally.scores(), bounds[name]) for name, tally in tallies.items()}


def judge(
    networks: dict[str, Colorizer], pictures: Sequence[np.ndarray]
) -> tuple[dict[str, Tally], list[tuple[str, str]]]:
    """Tallies of the baselines and of every way to use the networks, and which pairs are worth comparing.

    Args:
        networks: by name.
        pictures: uint8 `(H, W, 3)`, in colour.
    """
    labs, segments = to_labs(pictures), each(segments_of, pictures, "segments")
    tally = partial(tallied, Truth.of(labs, segments))
    tallies = {name: tally(name, answers) for name, answers in baselines(labs).items()}
    compared = [(name, "grey") for name in networks]
    shipped = {}
    for name, network in networks.items():
        ways = answers_of(network, pictures, name)
        shipped[name] = ways.pop("as shipped")
        tallies[name] = tally(name, shipped[name])
        tallies |= {f"{name}, {way}": tally(f"{name}, {way}", found) for way, found in ways.items()}
    classifying = [n for n, network in networks.items() if network.objective.has_distribution]
    for name in [n for n in networks if n not in classifying]:
        best = max(FACTORS, key=lambda f: hits(saturated(shipped[name], labs, f), labs))
        rivals = [name, f"{name} × {best:g}"]
        tallies[rivals[-1]] = tally(rivals[-1], saturated(shipped[name], labs, best))
        if "classification" in classifying:  # as vivid as that: is it only the vividness?
            as_vivid = (
                tallies["classification"].scores()["chroma_ratio"] / tallies[name].scores()["chroma_ratio"]
            )
            rivals.append(f"{name}, as vivid as classification")
            tallies[rivals[-1]] = tally(rivals[-1], saturated(shipped[name], labs, as_vivid))
        compared += [(c, rival) for c in classifying for rival in rivals]
    return tallies, compared


def tallied(truth: Truth, name: str, answers: Sequence[Tensor]) -> Tally:
    """Answers to all pictures, ab `(2, H, W)` each, judged side by side."""
    return truth.tally(each(truth.judge, list(truth.beside(answers)), f"judging {name}"))


Thing, Found = TypeVar("Thing"), TypeVar("Found")


def each(function: Callable[[Thing], Found], things: Sequence[Thing], name: str) -> list[Found]:
    """What a function finds for each of many pictures, one on every core: a single one keeps few of them busy."""
    threads = torch.get_num_threads()
    try:
        with (
            ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
            closing(pool.map(function, things)) as found,  # an interrupt drops those that wait
        ):
            return list(progress(found, name, len(things)))
    finally:
        torch.set_num_threads(threads)


def progress(things: Iterable[Thing], name: str, total: int | None = None) -> Iterable[Thing]:
    """Says how far it is with what takes longer than a moment."""
    return tqdm(things, desc=printable(name), total=total, leave=False, mininterval=1.0, delay=1.0)


def answers_of(network: Colorizer, pictures: Sequence[np.ndarray], name: str = "") -> dict[str, list[Tensor]]:
    """What `colorize` gives, as ab `(2, H, W)`, in several ways: "as shipped", and others of a classification."""
    answers = partial(_answers, network)
    if network.device.type == "cpu":
        found: list[dict[str, Tensor]] = each(answers, pictures, name)
    else:  # one picture keeps a GPU busy; a Mac's ends the process if threads share it (pytorch#197805)
        found = [answers(rgb) for rgb in progress(pictures, name)]
    return {way: [ways[way] for ways in found] for way in found[0]}


@torch.no_grad()
def _answers(network: Colorizer, rgb: np.ndarray) -> dict[str, Tensor]:
    small = network.small_copy(rgb)
    beliefs = network.beliefs(small)
    found = {"as shipped": network.ab_from(beliefs, small)}
    if network.objective.has_distribution:
        found |= {
            "mode" if t == "mode" else f"T = {t:g}": network.to_size(network.decide(beliefs, t), small)
            for t in ALSO_AT
        }
        if network.by_region:
            found["pixel by pixel"] = network.predict_ab(small, by_region=False)
    return {way: to_lab(painted(rgb, ab.cpu(), small))[1:] for way, ab in found.items()}


def saturated(answers: Sequence[Tensor], labs: Sequence[Tensor], factor: float) -> list[Tensor]:
    """Answers with their saturation turned up, as far as sRGB can show it: ab `(2, H, W)` each."""

    def turned_up(both: tuple[Tensor, Tensor]) -> Tensor:
        ab, lab = both
        return rgb_to_lab(lab_to_rgb_in_gamut(torch.cat([lab[:1], factor * ab])))[1:]

    return each(turned_up, list(zip(answers, labs, strict=True)), f"× {factor:g}")


def squares(pictures: Pictures, side: int) -> Tensor:
    """Lab of the middle squares of at most HINTED pictures, `(N, 3, side, side)`."""
    which = np.linspace(0, len(pictures) - 1, min(HINTED, len(pictures))).astype(int)
    return torch.stack(to_labs([middle_square(pictures.picture(i), side) for i in which]))


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
    for first in progress(range(0, len(lab), AT_ONCE), name):
        batch = slice(first, first + AT_ONCE)
        hints, overall = (None if given is None else given[batch] for given in (planes, like))
        answers.append(network.predict_ab(lab[batch, :1], None, hints, overall).cpu())
    return torch.cat(answers)


def hint_curve(network: Colorizer, lab: Tensor, seed: int = 0) -> dict:
    """PSNR against the number of hints, each a patch of 3×3 pixels that tells its true mean colour.

    Args:
        network: one that takes hints.
        lab: true pictures, `(N, 3, H, W)`.
        seed: of their places.

    Returns:
        counts, and under "guided" and "spread": psnr (one a count) and interval (its 95 % bounds).
    """
    truth, curves = Truth.of(list(lab)), {"guided": [], "spread": []}
    for count in HINT_COUNTS:
        generator = seeded(seed)
        planes = simulate(lab[:, 1:], generator, count, POINT_SIDE)
        curves["guided"].append(predict(network, lab, planes=planes, name=f"{count} hints"))
        curves["spread"].append(spread(planes, lab[:, :1]))
    result: dict = {"counts": list(HINT_COUNTS)}
    for name, predictions in curves.items():
        answers = zip(HINT_COUNTS, predictions, strict=True)
        tallies = {str(n): tallied(truth, f"{name}, {n} hints", list(ab)) for n, ab in answers}
        bounds = intervals(tallies)
        result[name] = {
            "psnr": [t.scores()["psnr"] for t in tallies.values()],
            "interval": [bounds[n]["psnr"] for n in tallies],
        }
    return result


def global_hints(network: Colorizer, lab: Tensor) -> dict[str, Row]:
    """Scores and intervals with no global hint, with that of the picture itself, and with another picture's.

    Args:
        network: one that takes global hints.
        lab: true pictures, `(N, 3, H, W)`, at least two.
    """
    own = torch.cat([global_hint(part) for part in lab.split(AT_ONCE)])
    given = {"none": None, "its own": own, "another's": own.roll(1, dims=0)}
    truth = Truth.of(list(lab))
    tallies = {
        name: tallied(truth, name, list(predict(network, lab, like=like, name=name)))
        for name, like in given.items()
    }
    return rows_of(tallies)


def flicker_of(network: Colorizer) -> dict[str, dict[str, float]]:
    """Flicker, and rebalanced AuC, on `flicker.static_clip`: 12 frames that no folder of pictures changes.

    Returns:
        by_frame and smoothed -> flicker (Lab units) and rebalanced_auc (%).
    """
    seen, truth = static_clip()
    found, truth = {}, to_labs(truth)
    for name, smoothing in (("by_frame", 0), ("smoothed", SMOOTHING)):
        paint = FrameColorizer(network, smoothing)
        labs = [paint.lab(frame) for frame in seen]
        auc = score([lab[1:] for lab in labs], truth)["rebalanced_auc"]
        found[name] = {"flicker": flicker(labs), "rebalanced_auc": auc}
    return found


def recorded() -> dict:
    """The figures of the shipped networks, as `Report.to_json` wrote them when they were made."""
    return json.loads((WEIGHTS / "evaluation.json").read_text(encoding="utf-8"))


def compared() -> dict:
    """The figures of the networks that were trained on one budget, as they were recorded once."""
    return json.loads((WEIGHTS / "comparison.json").read_text(encoding="utf-8"))
