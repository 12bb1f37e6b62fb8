"""Whole numbers looked up by token, and by place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32
from typing_extensions import override

from latebra.models.exact.graph import Draft, Tensor
from latebra.models.exact.layer import MOST, Given, Layer, Whole


@dataclass(frozen=True, eq=False)
class Embedding(Layer):
    """A row of a table for each token; tokens are 64-bit integers below its length.

    Args:
        table: Whole numbers.
    """

    is_by_place: ClassVar[bool] = True

    table: Float32[np.ndarray[Any, Any], "tokens width"]

    @override
    def apply(self, x: Given) -> Whole:
        return self.table[x]

    @override
    def write(self, draft: Draft, source: Tensor) -> Tensor:
        shape = (*source.shape, self.table.shape[1])
        return draft.do("Gather", draft.constant(self.table), source.name, shape=shape)


@dataclass(frozen=True, eq=False)
class Positions(Layer):
    """Adds a row for each place in the sequence, and clips.

    Args:
        table: Whole numbers; sequences may be shorter.
        most: Largest magnitude of the sum.
    """

    table: Float32[np.ndarray[Any, Any], "length width"]
    most: int = MOST

    @override
    def apply(self, x: Given) -> Whole:
        return np.clip(x + self.table[: x.shape[-2]], -self.most, self.most).astype(np.float32)

    @override
    def write(self, draft: Draft, source: Tensor) -> Tensor:
        table = self.table[: source.shape[-2]]
        return self.add(draft, source, Tensor(draft.constant(table), table.shape))

    def add(self, draft: Draft, source: Tensor, rows: Tensor) -> Tensor:
        """Returns the clipped sum with these rows."""
        total = draft.do("Add", source.name, rows.name, shape=source.shape)
        low, high = draft.scalar(-self.most), draft.scalar(self.most)
        return draft.do("Clip", total.name, low, high, shape=source.shape)
