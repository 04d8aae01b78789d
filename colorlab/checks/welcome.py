"""The exercise of notebook 00, welcome."""

from functools import cache

import numpy as np

from colorlab.checks.exercise import AnswerError, exercise
from colorlab.colorizer import Colorizer
from colorlab.data import photo, to_lab
from colorlab.lab import chroma

NETWORKS = {"Regressive": "regression", "Classifying": "classification"}


@cache
def duller_network() -> str:
    coffee = photo("coffee", side=256)
    colored = {name: Colorizer.pretrained(file).colorize(coffee.rgb) for name, file in NETWORKS.items()}
    vividness = {name: chroma(to_lab(c)[1:]).mean() for name, c in colored.items()}
    return min(vividness, key=vividness.get)


@exercise(
    hints=(
        "The cell above the explanation prints the chroma of each as a share of the truth's.",
        "The smaller percentage is the duller picture; write its network's name in quotes.",
    ),
    solution=duller_network.__wrapped__,
)
def q1(answer):
    """the name of the network whose picture of the coffee has less chroma."""
    if not isinstance(answer, str):
        raise AnswerError(f"expected a name in quotes, got {type(answer).__name__}")
    if answer not in NETWORKS:
        return f"{answer!r} is not one of {', '.join(NETWORKS)}"
    return (
        None
        if answer == duller_network()
        else "that one is the more vivid of the two; look at the figures again"
    )


def colored_cat() -> np.ndarray:
    return Colorizer.pretrained("classification").colorize(photo("chelsea", side=128).rgb)


@exercise(
    hints=(
        'networks["Classifying"] is the network; its method colorize takes the picture.',
        'Pass photo("chelsea", side=128).rgb to colorize, and keep what it returns.',
    ),
    solution=colored_cat,
)
def q2(answer):
    """the photograph chelsea, shorter side 128 pixels, coloured by the classifying network."""
    if not isinstance(answer, np.ndarray):
        raise AnswerError(f"expected the picture that colorize returns, got {type(answer).__name__}")
    wanted, cat = colored_cat(), photo("chelsea", side=128).rgb
    if answer.shape != wanted.shape:
        return f"a picture of shape {wanted.shape} should come out, not {answer.shape}: is it chelsea at side=128?"
    if np.array_equal(answer, cat):
        return "that is the photograph itself, with its own colours: let the network colour it"
    if np.array_equal(answer, Colorizer.pretrained("regression").colorize(cat)):
        return "coloured by the regression; take the other network"
    close = np.abs(answer.astype(int) - wanted).mean() < 2  # a GPU may round a level differently
    return None if close else "not the picture that the classifying network paints with its own temperature"
