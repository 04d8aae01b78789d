"""Exercises of notebook 02, convolutions."""

import torch

from colorlab import kernels
from colorlab.checks.exercise import AnswerError, asked, exercise, numbers
from colorlab.kernels import KERNELS

PATCH = ((20.0, 20.0, 70.0), (20.0, 20.0, 90.0), (20.0, 30.0, 60.0))  # L, of the first exercise
STRONG, WEAK = 100.0, 10.0  # units of L; the target of the third


def number_by_hand() -> float:
    # Left column −1, −2, −1; right column 1, 2, 1; the middle one counts nothing.
    return -1 * 20 - 2 * 20 - 1 * 20 + 1 * 70 + 2 * 90 + 1 * 60


@exercise(
    hints=(
        "Lay the kernel on the window, multiply number by number, add all nine products.",
        "The middle column counts 0. The left column gives −20 − 40 − 20; now the right one.",
    ),
    solution=number_by_hand,
)
def q1(answer):
    """the one number that the vertical edge kernel answers to this window of 3 × 3 pixels."""
    found, wanted = float(numbers(answer, (), "the answer")), float(number_by_hand())
    kernel, patch = KERNELS["vertical edges"], torch.tensor(PATCH)
    if abs(found - wanted) < 0.5:
        return None
    if abs(found + wanted) < 0.5:
        return "the kernel was flipped: here it is laid on as it stands"
    if abs(found - float((kernel.T * patch).sum())) < 0.5:
        return "rows and columns of the kernel changed places"
    if abs(found - float((kernel.sign() * patch).sum())) < 0.5:
        return "the middle row of the kernel counts twice"
    if abs(found - float((kernel.abs() * patch).sum())) < 0.5:
        return "a minus was lost: the left column counts negative"
    if abs(found - wanted / 9) < 0.5:
        return "that is the mean of the nine products; a convolution adds them up"
    return f"{found:g} is not it; write the nine products down"


def window_size(layers) -> int:
    size, step = 1, 1
    for kernel_size, stride in layers:
        size += (kernel_size - 1) * step
        step *= stride  # counts from the next layer on
    return size


@exercise(
    hints=(
        "Keep two numbers: the size so far, and how many pixels one step is worth by now.",
        "A layer adds (kernel size − 1) · step to the size; afterwards its stride multiplies the step.",
    ),
    solution=window_size,
)
def q2(answer):
    """a function: a list of (kernel size, stride) -> the receptive field in pixels, in eight stacks."""
    if not callable(answer):
        return f"expected a function of a list of (kernel size, stride), got {type(answer).__name__}"
    for layers in (
        [(3, 1)],
        [(3, 1), (3, 1)],
        [(3, 1), (3, 2), (3, 1)],
        [(5, 2), (3, 1)],
        [(3, 2)],
        [(7, 2), (3, 2), (3, 1), (1, 1)],
        [(2, 2), (2, 2), (2, 2)],
        [(3, 1)] + [(3, 2), (3, 1)] * 4,
    ):
        found = float(numbers(asked(answer, layers), (), "the size"))
        wanted = kernels.receptive_field(layers).size
        if found == wanted:
            continue
        if found == sum(k for k, _ in layers):
            return f"{layers}: {found:g} is the sum of the sizes; neighbouring windows overlap"
        if found == 1 + sum(k - 1 for k, _ in layers):
            return f"{layers}: {found:g} counts every step as one pixel; after a stride it is worth more"
        if found == _own_stride_first(layers):
            return f"{layers}: {found:g} lets a stride count for its own layer; it acts from the next one on"
        return f"{layers}: it gave {found:g}, the gradient says another size"
    return None


def _own_stride_first(layers) -> int:
    size, step = 1, 1
    for kernel_size, stride in layers:
        step *= stride
        size += (kernel_size - 1) * step
    return size


def falling_line() -> list[list[float]]:
    return [[2, -1, -1], [-1, 2, -1], [-1, -1, 2]]


@exercise(
    hints=(
        "Flat grey answers the sum of the nine numbers times L: which sum do you need?",
        "Reward the three pixels of the falling line, and take the same amount back from the other six.",
    ),
    solution=falling_line,
)
def q3(answer):
    """a kernel that answers a white falling line with at least 100, a rising one and flat white with at most 10."""
    kernel = numbers(answer, (3, 3), "the kernel")
    if kernel.abs().max() > 20:
        raise AnswerError("expected numbers from −20 to 20, as in the playground")
    falling, rising, flat = (float((kernel * 100 * window).sum()) for window in windows())
    if abs(flat) > WEAK:
        return f"flat white answers {flat:.0f}: what must the nine numbers sum to?"
    if falling < STRONG:
        more = "; the sign is the wrong way round" if falling <= -STRONG else ""
        return f"the falling line answers only {falling:.0f}{more}"
    if abs(rising) > WEAK:
        return f"the rising line answers {rising:.0f}: the kernel does not tell the two apart cleanly"
    return None


def windows() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A falling line, a rising one and flat white, `(3, 3)` each, white is 1."""
    return torch.eye(3), torch.eye(3).flip(1), torch.ones(3, 3)
