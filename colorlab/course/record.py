"""What a notebook hands to the report that compares runs: numbers, and the figure to look at."""

import math
import re
from dataclasses import dataclass, field
from numbers import Number
from typing import TYPE_CHECKING, Any

from nbformat import NotebookNode

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KEY = "colorlab"  # in the metadata of an output
IMAGE = re.compile(r'<img [^>]*src="(data:image/[^"]+)"')


def record(*, figure: "Figure | None" = None, alt: str = "", **values: Any) -> None:
    """Record numbers, words or a figure of this notebook, for the report of `colorlab run`.

    Args:
        figure: the one by which runs are compared; it is shown, as by `plots.show`.
        alt: what is to be seen in it, for readers who cannot.
        values: name -> a number, a word, True or False. A name recorded twice keeps the last value.

    Raises:
        TypeError: a value of another kind.
        ValueError: a number that is not finite, or a figure without `alt`.
    """
    from IPython.display import display

    from colorlab.plots import show

    plain = {name: _plain(name, value) for name, value in values.items()}
    if plain:
        said = ", ".join(f"{name} = {shown(value)}" for name, value in plain.items())
        display({"text/plain": f"recorded: {said}"}, metadata={KEY: plain}, raw=True)
    if figure is not None:
        show(figure, alt, {KEY: {}})


@dataclass(frozen=True)
class Recorded:
    """What an executed notebook recorded.

    Attributes:
        values: name -> number, word or truth value, as `record` took them.
        picture: the address of the figure, data in itself; without a recorded one the picture of the cell
            tagged `result`; or "".
        alt: what is to be seen in it.
    """

    values: dict[str, Any] = field(default_factory=dict)
    picture: str = ""
    alt: str = ""


def recorded_in(notebook: NotebookNode) -> Recorded:
    """Read back what `record` wrote into the outputs."""
    values, picture, alt = {}, "", ""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data, told = output.get("data", {}), output.get("metadata", {}).get(KEY)
            told = told if isinstance(told, dict) else None  # a student's may be anything
            values |= {name: value for name, value in (told or {}).items() if _is_plain(value)}
            found, result = _picture(data), "result" in cell.metadata.get("tags", [])
            if found and (told is not None or (result and not picture)):
                picture, alt = found, data.get("text/plain", "")
    return Recorded(values, picture, alt)


def shown(value: Any) -> str:
    """A value as reports print it: numbers with six digits that count."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def _plain(name: str, value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value  # a tensor or an array of one number
    if not isinstance(value, (str, bool, Number)) or isinstance(value, complex):
        raise TypeError(f"{name}: expected a number, a word, True or False, got {type(value).__name__}")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{name}: expected a finite number, got {value}")
        return float(shown(value))
    return value


def _picture(data: dict[str, Any]) -> str:
    for kind in ("image/png", "image/jpeg", "image/webp"):
        if kind in data:
            return f"data:{kind};base64,{''.join(data[kind].split())}"
    found = IMAGE.search(data.get("text/html", ""))
    return found[1] if found else ""
