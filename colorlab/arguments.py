"""What arguments may be: NumPy's numbers as well as Python's, kept as Python's own, which JSON knows."""

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
