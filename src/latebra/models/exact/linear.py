"""A matrix of whole weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32
from typing_extensions import override

from latebra.models.exact.graph import Draft, Tensor
from latebra.models.exact.layer import Given, Layer, Whole
from latebra.models.exact.rescale import Rescale


@dataclass(frozen=True, eq=False)
class Linear(Layer):
    """Computes ``rescale(x @ weight + bias)`` over the last axis.

    Args:
        weight: Whole numbers.
        bias: Whole numbers, in the scale of the sums.
        rescale: Brings the sums back to a small range.
    """

    is_by_place: ClassVar[bool] = True

    weight: Float32[np.ndarray[Any, Any], "inputs outputs"]
    bias: Float32[np.ndarray[Any, Any], " outputs"]
    rescale: Rescale

    @override
    def apply(self, x: Given) -> Whole:
        return self.rescale.apply(x.astype(np.float64) @ self.weight + self.bias)

    @override
    def write(self, draft: Draft, source: Tensor) -> Tensor:
        shape = (*source.shape[:-1], self.weight.shape[1])
        product = draft.do("MatMul", source.name, draft.constant(self.weight), shape=shape)
        total = draft.do("Add", product.name, draft.constant(self.bias), shape=shape)
        return self.rescale.write(draft, total)
