"""What the cited papers say, what their authors' code does, and where to try either here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One thing on which text and code disagree, or leave a choice.

    Attributes:
        what: the thing.
        paper, code: what is said, what is done.
        here: the switch in colorlab; the first value is what the course uses.
    """

    what: str
    paper: str
    code: str
    here: str


# PSNR in dB against the number of hints, as Zhang et al. (2017) published it: ImageNet at 256 pixels.
HINT_CURVE = {0: 24.43, 1: 25.37, 2: 26.20, 5: 27.39, 10: 28.42, 20: 29.34}

DIFFERENCES = (
    Difference("neighbours K of a soft label (2016)", "5", "10", "`Classification(neighbours=10)`"),
    Difference(
        "temperature T (2016)", "0.38", "0.3837, as logits × 2.606", "`colorize(…, temperature=0.38)`"
    ),
    Difference(
        "rebalancing (2016)",
        "the loss is weighted",
        "only its gradient; the printed loss is not",
        "both are kept: `History.loss`, `History.unweighted_loss`",
    ),
    Difference(
        "size of the answer (2016)",
        "H × W in the formula",
        "H/4 × W/4",
        '`UNet(half_resolution=True)`, `build("Zhang2016")`',
    ),
    Difference("distance (2017)", "Huber", "cross-entropy + L1", '`Regression("l2")`, `"huber"` or `"l1"`'),
    Difference(
        "mask of the hints (2017)",
        "1 where there is a hint, else 0",
        "0.5 less in one version, not in another",
        "0 and 1, stated once in `colorlab.hints`",
    ),
    Difference(
        "bins Q of grid 10 (2016, 2017)",
        "313",
        "313, and 529 when retrained",
        '`ColorBins(rule="nearest")`, `"corners"` or `"square"`: 262, 309, 529',
    ),
    Difference(
        "halving the picture",
        "max-pooling (2015), strides (2016)",
        "every second pixel (2017)",
        "`Ronneberger2015(pooling=True)` or `False`, `Zhang2017`",
    ),
)


def table() -> str:
    """All differences as a table in Markdown."""
    rows = [f"| {d.what} | {d.paper} | {d.code} | {d.here} |" for d in DIFFERENCES]
    return "\n".join(["| what | the paper | its code | here |", "|---|---|---|---|", *rows])


def apart(
    recorded: dict, first: str, second: str, measure: str = "rebalanced_auc"
) -> list[tuple[float, float, float]]:
    """(low, difference, high) of two recorded trainings, for each seed; see `evaluation.compared`."""
    return [seed[measure] for seed in recorded["differences"][f"{first} - {second}"].values()]


def verdict(recorded: dict, first: str, second: str) -> str:
    """In words; nothing is called better unless every seed and its interval say so."""
    found = apart(recorded, first, second)
    worse, better = all(high < 0 for _, _, high in found), all(low > 0 for low, _, _ in found)
    said = "better" if better else "worse" if worse else "cannot be told apart"
    numbers = ", ".join(f"{d:+.2f} ({low:+.2f} to {high:+.2f})" for low, d, high in found)
    return f"{numbers}: {said}"
