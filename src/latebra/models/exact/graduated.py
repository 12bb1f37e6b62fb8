"""Places in a table for large numbers: one for each at first, for 64 and for 4,096 further on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latebra.models.exact.graph import Draft, Tensor
from latebra.models.exact.layer import LIMIT, Whole
from latebra.models.exact.rescale import Rescale
from latebra.models.exact.tables import Table

_STARTS: Final = ((0, 0), (2**12, 6), (2**18, 12))
"""Where each part starts, and the bits it drops: an entry is right to 1/128 for all it stands for,
and all of 2^24 numbers take 12,160 of them."""

LARGEST: Final = LIMIT - 1 - _STARTS[-1][0]
"""From it the last start can be taken exactly, in whatever order."""


@dataclass(frozen=True)
class Graduated:
    """Places for whole numbers from 0 to ``largest``.

    Args:
        largest: Up to ``LARGEST``.
    """

    largest: int

    def __post_init__(self) -> None:
        if self.largest > LARGEST:
            raise ValueError(f"numbers up to {self.largest} are not looked up exactly")

    @cached_property
    def centres(self) -> list[int]:
        """The number in the middle of those that each place stands for."""
        return [
            start + (place << rescale.shift) + (1 << rescale.shift >> 1)
            for start, rescale in self.parts
            for place in range(rescale.high)
        ]

    def look_up(self, table: Table, numbers: Whole | NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the entry of each number."""
        places = sum(
            rescale.apply(numbers.astype(np.float64) - start) for start, rescale in self.parts
        )
        return table[np.asarray(places, np.int64)].astype(np.float64)

    def write(self, draft: Draft, table: Table, numbers: Tensor) -> Tensor:
        """Returns the entry of each number of a tensor."""
        (_, first), *others = self.parts
        places = first.write(draft, numbers)
        for start, rescale in others:
            part = draft.do("Sub", numbers.name, draft.scalar(start), shape=numbers.shape)
            part = rescale.write(draft, part)
            places = draft.do("Add", places.name, part.name, shape=part.shape)
        return draft.look_up(table, places)

    @cached_property
    def parts(self) -> list[tuple[int, Rescale]]:
        """Where each part starts, and how its numbers become places in it."""
        starts = [(start, bits) for start, bits in _STARTS if start <= self.largest]
        ends = [start for start, _ in starts[1:]] + [self.largest + (1 << starts[-1][1])]
        return [
            (start, Rescale(bits, 0, (end - start) >> bits))
            for (start, bits), end in zip(starts, ends, strict=True)
        ]
