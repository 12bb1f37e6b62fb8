"""How far two results of one network are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.core.network import Arrays

NO_DIFFERENCE: Final = 0.0
FLOOR: Final = 1e-3
"""Outputs that are smaller throughout are mostly probabilities of what is not there; a sigmoid that
is made for values of order one is off by 1e-7 there too (seen in text detectors)."""


@dataclass(frozen=True)
class Difference:
    """How far a result is from the one it is judged by, the worst over all values and outputs.

    Args:
        largest: Largest absolute difference; infinite where one is not a number and the other is,
            or where names, types or shapes differ.
        relative: The same, as a share of the largest magnitude in that output, or of 1e-3 where
            all of it is smaller.
        ulp: The same, in units in the last place of a 32-bit float at the value's magnitude, or at
            the root mean square of its output where that is larger: next to zero such units shrink
            without end, and no sum is rounded so finely.
    """

    largest: float
    relative: float
    ulp: float


_APART: Final = Difference(np.inf, np.inf, np.inf)


def difference(got: Arrays, wanted: Arrays) -> Difference:
    """Returns how far ``got`` is from ``wanted``.

    Args:
        got: Outputs by name.
        wanted: The outputs it is judged by, of the same names.
    """
    if set(got) != set(wanted):
        return _APART
    found = [_one(got[name], array) for name, array in wanted.items()]
    return Difference(
        max((each.largest for each in found), default=NO_DIFFERENCE),
        max((each.relative for each in found), default=NO_DIFFERENCE),
        max((each.ulp for each in found), default=NO_DIFFERENCE),
    )


def same_bits(one: Arrays, other: Arrays) -> bool:
    """Returns whether two results are the same, bit for bit, types and shapes included."""
    return set(one) == set(other) and all(
        one[name].dtype == array.dtype
        and one[name].shape == array.shape
        and one[name].tobytes() == array.tobytes()
        for name, array in other.items()
    )


def _one(got: NDArray[Any], wanted: NDArray[Any]) -> Difference:
    if got.shape != wanted.shape or got.dtype != wanted.dtype:
        return _APART
    a, b = got.astype(np.float64), wanted.astype(np.float64)
    alike = (a == b) | (np.isnan(a) & np.isnan(b))  # Infinities of one sign are alike too.
    apart = np.where(alike, 0.0, np.abs(np.where(alike, 0.0, a) - np.where(alike, 0.0, b)))
    largest = float(apart.max(initial=0.0))
    if largest == 0.0:
        return Difference(0.0, 0.0, 0.0)
    if not np.isfinite(largest):
        return _APART
    size = np.abs(np.where(np.isfinite(b), b, 0.0))
    highest = float(size.max(initial=0.0))
    typical = float(np.sqrt(np.mean(size**2)))
    unit = np.spacing(np.maximum(size, max(typical, 1e-30)).astype(np.float32)).astype(np.float64)
    return Difference(largest, largest / max(highest, FLOOR), float((apart / unit).max()))
