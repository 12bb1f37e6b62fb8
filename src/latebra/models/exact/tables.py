"""Tables of functions, whole numbers computed by whole numbers: the same on every machine."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from math import isqrt
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from latebra.models.exact.layer import LIMIT

Table = Float32[np.ndarray[Any, Any], " entries"]

ENTRIES: Final = 2**14
"""A table is no longer: 64 KiB. Its argument loses low bits where it would be."""


def dropped_bits(largest: int) -> int:
    """Returns how many low bits of numbers up to ``largest`` are dropped to look them up."""
    return max(0, (largest // ENTRIES).bit_length())


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


def reciprocals(numerator: int, least: int, largest: int) -> Table:
    """Returns ``numerator / n``, rounded, for sums ``n`` up to ``largest``.

    Args:
        numerator: What is divided.
        least: Smaller sums are taken for this one.
        largest: The largest sum; each entry stands for ``2^dropped_bits(largest)`` of them.
    """
    centres = _centres(largest)
    divisors = [max(least, each) for each in centres]
    return np.array([(numerator + n // 2) // n for n in divisors], np.float32)


def inverse_roots(scale: int, width: int, largest: int, most: int) -> Table:
    """Returns ``scale / sqrt(n / width)``, rounded down, for sums of squares ``n``.

    Args:
        scale: What is divided.
        width: Squares in a sum.
        largest: The largest sum; each entry stands for ``2^dropped_bits(largest)`` of them.
        most: Entries are no larger.
    """
    values = [isqrt(scale * scale * width // max(1, each)) for each in _centres(largest)]
    return np.array([min(each, most) for each in values], np.float32)


def _centres(largest: int) -> list[int]:
    bits = dropped_bits(largest)
    if largest >= LIMIT:
        raise ValueError(f"sums up to {largest} are not exact")
    return [(i << bits) + (1 << bits >> 1) for i in range((largest >> bits) + 1)]
