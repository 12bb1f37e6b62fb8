"""Normalisation to a fixed root mean square, by a table of inverse square roots."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final

import numpy as np
from typing_extensions import override

from latebra.models.exact.graduated import LARGEST, Graduated
from latebra.models.exact.graph import Draft, Tensor
from latebra.models.exact.layer import LIMIT, MOST, Given, Layer, Whole
from latebra.models.exact.rescale import Rescale
from latebra.models.exact.tables import Table, inverse_roots

_LEAST_FACTOR: Final = 64
"""For inputs as large as may be; the smaller they are, the larger factors are, and the finer."""


@dataclass(frozen=True)
class Norm(Layer):
    """Scales the last axis so that its root mean square is near ``target``, and clips to ±127.

    Args:
        width: Length of the last axis.
        most: Largest magnitude of the input.
        target: The root mean square of what comes out.
    """

    is_by_place: ClassVar[bool] = True

    width: int
    most: int = MOST
    target: int = 32

    @cached_property
    def coarse(self) -> int:
        """Bits that are dropped before numbers are squared, so that squares sum exactly."""
        bits = 0
        while self._largest(bits) > LARGEST:
            bits += 1
        return bits

    @cached_property
    def scaling(self) -> Rescale:
        """From number times factor to the result."""
        wanted = -(-_LEAST_FACTOR * self.most // self.target)
        return Rescale(max(1, (wanted - 1).bit_length()))

    @cached_property
    def factors(self) -> Table:
        """A factor for each sum of squares; all leave products with inputs exact."""
        most = (LIMIT // 2 - 1) // self.most
        scale = self.target << self.scaling.shift >> self.coarse
        return inverse_roots(scale, self.width, self.sums.centres, most)

    @cached_property
    def sums(self) -> Graduated:
        """Places of ``factors``."""
        return Graduated(self._largest(self.coarse))

    def _largest(self, bits: int) -> int:
        return self.width * ((self.most + (1 << bits >> 1)) >> bits) ** 2

    @property
    def half(self) -> int:
        """What is added to a product so that its rescaling rounds to the nearest."""
        return 2 ** (self.scaling.shift - 1)

    @property
    def rough(self) -> tuple[int, Rescale]:
        """What is added, and how it is rescaled, before squaring."""
        most = (self.most + (1 << self.coarse >> 1)) >> self.coarse
        return 1 << self.coarse >> 1, Rescale(self.coarse, -most, most)

    @override
    def apply(self, x: Given) -> Whole:
        added, rescale = self.rough
        rough = rescale.apply(x + added).astype(np.float64)
        factors = self.sums.look_up(self.factors, (rough * rough).sum(-1, keepdims=True))
        return self.scaling.apply(x.astype(np.float64) * factors + self.half)

    @override
    def write(self, draft: Draft, source: Tensor) -> Tensor:
        shape, sums_shape = source.shape, (*source.shape[:-1], 1)
        rough = source
        if self.coarse:
            added, rescale = self.rough
            rough = draft.do("Add", source.name, draft.scalar(added), shape=shape)
            rough = rescale.write(draft, rough)
        squares = draft.do("Mul", rough.name, rough.name, shape=shape)
        last = draft.constant(np.array([-1], np.int64))
        sums = draft.do("ReduceSum", squares.name, last, shape=sums_shape, keepdims=1)
        factors = self.sums.write(draft, self.factors, sums)
        product = draft.do("Mul", source.name, factors.name, shape=shape)
        rounded = draft.do("Add", product.name, draft.scalar(self.half), shape=shape)
        return self.scaling.write(draft, rounded)
