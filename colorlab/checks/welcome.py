"""The exercise of notebook 00, welcome."""

from functools import cache

from colorlab.checks.exercise import AnswerError, exercise
from colorlab.colorizer import Colorizer
from colorlab.data import photo, picture_tensor
from colorlab.lab import chroma, rgb_to_lab

NETWORKS = {"Regressive": "regression", "Classifying": "classification"}


@cache
def duller_network() -> str:
    coffee = photo("coffee", side=256)
    colored = {name: Colorizer.pretrained(file).colorize(coffee.rgb) for name, file in NETWORKS.items()}
    vividness = {name: chroma(rgb_to_lab(picture_tensor(c))[1:]).mean() for name, c in colored.items()}
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
