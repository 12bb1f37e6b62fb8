"""What is done to a network's matrices: rounded, pruned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latebra.models.exact.layer import Layer
from latebra.models.exact.linear import Linear
from latebra.models.language.weights import Weights

Change = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def in_bytes(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns a matrix as 8-bit whole numbers with a scale for each row would hold it."""
    scale = np.abs(matrix).max(1, keepdims=True) / 127
    return np.rint(matrix / scale) * scale


def in_four_bits(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns a matrix as 4-bit numbers would hold it, with a scale for every 32 of a row."""
    blocks = matrix.reshape(len(matrix), -1, 32)
    scale = np.abs(blocks).max(2, keepdims=True) / 7
    return (np.rint(blocks / np.maximum(scale, 1e-30)) * scale).reshape(matrix.shape)


def pruned(share: float) -> Change:
    """Returns what sets the smallest numbers of a matrix to zero."""

    def change(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        least = np.quantile(np.abs(matrix), share)
        return np.where(np.abs(matrix) < least, np.float32(0), matrix)

    return change


CHANGES: dict[str, Change] = {
    "weights in 8 bits": in_bytes,
    "weights in 4 bits": in_four_bits,
    "30 % pruned": pruned(0.3),
    "50 % pruned": pruned(0.5),
}


def changed(weights: Weights, change: Change) -> Weights:
    """Returns weights with all matrices of all blocks changed."""
    blocks = tuple(
        replace(
            block, **{name: change(each) for name, each in vars(block).items() if each.ndim == 2}
        )
        for block in weights.blocks
    )
    return replace(weights, blocks=blocks)


def mapped(layer: Any, change: Change) -> Any:
    """Returns an exact network with all matrices changed, and rounded to whole numbers again."""
    if isinstance(layer, Linear):
        # A row is what makes one output, as in other models.
        return replace(layer, weight=np.rint(change(layer.weight.T).T).astype(np.float32))
    if isinstance(layer, tuple):
        return tuple(mapped(each, change) for each in layer)
    if isinstance(layer, Layer) and is_dataclass(layer):
        inner = {each.name: getattr(layer, each.name) for each in fields(layer)}
        return replace(
            layer,
            **{n: mapped(v, change) for n, v in inner.items() if isinstance(v, Layer | tuple)},
        )
    return layer
