"""Causal softmax in whole numbers: by a table of powers of two and a table of reciprocals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from typing_extensions import override

from latebra.models.exact.graduated import Graduated
from latebra.models.exact.graph import Draft, Tensor
from latebra.models.exact.layer import LIMIT, MOST, Given, Layer, Whole
from latebra.models.exact.rescale import Rescale
from latebra.models.exact.tables import Table, powers, reciprocals

EIGHT_BITS: Final = 255
"""The largest term of a sum."""


@dataclass(frozen=True)
class CausalSoftmax(Layer):
    """Turns scores into weights that sum to about ``2^bits``; later places weigh nothing.

    A score is taken relative to the largest one of its row, looked up in a table of powers of two,
    and multiplied by the reciprocal of the row's sum, from another table.

    Args:
        length: The longest sequence.
        most: Largest magnitude of a score.
        halving: Steps of a score that halve a weight.
    """

    length: int
    most: int = MOST
    halving: int = 8

    def __post_init__(self) -> None:
        if self.bits < 1:
            raise ValueError(f"sequences of {self.length} are too long to be summed exactly")

    @property
    def bits(self) -> int:
        """A weight of one is ``2^bits``: as many as keep sums of weighted values exact."""
        return min(15, ((LIMIT - 1) // (self.length * MOST)).bit_length() - 1)

    @cached_property
    def terms(self) -> Table:
        """A term for each difference from the row's largest score; zero for the furthest."""
        return powers(self.halving, EIGHT_BITS)

    @cached_property
    def inverses(self) -> Table:
        """A factor for each sum of terms; none is below the largest term."""
        sums = [max(EIGHT_BITS, each) for each in self.sums.centres]
        return reciprocals(LIMIT // 2, sums)

    @property
    def weighing(self) -> Rescale:
        """From term times factor to weight."""
        return Rescale(LIMIT.bit_length() - 2 - self.bits, 0, 2**self.bits)

    @cached_property
    def sums(self) -> Graduated:
        """Places of ``inverses``."""
        return Graduated(self.length * EIGHT_BITS)

    @property
    def half(self) -> int:
        """What is added to a product so that its rescaling rounds to the nearest."""
        return 2 ** (self.weighing.shift - 1)

    def mask(self, length: int) -> Whole:
        """Returns what is added to scores: nothing up to the diagonal, beyond it too little."""
        too_low = 2 * self.most + len(self.terms)
        return np.triu(np.full((length, length), -too_low, np.float32), 1)

    @override
    def apply(self, x: Given) -> Whole:
        scores = x + self.mask(x.shape[-1])
        furthest = len(self.terms) - 1
        below = np.clip(scores - scores.max(-1, keepdims=True), -furthest, 0)
        terms = self.terms[(below + furthest).astype(np.int64)].astype(np.float64)
        factors = self.sums.look_up(self.inverses, terms.sum(-1, keepdims=True))
        return self.weighing.apply(terms * factors + self.half)

    @override
    def write(self, draft: Draft, source: Tensor) -> Tensor:
        mask = self.mask(source.shape[-1])
        return self.weigh(draft, source, Tensor(draft.constant(mask), mask.shape))

    def weigh(self, draft: Draft, source: Tensor, mask: Tensor) -> Tensor:
        """Returns weights for scores, with what is added to them as a tensor."""
        shape, sums_shape = source.shape, (*source.shape[:-1], 1)
        furthest = len(self.terms) - 1
        masked = draft.do("Add", source.name, mask.name, shape=shape).name
        top = draft.do("ReduceMax", masked, shape=sums_shape, axes=[-1], keepdims=1).name
        below = draft.do("Sub", masked, top, shape=shape).name
        below = draft.do("Clip", below, draft.scalar(-furthest), draft.scalar(0), shape=shape).name
        place = draft.do("Add", below, draft.scalar(furthest), shape=shape)
        terms = draft.look_up(self.terms, place)
        last = draft.constant(np.array([-1], np.int64))
        sums = draft.do("ReduceSum", terms.name, last, shape=sums_shape, keepdims=1)
        factors = self.sums.write(draft, self.inverses, sums)
        product = draft.do("Mul", terms.name, factors.name, shape=shape)
        rounded = draft.do("Add", product.name, draft.scalar(self.half), shape=shape)
        return self.weighing.write(draft, rounded)
