"""Exercises of notebook 09, results."""

import math

from colorlab.checks.exercise import AnswerError, exercise, numbers
from colorlab.evaluation import recorded


def psnr_by_hand() -> float:
    return 10 * math.log10(255**2 / 25)  # 20 log10(255 / 5)


@exercise(
    hints=(
        "PSNR = 10 log10(255² / mean squared error).",
        "255² / 25 = 2,601; its decimal logarithm is about 3.42.",
    ),
    solution=psnr_by_hand,
)
def q1(answer):
    """the PSNR in dB of a mean squared error of 25."""
    found, wanted = float(numbers(answer, (), "the PSNR")), psnr_by_hand()
    if abs(found - wanted) < 0.06:  # 34.1 is as good
        return None
    if abs(found - wanted / 2) < 0.05:
        return "half of it: 10 log10 of the squares, or 20 log10 of their roots, not 10 log10 of the roots"
    if abs(found - 10 * math.log(255**2 / 25)) < 0.1:
        return "that is the natural logarithm; decibels use log10"
    if abs(found - 10 * math.log10(255**2 / 5)) < 0.05:
        return "25 is the squared error already; do not take its root"
    if abs(found + wanted) < 0.05:
        return "the sign: a small error gives a large PSNR"
    return f"{found:g} dB is not it; PSNR compares 255² with the squared error"


DIGITS = {"psnr": 2, "rebalanced_auc": 1}  # as the table shows them; what is equal there is a tie


def winners() -> tuple[str, str]:
    scores = {name: row["scores"] for name, row in recorded()["rows"].items()}
    return tuple(max(scores, key=lambda name: scores[name][measure]) for measure in DIGITS)


@exercise(
    hints=(
        "Read one column at a time, over all rows of the recorded table.",
        "In Python: max over table['rows'].items() of row['scores']['psnr'], then of 'rebalanced_auc'.",
    ),
    solution=winners,
)
def q2(answer):
    """the rows of the recorded table with the best PSNR and with the best rebalanced AuC."""
    rows = recorded()["rows"]
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise AnswerError("expected a pair of names, (best PSNR, best rebalanced AuC)")
    unknown = [name for name in answer if not isinstance(name, str) or name not in rows]
    if unknown:
        return f"{unknown[0]!r} is no row of the table; its names are {', '.join(rows)}"

    def is_best(name: str, measure: str) -> bool:
        shown = {n: round(row["scores"][measure], DIGITS[measure]) for n, row in rows.items()}
        return shown[name] == max(shown.values())

    found = [is_best(name, measure) for name, measure in zip(answer, DIGITS, strict=True)]
    if all(found):
        return None
    if all(is_best(name, measure) for name, measure in zip(answer[::-1], DIGITS, strict=True)):
        return "the right two rows in the wrong order: first the best PSNR"
    wrong = found.index(False)
    return f"another row has a better {('PSNR', 'rebalanced AuC')[wrong]} than {answer[wrong]!r}"


def bold_over_mean() -> float:
    return ((0 + (2) ** 2) / 2) / 1  # c = 1: bold is right or 2c off; the mean 0 is always c off


@exercise(
    hints=(
        "The mean of the two is 0: how far is it from either?",
        "The bold answer is right half of the time and 2c away in the other half; square, then average.",
    ),
    solution=bold_over_mean,
)
def q3(answer):
    """how many times larger the squared error of the bold answer is than that of the mean."""
    found = float(numbers(answer, (), "the ratio"))
    if abs(found - 2) < 0.01:
        return None
    if abs(found - 4) < 0.01:
        return "4c² is its error when it is wrong; half of the time it is right"
    if abs(found - 1) < 0.01:
        return "that is the ratio of the distances; squares punish the far miss more"
    if abs(found - 0.5) < 0.01:
        return "upside down: bold over mean"
    return f"{found:g} is not it; average the squared error of each answer over both colours"
