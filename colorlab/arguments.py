"""What arguments may be: NumPy's numbers, kept as Python's own, which JSON knows; True or False, and no word."""

import math
from numbers import Integral, Real


def number(value: object) -> int | float:
    """As Python's own number, also one of NumPy; nan for what is none, as True."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return math.nan
    return int(value) if isinstance(value, Integral) else float(value)


def whole_number(name: str, value: object, least: int, most: int | None = None) -> int:
    """What was given for the argument `name`, as Python's own number.

    Raises:
        ValueError: no whole number from `least` to `most`; 3.0 and True are none either.
    """
    found = number(value)
    if not isinstance(found, int) or found < least or (most is not None and found > most):
        wanted = f">= {least:,}" if most is None else f"from {least:,} to {most:,}"
        raise ValueError(f"{name}: expected a whole number {wanted}, got {value!r}")
    return found


def true_or_false(name: str, value: object) -> bool:
    """What was given for the argument `name`: every other word, "no" too, would count as yes.

    Raises:
        ValueError: neither True nor False.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name}: expected True or False, got {value!r}")
    return value
