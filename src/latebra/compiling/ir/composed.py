"""Functions that are said in several core operators, wherever a format has them as one."""

from __future__ import annotations

import numpy as np

from latebra.compiling.ir.builder import Value


def at_most(a: Value, b: Value | int | float) -> Value:
    """Returns whether the first is not above the second; never for NaN."""
    return a.op("less", b).op("or", a.op("equal", b))


def is_infinite(x: Value) -> Value:
    """Returns whether it is infinite, of either sign."""
    return x.op("abs").op("equal", np.inf)
