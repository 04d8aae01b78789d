"""Figures about results: scores, hint curves, differences with their intervals."""

from collections.abc import Mapping, Sequence
from itertools import cycle

from matplotlib.figure import Figure

from colorlab.plots import WIDEST, ink, styled, width_of


@styled
def score_scatter(scores: Mapping[str, Mapping[str, float]], title: str = "") -> Figure:
    """PSNR against rebalanced AuC, a named mark for every method; up and right is better.

    Args:
        scores: what `metrics.score` returns, by the name of the method.
        title: what is drawn.
    """
    figure = Figure(figsize=(max(7.4, width_of(title)), 4.2), layout="constrained")
    ax = figure.subplots()
    for (name, s), marker in zip(scores.items(), cycle("osD^vP*Xhd"), strict=False):
        hollow = dict(markersize=9, markerfacecolor="none", markeredgewidth=1.8)  # some lie upon one another
        ax.plot(s["psnr"], s["rebalanced_auc"], marker, linestyle="none", label=name, **hollow)
    ax.set(xlabel="PSNR, dB", ylabel="rebalanced AuC, %", title=title)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
    return figure


@styled
def hint_curves(
    curves: Mapping[str, tuple[Sequence[int], Sequence[float]]],
    bounds: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    title: str = "",
) -> Figure:
    """PSNR against the number of hints; the axis of hints is stretched near 0, where the first ones count.

    Args:
        curves: (counts, PSNR in dB) by name.
        bounds: of some curves, (low, high) a count; drawn as a band.
        title: what is drawn.
    """
    figure = Figure(figsize=(max(7.4, width_of(title)), 4.2), layout="constrained")
    ax = figure.subplots()
    for (name, (counts, values)), marker in zip(curves.items(), cycle("osD^v"), strict=False):
        (line,) = ax.plot(counts, values, marker=marker, label=name)
        if bounds and name in bounds:
            low, high = zip(*bounds[name], strict=True)
            ax.fill_between(counts, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    ax.set_xscale("symlog", linthresh=1)
    ticks = sorted({count for counts, _ in curves.values() for count in counts})
    ax.set_xticks(ticks, map(str, ticks))
    ax.minorticks_off()
    ax.set(xlabel="hints a picture", ylabel="PSNR, dB", title=title)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
    return figure


@styled
def differences(
    groups: Mapping[str, Mapping[str, Sequence[tuple[float, float, float]]]], unit: str, title: str = ""
) -> Figure:
    """Differences with their intervals, one row each and one panel a group; the line at 0 is "no difference".

    Args:
        groups: group -> row -> one or more of (low, difference, high), drawn one below the other.
        unit: of the differences, with their name.
        title: what is drawn.
    """
    rows = max(len(group) for group in groups.values())
    width = max(min(3.6 * len(groups) + 1.2, WIDEST), width_of(title))
    figure = Figure(figsize=(width, 0.42 * rows + 1.4), layout="constrained")
    axes = figure.subplots(1, len(groups), squeeze=False, sharex=True)
    for ax, (name, group) in zip(axes[0], groups.items(), strict=True):
        ax.axvline(0, color=ink(), linewidth=1)
        for row, found in enumerate(group.values()):
            for i, (low, difference, high) in enumerate(found):
                place = row + 0.3 * (i - (len(found) - 1) / 2)
                ax.hlines(place, low, high, linewidth=3)
                ax.plot(difference, place, "o", color=ink(), markersize=4)
        ax.set_yticks(range(len(group)), group)
        ax.set_ylim(len(group) - 0.5, -0.5)
        ax.set_title(name, loc="right")  # goes on to the left, over the names of the rows
        ax.grid(axis="y", visible=False)
    figure.supxlabel(unit, fontsize="medium")
    figure.suptitle(title)
    return figure


@styled
def stairs(curves: Mapping[str, Sequence[float]], across: str, up: str, title: str = "") -> Figure:
    """Values at 0, 1, 2, … as stairs, by name; the area under each is filled.

    Args:
        curves: values by name.
        across, up: what the axes show, with units.
        title: above all.
    """
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    ax = figure.subplots()
    for (name, values), style in zip(curves.items(), cycle(("-", "--", "-.")), strict=False):
        (line,) = ax.step(range(len(values)), values, style, where="post", label=name)
        ax.fill_between(range(len(values)), values, step="post", alpha=0.15, color=line.get_color())
    highest = max(max(values) for values in curves.values())
    ax.set(xlabel=across, ylabel=up, title=title, ylim=(0, 1.03 * highest))
    ax.legend(loc="lower right")
    return figure
