"""Layers joined: one after another, around a skip, and from a picture to a vector."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np
from typing_extensions import override

from latebra.models.exact.graph import Draft, Graph, Tensor
from latebra.models.exact.layer import MOST, Given, Layer, Whole

INPUT: Final = "x"
OUTPUT: Final = "y"


@dataclass(frozen=True)
class Sequence(Layer):
    """Layers one after another.

    Args:
        layers: At least one.
    """

    layers: tuple[Layer, ...]

    @override
    def apply(self, x: Given) -> Whole:
        for layer in self.layers:
            x = layer.apply(x)
        return x

    @override
    def write(self, draft: Draft, source: Tensor) -> Tensor:
        for layer in self.layers:
            source = layer.write(draft, source)
        return source


@dataclass(frozen=True)
class Residual(Layer):
    """Computes ``clip(x + body(x))``.

    Args:
        body: What is added.
        most: Largest magnitude of the sum.
    """

    body: Layer
    most: int = MOST

    @override
    def apply(self, x: Given) -> Whole:
        return np.clip(x + self.body.apply(x), -self.most, self.most).astype(np.float32)

    @override
    def write(self, draft: Draft, source: Tensor) -> Tensor:
        return self.add(draft, source, self.body.write(draft, source))

    def add(self, draft: Draft, source: Tensor, added: Tensor) -> Tensor:
        """Returns the clipped sum, once the body is written."""
        total = draft.do("Add", source.name, added.name, shape=source.shape)
        low, high = draft.scalar(-self.most), draft.scalar(self.most)
        return draft.do("Clip", total.name, low, high, shape=source.shape)


@dataclass(frozen=True)
class Flatten(Layer):
    """All axes but the first as one."""

    @override
    def apply(self, x: Given) -> Whole:
        return x.reshape(len(x), -1)

    @override
    def write(self, draft: Draft, source: Tensor) -> Tensor:
        return draft.reshape(source, source.shape[0], prod(source.shape[1:]))


def drafted(network: Layer, shape: tuple[int, ...], dtype: str = "float32") -> Graph:
    """Returns a network as a graph with fixed shapes, input ``x`` and output ``y``.

    Args:
        network: The network.
        shape: Of its input.
        dtype: Of its input: ``float32``, or ``int64`` for tokens.
    """
    draft = Draft()
    given = Tensor(INPUT, shape, dtype)
    return draft.done((given,), (cast(draft, network.write(draft, given)),))


def cast(draft: Draft, result: Tensor) -> Tensor:
    """Returns the output ``y``: whole numbers as 32-bit integers.

    A float has two zeros, and compilers differ in which one they give.
    """
    # ONNX numbers its types; 6 is int32.
    return draft.do("Cast", result.name, shape=result.shape, dtype="int32", name=OUTPUT, to=6)
