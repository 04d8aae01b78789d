"""Exercises of notebook 12, deep filters."""

from functools import cache

import torch
from torch import Tensor

from colorlab import deep_filters
from colorlab.checks.exercise import asked, exercise, numbers
from colorlab.networks import lite0

# Largest answers of five channels: on the front tire, on the rear one, anywhere else.
TABLE = ((9.0, 8.0, 7.0), (9.0, 3.0, 5.0), (4.0, 4.5, 4.2), (2.0, 1.5, 1.0), (6.0, 6.0, 8.0))


def tire_channels() -> int:
    return sum(front > elsewhere and rear > elsewhere for front, rear, elsewhere in TABLE)


@exercise(
    hints=(
        "Go row by row: is the number of the front tire above that of anywhere else? And the rear one's?",
        "How loud a channel is does not matter, only the order of its own three numbers.",
    ),
    solution=tire_channels,
)
def q1(answer):
    """how many of the five channels answer to both tires above anything else."""
    found, wanted = float(numbers(answer, (), "the count")), tire_channels()
    if found == wanted:
        return None
    if found == sum(max(front, rear) > elsewhere for front, rear, elsewhere in TABLE):
        return f"{found:g} asks for one tire only: a channel of tires knows both"
    if found == sum(front + rear > 2 * elsewhere for front, rear, elsewhere in TABLE):
        return f"{found:g} compares the mean of the two tires; each has to be above the rest"
    if found == 1:
        return "do not ask for large numbers: every channel has a scale of its own"
    return f"{found:g} is not it; both of the first two numbers must be above the third"


def above_the_rest(front: Tensor, rear: Tensor, elsewhere: Tensor) -> Tensor:
    return torch.minimum(front, rear) > elsewhere


@exercise(
    hints=(
        "Two comparisons, one a tire, and both must hold; `&` joins tensors of True and False.",
        "(front > elsewhere) & (rear > elsewhere), with the brackets.",
    ),
    solution=above_the_rest,
)
def q2(answer):
    """a function (front, rear, elsewhere), `(C,)` each -> which channels answer to both tires above the rest."""
    if not callable(answer):
        return f"expected a function of (front, rear, elsewhere), got {type(answer).__name__}"
    draw = torch.Generator().manual_seed(0)
    for channels in (5, 40, 1000):
        given = torch.randn(3, channels, generator=draw)
        found = numbers(asked(answer, *given), (channels,), "the answer").bool()
        front, rear, elsewhere = given
        if torch.equal(found, above_the_rest(*given)):
            continue
        if torch.equal(found, torch.maximum(front, rear) > elsewhere):
            return "that asks for one of the two tires; both must be above the rest"
        if torch.equal(found, (front + rear) / 2 > elsewhere):
            return "that compares the mean of the two; each of them must be above the rest"
        if torch.equal(found, ~above_the_rest(*given)):
            return "that is the opposite: the channels that do not"
        if torch.equal(found, (front > elsewhere)) or torch.equal(found, (rear > elsewhere)):
            return "that asks for one tire and leaves out the other"
        return f"of {channels} channels {int((found != above_the_rest(*given)).sum())} are sorted wrongly"
    return None


@cache
def at_the_eyes() -> Tensor:
    """The largest answers of the last level at the cat's left eye, its right eye, and anywhere else, (3, 1280)."""
    path_down = lite0.shipped(torch.device("cpu"))
    found = {name: deep_filters.answers(path_down, L)["last"] for name, L in deep_filters.gallery().items()}
    return deep_filters.at_places(found, "last", "left eye", "right eye")


def eye_channel() -> int:
    left, right, elsewhere = at_the_eyes()
    return int((torch.maximum(left, right) - elsewhere).argmax())


@exercise(
    hints=(
        '`at_places(found, "last", "left eye", "right eye")` gives three rows, as for the tires.',
        "One eye is enough: where is the larger of the first two rows above the third? nonzero() lists them.",
    ),
    solution=eye_channel,
)
def q3(answer):
    """the number of a channel of the last level whose strongest answer of all pictures lies on an eye of the cat."""
    found = float(numbers(answer, (), "the channel"))
    left, right, elsewhere = at_the_eyes()
    if found != int(found) or not 0 <= found < len(left):
        return f"expected a whole number from 0 to {len(left) - 1}, got {found:g}"
    k = int(found)
    eye = max(float(left[k]), float(right[k]))
    if eye > float(elsewhere[k]):
        return None
    return f"channel {k} answers {eye:.1f} to the eyes and {float(elsewhere[k]):.1f} to something else"
