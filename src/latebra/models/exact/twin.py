"""The same network in ordinary floats: what exact arithmetic is compared with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import InputError
from latebra.models.exact.attention import Attention
from latebra.models.exact.convolution import Convolution
from latebra.models.exact.embedding import Embedding, Positions
from latebra.models.exact.graph import Draft, Graph, Tensor
from latebra.models.exact.layer import Layer
from latebra.models.exact.linear import Linear
from latebra.models.exact.norm import Norm
from latebra.models.exact.rescale import Rescale
from latebra.models.exact.sequence import INPUT, Flatten, Residual, Sequence

_UNEVEN: Final = math.pi / 3
"""Weights times it are as large as before, and take all the bits of a float."""
_EPSILON: Final = 1e-5
_NEVER: Final = -1e9


def drafted_twin(network: Layer, shape: tuple[int, ...], dtype: str = "float32") -> Graph:
    """Returns a network of the same layers with real weights, nothing floored or clipped.

    Softmax and norm are the usual ones; a rectifier stays one.

    Args:
        network: An exact network.
        shape: Of its input.
        dtype: Of its input.

    Raises:
        InputError: A layer has no twin.
    """
    draft = Draft()
    given = Tensor(INPUT, shape, dtype)
    return draft.done((given,), (_Twin(draft).of(network, given),))


@dataclass(frozen=True)
class _Twin:
    draft: Draft

    def of(self, layer: Layer, x: Tensor) -> Tensor:
        match layer:
            case Sequence(layers):
                for each in layers:
                    x = self.of(each, x)
                return x
            case Residual(body):
                return self.do("Add", x, self.of(body, x).name)
            case Rescale():
                return self.do("Relu", x) if layer.low == 0 else x
            case Flatten():
                return layer.write(self.draft, x)
            case Embedding(table):
                return Embedding(_uneven(table)).write(self.draft, x)
            case Positions(table):
                return self.do("Add", x, self.draft.constant(_uneven(table[: x.shape[-2]])))
            case Linear():
                return self.linear(layer, x)
            case Convolution():
                return self.convolution(layer, x)
            case Norm():
                return self.norm(layer, x)
            case Attention():
                return self.attention(layer, x)
            case _:
                raise InputError(
                    f"{type(layer).__name__} has no twin in floats", fix="use another layer"
                )

    def do(self, operator: str, x: Tensor, *inputs: str, **attributes: Any) -> Tensor:
        return self.draft.do(operator, x.name, *inputs, shape=x.shape, **attributes)

    def linear(self, layer: Linear, x: Tensor) -> Tensor:
        scale = 2.0**-layer.rescale.shift
        shape = (*x.shape[:-1], layer.weight.shape[1])
        weight = self.draft.constant(_uneven(layer.weight, scale))
        y = self.draft.do("MatMul", x.name, weight, shape=shape)
        y = self.do("Add", y, self.draft.constant(_uneven(layer.bias, scale)))
        return self.of(layer.rescale, y)

    def convolution(self, layer: Convolution, x: Tensor) -> Tensor:
        scale = 2.0**-layer.rescale.shift
        weight, bias = (_uneven(each, scale) for each in (layer.weight, layer.bias))
        return self.of(layer.rescale, layer.summed(self.draft, x, weight, bias))

    def norm(self, layer: Norm, x: Tensor) -> Tensor:
        squares = self.do("Mul", x, x.name)
        mean = self.draft.do(
            "ReduceMean", squares.name, shape=(*x.shape[:-1], 1), axes=[-1], keepdims=1
        )
        root = self.do("Sqrt", self.do("Add", mean, self.draft.scalar(_EPSILON)))
        return self.do("Mul", self.do("Div", x, root.name), self.draft.scalar(layer.target))

    def attention(self, layer: Attention, x: Tensor) -> Tensor:
        query, key, value = (
            layer.by_head(self.draft, self.linear(each, x)) for each in layer.projections
        )
        products = layer.compared(self.draft, query, key)
        scale = math.log(2) / layer.softmax.halving * 2.0**-layer.scoring.shift
        scores = self.do("Mul", products, self.draft.scalar(scale))
        mask = np.triu(np.full(products.shape[-2:], _NEVER, np.float32), 1)
        scores = self.do("Add", scores, self.draft.constant(mask))
        weights = self.do("Softmax", scores, axis=-1)
        mixed = layer.mixed(self.draft, weights, value)
        return self.linear(layer.out, layer.joined(self.draft, mixed))


def _uneven(weights: NDArray[np.float32], scale: float = 1.0) -> NDArray[np.float32]:
    return (weights.astype(np.float64) * (_UNEVEN * scale)).astype(np.float32)
