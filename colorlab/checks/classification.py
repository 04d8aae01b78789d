"""Exercises of notebook 07, classification."""

import math

import torch
from torch import Tensor

from colorlab.bins import ColorBins
from colorlab.checks.exercise import asked, exercise, numbers
from colorlab.toy import PALETTE, PROBABILITIES

LEAST, MOST = 50.0, 55.0  # the chroma to reach in the third exercise


def cross_entropy_by_hand() -> float:
    return -0.5 * math.log(0.8) - 0.5 * math.log(0.2)  # −log p(true bin), averaged over two pixels


@exercise(
    hints=(
        "With hard targets only the probability of the true bin counts, pixel by pixel.",
        "−log 0.8 for the first pixel, −log 0.2 for the second (natural logarithms), and their mean.",
    ),
    solution=cross_entropy_by_hand,
)
def q1(answer):
    """L_C in nats of two pixels whose true bins got the probabilities 0.8 and 0.2."""
    found, wanted = float(numbers(answer, (), "the loss")), cross_entropy_by_hand()
    if abs(found - wanted) < 0.05:  # one decimal will do; every slip below lies farther off
        return None
    if abs(found + wanted) < 0.05:
        return "the sign: a logarithm of a probability is negative, a loss is not"
    if abs(found - 2 * wanted) < 0.05:
        return "that is the sum over the two pixels; L_C is their mean"
    if abs(found - wanted / math.log(2)) < 0.05:
        return "right in bits; the course uses natural logarithms (nats)"
    if abs(found - wanted / math.log(10)) < 0.05:
        return "right with log10; the course uses natural logarithms (nats)"
    if abs(found + math.log(0.5)) < 0.05:
        return "first the logarithm, then the mean; not the logarithm of the mean probability"
    return f"{found:g} is not it; what does each pixel cost on its own?"


def annealed_mean(logits: Tensor, centers: Tensor, temperature: float) -> Tensor:
    probabilities = torch.softmax(logits / temperature, dim=0)  # (Q,)
    return probabilities @ centers  # (2,)


@exercise(
    hints=(
        "The temperature acts on the logits, before the softmax.",
        "Divide the logits by T, softmax over the Q bins, then the mean of the centres with these weights.",
    ),
    solution=annealed_mean,
)
def q2(answer):
    """a function (logits (Q,), centers (Q, 2), temperature) -> ab (2,), equal to the library's decode in 20 cases."""
    if not callable(answer):
        return f"expected a function of (logits, centers, temperature), got {type(answer).__name__}"
    bins, generator = ColorBins(40), torch.Generator().manual_seed(7)
    for temperature in (1.0, 0.38, 0.1, 2.0) * 5:
        logits = 3 * torch.randn(bins.n_bins, generator=generator)
        wanted = bins.decode(logits[None, :, None, None], temperature).flatten().double()
        found = numbers(asked(answer, logits, bins.centers, temperature), (2,), "one colour (a, b)")
        if not torch.allclose(found, wanted, atol=0.01):
            mean = torch.softmax(logits, 0) @ bins.centers
            if torch.allclose(found, mean.double(), atol=0.01):
                return "that is the plain mean for every temperature: T is not used"
            hot = torch.softmax(logits * temperature, 0) @ bins.centers
            if torch.allclose(found, hot.double(), atol=0.01):
                return "multiplied where it should be divided: a small T must sharpen the distribution"
            return (
                f"at T = {temperature:g} it gave ({found[0]:.1f}, {found[1]:.1f}), the library another colour"
            )
    return None


def temperature_for_the_marbles() -> float:
    return 0.22  # found by trying: the chroma is 27 at T = 1 and 66 at T = 0.1


@exercise(
    hints=(
        "Take log(p) of the marbles as logits and print the chroma for a few temperatures.",
        "Chroma rises as T falls; it crosses the target between T = 0.1 and T = 0.3.",
    ),
    solution=temperature_for_the_marbles,
)
def q3(answer):
    """a temperature at which the annealed mean of the marbles' true distribution has a chroma from 50 to 55."""
    temperature = float(numbers(answer, (), "the temperature"))
    if not temperature > 0:
        return f"a temperature is above 0, got {temperature:g}"
    chroma = float(marble_chroma(temperature))
    if not LEAST <= chroma <= MOST:
        side = "too pale: sharpen more" if chroma < LEAST else "too vivid: sharpen less"
        return f"at T = {temperature:g} the chroma is {chroma:.1f}, {side}"
    return None


def marble_chroma(temperature: float) -> Tensor:
    """Chroma of the annealed mean of the marbles' true distribution."""
    palette = torch.tensor(PALETTE)[:, 1:]
    return annealed_mean(torch.tensor(PROBABILITIES).log(), palette, temperature).norm()
