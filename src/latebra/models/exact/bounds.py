"""What is known of a tensor before it is computed: its range, its step, the size of its sums."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

UNKNOWN: Final = 10_000
"""The step of numbers that are multiples of nothing, as an exponent that stands for that."""


@dataclass(frozen=True, eq=False)
class Bound:
    """Every element is a multiple of ``2^step`` between ``low`` and ``high``.

    Args:
        low: Smallest value of each element.
        high: Largest value of each element.
        spread: For each element, the largest sum of the absolute values of the terms that a
            compiler could add up to it, in any order and however it multiplies out the products:
            whatever it computes on the way stays below.
        step: An exponent of two; ``UNKNOWN`` for numbers that are not known to have one.
        dtype: NumPy's name for the type.
        is_given: Did it come from outside, untouched?
    """

    low: Reals
    high: Reals
    spread: Reals
    step: int
    dtype: str = "float32"
    is_given: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.low.shape

    @property
    def is_constant(self) -> bool:
        """Is every element known?"""
        return self.low is self.high

    @property
    def bits(self) -> float:
        """How many steps the largest sum on the way is long, as a power of two."""
        largest = float(self.spread.max(initial=0.0))
        return float(np.log2(largest) - self.step) if largest else 0.0

    def moved(self, low: Reals, high: Reals, spread: Reals) -> Bound:
        """Returns the same numbers in other places."""
        return replace(self, low=low, high=low if self.is_constant else high, spread=spread)


def constant(array: NDArray[Any]) -> Bound:
    """Returns what is known of weights."""
    exact = array.astype(np.float64)
    return Bound(exact, exact, np.asarray(np.abs(exact)), step_of(exact), array.dtype.name)


def given(shape: tuple[int, ...], dtype: str) -> Bound:
    """Returns what is known of an input: nothing but its type."""
    far = np.full(shape, np.inf)
    step = 0 if np.dtype(dtype).kind in "iu" else UNKNOWN
    return Bound(-far, far, far, step, dtype, is_given=True)


def computed(low: Reals, high: Reals, step: int, dtype: str = "float32") -> Bound:
    """Returns what is known of what no compiler can multiply out, such as a floor."""
    return Bound(low, high, np.asarray(np.maximum(np.abs(low), np.abs(high))), step, dtype)


def step_of(array: Reals) -> int:
    """Returns the largest exponent of which all numbers are multiples, that of zeros being 0."""
    some = array[(array != 0) & np.isfinite(array)]
    if some.size != np.count_nonzero(array):
        return UNKNOWN
    if not some.size:
        return 0
    fraction, exponent = np.frexp(some)
    whole = np.ldexp(np.abs(fraction), 53).astype(np.int64)
    lowest_bit = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return int((exponent - 53 + lowest_bit).min())
