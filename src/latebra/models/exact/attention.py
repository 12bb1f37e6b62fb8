"""Causal self-attention in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from latebra.models.exact.graph import Draft, Tensor
from latebra.models.exact.layer import MOST, Given, Layer, Whole
from latebra.models.exact.linear import Linear
from latebra.models.exact.rescale import Rescale
from latebra.models.exact.softmax import CausalSoftmax


@dataclass(frozen=True, eq=False)
class Attention(Layer):
    """Each place sums the values of the places up to it, weighted by how its query fits their keys.

    Args:
        query: From the last axis to all heads' queries, and so on.
        key: As wide as ``query``.
        value: Results up to 127.
        out: From all heads back.
        heads: How many.
        scoring: From products of query and key to scores.
        softmax: From scores to weights.
    """

    query: Linear
    key: Linear
    value: Linear
    out: Linear
    heads: int
    scoring: Rescale
    softmax: CausalSoftmax

    @property
    def mixing(self) -> Rescale:
        """From weighted sums of values back to values."""
        return Rescale(self.softmax.bits, -MOST, MOST)

    @property
    def projections(self) -> tuple[Linear, Linear, Linear]:
        """Query, key and value."""
        return self.query, self.key, self.value

    @override
    def apply(self, x: Given) -> Whole:
        query, key, value = (
            each.apply(x)
            .astype(np.float64)
            .reshape(*x.shape[:2], self.heads, -1)
            .transpose(0, 2, 1, 3)
            for each in self.projections
        )
        weights = self.softmax.apply(self.scoring.apply(query @ key.swapaxes(-1, -2)))
        mixed = self.mixing.apply(weights.astype(np.float64) @ value)
        return self.out.apply(mixed.transpose(0, 2, 1, 3).reshape(*x.shape[:2], -1))

    @override
    def write(self, draft: Draft, source: Tensor) -> Tensor:
        query, key, value = (
            self.by_head(draft, each.write(draft, source)) for each in self.projections
        )
        mask = self.softmax.mask(source.shape[1])
        return self.attend(draft, query, key, value, Tensor(draft.constant(mask), mask.shape))

    def attend(
        self, draft: Draft, query: Tensor, key: Tensor, value: Tensor, mask: Tensor
    ) -> Tensor:
        """Returns the result from queries, keys and values by head."""
        scores = self.scoring.write(draft, self.compared(draft, query, key))
        weights = self.softmax.weigh(draft, scores, mask)
        mixed = self.mixed(draft, weights, value)
        return self.out.write(draft, self.joined(draft, self.mixing.write(draft, mixed)))

    def by_head(self, draft: Draft, x: Tensor) -> Tensor:
        """Returns shape ``(batch, heads, length, width / heads)``."""
        batch, length, _ = x.shape
        return draft.transpose(draft.reshape(x, batch, length, self.heads, -1), 0, 2, 1, 3)

    def compared(self, draft: Draft, query: Tensor, key: Tensor) -> Tensor:
        """Returns the product of each query with each key."""
        key = draft.transpose(key, 0, 1, 3, 2)
        return draft.do("MatMul", query.name, key.name, shape=(*query.shape[:3], key.shape[3]))

    def mixed(self, draft: Draft, weights: Tensor, value: Tensor) -> Tensor:
        """Returns weighted sums of values."""
        shape = (*weights.shape[:3], value.shape[3])
        return draft.do("MatMul", weights.name, value.name, shape=shape)

    def joined(self, draft: Draft, values: Tensor) -> Tensor:
        """Returns all heads' values side by side."""
        batch, _, length, _ = values.shape
        return draft.reshape(draft.transpose(values, 0, 2, 1, 3), batch, length, -1)
