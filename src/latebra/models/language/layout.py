"""The file of weights that all graphs of one type of floats share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO, Final, Literal

import numpy as np
from numpy.typing import NDArray

from latebra.models.language.hyperparameters import Hyperparameters
from latebra.models.language.weights import Weights

Dtype = Literal["float32", "float64"]
_ALIGNED: Final = 65_536
"""Where an array may start in its file, so that it can be mapped wherever pages are so long."""


@dataclass(frozen=True)
class Place:
    """Where an array lies in the file of weights."""

    offset: int
    shape: tuple[int, ...]


def places(hyper: Hyperparameters, *, tied: bool, dtype: Dtype) -> dict[str, Place]:
    """Returns where each array lies in the file of weights."""
    found: dict[str, Place] = {}
    at = 0
    for name, shape in _stored(hyper, tied=tied):
        found[name] = Place(at, shape)
        at += -(-prod(shape) * np.dtype(dtype).itemsize // _ALIGNED) * _ALIGNED
    return found


def write_weights(weights: Weights, dtype: Dtype, file: BinaryIO) -> None:
    """Writes the file that graphs of this type share."""
    tied = weights.head is weights.embedding
    for name, place in places(weights.hyper, tied=tied, dtype=dtype).items():
        array = np.ascontiguousarray(_array(weights, name), dtype)
        if array.shape != place.shape:
            raise AssertionError(f"{name} has the shape {array.shape}, not {place.shape}")
        file.write(bytes(place.offset - file.tell()))
        file.write(array.data)


def _stored(hyper: Hyperparameters, *, tied: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yields the arrays of the file of weights; matrices are [out, in]."""
    width, hidden = hyper.width, hyper.hidden
    queries, keys = hyper.heads * hyper.head_dim, hyper.kv_heads * hyper.head_dim
    yield "embedding", (hyper.vocabulary, width)
    if not tied:
        yield "head", (hyper.vocabulary, width)
    yield "norm", (width,)
    for at in range(hyper.layers):
        yield f"{at}.norm", (width,)
        yield f"{at}.query", (queries, width)
        yield f"{at}.key", (keys, width)
        yield f"{at}.value", (keys, width)
        yield f"{at}.output", (width, queries)
        yield f"{at}.forward_norm", (width,)
        yield f"{at}.gate", (hidden, width)
        yield f"{at}.up", (hidden, width)
        yield f"{at}.down", (width, hidden)


def _array(weights: Weights, name: str) -> NDArray[Any]:
    at, _, inside = name.rpartition(".")
    if not at:
        return getattr(weights, inside)
    return getattr(weights.blocks[int(at)], inside)
