"""Tables of functions, whole numbers computed by whole numbers: the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from math import isqrt
from typing import Any

import numpy as np
from jaxtyping import Float32

Table = Float32[np.ndarray[Any, Any], " entries"]


def powers(halving: int, largest: int) -> Table:
    """Returns ``largest · 2^(i / halving)``, rounded, for ``i`` from the first that is zero to 0.

    Args:
        halving: Steps that halve the value.
        largest: The last entry.
    """
    entries = [largest]
    with localcontext() as context:
        context.prec = 40
        context.rounding = ROUND_HALF_EVEN
        while entries[-1]:
            exact = largest * Decimal(2) ** (Decimal(-len(entries)) / halving)
            entries.append(int(exact.to_integral_value()))
    return np.array(entries[::-1], np.float32)


def reciprocals(numerator: int, divisors: Sequence[int]) -> Table:
    """Returns ``numerator / n``, rounded, for each divisor."""
    return np.array([(numerator + n // 2) // n for n in divisors], np.float32)


def inverse_roots(scale: int, width: int, sums: Sequence[int], most: int) -> Table:
    """Returns ``scale / sqrt(n / width)``, rounded down, for sums of squares ``n``.

    Args:
        scale: What is divided.
        width: Squares in a sum.
        sums: Of squares; zero counts as one.
        most: Entries are no larger.
    """
    values = [isqrt(scale * scale * width // max(1, n)) for n in sums]
    return np.array([min(each, most) for each in values], np.float32)
