"""How long: ours and its peers take turns in one process, so that whatever else the machine does befalls all alike."""

import ctypes
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FEWEST, MOST = 5, 40  # rounds
STEADY = 0.03  # a ratio that moved by less than this over the last third of the rounds has settled


@dataclass
class Row:
    """One line of the table.

    Attributes:
        what: is measured, with its size.
        ours: what colorlab does.
        peers: name -> what does the same; the first one is the peer of the target.
        target: to be reached, in words; `faster` of the first peer, or `seconds` at most, or both.
        faster: how many times the first peer's speed.
        seconds: at most.
        accuracy: how far ours is from the truth, and that it is near enough; raises AssertionError if not.
        work: (amount, unit) of one call, "flop" or "byte", for the share of what the machine can do.
        budget: seconds to spend on measuring, all together.
    """

    what: str
    ours: Callable[[], object]
    peers: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    target: str = ""
    faster: float | None = None
    seconds: float | None = None
    accuracy: Callable[[], str] = str
    work: tuple[float, str] | None = None
    budget: float = 8.0


def measured(row: Row) -> dict:
    """Median seconds of ours and of each peer, and of each peer the median of (its time / ours) round by round."""
    accuracy = row.accuracy()
    calls = {"": row.ours, **row.peers}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()  # the first call fills caches
    begun = time.perf_counter()
    while not _settled(seconds) and (
        len(seconds[""]) < FEWEST or (time.perf_counter() - begun < row.budget and len(seconds[""]) < MOST)
    ):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    ours = seconds.pop("")
    ratios = {name: _ratio(theirs, ours) for name, theirs in seconds.items()}
    found = {
        "what": row.what,
        "seconds": statistics.median(ours),
        "95th percentile": sorted(ours)[int(0.95 * (len(ours) - 1))],
        "rounds": len(ours),
        "peers": {n: {"seconds": statistics.median(s), "ratio": ratios[n]} for n, s in seconds.items()},
        "target": row.target,
        "accuracy": accuracy,
    }
    if row.faster or row.seconds:
        fast = not row.faster or next(iter(ratios.values())) >= row.faster
        found["reached"] = fast and found["seconds"] <= (row.seconds or found["seconds"])
    return found


def _settled(seconds: Mapping[str, list[float]]) -> bool:
    ours = seconds[""]
    if len(ours) < 3 * FEWEST:
        return False
    late = len(ours) - len(ours) // 3
    return all(
        abs(_ratio(theirs, ours) / _ratio(theirs[:late], ours[:late]) - 1) < STEADY
        for name, theirs in seconds.items()
        if name
    )


def _ratio(theirs: list[float], ours: list[float]) -> float:
    return statistics.median(t / o for t, o in zip(theirs, ours, strict=True))


def peak_megabytes(call: Callable[[], object]) -> float:
    """How far the resident memory of this process rises while a call runs. Linux with glibc."""
    call()
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what was freed is given back, so that it is not used unseen
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = resident("VmRSS")
    call()
    return resident("VmHWM") - before


def resident(which: str) -> float:
    """VmRSS or VmHWM, its peak, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(which))


def exponent(sizes: list[float], values: list[float]) -> float:
    """The slope of log value over log size: 1 is linear, 0 is flat."""
    import numpy as np

    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
